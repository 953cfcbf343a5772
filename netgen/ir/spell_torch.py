"""How operators are spelled in PyTorch: a module's constructor, an expression, or both.

Expressions are small trees whose leaves are plain Python values, so that the emitter can compare two uses of
a block and turn what differs into constructor arguments. Text comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netgen.ir.graph import Node
    from netgen.ir.operator import Refused


class Input:
    """The node's input number ``index`` in an expression."""

    __slots__ = ("index",)

    def __init__(self, index: int = 0) -> None:
        self.index = index


class Inputs:
    """All inputs of the node, as a list display or as separate arguments."""

    __slots__ = ("listed",)

    def __init__(self, listed: bool = True) -> None:
        self.listed = listed


class Name:
    """A name or dotted path that stands as it is, such as ``self.training`` or ``torch.float32``."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Call:
    """``function(*args, **kwargs)``. A string function that begins with ``.`` is a method of ``args[0]``."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: str, *args: object, **kwargs: object) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs


class Infix:
    """``a + b + …`` with one operator; ``level`` is Python's precedence, the higher the tighter."""

    __slots__ = ("level", "operands", "symbol")

    LEVELS: Mapping[str, int] = {
        **dict.fromkeys(("or",), -2),
        **dict.fromkeys(("and",), -1),
        **dict.fromkeys(("<", ">", "<=", ">=", "==", "!=", "is not"), 0),
        **dict.fromkeys(("+", "-"), 1),
        **dict.fromkeys(("*", "/", "//", "%"), 2),
        "**": 4,
    }

    def __init__(self, symbol: str, *operands: object) -> None:
        self.symbol = symbol
        self.operands = operands
        self.level = self.LEVELS[symbol]


class Item:
    """``value[index, …]`` where an index is a value or a ``slice`` of Python."""

    __slots__ = ("indices", "value")

    def __init__(self, value: object, *indices: object) -> None:
        self.value = value
        self.indices = indices


Expr = Input | Inputs | Name | Call | Infix | Item | int | float | bool | str | None | tuple[object, ...] | list[object]
"""An expression; plain values are literals."""


class Helper:
    """A function or class that PyTorch lacks, printed once at the head of a file that needs it.

    A function's name begins with an underscore, which no variable of an emitted file does.
    ``source`` is Python as a person would write it, docstring included; it may use ``torch``, ``nn``, ``F``,
    ``Tensor`` and the helpers named in ``needs``.
    """

    __slots__ = ("name", "needs", "source")

    def __init__(self, name: str, source: str, needs: Sequence[Helper] = ()) -> None:
        self.name = name
        self.source = source.strip("\n")
        self.needs = tuple(needs)


class TorchSpelling:
    """A module, a function, or both.

    ``module`` makes the constructor call, ``function`` the expression in ``forward``; either gives None for a node
    that has no such form. An operator with parameters or with a train mode has a module. Where both exist,
    ``forward`` uses the function and an ``nn.Sequential`` the module. ``params`` maps the operator's parameters to the
    module's attributes where the names differ. ``helpers`` are printed when the spelling is used.
    """

    def __init__(
        self,
        module: Callable[[Node], Call | None] | None = None,
        function: Callable[[Node], Expr] | None = None,
        *,
        defaults: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        helpers: Callable[[Node], Sequence[Helper]] | Sequence[Helper] = (),
        before: Callable[[Node], Expr] | None = None,
        overwrites: bool = False,
        fresh: bool = False,
        refuses: Callable[[Node], Refused | None] | None = None,
    ) -> None:
        self.module = module
        self.function = function
        self.defaults = defaults or {}
        """PyTorch's defaults of the keyword arguments; the emitter leaves them out."""
        self.params = params or {}
        self._helpers = helpers
        self.before = before
        """What is done to the input before the module sees it, as an expression, or None."""
        self.overwrites = overwrites
        """Whether both forms take ``inplace=True``."""
        self.fresh = fresh
        """Whether its output may be overwritten: no view of the input, not needed by its own gradient."""
        self.refuses = refuses

    def helpers(self, n: Node) -> Sequence[Helper]:
        return self._helpers(n) if callable(self._helpers) else self._helpers


def pair(value: tuple[int, ...]) -> int | tuple[int, ...]:
    """A (height, width) pair, or a number for each direction, as PyTorch writes it: one where all are equal."""
    return value[0] if value.count(value[0]) == len(value) else value
