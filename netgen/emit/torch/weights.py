"""Initial weights: Caffe's fillers as calls of ``nn.init``.

What all modules of a type agree on is set in one loop over ``self.modules()`` at the end of the net. Layers of the net
itself that differ from the rest of their type are set after that loop. If others differ, every layer of that type
sets its own weights, beside itself. A layer without a filler keeps PyTorch's own initialisation, and so does
everything that PyTorch fills the same way anyhow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import sqrt

from netgen.emit.torch.body import Leaf
from netgen.emit.torch.expression import bind, text
from netgen.emit.torch.spelling import Template
from netgen.emit.torch.statement import Do, ForModules, If, Statement
from netgen.ir.filler import Filler
from netgen.ir.graph import Shape
from netgen.ir.spell_torch import Call, Helper, Infix, Input, Name

OWN: dict[str, dict[str, float]] = {
    "nn.BatchNorm1d": {"weight": 1.0, "bias": 0.0},
    "nn.BatchNorm2d": {"weight": 1.0, "bias": 0.0},
    "nn.BatchNorm3d": {"weight": 1.0, "bias": 0.0},
    "FrozenBatchNorm": {"weight": 1.0, "bias": 0.0},
    "nn.PReLU": {"weight": 0.25},
    "Scale": {"weight": 1.0, "bias": 0.0},
    "Bias": {"bias": 0.0},
    "Normalize": {"weight": 1.0},
}
"""The constants that modules fill their parameters with themselves."""

OPTIONAL_BIAS = frozenset(["nn.Conv2d", "nn.ConvTranspose2d", "nn.Linear"])
"""Modules whose ``bias`` may be None."""

TYPED_OPTIONAL = frozenset(["nn.Conv2d", "nn.ConvTranspose2d"])
"""Those of which type checkers know it."""


class Fill:
    """A call that fills one parameter, with ``Input()`` for the parameter. Those that read alike are equal."""

    __slots__ = ("_text", "call", "helper")

    def __init__(self, call: Call, helper: Helper | None = None) -> None:
        self.call = call
        self.helper = helper
        self._text = text(bind(call, [Name("x")]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fill) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def of(self, target: str) -> Statement:
        return Do(bind(self.call, [Name(target)]))


Fills = dict[str, Fill]
"""By the attribute of the module that is filled."""


class Initialisation:
    """Who sets which weights. Tells layers that set their own what to set."""

    def __init__(self, leaves: Iterable[Leaf], of_net: set[Leaf]) -> None:
        self.helpers: dict[str, Helper] = {}
        self.exceptions: list[tuple[Leaf, Fills]] = []
        """Layers of the net itself, with what they set after the loop."""
        self._groups: list[_Group] = []
        by_type: dict[str, list[tuple[Leaf, Fills]]] = {}
        for leaf in leaves:
            if leaf.spelled.learned:
                by_type.setdefault(leaf.spelled.type, []).append((leaf, self._fills(leaf)))
        for module, layers in by_type.items():
            self._settle(module, layers, of_net)

    def _settle(self, module: str, layers: list[tuple[Leaf, Fills]], of_net: set[Leaf]) -> None:
        """Decide how the layers of one type get their weights."""
        usual = _usual(layers)
        others = [(leaf, _different(leaf, fills, usual)) for leaf, fills in layers]
        others = [(leaf, fills) for leaf, fills in others if fills is None or fills]
        if all(leaf in of_net and fills is not None for leaf, fills in others):
            self.exceptions += [(leaf, fills) for leaf, fills in others if fills is not None]
            group = _Group(module, usual, layers)
            if usual and not any(known.takes(group) for known in self._groups):
                self._groups.append(group)
            return
        for leaf, fills in layers:
            leaf.is_local = bool(fills)
            leaf.spelled.fills = {name: Template(fill.call) for name, fill in fills.items()}

    def loop(self) -> list[Statement]:
        """The loop over the net's modules, or nothing."""
        return [ForModules([(group.types, group.statements()) for group in self._groups])] if self._groups else []

    def _fills(self, leaf: Leaf) -> Fills:
        """How a layer's parameters are filled, less those that its module fills so by itself."""
        own = OWN.get(leaf.spelled.type, {})
        fills: Fills = {}
        for name, param in leaf.spelled.learned.items():
            if param.filler is None or (name in own and param.filler == Filler("constant", {"value": own[name]})):
                continue
            fills[name] = fill = fill_for(param.filler, param.shape)
            if fill.helper is not None:
                self.helpers[fill.helper.name] = fill.helper
        return fills


class _Group:
    """Types of modules that one case of the loop serves."""

    def __init__(self, module: str, fills: Fills, layers: list[tuple[Leaf, Fills]]) -> None:
        self.types = [module]
        self.fills = fills
        self.always = set.intersection(*(set(leaf.spelled.learned) for leaf, _ in layers))
        self.ever = set.union(*(set(leaf.spelled.learned) for leaf, _ in layers))

    def takes(self, other: _Group) -> bool:
        """Join another group to this one, if neither fills what the other has and leaves alone."""
        for name in {**self.fills, **other.fills}:
            mine, its = self.fills.get(name), other.fills.get(name)
            lacks = self if mine is None else other
            if mine != its and ((mine is not None and its is not None) or name in lacks.ever):
                return False
            if mine != its and not (name == "bias" and OPTIONAL_BIAS.issuperset(lacks.types)):
                return False
        self.types += other.types
        self.fills = {**self.fills, **other.fills}
        self.always &= other.always
        self.ever |= other.ever
        return True

    def statements(self) -> list[Statement]:
        body: list[Statement] = []
        for name, fill in self.fills.items():
            target = f"module.{name}"
            call = fill.of(target)
            may_lack = name not in self.always or (name == "bias" and TYPED_OPTIONAL.intersection(self.types))
            body.append(If(Infix("is not", Name(target), None), [call], []) if may_lack else call)
        return body


