"""Comments: which stand on lines of their own, and which document a block or the file."""

from __future__ import annotations

import re
from bisect import bisect_left

from netgen.diag import Source, Span
from netgen.lang.ast import Block, Comment

_NEXT_LINE = re.compile(r"[ \t\r\f]*\n[ \t\f]*").fullmatch
_NOTHING = re.compile(r"[\ufeff \t\r\n\f]*").fullmatch


def make_comments(source: Source, places: list[tuple[int, int]]) -> list[Comment]:
    text = source.text
    return [
        Comment(
            Span(source, start, end),
            text[start:end].rstrip(),
            _NOTHING(text, text.rfind("\n", 0, start) + 1, start) is not None,
        )
        for start, end in places
    ]


def document(text: str, blocks: list[Block], comments: list[Comment]) -> str:
    """Give each block its documentation, and return the file's title.

    A block is documented by the comment lines right above it, without a blank line between. The title is the run of
    comment lines at the head of the file, unless it documents a block.
    """
    starts = [comment.span.start for comment in comments]
    documenting: set[int] = set()
    for block in blocks:
        first = last = bisect_left(starts, block.span.start)
        below = block.span.start
        while first > 0 and comments[first - 1].own_line and _NEXT_LINE(text, comments[first - 1].span.end, below):
            first -= 1
            below = starts[first]
        documenting.update(range(first, last))
        block.doc = _words(comments[first:last])

    if not comments or not _NOTHING(text, 0, starts[0]):
        return ""
    end = 1
    while end < len(comments) and _NEXT_LINE(text, comments[end - 1].span.end, starts[end]):
        end += 1
    return "" if end - 1 in documenting else _words(comments[:end])


def _words(comments: list[Comment]) -> str:
    return "\n".join(comment.text.removeprefix("#").removeprefix(" ") for comment in comments)
