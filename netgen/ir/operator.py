"""What every operator declares. See ARCHITECTURE.md, "One operator, one place"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import ClassVar, Literal

from netgen.formats.message import Message, get
from netgen.ir.filler import Filler
from netgen.ir.graph import Attrs, Node, Shape
from netgen.ir.kinds import Arg, FillerKind, Float, Listed, Names, Optional
from netgen.ir.reach import Reach, place_by_place
from netgen.ir.spell_caffe import NOTHING, CaffeSpelling, Constant
from netgen.ir.spell_onnx import OnnxSpelling
from netgen.ir.spell_torch import TorchSpelling

WEIGHT_FILLER = Arg("weight_filler", Optional(FillerKind()), None, "how the weights are filled before training")
BIAS_FILLER = Arg("bias_filler", Optional(FillerKind()), None, "how the bias is filled; zero where it is not given")
_MULTIPLIERS = Listed(Float(low=0), 1, 2)
LEARNING_ARGS = (
    Arg("lr_mult", Optional(_MULTIPLIERS), None, "learning rate multiplier: a number, or [of weights, of bias]"),
    Arg("decay_mult", Optional(_MULTIPLIERS), None, "weight decay multiplier, likewise"),
    Arg("share", Optional(Names()), None, "the name of weights that several layers use: of all, or [of each array]"),
)
WEIGHT_ARGS = (WEIGHT_FILLER, BIAS_FILLER, *LEARNING_ARGS)
"""The arguments that operators with weights and a bias take after their own."""


class Param:
    """One array that a node owns. ``learned`` is false for running statistics."""

    __slots__ = ("filler", "learned", "name", "shape")

    def __init__(self, name: str, shape: Shape, filler: Filler | None = None, learned: bool = True) -> None:
        self.name = name
        self.shape = shape
        self.filler = filler
        self.learned = learned

    @property
    def count(self) -> int:
        return prod(self.shape)


def shared_arrays(n: Node, constants: Iterable[str] = ()) -> dict[str, str]:
    """The name under which several layers use an array, for each of a node's parameters that has one.

    One name is that of a whole set of arrays, ``constants`` among them; several are those of the learned, one each.
    """
    share: tuple[str, ...] | None = n.a.get("share")
    if share is None:
        return {}
    if len(share) == 1:
        return {name: f"{share[0]}_{name}" for name in (*(param.name for param in n.params), *constants)}
    learned = [param.name for param in n.params if param.learned]
    return {param: name for param, name in zip(learned, share, strict=False) if name}


class Refused:
    """The declared reason why a target cannot say an operator, and what to do instead."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.reason = reason
        self.hint = hint


