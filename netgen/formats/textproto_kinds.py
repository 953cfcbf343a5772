"""What a text really is that is no prototxt: a page, a patch, a program, a template that nobody filled in."""

from __future__ import annotations

import re


class Kind:
    """A kind of text, known by how a line of it looks. ``anywhere`` is looked for where reading stopped as well."""

    __slots__ = ("anywhere", "hint", "line", "what")

    def __init__(self, line: str, what: str, hint: str = "", *, anywhere: bool = False) -> None:
        self.line = re.compile(line, re.IGNORECASE)
        self.what = what
        self.hint = hint
        self.anywhere = anywhere


_PAGE = "get the file itself, not the page that shows it: on GitHub, the one behind `Raw`"
_PATCH = "apply it to the file that it was made for, and give that file"
_NET = "give the program (.net) or the .prototxt that describes the net"

KINDS = (
    Kind(r"<!doctype\s+html|<html|<head|<body|<script|<!--\[if", "an HTML page", _PAGE),
    Kind(
        r"version https://git-lfs", "a pointer of Git LFS: the file itself has not been fetched", "run `git lfs pull`"
    ),
    Kind(r"(?:404: )?not found\s*\Z|404\b|(?:access|permission) denied", "a server's message, not the file", _PAGE),
    Kind(r"<\?xml|<!--|<net\s+name=|<[a-z]+\s+[a-z]+\s*=\s*\"", "XML", _NET),
    Kind(r"\{\s*(?:\"[^\"\n]*\"\s*:|\}\s*\Z)|\[\s*(?:\{\s*\"|\")", "JSON", _NET),
    Kind(
        r"diff --git |index: \S+\s+={20,}|--- \S|\+\+\+ \S|@@ -\d|\*{15}|only in \S", "a patch", _PATCH, anywhere=True
    ),
    Kind(
        r"\d+(?:,\d+)?[acd](?:\d+(?:,\d+)?)?[ \t\r]*(?:\n|\Z)",
        "a patch, as `diff` and `diff -e` write it",
        _PATCH,
        anywhere=True,
    ),
    Kind(r"from [0-9a-f]{40} ", "a patch, as Git mails it", _PATCH),
    Kind(
        r"(?:\+[ \t]*|-(?:[ \t]{2,})?)[a-z_]\w*[ \t]*(?::|\{)",
        "a piece of a patch: lines begin with + or -",
        _PATCH,
        anywhere=True,
    ),
    Kind(r">+ ?\w+[ \t]*(?::|\{)", "quoted: lines begin with >", "remove the marks", anywhere=True),
    Kind(
        r"\d+[:|.]?[ \t]+(?:\w+[ \t]*(?::|\{)|\})",
        "a listing: lines begin with their numbers",
        "remove them",
        anywhere=True,
    ),
    Kind(
        r"[IWEF]\d{4} \d\d:\d\d:\d\d\.",
        "a log of Caffe",
        "the net is what stands between the lines of the log",
        anywhere=True,
    ),
    Kind(r"```|~~~", "Markdown", "take what stands between the fences", anywhere=True),
    Kind(r"syntax\s*=\s*[\"']proto|package\s+[\w.]+\s*;|message\s+\w+\s*\{", "a schema of protobuf (.proto)", _NET),
    Kind(
        r"(?:import|from)\s+\w|def\s+\w+\s*\(|class\s+\w+\s*[(:]|#!.*python|\"\"\"",
        "a Python program",
        "run it: it may write the prototxt",
    ),
    Kind(r"(?:net|block)\s+\w+\s*\(|use\s+\w+", "a program in netgen's own language", "name it with the ending .net"),
    Kind(r"#!|set\s+-e|export\s+\w+=|echo\s", "a shell script", "run it: it may write the prototxt"),
    Kind(r"\[(?:net|network)\]", "a net for Darknet", "netgen does not read those"),
    Kind(r"7767517\s", "a net for ncnn", "give the prototxt that it was made from"),
    Kind(r"---[ \t\r]*\n|%yaml", "YAML", _NET),
    Kind(r"-[ \t]+\w+[ \t]*:", "YAML", _NET, anywhere=True),
    Kind(
        r"[\w./-]+\.(?:prototxt|pbtxt)\s*\Z",
        "the path of another file: a symbolic link that Git wrote as text",
        "give that file",
    ),
)

CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?:[ \t\r][^\n]*)?$", re.MULTILINE)
"""What version control leaves where two versions do not agree."""
_BLANKS = re.compile(r"(?:[\s\ufeff]|\#(?!!)[^\n]*)*")


