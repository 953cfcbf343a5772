"""How operators are spelled in Caffe: data that reads both ways.

A spelling is a layer type, the name of its parameter message and a tuple of fields. ``write``
turns a node's arguments into the message, ``read`` a message into arguments. Fields stand in the order
of the schema, which is the order in which they are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from netgen.diag import did_you_mean
from netgen.formats.message import Enum, Message, Raw, get, get_all
from netgen.ir.fault import Fault
from netgen.ir.filler import Filler

if TYPE_CHECKING:
    from netgen.ir.graph import Attrs, Node, Shape
    from netgen.ir.operator import Refused


class Field:
    """A field that holds an argument. It is left out at its Caffe default unless ``always``.

    ``legacy`` is an older field of the same meaning, read where the newer one is absent and never written.
    """

    def __init__(self, name: str, arg: str, default: object = None, always: bool = False, legacy: str = "") -> None:
        self.name = name
        self.arg = arg
        self.default = default
        self.always = always
        self.legacy = legacy

    def to_caffe(self, value: object) -> object:
        return value

    def from_caffe(self, value: object) -> object:
        return value

    def write(self, a: Attrs) -> Message:
        value = a[self.arg]
        if value is None:
            return []
        said = self.to_caffe(value)
        return [] if said == self.default and not self.always else [(self.name, said)]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        """Add the argument to ``a``; false where the message means another operator."""
        default = get(message, self.legacy, self.default) if self.legacy else self.default
        said = get(message, self.name, default)
        if said is not None:
            a[self.arg] = self.from_caffe(said)
        return True

    def strange(self, message: Message) -> str | None:
        """A field within the field that it has no use for."""
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that it writes and reads."""
        return (self.name, self.legacy) if self.legacy else (self.name,)


class Words(Field):
    """An enum whose values are words of the language: ``{"ceil": "CEIL"}``."""

    def __init__(self, name: str, arg: str, words: dict[str, str], default: str, always: bool = False) -> None:
        super().__init__(name, arg, Enum(default), always)
        self.words = words

    def to_caffe(self, value: object) -> object:
        return Enum(self.words[str(value)])

    def read(self, message: Message, a: dict[str, object]) -> bool:
        said = get(message, self.name, self.default)
        word = next((word for word, each in self.words.items() if each == said), None)
        a[self.arg] = word
        return word is not None


class Mapped(Field):
    """A field whose value is computed from the argument, and back."""

    def __init__(
        self,
        name: str,
        arg: str,
        *,
        to: Callable[[Any], object],
        back: Callable[[Any], object],
        default: object = None,
    ) -> None:
        super().__init__(name, arg, default)
        self.to = to
        self.back = back

    def to_caffe(self, value: object) -> object:
        return self.to(value)

    def from_caffe(self, value: object) -> object:
        return self.back(value)


class Fixed(Field):
    """A field whose value is a fact of the operator and tells it from others of the same layer type."""

    def __init__(self, name: str, value: object, default: object = None, always: bool = True) -> None:
        super().__init__(name, "", default, always)
        self.value = value

    def write(self, a: Attrs) -> Message:
        return [(self.name, self.value)] if self.always or self.value != self.default else []

    def read(self, message: Message, a: dict[str, object]) -> bool:
        return bool(get(message, self.name, self.default) == self.value)


class Many(Field):
    """A repeated field that holds a list."""

    def write(self, a: Attrs) -> Message:
        values = a[self.arg]
        if values is None or (values == self.default and not self.always):
            return []
        return [(self.name, value) for value in values]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        values = get_all(message, self.name)
        if values:
            a[self.arg] = tuple(values)
        return True