class Operator:
    """A primitive of the language. Subclasses are never instantiated: a class is the whole declaration.

    The first line of the docstring is what ``netgen ops`` prints; the rest is shown by ``netgen ops NAME``.
    """

    name: ClassVar[str] = ""
    short: ClassVar[str] = ""
    """What a layer is called that has no name of its own: ``bn``, ``relu``, ``pool``."""
    operands: ClassVar[tuple[str, ...]] = ("x",)
    """Names of the tensors; a last name that ends in ``...`` stands for any number, at least two in all."""
    fewest: ClassVar[int | None] = None
    """How many tensors at least, where it is not one for each operand."""
    args: ClassVar[tuple[Arg, ...]] = ()
    shape_rule: ClassVar[str] = "the shape of x"
    """The shape rule in words, for ``netgen ops``."""
    example: ClassVar[str] = ""
    """A call for ``netgen ops NAME``, of images of 1x8x16x16; empty where the operands alone will do."""
    example_shapes: ClassVar[Mapping[str, Shape]] = {}
    """The shapes of tensors in the example that are no such images."""
    in_place: ClassVar[bool] = False
    """Whether it may overwrite its input: elementwise, and its gradient needs no input."""
    keeps_output: ClassVar[Literal["", "signs", "values"]] = ""
    """What its own gradient in Caffe needs of its output: nobody may then overwrite it, or change those signs."""
    keeps_signs: ClassVar[bool] = False
    """Whether it leaves the signs of its input alone, wherever a gradient comes through."""
    shares_memory: ClassVar[bool] = False
    """Whether Caffe gives its output the memory of its input: who overwrites one overwrites the other."""
    dynamic: ClassVar[frozenset[int]] = frozenset()
    """Axes of the outputs whose size depends on the values that go in: the inferred size is the most that it can be."""
    choosing: ClassVar[frozenset[int]] = frozenset()
    """Inputs that are numbers of something, such as classes or rows: any number will not do."""
    only_shapes: ClassVar[frozenset[int]] = frozenset()
    """Inputs of which only the shape matters."""
    carries_blobs: ClassVar[bool] = False
    """Whether its layer may have blobs in a caffemodel that nothing is known of, and which go along as they are."""
    caffe: ClassVar[CaffeSpelling | Refused]
    caffe_forks: ClassVar[tuple[CaffeSpelling, ...]] = ()
    """How forks of Caffe say it otherwise: read, and never written."""
    torch: ClassVar[TorchSpelling | Refused]
    onnx: ClassVar[OnnxSpelling | Refused]

    @classmethod
    def takes(cls, tensors: int) -> bool:
        """Whether it may be given so many tensors."""
        many = bool(cls.operands) and cls.operands[-1].endswith("...")
        fewest = len(cls.operands) if cls.fewest is None else cls.fewest
        return fewest <= tensors and (many or tensors <= len(cls.operands))

    @classmethod
    def check(cls, a: Attrs) -> None:
        """Settle the arguments among each other, before any tensor is seen.

        What follows from others (a stride that is the kernel's, a pad of ``"same"``) is put in its place;
        what contradicts others is objected to (raise ``Fault``).
        """

    @classmethod
    def infer(cls, n: Node) -> list[Shape]:
        """The shapes of the outputs; raises ``Fault`` where the inputs do not fit."""
        return [n.x[0]]

    @classmethod
    def keeps_gradient(cls, n: Node) -> bool:
        """Whether its gradient can be had from its output with these arguments too, if it ``in_place`` can at all."""
        return True

    @classmethod
    def has_fixed_steps(cls, n: Node) -> bool:
        """Whether what is done is the same whatever the numbers are, so that it can be recorded and replayed."""
        return not cls.dynamic

    @classmethod
    def params(cls, n: Node) -> list[Param]:
        """The arrays that a node owns, in the order of Caffe's blobs."""
        return []

    @classmethod
    def macs(cls, n: Node) -> int:
        """Multiply-accumulates of one forward pass, for the whole batch.

        Counted as publications do: of convolutions and fully connected layers only.
        """
        return 0

    @classmethod
    def reach(cls, n: Node) -> list[Reach]:
        """How far a result looks, along each axis of places of the first input."""
        return place_by_place(n)

    @classmethod
    def caffe_of(cls, layer: Message) -> CaffeSpelling:
        """The spelling that reads a layer which means this operator; its ``blobs`` are in the layer's order."""
        known = [*([cls.caffe] if isinstance(cls.caffe, CaffeSpelling) else []), *cls.caffe_forks]
        kind = get(layer, "type")
        able = [spelling for spelling in known if kind in (spelling.type, *spelling.also)]
        if len(able) > 1:
            able = [spelling for spelling in able if not isinstance(spelling.read(layer), str)]
        return able[0] if able else known[0]

    @classmethod
    def caffe_blobs(cls, n: Node, layer: Message) -> tuple[list[str], Mapping[str, Constant]]:
        """The names of a node's arrays in the order of the layer's blobs, and those of them whose values are fixed."""
        if isinstance(cls.caffe, Refused) and not cls.caffe_forks:
            return [], NOTHING
        spelling = cls.caffe_of(layer)
        have = {param.name for param in n.params}.union(spelling.constants)
        return [blob for blob in spelling.blobs if blob in have], spelling.constants

    @classmethod
    def refuses(cls, target: str, n: Node) -> Refused | None:
        """Why a target cannot say this node, or None. ``target`` is caffe, torch or onnx."""
        if target == "caffe" and n.origin is not None:
            return None  # what was read from Caffe is written as it was
        spelling = getattr(cls, target)
        if isinstance(spelling, Refused):
            return spelling
        refused = spelling.refuses
        return refused(n) if refused is not None else None
