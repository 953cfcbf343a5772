"""What is wrong at a place where a text cannot be read on, as a ``Fault``: what stands there, and what to do."""

from __future__ import annotations

import re

from netgen.formats.message import Raw
from netgen.formats.textproto import quote
from netgen.formats.textproto_braces import culprit_closer, culprit_opener
from netgen.formats.textproto_faults import BRACES, COMMENT, STRING, SYNTAX, TEMPLATE, TOO_LARGE, UNQUOTED, Fault
from netgen.formats.textproto_kinds import placeholder

Field = tuple[str, object, int]
"""A field that was read: its name, its value and where it begins."""

_MOST_SHOWN = 60
_MOST_OF_LINE = 400
"""Letters of a line that are looked at."""
_MOST_LINES = 40
"""Lines in which the end of a string is looked for that goes over lines."""

_WORD = re.compile(r"[^\s;,{}#]*")
_COMMENT = re.compile(r"[ \t]#")
_NUMERIC = re.compile(r"[+-]?[ \t]*\.?[0-9]")
_FIELD_LINE = re.compile(r"[ \t]*(?:[A-Za-z_]\w*[ \t]*[:{<]|[}#>]|[A-Za-z_]\w*[ \t\r]*$|[ \t\r]*$)", re.MULTILINE)
_CURLY = "“”„‟«»＂‘’‚‛`´＇"
_CLOSERS = {"{": "}", "<": ">"}

_HINT_TEMPLATE = "fill in the template with the program that it belongs to, or put values there by hand"
_HINT_TEXT = "put texts in quotes, and write each backslash in them twice"


def no_field(text: str, last: Field | None, before: int, at: int) -> Fault:
    """Something that is no field stands where one is due. ``before`` is where the one before it ended."""
    char = text[at]
    if comment := _comment(text, at):
        return comment
    if last is not None and isinstance(last[1], Raw) and not text[before:at].strip(" \t"):
        return _behind_raw(text, last, last[1], before, at)
    if template := _template(text, at, at + 1):
        return template
    if text[at - 1 : at + 1] == "{{":
        label = "`{{` is how a template for Python's str.format writes a brace: it has not been filled in"
        return Fault(TEMPLATE, at - 1, at + 1, label, _HINT_TEMPLATE)
    if elision := _elision(text, at):
        return elision
    label, hint = f"`{_show(text, at)}` cannot stand here: a field begins with its name", ""
    if char in "\"'":
        label = "a string stands where the name of a field is due"
        hint = "names of fields have no quotes; a list of strings stands in brackets"
    elif char in "{<":
        label = f"this `{char}` has no name before it"
    elif char == ":":
        label = "this `:` has no name before it"
    elif char in "-+.0123456789" and last is not None and "," in text[before:at]:
        label, hint = f"a second value for `{last[0]}`", f"write [1, 2], or `{last[0]}:` before each"
    return Fault(SYNTAX, at, at + len(_show(text, at)), label, hint)


def no_colon(text: str, last: Field | None, before: int, key: re.Match[str], at: int) -> Fault:
    """Behind a name stands neither a colon nor a message; ``at`` is what stands there."""
    name, start, end = key[0], key.start(), key.end()
    char = text[at : at + 1]
    same_line = bool(char) and "\n" not in text[end:at]
    if template := _template(text, start, at + 1 if same_line else end):
        return template
    valued = same_line and char in "\"'+-.0123456789"
    if last is not None and _is_word(last[1]) and not valued and not text[before:start].strip(" \t"):
        return _unquoted(text, last[0], before - len(str(last[1])))
    if comment := _comment(text, at):
        return comment
    resume = _stretch(text, at) if same_line else at
    if at == end and char in ("-", ".", "/", "\\"):
        word = _show(text, start).partition(":")[0]
        label = f"`{word}` is no name of a field: those have letters, digits and _"
        return Fault(SYNTAX, start, start + len(word), label)
    if char in ("=", "："):
        label = f"`{char}` stands where `:` is due" if char == "=" else "this is a full-width colon, not `:`"
        return Fault(SYNTAX, at, at + 1, label, f"write `{name}: …`", resume=resume)
    if valued or (same_line and char.isalpha()):
        return Fault(SYNTAX, start, end, f"`:` is missing behind `{name}`", f"write `{name}: …`", resume=resume)
    label = f"neither `:` and a value nor `{{` comes behind `{name}`"
    hint = f"write `{name}: …` or `{name} {{ … }}`"
    return Fault(SYNTAX, start, end, label, hint, resume=resume if char else -1)