class Spatial(Field):
    """A (height, width) pair: one field where both are equal, else ``_h`` and ``_w``.

    Where Caffe has no such pair of fields (dilation), and for other than two directions, the repeated field takes all
    values.
    """

    def __init__(self, name: str, arg: str, stem: str = "", default: int | None = None, always: bool = False) -> None:
        super().__init__(name, arg, default, always)
        self.stem = stem

    def write(self, a: Attrs) -> Message:
        values: tuple[int, ...] = a[self.arg]
        if values.count(values[0]) == len(values):
            return [] if values[0] == self.default and not self.always else [(self.name, values[0])]
        if self.stem and len(values) == 2:
            return [(f"{self.stem}_h", values[0]), (f"{self.stem}_w", values[1])]
        return [(self.name, value) for value in values]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        both = get_all(message, self.name) or [self.default]
        if len(both) > 2:
            a[self.arg] = tuple(both)
            return True
        height, width = both[0], both[-1]
        if self.stem:
            height = get(message, f"{self.stem}_h", height)
            width = get(message, f"{self.stem}_w", width)
        if height is not None:
            a[self.arg] = (height, width)
        return True

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, f"{self.stem}_h", f"{self.stem}_w") if self.stem else (self.name,)


class FillerField(Field):
    """A FillerParameter. ``implied`` fillers of an argument that was not given are written too."""

    def __init__(self, name: str, arg: str, implied: Callable[[Attrs], Filler | None] | None = None) -> None:
        super().__init__(name, arg)
        self.implied = implied

    def write(self, a: Attrs) -> Message:
        filler = a[self.arg]
        if filler is None and self.implied is not None:
            filler = self.implied(a)
        return [] if filler is None else [(self.name, filler_message(filler))]

    def read(self, message: Message, a: dict[str, object]) -> bool:
        said = get(message, self.name)
        if said is not None:
            try:
                a[self.arg] = read_filler(said)
            except Fault as fault:
                fault.arg = self.arg
                raise
        return True


class Sub(Field):
    """A message within the message, with fields of its own. ``ignores`` are others that change nothing."""

    def __init__(self, name: str, *fields: Field, ignores: Sequence[str] = ("engine",)) -> None:
        super().__init__(name, "")
        self.fields = fields
        self._known = frozenset(ignores).union(*(field.names for field in fields))

    def write(self, a: Attrs) -> Message:
        inner = [pair for field in self.fields for pair in field.write(a)]
        return [(self.name, inner)] if inner else []

    def read(self, message: Message, a: dict[str, object]) -> bool:
        inner: Message = get(message, self.name, [])
        return all(field.read(inner, a) for field in self.fields)

    def strange(self, message: Message) -> str | None:
        inner: Message = get(message, self.name, [])
        found = next((name for name, _ in inner if name not in self._known), None)
        return found or next(filter(None, (field.strange(inner) for field in self.fields)), None)


def filler_message(filler: Filler) -> Message:
    """A filler as a FillerParameter, fields at their defaults left out.

    The fields are Caffe's own, with Caffe's names; ``constant`` is the default type but always said,
    as people write it.
    """
    said: Message = [("type", filler.kind)]
    for name, value in filler.values.items():
        if value != Filler.KINDS[filler.kind][name]:
            said.append((name, Enum(value.upper()) if isinstance(value, str) else value))
    return said


def read_filler(message: Message) -> Filler:
    """A FillerParameter as a filler; raises ``Fault`` for a type that Caffe does not have."""
    kind = str(get(message, "type", "constant"))
    if kind not in Filler.KINDS:
        hint = did_you_mean(kind, Filler.KINDS) or f"there are {', '.join(Filler.KINDS)}"
        raise Fault("NG208", "argument out of range", f'Caffe has no filler "{kind}"', hint=hint)
    defaults = Filler.KINDS[kind]
    return Filler(kind, {name: _like(name, defaults[name], value) for name, value in message if name in defaults})


def _like(name: str, default: float | int | str, value: Any) -> float | int | str:
    """A filler's value in the type and the letters that fillers have it in."""
    if isinstance(default, str):
        return str(value).lower()
    if isinstance(value, str):  # a word, kept from a file where a number should stand
        raise Fault("NG207", "wrong type of argument", f"a filler's `{name}` is a number, not {value}")
    if objection := Filler.objection(name, value):
        raise Fault("NG208", "argument out of range", f"a filler's `{name}` {objection}")
    return type(default)(value)


