"""Nets and solvers of all generations as today's: Caffe's own upgrades, in Caffe's order.

Fields keep the order in which they stand. What Caffe refuses is an error where it means nothing, and a warning where
the meaning is plain, as it is of a file that has layers of two generations.
"""

from __future__ import annotations

from netgen.diag import Diagnostic, NetgenError, Source
from netgen.diag.codes import CODES
from netgen.formats.message import Placed, get, get_all
from netgen.formats.remarks import Remarks
from netgen.formats.upgrade_layers import TYPES, add, from_v0, from_v1, move_transforms, put, transforms

SOLVER_TYPES = {
    "SGD": "SGD",
    "NESTEROV": "Nesterov",
    "ADAGRAD": "AdaGrad",
    "RMSPROP": "RMSProp",
    "ADADELTA": "AdaDelta",
    "ADAM": "Adam",
}
_INPUTS = ("input", "input_shape", "input_dim")
_OF_V1 = ("blobs_lr", "weight_decay", "blob_share_mode")
_AXES = 4
"""How many ``input_dim`` each input has."""


def upgrade_net(net: Placed, source: Source, warnings: list[Diagnostic]) -> tuple[Placed, str]:
    """A net whose layers are all ``layer`` fields of today, and its generation: v0, v1 or nothing."""
    upgrade = _Upgrade(source)
    upgraded = upgrade.net(net)
    warnings += upgrade.remarks.all()
    return upgraded


def upgrade_solver(solver: Placed, source: Source, warnings: list[Diagnostic]) -> Placed:
    """A solver whose type is a string."""
    upgrade = _Upgrade(source)
    upgraded = upgrade.solver(solver)
    warnings += upgrade.remarks.all()
    return upgraded


