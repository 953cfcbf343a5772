"""Constants are explained by settings: simply where that is right for all rows, and not at all otherwise."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netgen.emit.torch.expression import text
from netgen.emit.torch.fit import ABSENT, Setting, Table, constant, evaluate, names_in
from netgen.ir.spell_torch import Infix, Name


def table(**columns: list[Any]) -> Table:
    """Settings by name; a column that begins with a ``{...}`` set has its one element as the default."""
    made = Table()
    for name, values in columns.items():
        default = values.pop(0).pop() if isinstance(values[0], set) else Setting.NO_DEFAULT
        made.settings.append(Setting(name, values, default))
    return made


def said(expr: object) -> str:
    return "nothing" if expr is None else text(expr)


PELEE: dict[str, list[Any]] = {"in_channels": [32, 128, 256, 512], "layers": [3, 4, 8, 6], "width": [1, 2, 4, 4]}


@pytest.mark.parametrize(
    ("values", "expr"),
    [
        ([3, 4, 8, 6], "layers"),
        ([16, 32, 64, 64], "16 * width"),
        ([16, 64, 128, 256], "in_channels // 2"),
        ([36, 132, 260, 516], "in_channels + 4"),
        ([2, 3, 7, 5], "layers - 1"),
        ([3, 8, 32, 24], "layers * width"),
        ([29, 124, 248, 506], "in_channels - layers"),
        ([7, 9, 17, 13], "2 * layers + 1"),
        ([128, 256, 512, 704], "in_channels + 32 * layers"),
        ([6, 16, 64, 48], "2 * layers * width"),
        ([35, 136, 288, 536], "in_channels + layers * width"),
        ([5, 9, 1, 2], "nothing"),
    ],
)
def test_forms(values: list[object], expr: str) -> None:
    assert said(table(**{name: list(column) for name, column in PELEE.items()}).fit(values)) == expr


def test_two_rows_prove_no_sum_of_settings() -> None:
    assert said(table(p=[16, 64], q=[48, 64]).fit([64, 128])) == "nothing"
    assert said(table(p=[16, 64, 32], q=[48, 64, 5]).fit([64, 128, 37])) == "p + q"


def test_rows_that_do_not_need_the_value_have_no_say() -> None:
    assert said(table(p=[1, 2, 3]).fit([ABSENT, 8, 12])) == "4 * p"


def test_the_likelier_of_two_equal_settings() -> None:
    both = {"in_channels": [8, 16, 4], "out": [8, 16, 4]}
    assert said(table(**both).fit([8, 16, 4], "out_channels")) == "out"
    assert said(table(**both).fit([8, 16, 4], "in_channels")) == "in_channels"
    assert said(table(a=[1, 2], b=[1, 2]).fit([1, 2], mentioned={"b", "conv"})) == "b"


def test_the_source_text_explains_a_product() -> None:
    columns = {"in_channels": [4, 8, 16], "expand": [6, 6, 1]}
    values = [24, 48, ABSENT]
    assert said(table(**deepcopy(columns)).fit(values, "out", {"expand", "x", "channels"})) == "in_channels * expand"
    assert said(table(**deepcopy(columns)).fit(values, "out")) == "6 * in_channels"


def test_sizes_are_not_explained_by_an_accident_of_strides() -> None:
    made = table(kernel=[3, 1, 3], stride=[2, 1, 2])
    assert said(made.fit([1, 0, 1], "padding", {"kernel", "stride"})) == "kernel // 2"


def test_a_bool_is_not_a_number() -> None:
    assert said(table(flag=[True, False]).fit([1, 0])) == "nothing"
    assert said(table(number=[1, 0]).fit([True, False])) == "nothing"
    assert not constant([1, True])[0]
    assert not constant([1, 1.0])[0]


def test_channels_are_not_calculated_from_strides() -> None:
    columns = {"in_channels": [4, 8, 12], "stride": [1, 2, 3]}
    assert said(table(**columns).fit([4, 16, 36], "padding")) == "nothing", "nor these from channels"
    assert said(table(**columns).fit([4, 16, 36], "size")) == "in_channels * stride"
    assert said(table(**columns).fit([4, 16, 36], "out_channels")) == "nothing"


def test_lists_and_their_elements() -> None:
    kernels = table(kernel=[(1, 7), (7, 1), (3, 3)])
    assert said(kernels.fit([(1, 7), (7, 1), (3, 3)])) == "kernel"
    assert said(kernels.fit([(0, 3), (3, 0), (1, 1)])) == "(kernel[0] // 2, kernel[1] // 2)"
    assert kernels.settings[0].is_used


def test_what_depends_on_a_condition_of_the_class() -> None:
    made = table(out=[8, 16, 32, 64], stride=[{1}, 1, 2, 2, 1])
    made.conditions.append(Infix("!=", Name("stride"), 1))
    assert said(made.fit([8, 4, 8, 64], "in_channels")) == "out // 4 if stride != 1 else out"


def test_only_what_is_found_is_used() -> None:
    made = table(p=[1, 2, 3], q=[4, 9, 7])
    made.fit([5, 5, 1])
    assert not any(setting.is_used for setting in made.settings)
    made.fit([8, 18, 14])
    assert [setting.is_used for setting in made.settings] == [False, True]


RESNET: dict[str, list[Any]] = {
    "in_channels": [64, 256, 256, 512, 512],
    "width": [64, 64, 128, 128, 256],
    "stride": [{1}, 1, 1, 2, 1, 2],
    "project": [True, False, False, False, True],
    "act": ["relu", "elu", "relu", "elu", "elu"],
}


@pytest.mark.parametrize(
    ("truths", "expr"),
    [
        ([True, False, False, False, True], "project"),
        ([False, True, True, True, False], "not project"),
        ([False, False, True, False, True], "stride != 1"),
        ([True, True, False, True, False], "stride == 1"),
        ([True, False, True, False, False], 'act == "relu"'),
        ([True, False, True, False, True], "in_channels != 4 * width"),
        ([False, True, False, True, False], "in_channels == 4 * width"),
        ([False, False, False, False, True], "project and stride != 1"),
        ([False, True, False, False, False], "nothing"),
    ],
)
def test_conditions(truths: list[bool], expr: str) -> None:
    assert said(table(**deepcopy(RESNET)).fit_truth(truths)) == expr


ROWS = st.integers(2, 6)


@given(st.data(), ROWS)
def test_what_is_found_is_right(data: st.DataObject, rows: int) -> None:
    """Whatever the numbers are, an expression that is given gives them back, from settings that are marked used."""
    column = st.lists(st.integers(0, 12), min_size=rows, max_size=rows)
    columns = {name: data.draw(column) for name in ("p", "q", "r")}
    values = data.draw(column | column.map(lambda each: [2 * value + 1 for value in each]))
    made = table(**{name: list(each) for name, each in columns.items()})
    found = made.fit(values)
    if found is None:
        return
    assert [evaluate(found, {name: columns[name][row] for name in columns}) for row in range(rows)] == values
    assert {setting.name for setting in made.settings if setting.is_used} == set(names_in(found))


@given(st.data(), ROWS)
def test_conditions_that_are_found_are_right(data: st.DataObject, rows: int) -> None:
    columns: dict[str, list[Any]] = {
        "p": data.draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows)),
        "q": data.draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows)),
        "f": data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)),
    }
    truths = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    made = table(p=[{1}, *columns["p"]], q=list(columns["q"]), f=list(columns["f"]))
    found = made.fit_truth(truths)
    if found is not None:
        assert [evaluate(found, {name: columns[name][row] for name in columns}) for row in range(rows)] == truths
