"""What a table says of a consumer of prototxts: the layer types that it takes, and what it does with their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netgen.formats.message import Message, Raw, get_all
from netgen.ir.graph import Node, Shape
from netgen.ir.spell_caffe import CaffeLayer

COMPUTES = "computes something else, without a word"
"""What a consumer does that reads a field in another way than Caffe, or not at all."""
REFUSES = "refuses it"
UNKNOWN_FIELD = "does not know the field"
"""Caffe's parser stops at it."""
BREAKS = "writes outside of its memory"
"""The process may end there and then: never to be tried."""
REFUSALS = frozenset((REFUSES, UNKNOWN_FIELD, BREAKS))
"""What a consumer does where it computes nothing."""


class Said:
    """One layer as a consumer reads it.

    ``x`` and ``y`` are shapes, where they are known: of a layer that is all of its node.
    """

    __slots__ = ("layer", "node", "x", "y")

    def __init__(self, node: Node, layer: CaffeLayer, *, alone: bool) -> None:
        self.node = node
        self.layer = layer
        known = alone and node.is_known
        self.x: list[Shape] = node.x if known else []
        self.y: list[Shape] = node.y if known else []

    @property
    def type(self) -> str:
        return self.layer.type

    def values(self, path: str) -> list[object]:
        """All values of a field such as ``lrn_param.k``; of one that is in no message, ``top`` say, none."""
        param, _, name = path.partition(".")
        if self.layer.param:
            return get_all(self.layer.message, name) if param == self.layer.param else []
        messages: list[Message] = get_all(self.layer.message, param)
        return [_typed(value) for message in messages for value in get_all(message, name)]

    def value(self, path: str, default: object = None) -> object:
        values = self.values(path)
        return values[-1] if values else default


def _typed(value: object) -> object:
    """A value; what no schema has a type for is what it looks like."""
    if type(value) is not Raw:
        return value
    from netgen.formats.scalars import plain  # only files that are read need it

    return plain(value)


class Rule:
    """Layers of some types that a consumer does not take as Caffe does, which ``test`` tells from the others.

    ``test`` gives what is said, in words, or nothing. ``does`` is what the consumer does about it, ``hint`` the way
    out, ``path`` the field that is to blame.
    """

    __slots__ = ("does", "hint", "path", "test", "types")

    def __init__(self, types: str, test: Callable[[Said], str], does: str, hint: str = "", path: str = "") -> None:
        self.types = frozenset(types.split())
        self.test = test
        self.does = does
        self.hint = hint
        self.path = path


def only(types: str, path: str, *values: object, does: str = COMPUTES, hint: str = "") -> Rule:
    """A field that must have one of some values, the first of which is its default."""

    def test(said: Said) -> str:
        value = said.value(path, values[0])
        return "" if value in values else f"`{path}` is {show(value)}"

    return Rule(types, test, does, hint, path)


def never(types: str, path: str, does: str = COMPUTES, hint: str = "") -> Rule:
    """A field that must not be there at all."""
    return Rule(types, lambda said: f"`{path}` is said" if said.values(path) else "", does, hint, path)


def square(types: str, names: Iterable[str], does: str = COMPUTES, hint: str = "") -> list[Rule]:
    """Repeated fields of a convolution, height and width, that must not hold two values."""
    paths = [f"convolution_param.{name}" for name in names]
    return [Rule(types, _unequal(path), does, hint, path) for path in paths]


def _unequal(path: str) -> Callable[[Said], str]:
    def test(said: Said) -> str:
        values = said.values(path)
        return "" if len(set(map(str, values))) < 2 else f"`{path}` is given for each direction, {show_all(values)}"

    return test


def show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def show_all(values: Iterable[object]) -> str:
    return " and ".join(map(show, values))


class Objection:
    """One thing that a consumer does not take: what is said, what it does about it, the way out, and the field.

    ``computes``: whether it computes something else nevertheless. ``source`` is where its own sources show that.
    """

    __slots__ = ("computes", "does", "hint", "path", "source", "what")

    def __init__(
        self, what: str, does: str, hint: str = "", path: str = "", *, computes: bool = False, source: str = ""
    ) -> None:
        self.path = path
        self.what = what
        self.does = does
        self.hint = hint
        self.computes = computes
        self.source = source


class Dialect:
    """What one consumer of prototxts takes.

    ``types`` are the layer types that it knows, ``called`` those that it has under another name. ``axes`` is the
    most that its blobs may have. ``plain_names``: names with anything but letters, digits and ``_ / - . : @`` break it.
    ``hints`` are ways out for types that it lacks. ``seen`` is the version that was run to see all this, and
    ``sources`` has, by layer type, the file of its sources that computes it.
    """

    __slots__ = ("axes", "called", "consumer", "hints", "name", "plain_names", "rules", "seen", "sources", "types")

    def __init__(
        self,
        name: str,
        consumer: str,
        types: Iterable[str],
        rules: Iterable[Rule] = (),
        *,
        called: dict[str, str] | None = None,
        axes: int = 0,
        plain_names: bool = False,
        hints: dict[str, str] | None = None,
        seen: str = "",
        sources: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.consumer = consumer
        self.types = frozenset(types)
        self.called = called or {}
        self.axes = axes
        self.plain_names = plain_names
        self.hints = hints or {}
        self.seen = seen
        self.sources = sources or {}
        self.rules: dict[str, list[Rule]] = {}
        for rule in rules:
            for each in rule.types:
                self.rules.setdefault(each, []).append(rule)

    def objections(self, node: Node, layers: list[CaffeLayer]) -> list[Objection]:
        """All that the consumer does not take of the layers of a node."""
        found: list[Objection] = []
        for layer in layers:
            said = Said(node, layer, alone=len(layers) == 1)
            if said.type not in self.types:
                hint = self.hints.get(said.type, "")
                found.append(
                    Objection(f"the layer type `{said.type}`", f"{self.consumer} has no such type", hint, "type")
                )
                continue
            found += self._by_rules(said)
        return found or self._too_deep(node)

    def _by_rules(self, said: Said) -> list[Objection]:
        return [
            Objection(
                what,
                f"{self.consumer} {rule.does}",
                rule.hint,
                rule.path,
                computes=rule.does not in REFUSALS,
                source=self.sources.get(said.type, ""),
            )
            for rule in self.rules.get(said.type, ())
            if (what := rule.test(said))
        ]

    def _too_deep(self, node: Node) -> list[Objection]:
        if not self.axes or not node.is_known:
            return []
        most = max(map(len, (*node.x, *node.y)), default=0)
        if most <= self.axes:
            return []
        return [Objection(f"a blob of {most} axes", f"{self.consumer} takes at most {self.axes}")]
