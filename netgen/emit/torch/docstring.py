"""Comments as docstrings: wrapped, escaped, with a first sentence of their own, as PEP 257 asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from re import match, split, sub
from textwrap import wrap
from unicodedata import category

from netgen.emit.torch.expression import WIDTH


def docstring(comment: str, indent: int) -> list[str]:
    """The lines of a docstring for a comment; none where it says nothing."""
    paragraphs = [_plain(each) for each in split(r"\n\s*\n", comment.strip())]
    paragraphs = [paragraph for paragraph in paragraphs if any(line.strip() for line in paragraph)]
    if not paragraphs:
        return []
    margin = " " * indent
    summary, rest = _first_sentence(" ".join(paragraphs[0]))
    summary = _sentence(summary)
    mark = 'r"""' if "\\" in comment else '"""'
    is_short = len(mark) + len(summary) + 3 <= WIDTH - indent
    if is_short and not rest and not paragraphs[1:]:
        return [f'{margin}{mark}{summary}"""']
    body = [_wrap(summary, WIDTH - indent - (len(mark) if is_short else 6))]
    body += [_wrap(rest, WIDTH - indent)] if rest else []
    body += [_paragraph(lines, WIDTH - indent) for lines in paragraphs[1:]]
    written = [line for lines in body for line in ["", *lines]][1:]
    written[0] = mark + written[0]
    return [*((margin + line).rstrip() for line in written), f'{margin}"""']


def fitted(comment: str, settings: Mapping[str, object]) -> str:
    """A block's comment as it holds for a class that has not all of the block's settings.

    ``settings`` are those that it lacks. A sentence that begins with the name of one tells what it is, and is left out.
    Elsewhere a number that is the same in all instances stands in place of the name.
    """
    if not any(f"`{name}`" in comment for name in settings):
        return comment
    paragraphs = (_fitted(each, settings) for each in split(r"\n\s*\n", comment))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _fitted(paragraph: str, settings: Mapping[str, object]) -> str:
    if _is_prose(paragraph.splitlines()):
        told = tuple(f"`{name}`" for name in settings)
        paragraph = " ".join(each for each in _sentences(paragraph) if not each.startswith(told))
    for name, value in settings.items():
        if type(value) in (int, float):
            paragraph = paragraph.replace(f"`{name}`", str(value))
    return paragraph


def _sentences(text: str) -> Iterator[str]:
    while text:
        sentence, text = _first_sentence(text)
        yield sentence


def _plain(paragraph: str) -> list[str]:
    """Lines without what a docstring cannot hold: control and direction characters, and its own quotes."""
    lines = [
        "".join(" " if category(each) in ("Cc", "Cf", "Zl", "Zp", "Cs") else each for each in line)
        for line in paragraph.splitlines()
    ]
    return [line.replace('"""', "'''").rstrip() for line in lines]


def _first_sentence(text: str) -> tuple[str, str]:
    """A text cut behind its first sentence. ``et al.`` ends none."""
    text = sub(r"\s+", " ", text).strip()
    for end in range(1, len(text)):
        ends = match(r"[.!?][\")`']?\s+(?=[A-Z0-9`\"'(])", text[end:])
        if ends and not text[:end].endswith((" al", "e.g", "i.e", " vs", " cf", " No", " Fig")):
            cut = end + ends.end()
            return text[:cut].strip(), text[cut:].strip()
    return text, ""


def _sentence(text: str) -> str:
    """A text that begins with a capital letter and ends as a sentence does."""
    word = match(r"[a-z]+(?=[\s,.:;!?]|$)", text)
    if word:
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text.rstrip(':;,')}."


def _paragraph(lines: list[str], width: int) -> list[str]:
    """A paragraph, wrapped; indented lines and lists keep their line breaks."""
    if _is_prose(lines):
        return _wrap(_ended(sub(r"\s+", " ", " ".join(lines)).strip()), width)
    return [_ended(line) for line in lines]


def _is_prose(lines: list[str]) -> bool:
    return not any(match(r"\s|[-*]\s|\d+[.)]\s", line) for line in lines[1:])


def _wrap(text: str, width: int) -> list[str]:
    return wrap(text, width, break_on_hyphens=False)


def _ended(line: str) -> str:
    """A line that may stand before closing quotes."""
    return f"{line}." if line.endswith(('"', "\\")) else line
