"""Random flat networks, as readers make them: branches, joins, repetition, and names of all kinds."""

from __future__ import annotations

from random import Random

from netgen.ir.graph import Graph, Node, Value
from netgen.ops import OPERATORS, bind

STRANGE = [
    "x",
    "x_2",
    "name",
    "relu",
    "x/relu",
    "block",
    "size",
    "true",
    "xavier",
    "1x1",
    "a b",
    "{name}",
    "}",
    'say "a"',
    "back\\slash",
    "tab\there",
    "two\nlines",
    "Größe",
    "層",
    "_",
    "x/x",
    "conv_relu",
    "",
]
"""Names that are words of the language, no identifiers, or like those that the language makes."""

PATTERNS = ["{p}{i}", "{p}_{i}", "{i}/{p}", "stage{j}_{i}/{p}", "res{j}{c}_{p}", "{p}{i}_{p}", "block{j}/{p}{i}"]


class Nets:
    """Makes networks of images of one size."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.graph = Graph("Random")
        self.names: set[str] = set()

    def net(self) -> Graph:
        x = self._add("input", [], {"n": 1, "c": 8, "h": 6, "w": 6})
        values = [x[0]]
        pattern = self.random.choice(PATTERNS)
        for i in range(self.random.randint(1, 12)):
            stretch = self.random.randint(1, 4)
            plan = [self.random.randrange(1 << 30) for _ in range(stretch)]
            for turn in range(self.random.choice([1, 1, 2, 4, 7])):
                first = values[-1]
                for number, seed in enumerate(plan):
                    values += self._layer(values, first, Random(seed), pattern, (i, turn, number))
        graph = self.graph
        graph.inputs = [value for node in graph.nodes if not node.inputs for value in node.outputs]
        graph.outputs = [value for node in graph.nodes for value in node.outputs if not value.readers]
        if self.random.random() < 0.3:
            graph.outputs = self.random.sample(values, min(len(values), self.random.randint(1, 3)))
        return graph

    def _layer(
        self, values: list[Value], first: Value, plan: Random, pattern: str, place: tuple[int, int, int]
    ) -> list[Value]:
        """One layer that reads what is there; equal plans give layers of one kind."""
        last = values[-1]
        kind = plan.choice(
            ["conv", "conv", "relu", "batch_norm", "scale", "max_pool", "add", "concat", "slice", "dropout"]
        )
        name = pattern.format(p=kind, i=place[1] + 1, j=place[0] + 1, c="abcdefgh"[place[1]])
        other = plan.choice([first, values[-min(len(values), 2)], values[0]])
        if kind == "conv":
            out = plan.choice([8, 8, 4, 8 * (1 + place[1] % 2)])
            more: dict[str, object] = plan.choice(
                [{}, {"bias": False}, {"lr_mult": [1, 2]}, {"share": f"w{out}{last.shape[1]}"}]
            )
            return self._add("conv", [last], {"out": out, "kernel": 3, "pad": 1, **more}, name)
        if kind == "max_pool":
            return self._add("max_pool", [last], {"kernel": 3, "stride": 1, "pad": 1}, name)
        if kind == "add" and other.shape == last.shape:
            return self._add("add", [other, last], {}, name)
        if kind in ("add", "concat"):
            return self._add("concat", [last, other] if last.shape[1] < 64 else [last], {}, name)
        if kind == "slice":
            return self._add("slice", [last], {"parts": 2}, name) if last.shape[1] % 2 == 0 else []
        args: dict[str, dict[str, object]] = {"scale": {"bias": True}, "batch_norm": {"affine": plan.random() < 0.5}}
        return self._add(kind, [last], args.get(kind, {}), name)

    def _add(self, op: str, inputs: list[Value], given: dict[str, object], name: str = "data") -> list[Value]:
        if self.random.random() < 0.1:
            name = self.random.choice(STRANGE) or name
        unique, number = name, 1
        while unique in self.names:
            number += 1
            unique = f"{name}_{number}"
        self.names.add(unique)
        operator = OPERATORS[op]
        node = Node(operator, bind(operator, given), inputs, unique, instance=self.graph.root, spans={})
        return self.graph.add(node)
