"""What is done to an image before a network sees it goes into the layers that read it.

A network is trained on ``(x - mean) * scale / std`` and, it may be, on channels in another order. Convolutions and
fully connected layers multiply and add, so they can do that too: the network then takes the image as the camera gives
it. A mean cannot go into a convolution that pads: its zeros stood for the mean, and would stand for black.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from netgen.diag import Diagnostic, NetgenError, Note, did_you_mean
from netgen.ir.copying import Copier
from netgen.ir.graph import Attrs, Graph, Node, Value
from netgen.ir.slots import Key
from netgen.ir.text import shape_text, value_name
from netgen.ops import OPERATORS, bind
from netgen.ops.rules import each_way
from netgen.passes import affine, filters
from netgen.passes.affine import Affine
from netgen.passes.changes import Changes, listed
from netgen.passes.folds import shared_names, sharers, tried
from netgen.passes.rewrite import Held, Rewritten, free_name

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.floating[Any]]]

Padding = Literal["refuse", "layer", "approximate"]
"""What to do where folding is not exact: not to, to put a layer in front, or to accept other numbers at the border."""


class Preparation:
    """What is done to each channel of an image, in the order that the network was trained with.

    A single number is for all channels. ``swap`` turns their order around: the network is to take BGR where it took
    RGB.
    """

    __slots__ = ("mean", "scale", "std", "swap")

    def __init__(
        self,
        mean: Sequence[float] = (0.0,),
        scale: Sequence[float] = (1.0,),
        std: Sequence[float] = (1.0,),
        *,
        swap: bool = False,
    ) -> None:
        self.mean = tuple(mean)
        self.scale = tuple(scale)
        self.std = tuple(std)
        self.swap = swap

    @property
    def what(self) -> str:
        """What of it there is, in words."""
        given = {"mean": any(self.mean), "scale": set(self.scale) != {1.0}, "std": set(self.std) != {1.0}}
        return listed([word for word, is_given in given.items() if is_given] or ["nothing"])

    def affine(self, channels: int) -> Affine:
        """The same as a factor and an offset; raises ``NetgenError`` where it is not for so many channels."""
        import numpy as np

        for what, values in (("mean", self.mean), ("scale", self.scale), ("std", self.std)):
            if len(values) not in (1, channels):
                label = f"{len(values)} numbers as {what}; the input has {channels} channels"
                raise _refused(label, "give one number, or one for each channel")
            if not np.isfinite(values).all() or (what != "mean" and not np.all(values)):
                raise _refused(f"{what} {', '.join(map(str, values))}: nothing can be computed with that")
        factor = np.broadcast_to(np.asarray(self.scale) / np.asarray(self.std), channels)
        return Affine(factor, 0.0 - np.asarray(self.mean) * factor)


def fold_input(
    graph: Graph,
    arrays: Mapping[Key, Array],
    preparation: Preparation,
    *,
    inputs: Collection[str] = (),
    padding: Padding = "refuse",
) -> Rewritten:
    """The graph that takes images as they are before the preparation, and the arrays that this changes.

    ``inputs`` are the names of those that are images; all that have at least three axes, if none is named. Raises
    ``NetgenError`` where it would not be exact and ``padding`` does not say what to do then.
    """
    return _Folder(graph, arrays, preparation, padding).run(_images(graph, inputs))


class _Folder:
    """Folds into the layers that read one input after the other."""

    def __init__(self, graph: Graph, arrays: Mapping[Key, Array], preparation: Preparation, padding: Padding) -> None:
        self.graph = graph
        self.held = Held(graph, arrays)
        self.preparation = preparation
        self.padding = padding
        self.sharers = sharers(graph)
        self.names = {node.name for node in graph.nodes}
        self.readers: set[Node] = set()
        """The layers that read any of the images."""
        self.arrays: dict[Key, Array] = {}
        self.changed: dict[Node, Attrs] = {}
        self.layers: dict[Node, tuple[str, Affine]] = {}
        """What an image goes through first: the name and the constants of a layer, by the input's node."""
        self.said: list[str] = []

    def run(self, images: Sequence[Value]) -> Rewritten:
        self.readers = {reader for value in images for reader in value.readers}
        for value in images:
            self._fold(value)
        done = [*(node.name for node in self.changed), *(name for name, _ in self.layers.values())]
        return Rewritten(self._graph(), self.arrays, Changes("; ".join(self.said), done))

    def _fold(self, value: Value) -> None:
        name = value_name(value)
        constants = self.preparation.affine(value.shape[1])
        readers = list(dict.fromkeys(value.readers))
        odd = [each for reader in readers if (each := self._objection(reader))]
        if value in self.graph.outputs or not readers:
            odd.append(f"`{name}` is an output of the net too" if readers else f"no layer reads `{name}`")
        if self.preparation.swap:
            _check_swap(readers, odd)
            self._into(readers, constants if self._prepares(value, constants, odd) else None)
            takes = "takes" if len(readers) == 1 else "take"
            self.said.append(f"{_named(readers)} {takes} the channels of `{name}` in reverse order")
        elif constants.is_identity:
            self.said.append(f"nothing to fold: nothing is done to `{name}`")
        elif self._prepares(value, constants, odd):
            self._into(readers, constants)

    def _objection(self, node: Node) -> str:
        """Why nothing can be put into a layer, or nothing if it can."""
        if not filters.is_filter(node):
            return f"`{node.name}` ({node.op.name}) reads it: only convolutions and fully connected layers take it in"
        if not filters.reads_channels(node):
            return f"`{node.name}` ({node.op.name}) reads it, which does not sum over its channels"
        others = [each for name in shared_names(node).values() for each, _ in self.sharers.get(name, [])]
        strange = [f"`{each.name}`" for each in others if each not in self.readers]
        if strange:
            return f"`{node.name}` shares its weights with {strange[0]}, which reads something else"
        return "" if self.held.has(node) else f"the weights of `{node.name}` are not all there"

    def _prepares(self, value: Value, constants: Affine, odd: Sequence[str]) -> bool:
        """Whether the layers that read an image prepare it too; if not, a layer in front does what there is to do."""
        if constants.is_identity:
            return False
        readers = list(dict.fromkeys(value.readers))
        shifted = [reader for reader in readers if constants.shifts and filters.is_filter(reader)]
        odd = [*odd, *(_on_deconvolution(reader) for reader in shifted if reader.op.name == "deconv")]
        border = [reader for reader in shifted if filters.pads(reader)]
        name = value_name(value)
        if not odd and (not border or self.padding == "approximate"):
            self.said.append(f"{self.preparation.what} of `{name}` went into {_named(readers)}")
            if border:
                self.said.append(f"along the border of what comes of {_named(border)} numbers differ")
            return True
        if self.padding != "layer":
            raise _refused_with([*odd, *map(_on_padding, border)], approximate=not odd)
        layer = free_name(f"{value.node.name}/mean_scale", self.names)
        self.layers[value.node] = (layer, constants)
        self.said.append(f"{self.preparation.what} of `{name}` became the layer `{layer}`")
        return False

    def _into(self, readers: Sequence[Node], constants: Affine | None) -> None:
        """Put constants into layers, or none, and turn their channels around if that is wanted."""
        for node in readers:
            own = self.held.of(node)
            new = {"weight": own["weight"]}
            if constants is not None:
                weight, bias, problem = tried(node, own, constants, affine.identity(node.a.out))
                if problem:
                    raise _refused(f"`{node.name}`: {problem}")
                new = {"weight": weight, "bias": bias} if constants.shifts or "bias" in own else {"weight": weight}
            if self.preparation.swap:
                new["weight"] = filters.gathered(node, filters.spread(node, new["weight"])[:, :, ::-1])
            self.arrays |= {(node.name, param): array for param, array in new.items()}
            self.changed[node] = Attrs({**node.a, "bias": node.a.bias or "bias" in new})

    def _graph(self) -> Graph:
        new = Copier(self.graph)
        for node in self.graph.nodes:
            if node in self.changed:
                new.put(node, new.graph.add(new.node(node, a=self.changed[node]), node.y))
            else:
                new.copy(node, node.y)
            if node in self.layers:
                self._add(new, node, *self.layers[node])
        return new.finish()

    def _add(self, new: Copier, node: Node, name: str, constants: Affine) -> None:
        """Put a layer behind an input, whose channels it sees as the image has them."""
        import numpy as np

        order = slice(None, None, -1 if self.preparation.swap else 1)
        factor, offset = (each[order].astype(np.float32) for each in (constants.factor, constants.offset))
        is_one = (factor == factor[0]).all() and (offset == offset[0]).all()
        op = OPERATORS["power" if is_one else "scale"]
        said = {"scale": float(factor[0]), "shift": float(offset[0])} if is_one else {"bias": True}
        layer = new.node(node, op=op, a=bind(op, said), inputs=[new.value(node.outputs[0])], name=name)
        layer.variable, layer.blobs, layer.spans = "", (), {}
        if not is_one:
            self.arrays |= {(name, "weight"): factor, (name, "bias"): offset}
        new.pass_on(node.outputs[0], new.graph.add(layer)[0])


