"""Random programs with blocks in blocks, conditions and loops of all kinds. They always compile."""

from __future__ import annotations

from random import Random

CHAINED = ["relu", "batch_norm", "sigmoid", "dropout(0.5)", "max_pool(3, stride = 1, pad = 1)"]
LAYERS = [
    *CHAINED,
    "conv({w}, 1)",
    "conv({w}, 3, pad = 1, bias = false)",
    "prelu",
    "scale(bias = true)",
    "batch_norm(affine = false) -> scale(bias = true)",
    "conv({x}.channels, 3, pad = 1, groups = {x}.channels)",
    "clip(-1.0, 1.0)",
    "lrn(3)",
]
FILLERS = [
    "",
    "default conv(weight_filler = xavier)",
    "default conv(weight_filler = gaussian(std = 0.01), bias_filler = constant(0.1))",
]


class Programs:
    """Writes one program. ``widths`` and the like are the expressions that may stand where one is wanted."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.blocks: list[tuple[str, list[str]]] = []
        self.count = 0

    def program(self) -> str:
        blocks = [self._block() for _ in range(self.random.randint(1, 4))]
        scope = Scope(["4", "8", "12"], [], ["3"])
        values = ["x"]
        body: list[str] = []
        for _ in range(self.random.randint(2, 4)):
            body += self._statements(values, scope)
        return "\n".join(
            [
                *blocks,
                "net Random() {",
                self.random.choice(FILLERS),
                "x = input(1, 4, 6, 6)",
                *body,
                "}",
            ]
        )

    def _fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _block(self) -> str:
        name = self._fresh("block")
        kinds = [self.random.choice(["w", "n", "flag"]) for _ in range(self.random.randint(0, 3))]
        settings = [self._fresh(kind) for kind in sorted(kinds, key=lambda kind: kind == "flag")]
        scope = Scope(["4", "8"], ["x.channels == 8"], [])
        for setting in settings:
            {"w": scope.widths, "n": scope.counts}.get(setting[0], scope.flags).append(setting)
        declared = [f"{each}: bool = true" if each.startswith("flag") else f"{each}: int" for each in settings]
        values = ["x"]
        body = self._statements(values, scope)
        self.blocks.append((name, settings))
        result = self.random.choice([values[-1], f"{values[-1]} -> relu"])
        return "\n".join([f"block {name}({', '.join(['x', *declared])}) {{", *body, f"return {result}", "}"])

    def _statements(self, values: list[str], scope: Scope, depth: int = 0) -> list[str]:
        """Some statements; the values that they make are added to ``values``."""
        lines: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            x = self.random.choice(values) if self.random.random() < 0.3 else values[-1]
            kinds = [self._new, self._again, self._joined, self._residual]
            if depth < 2:
                kinds += [self._condition, self._condition, self._loop, self._loop]
            lines += self.random.choice(kinds)(x, values, scope, depth)
        return lines

    def _new(self, x: str, values: list[str], scope: Scope, depth: int) -> list[str]:
        values.append(self._fresh("v"))
        return [f"{values[-1]} = {self._expression(x, scope)}"]

    def _again(self, x: str, values: list[str], scope: Scope, depth: int) -> list[str]:
        return [f"{x} = {self._expression(x, scope)}"]

    def _joined(self, x: str, values: list[str], scope: Scope, depth: int) -> list[str]:
        other = self.random.choice(values)
        values.append(self._fresh("c"))
        return [f"{values[-1]} = concat({x}, {other}) -> conv({self.random.choice(scope.widths)}, 1)"]

    def _residual(self, x: str, values: list[str], scope: Scope, depth: int) -> list[str]:
        new = self._fresh("s")
        values.append(new)
        return [f"{new} = {x} -> conv({x}.channels, 3, pad = 1)", f"{new} = add({x}, {new}) -> relu"]

    def _condition(self, x: str, values: list[str], scope: Scope, depth: int) -> list[str]:
        if not scope.flags:
            return self._again(x, values, scope, depth)
        lines = [f"if {self.random.choice(scope.flags)} {{"]
        if self.random.random() < 0.3:
            for value in self.random.sample(values, min(len(values), 2)):
                lines += self._again(value, values, scope, depth)
        elif self.random.random() < 0.4:
            inner = [x]
            lines += self._statements(inner, scope, depth + 1)
            lines.append(f"{x} = {inner[-1]} -> conv({self.random.choice(scope.widths)}, 1)")
        else:
            lines += self._again(x, values, scope, depth)
        if self.random.random() < 0.4:
            lines += ["} else {", *self._again(x, values, scope, depth)]
        return [*lines, "}"]

    def _loop(self, x: str, values: list[str], scope: Scope, depth: int) -> list[str]:
        if not scope.counts:
            return self._again(x, values, scope, depth)
        lines = [f"for i in range({self.random.choice(scope.counts)}) {{"]
        if self.random.random() < 0.5:
            lines += self._again(x, values, scope, depth)
        else:
            inner = [x]
            lines += self._statements(inner, Scope(scope.widths, [], ["2"]), depth + 1)
            lines.append(f"{x} = {inner[-1]} -> relu")
        return [*lines, "}"]

    def _expression(self, x: str, scope: Scope) -> str:
        if self.blocks and self.random.random() < 0.45:
            return self._call(x, scope)
        layer = self.random.choice(LAYERS).format(w=self.random.choice(scope.widths), x=x)
        chained = [self.random.choice(CHAINED) for _ in range(self.random.choice([0, 0, 1, 2]))]
        return " -> ".join([x, layer, *chained])

    def _call(self, x: str, scope: Scope) -> str:
        name, settings = self.random.choice(self.blocks)
        arguments = [x]
        for setting in settings:
            if setting[0] == "w":
                arguments.append(self.random.choice(scope.widths))
            elif setting[0] == "n":
                arguments.append(str(self.random.randint(0, 3)))
            else:
                arguments.append(f"{setting} = {self.random.choice(['true', 'false'])}")
        return f"{name}({', '.join(arguments)})"


class Scope:
    """What may be written for widths, conditions and numbers of turns."""

    def __init__(self, widths: list[str], flags: list[str], counts: list[str]) -> None:
        self.widths = widths
        self.flags = flags
        self.counts = counts
