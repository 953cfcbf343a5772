"""The templates, which hold layout and no decisions. Values come to them spelled: nothing is escaped here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from netgen import resources

if TYPE_CHECKING:
    from jinja2 import Environment, Template


@cache
def template(name: str) -> Template:
    """A template by its path below ``templates/``."""
    return _environment().from_string(resources.read("templates", name))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined, autoescape=False
    )