def no_value(text: str, name: str, start: int, at: int) -> Fault:
    """Behind the colon of a field something stands that is no value."""
    if comment := _comment(text, at):
        return comment
    char = text[at : at + 1]
    if "\n" not in text[start:at] and (template := _template(text, start, _stretch(text, at))):
        return template
    if "\n" in text[start:at] or char in ("", "}", ">", ";", ","):
        return _missing(text, name, start, at if char else -1)
    if elision := _elision(text, at):
        return elision
    if char in "−–—":
        return Fault(
            SYNTAX, at, at + 1, f"`{char}` is a dash of typography, not the minus sign -", resume=_stretch(text, at)
        )
    if char in "=:{<[])(":
        return Fault(SYNTAX, at, at + 1, f"`{char}` cannot stand here: the value of `{name}` is due")
    if _NUMERIC.match(text, at):
        return _not_a_number(text, at)
    return _unquoted(text, name, at)


def in_list(text: str, name: str, at: int) -> Fault:
    """A list is not gone on with, and not closed."""
    if template := _template(text, at, at + 1):
        return template
    what = f"`{_show(text, at)}` cannot stand here" if at < len(text) else "the file ends here"
    return Fault(
        SYNTAX, at, at + len(_show(text, at)), f"{what}: the list of `{name}` goes on with `,` or ends with `]`"
    )


def open_string(text: str, name: str, at: int) -> Fault:
    """A string that its line does not close. It is shown where it begins."""
    sign, end = text[at], _line_end(text, at)
    content = text[at + 1 : end].rstrip()
    label = f"the string of `{name}` begins here, and its line does not close it"
    hint = f"close it with {sign}"
    resume = end
    if content.rstrip(" \t;,}").endswith(f"\\{sign}"):
        hint = f"`\\{sign}` is a quote within the string: write a last backslash twice, `\\\\{sign}`"
    elif content.endswith(("'", '"')):  # the other one, or the line would close the string
        hint = f"it begins with {sign} and must end with {sign}, not with {content[-1]}"
    elif (closing := _later_end(text, sign, end)) >= 0:
        label += "; a string cannot go over the end of a line"
        hint = 'write \\n for a line break, or a string for each line: "one" "two"'
        resume = closing
    return Fault(STRING, at, at + 1 + len(content), label, hint, resume=resume)


def not_closed(text: str, innermost: int) -> Fault:
    """The text ends within messages."""
    brace, shows = culprit_opener(text, innermost)
    note = None
    if shows >= 0:
        note = ("this line is indented as if it had been closed before", shows, shows + len(_show(text, shows)))
    sign = text[brace]
    label = f"this `{sign}` is never closed"
    return Fault(BRACES, brace, brace + 1, label, f"add `{_CLOSERS[sign]}` where it is to end", note=note)


def stray_closer(text: str, at: int) -> Fault:
    """A closing brace, and nothing is open."""
    culprit = culprit_closer(text, at)
    if culprit == at:
        return Fault(BRACES, at, at + 1, f"this `{text[at]}` closes nothing", "remove it, or add what it is to close")
    note = (f"in the end, this `{text[at]}` closes nothing", at, at + 1)
    label = f"by its indentation, this `{text[culprit]}` is one too many"
    return Fault(BRACES, culprit, culprit + 1, label, "remove it", note=note)


def wrong_closer(text: str, opener: int, at: int) -> Fault:
    """A brace of the wrong kind."""
    note = (f"it was opened with `{text[opener]}`", opener, opener + 1)
    return Fault(BRACES, at, at + 1, f"`{text[at]}` does not close `{text[opener]}`", note=note)


def too_deep(text: str, at: int, limit: int) -> Fault:
    return Fault(TOO_LARGE, at, at + 1, f"this is nested more than {limit} deep", "Caffe's messages nest 5 deep")


def too_many(text: str, at: int, limit: int) -> Fault:
    at = min(at, len(text) - 1)
    return Fault(TOO_LARGE, at, at + 1, f"up to here are more than {limit} fields")


def _behind_raw(text: str, last: Field, raw: Raw, before: int, at: int) -> Fault:
    """Something odd on the line of a value without quotes, directly behind it."""
    name, _, start = last
    begin = before - len(raw)
    if "\n" in text[start:begin] and text[at] in ":{<":
        return _missing(text, name, start, begin)
    if text[at] in "\"'" and before == at:
        label = f"the string of `{name}` ends here, and its first quote is missing"
        return Fault(STRING, begin, at + 1, label, f"write {name}: {quote(raw)}", resume=at + 1)
    if template := _template(text, begin, _stretch(text, begin)):
        return template
    if _is_word(raw):
        return _unquoted(text, name, begin)
    return _not_a_number(text, begin) if before == at else _unexpected(text, at)


