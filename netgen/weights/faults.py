"""What is wrong with files of weights, as diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from netgen.diag import NetgenError
from netgen.formats.files import of_file


def fault(code: str, title: str, path: str, label: str, hint: str = "") -> NetgenError:
    """The error that a file is to blame for."""
    return NetgenError([of_file(code, title, path, label, hint)])


def damaged(path: str, label: str, hint: str = "") -> NetgenError:
    """The file is of the kind that it claims to be, and broken."""
    return fault("NG601", "damaged file of weights", path, label, hint or "download it or copy it again")


def foreign(path: str, label: str, hint: str = "") -> NetgenError:
    """The file is something else."""
    return fault("NG602", "not a file of weights", path, label, hint)


def holds_code(path: str, label: str, hint: str) -> NetgenError:
    """The file would have to be executed."""
    return fault("NG603", "a pickle with code in it", path, label, hint)


def unusable(path: str, label: str, hint: str = "") -> NetgenError:
    """The file has numbers that no layer can have."""
    return fault("NG606", "unusable kind of numbers", path, label, hint)


def too_large(path: str, label: str, hint: str) -> NetgenError:
    """The file would become larger than its readers can read."""
    return fault("NG607", "too large for a caffemodel", path, label, hint)


def package_missing(path: str, package: str, extra: str) -> NetgenError:
    """A package is needed that is not installed."""
    label = f"it takes the package `{package}`, which is not installed"
    return fault("NG608", "a package is missing", path, label, f"pip install 'netgen[{extra}]'")


def number(count: int) -> str:
    """A count as people write it."""
    return f"{count:,}"


def plural(count: int, what: str) -> str:
    """``1 blob``, ``2 blobs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def shape_text(shape: Sequence[int]) -> str:
    """``64x3x3x3``, or ``scalar``."""
    return "x".join(map(str, shape)) or "scalar"
