"""What a pass did, and what it left as it was: data first, then words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MOST_NAMES = 3
_MOST_REASONS = 8


class Left:
    """A layer that stayed as it is. ``reason`` holds for several such layers, ``detail`` says it of this one."""

    __slots__ = ("detail", "name", "reason")

    def __init__(self, name: str, reason: str, detail: str = "") -> None:
        self.name = name
        self.reason = reason
        self.detail = detail or reason

    def __repr__(self) -> str:
        return f"<Left {self.name}: {self.detail}>"


class Changes:
    """``headline`` says what was done, ``done`` are the names of the layers that took something in."""

    __slots__ = ("done", "headline", "left")

    def __init__(self, headline: str, done: Iterable[str], left: Iterable[Left] = ()) -> None:
        self.headline = headline
        self.done = list(done)
        self.left = list(left)

    def text(self) -> str:
        """The headline; below it a line for each reason to leave layers as they are."""
        if not self.left:
            return self.headline
        by_reason: dict[str, list[Left]] = {}
        for each in self.left:
            by_reason.setdefault(each.reason, []).append(each)
        lines = [_line(alike) for alike in by_reason.values()]
        if len(lines) > _MOST_REASONS:
            lines[_MOST_REASONS:] = [f"  … and {len(lines) - _MOST_REASONS:,} more reasons"]
        return "\n".join([f"{self.headline}; left {len(self.left):,}:", *lines])

    def __str__(self) -> str:
        return self.text()


def _line(alike: Sequence[Left]) -> str:
    """``  a, b, c and 4 more: the reason``."""
    if len(alike) == 1:
        return f"  {alike[0].name}: {alike[0].detail}"
    names = ", ".join(each.name for each in alike[:_MOST_NAMES])
    more = f" and {len(alike) - _MOST_NAMES:,} more" if len(alike) > _MOST_NAMES else ""
    return f"  {names}{more}: {alike[0].reason}"


def counted(count: int, what: str) -> str:
    """``1 convolution``, ``2 convolutions``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