def _images(graph: Graph, names: Collection[str]) -> list[Value]:
    known = {value_name(value): value for value in graph.inputs}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
            raise NetgenError([Diagnostic("NG701", f"the net has no input `{name}`", hint=hint)])
    found = [value for name, value in known.items() if (name in names if names else len(value.shape) > 2)]
    if not found or any(len(value.shape) < 2 for value in found):
        said = ", ".join(f"`{name}` is {shape_text(value.shape)}" for name, value in known.items())
        raise _refused(f"no input has channels: {said}" if said else "the net has no inputs")
    return found


def _named(nodes: Sequence[Node]) -> str:
    return listed([f"`{node.name}`" for node in nodes])


def _check_swap(readers: Sequence[Node], odd: Sequence[str]) -> None:
    """Raise ``NetgenError`` where the layers that read an image cannot take its channels in another order."""
    grouped = [
        f"`{each.name}` has groups, which keep channels apart" for each in readers if each.a.get("groups", 1) > 1
    ]
    if odd or grouped:
        first, *others = [*odd, *grouped]
        raise _refused(first, "turn the channels of the image around before the net gets it", others)


def _on_deconvolution(node: Node) -> str:
    return f"`{node.name}` is a deconvolution, which gives the mean to each place more or less often"


def _on_padding(node: Node) -> str:
    pad = max(each_way(node, "pad"))
    return f"`{node.name}` pads with {pad}: its zeros stand for the mean, and would stand for black"


def _refused_with(problems: Sequence[str], *, approximate: bool) -> NetgenError:
    first, *others = problems
    hint = "let the net begin with a layer that does it: --input-padding layer"
    if approximate:
        hint += "; or accept other numbers along the border: --input-padding approximate"
    return _refused(first, hint, others)


def _refused(label: str, hint: str = "", others: Sequence[str] = ()) -> NetgenError:
    notes = [Note(each) for each in others]
    return NetgenError([Diagnostic("NG611", "the input cannot be folded", label=label, notes=notes, hint=hint)])