class Constant:
    """A blob whose elements all have one value, for ever."""

    __slots__ = ("shape", "value")

    def __init__(self, shape: Shape, value: float) -> None:
        self.shape = shape
        self.value = value


class Divisor(Constant):
    """A blob that others are divided by when they are read. Written it is 1; where it is 0, it makes them 0."""

    __slots__ = ("divides",)

    def __init__(self, *divides: str) -> None:
        super().__init__((1,), 1.0)
        self.divides = divides


NOTHING: Mapping[str, Constant] = MappingProxyType({})


class CaffeLayer:
    """One layer as it will be printed.

    ``inputs`` are operands: a number is the node's own input, a string the layer of that suffix of the same
    node. ``suffix`` is empty for the layer that carries the node's name. ``blobs`` are the names of the
    node's parameters that the layer owns, in Caffe's order; ``fixed`` of its blobs must not be trained.
    ``constants`` are blobs among them that the node knows nothing of, since their values never change.
    ``fork`` names where the layer type comes from when BVLC's Caffe lacks it.
    """

    __slots__ = (
        "blobs",
        "constants",
        "fixed",
        "fork",
        "in_place",
        "inputs",
        "message",
        "param",
        "suffix",
        "tops",
        "type",
    )

    def __init__(
        self,
        type: str,
        param: str = "",
        message: Message | None = None,
        *,
        suffix: str = "",
        inputs: Sequence[int | str] | None = None,
        tops: int = 1,
        blobs: Sequence[str] = (),
        constants: Mapping[str, Constant] = NOTHING,
        fixed: int = 0,
        in_place: bool = False,
        fork: str = "",
    ) -> None:
        self.type = type
        self.param = param
        self.message = message or []
        self.suffix = suffix
        self.inputs = inputs
        self.tops = tops
        self.blobs = tuple(blobs)
        self.constants = constants
        self.fixed = fixed
        self.in_place = in_place
        self.fork = fork


def _typed(message: Message) -> Message:
    """A message in which what no schema has a type for, such as a fork's field, is what it looks like."""
    if not any(type(value) is Raw or isinstance(value, list) for _, value in message):
        return message
    from netgen.formats.scalars import plain  # only files that are read need it

    return [
        (name, plain(value) if type(value) is Raw else _typed(value) if isinstance(value, list) else value)
        for name, value in message
    ]


_MESSAGES = """
accuracy argmax batch_norm bias clip concat contrastive_loss convolution crop data dropout dummy_data eltwise elu embed
exp flatten hdf5_data hdf5_output hinge_loss image_data infogain_loss inner_product input log loss lrn memory_data mvn
parameter pooling power prelu python recurrent reduction relu reshape scale sigmoid slice softmax spp swish tanh
threshold tile transform window_data
"""
LAYER_FIELDS = frozenset(
    """
    name type bottom top phase loss_weight param blobs propagate_down include exclude engine blobs_lr weight_decay
    """.split()
).union(f"{name}_param" for name in _MESSAGES.split())
"""What any layer of BVLC's Caffe may say: it looks only at the message of its own type. ``engine`` is Intel's."""


