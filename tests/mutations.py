"""Ways to break a prototxt: its bytes, its words, and the messages that it says."""

from __future__ import annotations

import random
import re

from netgen.diag import Source
from netgen.formats.message import Enum, Message, Raw
from netgen.formats.textproto import write_text
from netgen.formats.textproto_reader import read_text

MOST_LAYERS = 60
"""How many layers a case has at most: small cases are tried by the thousand."""

TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|\s+|.', re.DOTALL)
TOKENS = [
    *"{ } < > [ ] ( ) : ; , # ' \" \\ \0 \u2028 é 中 -".split(" "),
    *"0 -1 1. .5 1e400 -inf nan 0x7FFFFFFF 2147483648 1f True MAX layer name layers input input_dim".split(" "),
    "\n",
]
NUMBERS: list[object] = [
    *map(Raw, "0 1 2 3 -1 7 65536 2147483647 2147483648 4294967295 -2147483648 9223372036854775807".split())
]
VALUES: list[object] = [
    *NUMBERS,
    *map(Raw, "99999999999999999999 0.5 -0.5 1e-30 1e30 inf -inf nan true false MAX word".split()),
    *["", " ", "\0", "a" * 300, "\n", '"; import os', "{x}", "__init__", "self", "def", "nn", "torch", "x.y/z", "中"],
    *[b"\xff", b"conv\xfe1", Enum("RELU"), []],
]


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, removed, put in or cut off."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(5):
            case 0:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del found[at : at + chance.randint(1, 40)]
            case 2:
                found[at:at] = chance.choice([b"\xff", b"\0", b"{", b"}", b'"', b"layer {", b"\r", b"\xef\xbb\xbf"])
            case 3:
                start = chance.randrange(len(found) + 1)
                found[at:at] = found[start : start + 60]
            case 4 if chance.random() < 0.1:
                del found[at:]
    return bytes(found)


def mutate_tokens(text: str, chance: random.Random) -> str:
    """Some words removed, doubled, swapped or replaced."""
    tokens = TOKEN.findall(text) or [" "]
    for _ in range(chance.randint(1, 6)):
        at, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        match chance.randrange(5):
            case 0:
                tokens[at] = ""
            case 1:
                tokens[at] = chance.choice(TOKENS)
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = tokens[other]
            case 4:
                tokens[at] += " " + chance.choice(TOKENS)
    return "".join(tokens)


def raw_message(path: str, text: str) -> Message:
    """What a prototxt says, its values as they stand."""
    return read_text(Source(path, text), [])


def mutate_message(message: Message, donor: Message, chance: random.Random) -> str:
    """A network with some of its layers and values changed; ``donor`` is another whose layers may come in."""
    net = _excerpt(message, chance)
    for _ in range(chance.randint(1, 5)):
        chance.choice(_MUTATIONS)(net, donor, chance)
    return write_text(net)


def _excerpt(message: Message, chance: random.Random) -> Message:
    """A copy of a network, of a large one a stretch of layers from its beginning."""
    most = chance.randint(1, MOST_LAYERS)
    layers = [number for number, (name, _) in enumerate(message) if name in ("layer", "layers")]
    cut = layers[most] if len(layers) > most else len(message)
    return [(name, _copied(value)) for name, value in message[:cut]]


def _copied(value: object) -> object:
    return [(name, _copied(each)) for name, each in value] if isinstance(value, list) else value


def _messages(net: Message) -> list[Message]:
    """The network and all messages in it."""
    found = [net]
    for each in found:
        found += [value for _, value in each if isinstance(value, list)]
    return found


def _layers(net: Message) -> list[Message]:
    return [value for name, value in net if name in ("layer", "layers") and isinstance(value, list)] or [net]


def _drop(net: Message, donor: Message, chance: random.Random) -> None:
    within = chance.choice(_messages(net))
    if within:
        del within[chance.randrange(len(within))]


def _double(net: Message, donor: Message, chance: random.Random) -> None:
    within = chance.choice(_messages(net))
    if within:
        within.insert(chance.randrange(len(within) + 1), _copied_field(chance.choice(within)))


def _swap(net: Message, donor: Message, chance: random.Random) -> None:
    within = chance.choice([net, chance.choice(_messages(net))])
    if within:
        one, other = chance.randrange(len(within)), chance.randrange(len(within))
        within[one], within[other] = within[other], within[one]


def _value(net: Message, donor: Message, chance: random.Random) -> None:
    """Another value for a field, mostly a number for a number and a name for a name."""
    filled = [each for each in _messages(net) if each]
    if not filled:
        return
    within = chance.choice(filled)
    at = chance.randrange(len(within))
    name, value = within[at]
    choices = NUMBERS if isinstance(value, Raw) and chance.random() < 0.7 else VALUES
    within[at] = (name, chance.choice(choices))


def _rename(net: Message, donor: Message, chance: random.Random) -> None:
    """Another name, blob or type for a layer: mostly one that is there."""
    layer, other = chance.choice(_layers(net)), chance.choice(_layers(chance.choice([net, donor])))
    field = chance.choice(["name", "type", "bottom", "top", "top"])
    there = [value for name, value in other if name in (field, "top" if field == "bottom" else "bottom")]
    said = [at for at, (name, _) in enumerate(layer) if name == field]
    new = chance.choice(there) if there and chance.random() < 0.8 else chance.choice(VALUES)
    if said:
        layer[chance.choice(said)] = (field, new)
    else:
        layer.append((field, new))


def _nest(net: Message, donor: Message, chance: random.Random) -> None:
    """A message in a message, at times very deep."""
    within = chance.choice(_messages(net))
    inner = within[:3]
    for _ in range(chance.choice([1, 2, 90, 200])):
        inner = [(chance.choice(["layer", "convolution_param", "param", "shape", "deep"]), inner)]
    within += inner


def _parameters(net: Message, donor: Message, chance: random.Random) -> None:
    """A layer's parameters go to another layer."""
    given = [field for layer in _layers(chance.choice([net, donor])) for field in layer if isinstance(field[1], list)]
    if given:
        chance.choice(_layers(net)).append(_copied_field(chance.choice(given)))


def _layer(net: Message, donor: Message, chance: random.Random) -> None:
    """A layer of another network, which may read a blob of this one."""
    layer = [_copied_field(field) for field in chance.choice(_layers(donor))]
    tops = [value for each in _layers(net) for name, value in each if name == "top"]
    layer = [(name, chance.choice(tops) if name == "bottom" and tops else value) for name, value in layer]
    net.insert(chance.randrange(len(net) + 1), ("layer", layer))


def _type(net: Message, donor: Message, chance: random.Random) -> None:
    """A layer of another type, with its parameters, where one was: the wiring stays."""
    layer, other = chance.choice(_layers(net)), chance.choice(_layers(donor))
    wired = ("name", "bottom", "top")
    layer[:] = [*(f for f in layer if f[0] in wired), *(_copied_field(f) for f in other if f[0] not in wired)]


def _copied_field(field: tuple[str, object]) -> tuple[str, object]:
    return field[0], _copied(field[1])


_MUTATIONS = [_drop, _double, _swap, _value, _value, _value, _rename, _rename, _nest, _parameters, _layer, _type, _type]
