"""Names for what is emitted: valid, unique, and clear of whatever already has a meaning in their place.

Layer and block names may hold anything: quotes, slashes, other alphabets, Python's keywords. Whatever goes in, a
plain ASCII identifier comes out.
"""

from __future__ import annotations

from collections.abc import Iterable
from keyword import iskeyword, issoftkeyword
from re import sub
from unicodedata import normalize

_BUILTINS = """
abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex
copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals
hasattr hash help hex id input int isinstance issubclass iter len license list locals map max memoryview min
next object oct open ord pow print property quit range repr reversed round set setattr slice sorted staticmethod
str sum super tuple type vars zip
"""
BUILTINS = frozenset(_BUILTINS.split())
"""Python's own names, which emitted code does not shadow."""

FILE_NAMES = frozenset(["torch", "nn", "F", "Tensor", "main", "self", "tap"])
"""What every emitted file may have at its top, or as a first argument."""

_MODULE_ATTRIBUTES = """
T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double
dump_patches eval extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half
insert ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
pop register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty
train training type xpu zero_grad
"""
MODULE_ATTRIBUTES = frozenset(_MODULE_ATTRIBUTES.split())
"""Attributes of ``nn.Module`` and ``nn.Sequential``, which a layer's attribute must not replace."""


def identifier(name: str, fallback: str = "x") -> str:
    """A plain lower-level identifier for any text; ``fallback`` stands where nothing is left of it.

    A leading digit gets the fallback in front: ``1x1`` becomes ``conv_1x1``.
    """
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    plain = sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_")
    plain = sub(r"__+", "_", plain)
    if not plain:
        return fallback
    if plain[0].isdigit():
        plain = f"{fallback if fallback[0].isalpha() else 'x'}_{plain}"
    return f"{plain}_" if iskeyword(plain) or issoftkeyword(plain) else plain


def variable(name: str, fallback: str = "x") -> str:
    """An identifier for a local variable or an argument: lower case, as PEP 8 has it."""
    plain = identifier(name, fallback).lower()
    return f"{plain}_" if plain in BUILTINS or plain in FILE_NAMES or iskeyword(plain) else plain


def attribute(name: str, fallback: str = "layer") -> str:
    """An identifier for an attribute of a module."""
    plain = identifier(name, fallback)
    return f"{plain}_" if plain in MODULE_ATTRIBUTES else plain


def class_name(name: str, fallback: str = "Block") -> str:
    """A name in CapWords: ``conv_bn`` becomes ``ConvBn``, ``ResNet-50`` ``ResNet50``."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    words = [word for word in sub(r"[^A-Za-z0-9]+", " ", plain).split(" ") if word]
    joined = "".join(word[0].upper() + word[1:] for word in words)
    if not joined:
        return fallback
    if iskeyword(joined):
        return joined + fallback
    return joined if joined[0].isalpha() else fallback + joined


def plural(word: str) -> str:
    """The English plural of a name's last word, as far as rules go."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


class Unique:
    """Gives names away, each once: a name that is taken gets a number, the first that is free."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.given: list[str] = []
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def claim(self, name: str, separator: str = "_") -> str:
        free = name
        number = self._next.get(name, 2)
        while free in self._taken:
            free = f"{name}{separator if name[-1:].isdigit() else ''}{number}"
            number += 1
        self._next[name] = number
        self._taken.add(free)
        self.given.append(free)
        return free
