"""What an operator says when it cannot be applied; the elaborator adds place and calls."""

from __future__ import annotations


class Fault(Exception):
    """An operator's objection, as data.

    ``arg`` names the argument (or ``"x0"``, ``"x1"`` … the tensor) that is to blame;
    without it the whole call is. The other fields are a diagnostic's.
    """

    def __init__(self, code: str, title: str, label: str = "", *, arg: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.label = label
        self.arg = arg
        self.hint = hint