def _unexpected(text: str, at: int) -> Fault:
    return Fault(SYNTAX, at, at + len(_show(text, at)), f"`{_show(text, at)}` cannot stand behind a value")


def _missing(text: str, name: str, start: int, resume: int) -> Fault:
    if template := _template(text, start, _line_end(text, start)):
        return template  # one that looks like a comment
    return Fault(SYNTAX, start, start + len(name), f"`{name}` has no value", "give it one, or remove it", resume=resume)


def _unquoted(text: str, name: str, at: int) -> Fault:
    """A text that has no quotes."""
    end = _stretch(text, at)
    if template := _template(text, at, end):
        return template
    said = text[at:end]
    if said and (said[0] in _CURLY or said[-1] in _CURLY):
        label, said = f"`{said[0]}` is a quote of a word processor, not of a program", said.strip(_CURLY)
    else:
        label = f"the value of `{name}` is a text, and has no quotes"
    hint = f"write {name}: {quote(said)}" if len(said) <= _MOST_SHOWN else _HINT_TEXT
    return Fault(UNQUOTED, at, min(end, at + _MOST_SHOWN), label, hint, resume=end)


def _not_a_number(text: str, at: int) -> Fault:
    found = _WORD.match(text, at)
    end = found.end() if found else at + 1
    if template := _template(text, at, end):
        return template
    said = text[at:end]
    label = f"`{said if len(said) <= _MOST_SHOWN else said[:_MOST_SHOWN] + '…'}` is no number"
    return Fault(SYNTAX, at, end, label, "if it is a text, put it in quotes", resume=end)


def _comment(text: str, at: int) -> Fault | None:
    """A comment of another language."""
    if text.startswith("//", at):
        return Fault(
            COMMENT, at, at + 2, "a comment cannot begin with //", "write # instead", resume=_line_end(text, at)
        )
    if text.startswith("/*", at):
        end = text.find("*/", at)
        label = "a comment cannot be written with /* and */"
        return Fault(COMMENT, at, at + 2, label, "begin each of its lines with #", resume=-1 if end < 0 else end + 2)
    return None


def _template(text: str, start: int, end: int) -> Fault | None:
    """A placeholder that touches a stretch of a line."""
    found = placeholder(text, start, end)
    if found is None:
        return None
    style, match = found
    begin = match.start() + len(match[0]) - len(match[0].lstrip())
    said = text[begin : match.end()]
    said = said if len(said) <= _MOST_SHOWN else said[:_MOST_SHOWN] + "…"
    what = "belongs to a template" if style.is_statement else "is a placeholder: this is a template"
    label = f"`{said}` {what} that has not been filled in"
    hint = _HINT_TEMPLATE + (f"; it is in the style of {style.engine}" if style.engine else "")
    end = min(match.end(), begin + _MOST_SHOWN)
    return Fault(TEMPLATE, begin, end, label, hint, resume=max(match.end(), _stretch(text, match.end())))


def _elision(text: str, at: int) -> Fault | None:
    if not text.startswith(("...", "…"), at):
        return None
    end = at + (3 if text[at] == "." else 1)
    label = "something was left out here, as in a paper or a mail"
    return Fault(SYNTAX, at, end, label, "put in what belongs there")


def _stretch(text: str, at: int) -> int:
    """Where a value without quotes ends that goes on to the end of its line, before a comment and closing braces."""
    piece = text[at : min(_line_end(text, at), at + _MOST_OF_LINE)]
    comment = _COMMENT.search(piece)
    piece = piece[: comment.start() if comment else None].rstrip(" \t\r;,")
    while piece.endswith("}") and piece.count("}") > piece.count("{"):
        piece = piece[:-1].rstrip(" \t;,")
    return at + len(piece.rstrip(" \t{"))


def _later_end(text: str, sign: str, at: int) -> int:
    """Where a string ends that goes over the end of a line; -1 where the next lines look like fields."""
    if _FIELD_LINE.match(text, at + 1):
        return -1
    end = at
    for _ in range(_MOST_LINES):
        end = text.find("\n", end + 1)
        if end < 0:
            break
    closing = text.find(sign, at, end if end >= 0 else len(text))
    return closing + 1 if closing >= 0 else -1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _is_word(value: object) -> bool:
    """Whether a value was written as a word that is neither a bool nor a number."""
    return isinstance(value, Raw) and value[0] not in "+-.0123456789" and value.lower() not in ("true", "false")


def _show(text: str, at: int) -> str:
    """What stands at a place: a word, or else a character."""
    found = _WORD.match(text, at)
    return text[at : max(at + 1, min(found.end() if found else 0, at + _MOST_SHOWN))]
