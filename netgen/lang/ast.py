"""The syntax tree: what was written, with its places. One class for each rule of ``grammars/netgen.lark``."""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

from netgen.diag import Source, Span


@dataclass_transform()
class _Fields:
    """Fields are a class's annotations, in the order of the grammar.

    A dataclass in all but start-up time: forty ``@dataclass`` would cost more than a whole compilation.
    """

    fields: ClassVar[tuple[str, ...]] = ()
    """The names of all fields but ``span``."""

    def __init_subclass__(cls) -> None:
        own = tuple(name for name in cls.__annotations__ if name not in cls.fields and name != "span")
        cls.fields = cls.fields + own

    def __init__(self, span: Span, *values: object) -> None:
        self.span = span
        for name, value in zip(self.fields, values, strict=True):
            setattr(self, name, value)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields)
        return f"{type(self).__name__}({inner})"


class Tree(_Fields):
    """A node of the syntax tree; ``span``, where it stands, is the first field of each."""

    span: Span


# --- expressions -------------------------------------------------------------------------------


class Name(Tree):
    """A variable, block, operator, function or filler."""

    name: str


class Number(Tree):
    value: int | float


class Bool(Tree):
    value: bool


class String(Tree):
    """A string with its interpolations: literal texts (escapes undone) and expressions in turn."""

    parts: list[str | Expr]


class ListDisplay(Tree):
    items: list[Expr]


class Attribute(Tree):
    """``value.name``"""

    value: Expr
    name: Name


class Index(Tree):
    """``value[index]``"""

    value: Expr
    index: Expr


class Argument(Tree):
    """One argument of a call: positional when ``name`` is None."""

    name: Name | None
    value: Expr


class Call(Tree):
    """``function(arguments)``; the function is always a plain name."""

    function: Name
    arguments: list[Argument]


class Unary(Tree):
    """``-x``, ``+x``, ``not x``"""

    operator: str
    operand: Expr


class Binary(Tree):
    """Arithmetic, comparisons (not chained), ``and``, ``or``."""

    left: Expr
    operator: str
    right: Expr


class Range(Tree):
    """``first..last``, both included."""

    first: Expr
    last: Expr


class Conditional(Tree):
    """``if test then yes else no``"""

    test: Expr
    yes: Expr
    no: Expr


class Link(Tree):
    """One link of a chain, with the name that ``as`` gives it. ``value`` is any expression in the first link,
    and a ``Call`` or a ``Name`` (``-> relu``) in those that follow.
    """

    value: Expr
    label: String | None


class Chain(Tree):
    """``a -> f(b) as "n" -> g``: two links or more, or one with a label."""

    links: list[Link]


Expr = (
    Name
    | Number
    | Bool
    | String
    | ListDisplay
    | Attribute
    | Index
    | Call
    | Unary
    | Binary
    | Range
    | Conditional
    | Chain
)


# --- statements --------------------------------------------------------------------------------


class Assign(Tree):
    targets: list[Name]
    value: Expr


class Evaluate(Tree):
    """An expression that stands alone."""

    value: Expr


class For(Tree):
    targets: list[Name]
    items: Expr
    body: list[Statement]


class If(Tree):
    """``else if`` is an ``If`` that stands alone in ``otherwise``."""

    test: Expr
    body: list[Statement]
    otherwise: list[Statement]


class Return(Tree):
    values: list[Expr]


class Require(Tree):
    test: Expr
    message: String | None


class Default(Tree):
    """``default conv(bias = false)``"""

    call: Call


Statement = Assign | Evaluate | For | If | Return | Require | Default


# --- files -------------------------------------------------------------------------------------


class TypeName(Tree):
    """``int``, ``float``, ``bool``, ``string``, ``filler``, ``tensor``; ``[int]`` has ``listed`` set."""

    name: str
    listed: bool


class Parameter(Tree):
    name: Name
    type: TypeName | None
    default: Expr | None


class Block(Tree):
    """A block, or a net where ``is_net``. ``doc`` is the comment right above it, without ``#``."""

    name: Name
    parameters: list[Parameter]
    body: list[Statement]
    is_net: bool
    doc: str


class Import(Tree):
    """One name of a ``use``: ``name`` in the file, ``alias`` here (the same unless ``as`` renames it)."""

    name: Name
    alias: Name


class Use(Tree):
    """``use common: conv_block`` or ``use "file.net": head``; ``path`` is a Name for a bundled library."""

    path: Name | String
    names: list[Import]


class Comment(Tree):
    """A comment, ``#`` included. ``own_line`` is false behind code."""

    text: str
    own_line: bool


class File(Tree):
    """One file. ``title`` is the comment at its head that belongs to no block."""

    source: Source
    uses: list[Use]
    blocks: list[Block]
    comments: list[Comment]
    title: str
