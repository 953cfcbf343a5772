"""Numbers, strings and comments of protobuf's text format."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format
from google.protobuf.wrappers_pb2 import FloatValue, StringValue
from hypothesis import given
from hypothesis import strategies as st

from netgen.formats.textproto import comment_lines, float_text, quote


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (1e-5, "1e-05"),
        (9.99999974738e-06, "1e-05"),
        (0.999000012875, "0.999"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (100000.0, "100000"),
        (16777216.0, "16777216"),
        (3.4028234663852886e38, "3.4028235e+38"),
        (1e39, "inf"),
        (-1e39, "-inf"),
        (float("nan"), "nan"),
        (1e-45, "1e-45"),
    ],
)
def test_float_text(value: float, text: str) -> None:
    assert float_text(value) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_and_no_shorter_text_would_do(value: float) -> None:
    text = float_text(value)
    assert text_format.Parse(f"value: {text}", FloatValue()).value == value
    mantissa, _ = np.frexp(np.float32(value))
    if abs(mantissa) != 0.5:  # a power of two may have a neighbour that is shorter and farther
        shortest = np.format_float_scientific(np.float32(value), unique=True, trim="-")
        assert _digits(text) == _digits(shortest)


def _digits(text: str) -> int:
    mantissa = text.lower().partition("e")[0].lstrip("-").replace(".", "")
    return len(mantissa.strip("0"))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_comes_back(text: str) -> None:
    assert text_format.Parse(f"value: {quote(text)}", StringValue()).value == text
    assert "\n" not in quote(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_in_a_comment_ends_it(text: str) -> None:
    lines = comment_lines(text)
    assert len(lines) == (text.count("\n") + 1 if text else 0)
    assert all(line.isprintable() for line in lines)