def kind_of(text: str, *places: int) -> tuple[Kind, int] | None:
    """What a text is that could not be read on at some places, and where that shows; None if it may be a prototxt."""
    begins = _BLANKS.match(text)
    begin = begins.end() if begins else 0
    for kind in KINDS:
        if kind.line.match(text, begin):
            return kind, begin
    lines = [line_start(text, at) for at in places]
    anywhere = [kind for kind in KINDS if kind.anywhere]
    return next(((kind, line) for kind in anywhere for line in lines if kind.line.match(text, line)), None)


def line_start(text: str, at: int) -> int:
    """Where the line of a place begins, behind its indentation."""
    start = text.rfind("\n", 0, at) + 1
    while start < at and text[start] in " \t":
        start += 1
    return start


class Style:
    """A style of placeholders. The group of ``pattern`` is the name of what is to be put in, ``engine`` whose it is.

    ``is_value`` says that only behind a colon is it one, as elsewhere it means something to protobuf; ``is_statement``
    that it is a statement of a template, and its placeholders look different.
    """

    __slots__ = ("engine", "is_statement", "pattern")

    def __init__(self, pattern: str, engine: str = "", *, is_value: bool = False, is_statement: bool = False) -> None:
        self.pattern = re.compile(rf"(?<=:)[ \t]*{pattern}" if is_value else pattern, re.MULTILINE)
        self.engine = engine
        self.is_statement = is_statement


STYLES = (
    Style(r"\$#([^#$\n]+)#\$"),
    Style(r"\$\{([^}\n]+)\}", "the shell, Mako or string.Template"),
    Style(r"\$\(([^)\n]+)\)", "make or the shell"),
    Style(r"\{\{[ \t]*([^{}\n]+?)[ \t]*\}\}", "Jinja or Mustache"),
    Style(r"\{%[^\n]*?%\}|\{#[^\n]*?#\}", "Jinja", is_statement=True),
    Style(r"<%[ \t]*[=-][ \t]*([^\n]+?)[ \t]*-?%>", "ERB"),
    Style(r"</?%[^\n]*?(?:%>|>)", "Mako or ERB", is_statement=True),
    Style(r"^[ \t]*%[ \t]*(?:if|elif|else|endif|for|endfor|while|endwhile)\b[^\n]*", "Mako", is_statement=True),
    Style(r"\[\[[ \t]*([^\[\]\n]+?)[ \t]*\]\]"),
    Style(r"\$([A-Za-z_]\w*)\$"),
    Style(r"%\(([^)\n]+)\)[#0 +-]?[\d.]*[sdifgr]", "Python's % operator"),
    Style(r"%[#0 +-]?[\d.]*[sdifgr]\b", "printf"),
    Style(r"%([A-Za-z_]\w*)%"),
    Style(r"@([A-Za-z_]\w*)@", "CMake or autoconf"),
    Style(r"\$([A-Za-z_]\w*)", "the shell or string.Template"),
    Style(r"<([A-Za-z_][\w .-]*)>", is_value=True),
    Style(r"\{([A-Za-z_]\w*|\d*)(?:[:!][^{}\n]*)?\}", "Python's str.format", is_value=True),
    Style(r"#([A-Za-z_]\w*)#", is_value=True),
    Style(r"(?:\?{2,}|_{3,}|\bX{3,}\b)", is_value=True),
)
_NAMED = tuple(style for style in STYLES if style.engine and not style.is_statement)
_DOUBLED = Style(r"(?<!\{)\{([A-Za-z_]\w*)(?:[:!][^{}\n]*)?\}(?!\})", "Python's str.format")
"""Placeholders in a text whose own braces are doubled."""
_REACH = 400
"""Letters around a place in which a placeholder is looked for."""


def placeholder(text: str, start: int, end: int) -> tuple[Style, re.Match[str]] | None:
    """The placeholder that touches a stretch of a line."""
    first = max(text.rfind("\n", 0, start) + 1, start - _REACH)
    last = text.find("\n", start)
    last = min(len(text) if last < 0 else last, end + _REACH)
    for style in STYLES:
        for found in style.pattern.finditer(text, first, last):
            if found.start() < end and found.end() > start:
                return style, found
    return None


def names(text: str, start: int, end: int) -> list[str]:
    """What is to be put into a template, a placeholder of which stands in a stretch; each name once."""
    found = placeholder(text, start, end)
    if found is None:
        styles: tuple[Style, ...] = (_DOUBLED,)
    elif found[0].is_statement:
        styles = _NAMED
    else:
        styles = (found[0],)
    matches = (match for style in styles for match in style.pattern.finditer(text))
    return list(dict.fromkeys(" ".join(match[match.re.groups].split()) for match in matches))
