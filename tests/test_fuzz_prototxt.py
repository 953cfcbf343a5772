"""No prototxt, however broken, is worth a traceback: it goes to every target, or ends in diagnostics.

``NETGEN_FUZZ_SECONDS=3600 pytest tests/test_fuzz_prototxt.py`` goes on for an hour, with another seed each time.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest
from mutations import mutate_bytes, mutate_message, mutate_tokens, raw_message
from patience import at_most, turns

import netgen
from netgen.api import Net, Reading, build, check_opened, decode_program
from netgen.diag import NetgenError
from netgen.formats.message import Message

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "../shared/corpus"
LARGE = 200_000
"""Bytes of a file that is too large to be tried thousands of times."""
SLOW = 20
"""Seconds that no case of this size may take."""


def seeds() -> list[tuple[str, bytes]]:
    """What is mutated: published files, where they are, and what netgen writes for its own examples."""
    found = []
    for path in sorted(ROOT.glob("examples/*.net")):
        try:
            found.append((f"{path.stem}.prototxt", netgen.compile(path).to_prototxt().encode()))
        except NetgenError:
            continue  # not for Caffe
    cases = [*ROOT.glob("tests/cases/**/*.prototxt"), *ROOT.glob("tests/data/**/*.prototxt")]
    found += [(path.name, path.read_bytes()) for path in sorted([*cases, *CORPUS.glob("**/*.prototxt")])]
    return [(name, data) for name, data in found if data and len(data) < LARGE]


class Cases:
    """Mutated files, one after the other."""

    def __init__(self) -> None:
        self.seeds = seeds()
        self.message = cache(self._message)

    def _message(self, number: int) -> Message:
        name, data = self.seeds[number]
        try:
            return raw_message(name, data.decode("utf-8", "replace"))
        except NetgenError:
            return []

    def next(self, chance: random.Random) -> bytes:
        number = chance.randrange(len(self.seeds))
        how = chance.random()
        data = self.seeds[number][1]
        if how < 0.05:
            return mutate_bytes(data, chance)
        if how < 0.15:
            return mutate_tokens(data.decode("utf-8", "replace"), chance).encode("utf-8", "replace")
        message = self.message(number) or [("name", "x")]
        donor = self.message(chance.randrange(len(self.seeds))) or message
        return mutate_message(message, donor, chance).encode("utf-8", "replace")


def try_all(data: bytes, chance: random.Random) -> None:
    """Everything that netgen does with a prototxt; only ``NetgenError`` may come out."""
    try:
        source = decode_program("fuzz.prototxt", data)
        for problem in check_opened(source):
            str(NetgenError([problem]))
    except NetgenError as error:
        str(error)
        return
    for phase in (None, "TRAIN", "TEST"):
        net = build(source, reading=Reading(phase))
        for problem in [*net.warnings, *net.problems]:
            str(NetgenError([problem]))
        try:
            text = net.to_prototxt()
        except NetgenError as error:  # there is nothing to write in this phase
            str(error)
            continue
        assert again(text, phase) == text, f"written again in phase {phase}"
        names = list(net.outputs)
        if names and chance.random() < 0.3:
            try_targets(build(source, reading=Reading(phase, ends=[chance.choice(names)])))
        try_targets(net)


def again(text: str, phase: str | None) -> str:
    """What is written of a text that was written."""
    return build(decode_program("again.prototxt", text.encode()), reading=Reading(phase)).to_prototxt()


def try_targets(net: Net) -> None:
    """The targets whose text is no prototxt; what they say is said rightly, or refused."""
    str(net)
    for target in ("torch", "net"):
        try:
            text = net.emit(target)
        except NetgenError as error:
            str(error)
            continue
        if target == "torch":
            compile(text, "fuzz.py", "exec")
        else:
            netgen.compile(text)


def test_mutated_prototxts_never_give_a_traceback() -> None:
    cases = Cases()
    for turn, chance in turns(100):
        data = cases.next(chance)
        try:
            with at_most(SLOW):
                try_all(data, chance)
        except Exception as error:
            pytest.fail(f"{turn}: {error!r} for\n{data!r}")


DATA = 'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }\n'


def of(kind: str, parameters: str) -> str:
    """A net of an input and one layer."""
    return f'{DATA}layer {{ name: "o" type: "{kind}" bottom: "d" top: "o" {parameters} }}\n'


def relu(name: str, bottom: str) -> str:
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "{name}" }}\n'


LARGE_DIMS = "dim: 2000000000 " * 4
ODD = {
    "num_output": of("Convolution", "convolution_param { num_output: 2147483647 kernel_size: 3 }"),
    "kernel": of("Convolution", "convolution_param { num_output: 1 kernel_size: 1000000000 pad: 500000000 }"),
    "dims": DATA.replace("dim: 1 dim: 3 dim: 32 dim: 32", LARGE_DIMS),
    "tiles": of("Tile", "tile_param { tiles: 2147483647 }"),
    "embed": of("Embed", "embed_param { input_dim: 2147483647 num_output: 2147483647 }"),
    "interp": of("Interp", "interp_param { height: 2147483647 width: 2147483647 }"),
    "reshape": of("Reshape", "reshape_param { shape { " + "dim: 1 " * 10_000 + "} }"),
    "tops": DATA + 'layer { name: "o" type: "Split" bottom: "d" ' + 'top: "o" top: "p" ' * 400 + "}\n",
    "bottoms": DATA + 'layer { name: "o" type: "Eltwise" ' + 'bottom: "d" ' * 500 + ' top: "o" }\n',
    "unknown": DATA
    + 'layer { name: "o" type: "Concat" '
    + "".join(f'bottom: "x{n}" ' for n in range(500))
    + ' top: "o" }\n',
    "layers": DATA + "".join(relu(f"r{n}", f"r{n - 1}" if n else "d") for n in range(1500)),
    "names of bytes": of("ReLU", 'name: "\\377"').replace('top: "o"', 'top: "\\376"'),
    "type of bytes": of("\\377", ""),
    "filler of a word": of(
        "Convolution", 'convolution_param { num_output: 1 weight_filler { type: "xavier" std: MAX } }'
    ),
    "multiplier of a word": of(
        "Convolution", "param { lr_mult: X } convolution_param { num_output: 1 kernel_size: 1 }"
    ),
    "negative multiplier": of(
        "Convolution", "param { lr_mult: -1 } convolution_param { num_output: 1 kernel_size: 1 }"
    ),
    "shared by a number": of("Convolution", "param: 7 convolution_param { num_output: 1 kernel_size: 1 }"),
    "twice in the other generation": 'layers { name: "d" type: "Input" top: "d" input_param { } input_param { } }\n',
    "layer of a number": "layer: -1\n",
    "nothing in TEST": DATA.replace("input_param", "include { phase: TRAIN } input_param"),
    "an input between layers": DATA
    + relu("a/x", "d")
    + DATA.replace('"d"', '"e"')
    + relu("a/y", "a/x")
    + "".join(relu(f"b{n}/{part}", "e") for n in range(5) for part in "xyz"),
    "parameters beside layers": DATA + DATA.replace('"d"', '"e"') + 'name: "x" convolution_param { num_output: 1 }\n',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_nets(text: str) -> None:
    with at_most(SLOW):
        try_all(text.encode(), random.Random(0))


def test_names_of_bytes_become_text() -> None:
    net = netgen.load(ODD["names of bytes"])
    assert 'top: "\\\\xfe"' in net.to_prototxt()
    assert any("is not UTF-8" in warning.label for warning in net.warnings)
    kept = of("ImageData", 'image_data_param { source: "\\377" }')
    assert 'source: "\\377"' in netgen.load(kept).to_prototxt()