class CaffeSpelling:
    """One layer type with its fields; or, with ``layers``, a function that composes several layers.

    ``param`` is the layer's message that holds the fields; where it is empty they stand in the layer itself, as they do
    where a type has two messages (``Sub``). ``also`` are other names that forks have for the type, ``also_param``
    for the message: read and never written. ``ignores`` are fields that do not change what is computed, ``neutral``
    fields of forks that do not at the values given.
    ``fork`` names where the layer type comes from when BVLC's Caffe lacks it. ``refuses`` says which nodes cannot be
    spelled. ``reads`` has the last word on what the fields have read, and sees the whole layer; without it the layer
    has one top. ``wide`` layers keep what there is for each channel as an image, 1 x channels x 1 x 1.
    """

    def __init__(
        self,
        type: str = "",
        param: str = "",
        *fields: Field,
        blobs: Sequence[str] = (),
        constants: Mapping[str, Constant] = NOTHING,
        fixed: int = 0,
        wide: bool = False,
        fork: str = "",
        also: Sequence[str] = (),
        also_param: Sequence[str] = (),
        ignores: Sequence[str] = ("engine",),
        neutral: Mapping[str, object] = MappingProxyType({}),
        layers: Callable[[Node], list[CaffeLayer]] | None = None,
        reads: Callable[[dict[str, object], Message], bool] | None = None,
        refuses: Callable[[Node], Refused | None] | None = None,
    ) -> None:
        self.type = type
        self.param = param
        self.fields = fields
        self.blobs = tuple(blobs)
        self.constants = constants
        self.fixed = fixed
        self.wide = wide
        self.fork = fork
        self.also = tuple(also)
        self.also_param = tuple(also_param)
        self.compose = layers
        self.reads = reads
        self.refuses = refuses
        self.neutral = neutral
        self._known = frozenset(ignores).union(neutral, *(field.names for field in fields))

    @property
    def special(self) -> int:
        """How many fields of fixed value it has, which tell it from others of the same layer type."""
        return sum(isinstance(field, Fixed) for field in self.fields)

    def message(self, a: Attrs) -> Message:
        """The parameter message for some arguments."""
        return [pair for field in self.fields for pair in field.write(a)]

    def layers(self, n: Node) -> list[CaffeLayer]:
        """The layers of a node, the last of which makes its outputs."""
        if self.compose is not None:
            return self.compose(n)
        return [self.layer(n)]

    def layer(self, n: Node) -> CaffeLayer:
        """The layer that the fields describe, also for spellings that compose it with others."""
        blobs: Sequence[str] = ()
        if self.blobs:
            have = {param.name for param in n.params}.union(self.constants)
            blobs = [blob for blob in self.blobs if blob in have]
        return CaffeLayer(
            self.type,
            self.param,
            self.message(n.a),
            tops=len(n.outputs),
            blobs=blobs,
            constants=self.constants,
            fixed=self.fixed,
            in_place=n.op.in_place and n.op.keeps_gradient(n),
            fork=self.fork,
        )

    def read(self, layer: Message) -> dict[str, object] | str:
        """The arguments that a layer means; or, where it means something else, the reason in words.

        A layer that says what no field knows means something else. Raises ``Fault`` where it says something that
        Caffe would not take.
        """
        message = _typed(self.parameters(layer))
        strange = self._strange(layer, message)
        if strange is not None:
            return f"`{strange}` is not known here"
        for name, idle in self.neutral.items():
            if get(message, name, idle) != idle:
                return f"`{name}` is {get(message, name)}"
        a: dict[str, object] = {}
        for field in self.fields:
            if not field.read(message, a):
                said = get(message, field.name, field.default)
                return f"`{field.name}` is {said}" if not isinstance(said, list) else f"`{field.name}` is another"
        if self.reads is None:
            return a if len(get_all(layer, "top")) == 1 else f"it has {len(get_all(layer, 'top'))} tops"
        return a if self.reads(a, layer) else "its tops or fields do not fit together"

    def _strange(self, layer: Message, message: Message) -> str | None:
        """The first field that a layer of this spelling has no use for. Messages of other types do nothing in Caffe."""
        within = next(filter(None, (field.strange(message) for field in self.fields)), None)
        if not self.param:
            known = LAYER_FIELDS | self._known
            return next((name for name, _ in layer if name not in known), within)
        inside = next((name for name, _ in message if name not in self._known), within)
        if inside is not None:
            return inside
        own = (self.param, *self.also_param)
        return next((name for name, _ in layer if name not in LAYER_FIELDS and name not in own), None)

    def parameters(self, layer: Message) -> Message:
        """The message of a layer that holds the fields. Several of them are one, as protobuf has it."""
        if not self.param:
            return layer
        found: list[Message] = []
        for name in (self.param, *self.also_param):
            found += get_all(layer, name)
        return found[0] if len(found) == 1 else [pair for message in found for pair in message]