def _usual(layers: list[tuple[Leaf, Fills]]) -> Fills:
    """What most layers that have a parameter do with it."""
    usual: Fills = {}
    for name in dict.fromkeys(name for leaf, _ in layers for name in leaf.spelled.learned):
        counts = Counter(fills.get(name) for leaf, fills in layers if name in leaf.spelled.learned)
        fill = counts.most_common(1)[0][0]
        if fill is not None:
            usual[name] = fill
    return usual


def _different(leaf: Leaf, fills: Fills, usual: Fills) -> Fills | None:
    """What a layer does otherwise than usual; None where it leaves alone what usually is filled."""
    different: Fills = {}
    for name in leaf.spelled.learned:
        fill = fills.get(name)
        if fill == usual.get(name):
            continue
        if fill is None:
            return None
        different[name] = fill
    return different


# --- fillers ---------------------------------------------------------------------------------------

_BILINEAR = Helper(
    "bilinear_",
    '''
def bilinear_(weight: Tensor) -> None:
    """Fill the filters of a deconvolution with those of bilinear interpolation."""
    size = weight.size(-1)
    factor = (size + 1) // 2
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    ramp = 1 - (torch.arange(size) / factor - centre).abs()
    with torch.no_grad():
        weight.copy_(ramp[:, None] * ramp)
''',
)

_UNIT_BALL = Helper(
    "positive_unit_ball_",
    '''
def positive_unit_ball_(weight: Tensor) -> None:
    """Fill with positive numbers that sum to 1 for each output."""
    nn.init.uniform_(weight)
    with torch.no_grad():
        weight /= weight.sum(tuple(range(1, weight.dim())), keepdim=True)
''',
)

_SPARSE = Helper(
    "sparse_normal_",
    '''
def sparse_normal_(weight: Tensor, sparse: int, mean: float = 0.0, std: float = 1.0) -> None:
    """Fill from a normal distribution, on average ``sparse`` numbers for each input; the rest is 0."""
    nn.init.normal_(weight, mean, std)
    with torch.no_grad():
        weight *= torch.rand_like(weight) < sparse / weight.size(0)
''',
)


def fill_for(filler: Filler, shape: Shape) -> Fill:
    """A filler in PyTorch's words. ``n``, which scales random numbers, counts as Caffe counts it."""
    values = filler.values
    match filler.kind:
        case "constant":
            return Fill(_constant(values["value"]))
        case "uniform":
            if (values["min"], values["max"]) == (0, 1):
                return Fill(Call("nn.init.uniform_", Input()))
            return Fill(Call("nn.init.uniform_", Input(), values["min"], values["max"]))
        case "gaussian":
            return _gaussian(values)
        case "xavier" | "msra":
            return Fill(_scaled(filler.kind, str(values["variance_norm"]), shape))
        case "bilinear":
            return Fill(Call("bilinear_", Input()), _BILINEAR)
        case "positive_unitball":
            return Fill(Call("positive_unit_ball_", Input()), _UNIT_BALL)
    raise AssertionError(f"no such filler: {filler.kind}")


def _constant(value: float | int | str) -> Call:
    if value in (0, 1):
        return Call("nn.init.ones_" if value else "nn.init.zeros_", Input())
    return Call("nn.init.constant_", Input(), value)


def _gaussian(values: dict[str, float | int | str]) -> Fill:
    options = {name: values[name] for name, usual in (("mean", 0), ("std", 1)) if values[name] != usual}
    sparse = values["sparse"]
    if isinstance(sparse, (int, float)) and sparse >= 0:
        return Fill(Call("sparse_normal_", Input(), sparse, **options), _SPARSE)
    return Fill(Call("nn.init.normal_", Input(), **options))


def _scaled(kind: str, norm: str, shape: Shape) -> Call:
    """Xavier's and He's fillers. PyTorch counts fans as Caffe does, but only from two axes on."""
    if len(shape) < 2:
        outputs = shape[0] if shape else 1
        fans = {"fan_in": 1.0, "fan_out": outputs, "average": (1 + outputs) / 2}
        if kind == "xavier":
            limit = sqrt(3 / fans[norm])
            return Call("nn.init.uniform_", Input(), -limit, limit)
        return Call("nn.init.normal_", Input(), std=sqrt(2 / fans[norm]))
    if norm == "average":
        if kind == "xavier":
            return Call("nn.init.xavier_uniform_", Input())
        return Call("nn.init.xavier_normal_", Input(), gain=Call("nn.init.calculate_gain", "relu"))
    name, nonlinearity = ("kaiming_uniform_", "linear") if kind == "xavier" else ("kaiming_normal_", "relu")
    mode = {} if norm == "fan_in" else {"mode": norm}
    return Call(f"nn.init.{name}", Input(), **mode, nonlinearity=nonlinearity)
