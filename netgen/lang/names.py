"""Layer names: rules 1 to 5 of the language reference, and nothing else.

A ``Token`` is a name on its way to a layer. Explicit names (``as "…"``) are claimed whole and clash as errors;
names that netgen made are claimed with a suffix where they are taken.
"""

from __future__ import annotations

from netgen.diag import Span


def join(prefix: str, name: str) -> str:
    """A name below a prefix: ``stem`` and ``conv`` give ``stem/conv``."""
    return f"{prefix}/{name}" if prefix else name


class Token:
    """The name that a statement has to give away.

    ``nested`` tokens stand for something inside an expression, which is called ``text/<short name>``. ``owned`` ones
    were claimed by a block instance and may be taken by one layer as they are (rule 3).
    """

    __slots__ = ("explicit", "nested", "owned", "span", "text", "variable")

    def __init__(
        self,
        text: str,
        span: Span,
        *,
        explicit: bool = False,
        nested: bool = False,
        owned: bool = False,
        variable: str = "",
    ) -> None:
        self.text = text
        self.span = span
        self.explicit = explicit
        self.nested = nested
        self.owned = owned
        self.variable = variable

    def without_variable(self) -> Token:
        """The same name for something that the program's variable does not stand for."""
        return Token(self.text, self.span, explicit=self.explicit, nested=self.nested, owned=self.owned)

    def inside(self) -> Token:
        """The token of what stands inside the expression that this one names."""
        return self if self.nested else Token(self.text, self.span, nested=True)


class Clash(Exception):
    """An explicit name that another layer has, claimed at ``first`` in a block called at ``call``."""

    def __init__(self, name: str, first: Span, call: Span | None) -> None:
        super().__init__(name)
        self.name = name
        self.first = first
        self.call = call


class Names:
    """All names of one net, as they are claimed.

    An explicit name may come after a made one that is equal. The made one has to yield, but may have spread to
    other names by then; so the clash is noted in ``late``, and the net is elaborated again with all explicit
    names ``reserved`` from the start.
    """

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._reserved = reserved
        self._made: set[str] = set()
        self._explicit: dict[str, tuple[Span, Span | None]] = {}
        self._next: dict[str, int] = {}
        self.late = False

    @property
    def explicit(self) -> frozenset[str]:
        return frozenset(self._explicit)

    def claim(self, name: str) -> str:
        """The name, or the name with the first free suffix ``_2``, ``_3`` …"""
        free = name
        number = self._next.get(name, 2)
        while free in self._made or free in self._explicit or free in self._reserved:
            free = f"{name}_{number}"
            number += 1
        self._next[name] = number
        self._made.add(free)
        return free

    def claim_explicit(self, name: str, span: Span, call: Span | None) -> str:
        """The name as it is, written at ``span`` in a block called at ``call``; raises ``Clash`` where it is taken."""
        if name in self._explicit:
            raise Clash(name, *self._explicit[name])
        if name in self._made:
            self.late = True
        self._explicit[name] = (span, call)
        return name