class _Upgrade:
    """One upgrade of one message, with a place for what there is to say about it."""

    def __init__(self, source: Source) -> None:
        self.remarks = Remarks(source)

    def net(self, net: Placed) -> tuple[Placed, str]:
        generation = self.generation(net)
        if generation == "v0":
            net = self.without_paddings(net)
            fields = [
                (name, from_v0(value, self.warn) if name == "layers" and isinstance(value, Placed) else value)
                for name, value in net
            ]
            net = Placed(fields, net.starts, net.start, net.end)
        if any(transforms(layer) for layer in get_all(net, "layers")):
            for layer in get_all(net, "layers"):
                move_transforms(layer)
        net = self.layers(net)
        net = self.inputs(net)
        for layer in get_all(net, "layer"):
            _freeze_statistics(layer)
        return net, generation

    def generation(self, net: Placed) -> str:
        """The oldest generation in a net. Warns of a mixture, which Caffe refuses or, of the oldest two, misreads."""
        places: dict[str, int] = {}
        for (name, value), start in zip(net, net.starts, strict=True):
            if name in ("layer", "layers") and isinstance(value, Placed):
                oldest = any(field == "layer" for field, _ in value)
                places.setdefault("" if name == "layer" else "v0" if oldest else "v1", start)
        if len(places) > 1:
            label = "layers of another generation than those before; netgen reads both"
            self.warn("NG525", max(places.values()), label, "Caffe does not: write all as `layer`")
        return "v0" if "v0" in places else "v1" if "v1" in places else ""

    def without_paddings(self, net: Placed) -> Placed:
        """Fold the padding layers of v0 into the convolutions and poolings that read them."""
        maker: dict[str, Placed] = {}
        paddings = [layer for layer in get_all(net, "layers") if _v0_type(layer) == "padding"]
        if not paddings:
            return net
        padding = {id(layer) for layer in paddings}
        for layer in get_all(net, "layers"):
            for at, (name, blob) in enumerate(layer):
                if name == "bottom" and id(maker.get(str(blob))) in padding:
                    self.fold(layer, at, maker[str(blob)])
            maker.update((top, layer) for top in get_all(layer, "top"))
        kept = [row for row in zip(net, net.starts, strict=True) if id(row[0][1]) not in padding]
        return Placed([field for field, _ in kept], [start for _, start in kept], net.start, net.end)

    def fold(self, layer: Placed, bottom: int, padding: Placed) -> None:
        """Let a layer do the padding itself, and read what the padding layer reads."""
        start = layer.starts[bottom]
        kind = _v0_type(layer)
        if kind not in ("conv", "pool") or len(get_all(layer, "bottom")) > 1:
            label = f'a layer of the type "{kind}" cannot take over the padding before it'
            raise self.error(start, label, "padding goes into a conv or pool that reads nothing else")
        ends = [get_all(padding, end) for end in ("bottom", "top")]
        if [len(names) for names in ends] != [1, 1]:
            raise self.error(padding.start, f"a padding with {len(ends[0])} bottoms and {len(ends[1])} tops")
        put(get(layer, "layer"), "pad", get(get(padding, "layer"), "pad", 0), start)
        layer[bottom] = ("bottom", ends[0][0])

    def layers(self, net: Placed) -> Placed:
        """All layers as ``layer`` fields of today."""
        upgraded = Placed(start=net.start, end=net.end)
        for (name, value), start in zip(net, net.starts, strict=True):
            if name == "layers" and isinstance(value, Placed):
                add(upgraded, "layer", from_v1(value, self.warn), start)
            elif name == "layer" and isinstance(value, Placed):
                add(upgraded, name, self.layer(value), start)
            else:
                add(upgraded, name, value, start)
        return upgraded

    def layer(self, layer: Placed) -> Placed:
        """A layer of today. Fields of v1 in it, which Caffe refuses, are read as they were meant then."""
        old = next((row for row in _rows(layer) if _is_of_v1(*row[0])), None)
        if old is None:
            return layer
        (name, _), start = old
        label = f"`{name}` is of the time of `layers`; it is read as it was meant then"
        self.warn("NG525", start, label, "Caffe refuses it here")
        return from_v1(layer, self.warn)

    def inputs(self, net: Placed) -> Placed:
        """An Input layer, the first of all, for ``input`` and the sizes that belong to it."""
        tops = [row for row in _rows(net) if row[0][0] == "input"]
        if not tops:
            return net
        shapes = self.shapes(net, tops)
        rows = [(field, start) for field, start in _rows(net) if field[0] not in _INPUTS]
        if shapes:
            place = tops[0][1]
            layer = Placed([("name", "input"), ("type", "Input")], start=place)
            for (_, top), start in tops:
                add(layer, "top", top, start)
            given = Placed([("shape", shape) for shape, _ in shapes], [start for _, start in shapes], place)
            add(layer, "input_param", given, place)
            first = next((at for at, (field, _) in enumerate(rows) if field[0] == "layer"), len(rows))
            rows.insert(first, (("layer", layer), place))
        return Placed([field for field, _ in rows], [start for _, start in rows], net.start, net.end)

    def shapes(self, net: Placed, tops: list[_Row]) -> list[tuple[Placed, int]]:
        """The shape of each input and where it stands; none at all where the net says none."""
        given = [(shape, start) for (name, shape), start in _rows(net) if name == "input_shape"]
        dims = [(dim, start) for (name, dim), start in _rows(net) if name == "input_dim"]
        if given:
            if len(given) != len(tops):
                self.miscounted(given[-1][1], len(tops), len(given), "`input_shape`", len(given) > len(tops))
            return [(shape, start) for shape, start in given[: len(tops)] if isinstance(shape, Placed)]
        if not dims:
            self.shapeless(net, tops)
            return []
        axes = len(dims) if len(tops) == 1 else _AXES
        if len(dims) != _AXES * len(tops):
            plain = len(tops) == 1 or len(dims) > axes * len(tops)
            self.miscounted(dims[-1][1], _AXES * len(tops), len(dims), "`input_dim`", plain)
        return [_shape(dims[at * axes : (at + 1) * axes]) for at in range(len(tops))]

    def miscounted(self, start: int, due: int, there: int, name: str, plain: bool) -> None:
        """Report sizes that are more or fewer than the inputs want."""
        label = f"{due} {name} are due, {_AXES} for each input" if "dim" in name else f"{due} {name} are due"
        if not plain:
            raise self.error(start, f"{label}; there are {there}")
        self.warn("NG524", start, f"{label}; there are {there}", "write `input_shape`, one for each input")

    def shapeless(self, net: Placed, tops: list[_Row]) -> None:
        """Warn of inputs without a size that nobody else makes: Caffe's upgrade drops them."""
        made = {top for layer in get_all(net, "layer") for top in get_all(layer, "top")}
        for (_, top), start in tops:
            if top not in made:
                label = f'the input "{top}" has neither `input_dim` nor `input_shape`: Caffe drops it'
                self.warn("NG528", start, label, "say its shape, here or with `--input`")

    def solver(self, solver: Placed) -> Placed:
        """A solver whose type is a string."""
        old = next((at for at, (name, _) in enumerate(solver) if name == "solver_type"), None)
        if old is None:
            return solver
        word, start = solver[old][1], solver.starts[old]
        kind = SOLVER_TYPES.get(str(word)) or str(word)
        said = get(solver, "type")
        if said is not None and said != kind:
            raise self.error(start, f'`solver_type` is {word}, and `type` is "{said}"')
        if said is not None:
            self.warn("NG525", start, "`solver_type` is the older form of `type`", "Caffe takes one of them, not both")
        rows = [row for row in _rows(solver) if row[0][0] != "type"]
        rows = [(("type", kind), place) if field[0] == "solver_type" else (field, place) for field, place in rows]
        return Placed([field for field, _ in rows], [place for _, place in rows], solver.start, solver.end)

    def error(self, start: int, label: str, hint: str = "") -> NetgenError:
        """What cannot be upgraded, as an error to raise."""
        wrong = Diagnostic("NG527", CODES["NG527"].title, self.remarks.field(start), label, hint=hint)
        return NetgenError([wrong, *self.remarks.all()])

    def warn(self, code: str, start: int, label: str, hint: str) -> None:
        self.remarks.warn(code, self.remarks.field(start), label, hint)


_Row = tuple[tuple[str, object], int]
"""A field of a message and where it stands."""


def _rows(message: Placed) -> list[_Row]:
    return list(zip(message, message.starts, strict=True))


def _shape(dims: list[tuple[object, int]]) -> tuple[Placed, int]:
    start = dims[0][1]
    return Placed([("dim", dim) for dim, _ in dims], [start for _, start in dims], start), start


def _is_of_v1(name: str, value: object) -> bool:
    """Whether a field of a layer of today means something in v1 alone."""
    if name == "type":
        return value in TYPES and value not in TYPES.values()
    return name in _OF_V1 or (name == "param" and isinstance(value, str))


def _v0_type(layer: Placed) -> str:
    return str(get(get(layer, "layer", []), "type", ""))


def _freeze_statistics(layer: Placed) -> None:
    """Set the multipliers of a BatchNorm that gives all three to 0: its blobs are not trained."""
    params = get_all(layer, "param")
    if get(layer, "type") == "BatchNorm" and len(params) == 3:
        for param in params:
            put(param, "lr_mult", 0.0)
            put(param, "decay_mult", 0.0)
