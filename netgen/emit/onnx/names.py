"""Names of values in ONNX: any string will do, as long as it is UTF-8, is not empty and stands there once."""

from __future__ import annotations


class Names:
    """The names that a model has given away."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, wanted: str) -> str:
        """A name for one value: the one that is wanted, or else it with a number."""
        name = plain = printable(wanted) or "value"
        number = 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        return name


def printable(text: str) -> str:
    """A text whose other characters are written as escapes: runtimes end names at a zero, and files hold only UTF-8."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
