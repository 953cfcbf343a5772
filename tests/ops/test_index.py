"""Tables, parts of a batch, made-up data and what is silenced."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from caffe_files import parse, read_layer
from spelled import layer, node, outputs, run

from netgen.ir.fault import Fault
from netgen.ir.filler import Filler
from netgen.ir.operator import Refused
from netgen.ops import bind


def test_a_table_gives_rows() -> None:
    table, bias = np.arange(12, dtype=np.float32).reshape(4, 3), np.array([10, 20, 30], np.float32)
    n = node("embed", (2, 1), out=3, entries=4)
    [rows] = run(n, [torch.tensor([[3.0], [0.0]])], {"weight": table, "bias": bias})
    assert rows.tolist() == [[[19, 30, 41]], [[10, 21, 32]]]


def test_a_filter_keeps_what_is_selected() -> None:
    n = node("filter", (4, 2), (4,), (4, 1, 1))
    x, y = torch.arange(8.0).reshape(4, 2), torch.arange(4.0)
    kept, others = run(n, [x, y, torch.tensor([0.0, 2.0, 0.0, -1.0]).reshape(4, 1, 1)])
    assert (kept.tolist(), others.tolist()) == ([[2, 3], [6, 7]], [1, 3])
    assert [each.shape[0] for each in run(n, [x, y, torch.zeros(4, 1, 1)])] == [0, 0]


def test_a_batch_in_another_order() -> None:
    x = torch.arange(6.0).reshape(3, 2)
    [y] = run(node("batch_reindex", (3, 2), (4,)), [x, torch.tensor([2.0, 2.0, 0.0, 1.9])])
    assert y.tolist() == [[4, 5], [4, 5], [0, 1], [2, 3]]


# --- made-up data ---------------------------------------------------------------------------------

FILLERS = [
    (Filler("constant", {"value": 2.0}), 2, 0),
    (Filler("uniform", {"min": 1.0, "max": 3.0}), 2, 1 / 3**0.5),
    (Filler("gaussian", {"mean": 1.0, "std": 0.5}), 1, 0.5),
    (Filler("xavier"), 0, 1 / 20),
    (Filler("msra", {"variance_norm": "fan_out"}), 0, (2 / 100) ** 0.5),
    (Filler("xavier", {"variance_norm": "average"}), 0, 250**-0.5),
]


@pytest.mark.parametrize(("filler", "mean", "std"), FILLERS, ids=str)
def test_data_is_drawn_as_caffe_fills(filler: Filler, mean: float, std: float) -> None:
    torch.manual_seed(0)
    module = layer(node("dummy_data", shape=[100, 400], filler=filler))
    once, again = module(), module()
    assert once.mean().item() == pytest.approx(mean, abs=0.02)
    assert once.std().item() == pytest.approx(std, abs=0.02)
    assert torch.equal(once, again) == (filler.kind == "constant"), "random numbers are drawn anew each time"


def test_data_that_cannot_be_drawn_is_refused() -> None:
    for filler in (Filler("bilinear"), Filler("positive_unitball"), Filler("gaussian", {"sparse": 3})):
        n = node("dummy_data", shape=[1, 1, 2, 2], filler=filler)
        assert isinstance(n.op.refuses("torch", n), Refused)
        assert isinstance(n.op.refuses("onnx", n), Refused)


DUMMIES = [
    ("shape { dim: 2 dim: 3 }", 1, ((2, 3),), None),
    ("shape { dim: 2 }", 2, ((2,), (2,)), None),
    ("shape { dim: 2 } shape { }", 2, ((2,), ()), None),
    ("num: 2 channels: 3 height: 4 width: 5", 2, ((2, 3, 4, 5), (2, 3, 4, 5)), None),
    ("num: 2 num: 3 channels: 1 height: 4 width: 5", 2, ((2, 1, 4, 5), (3, 1, 4, 5)), None),
    ("data_filler { } shape { dim: 2 }", 1, ((2,),), (Filler("constant"),)),
]


@pytest.mark.parametrize(("text", "tops", "shapes", "fillers"), DUMMIES)
def test_made_up_data_as_prototxts_say_it(
    text: str, tops: int, shapes: tuple[tuple[int, ...], ...], fillers: tuple[Filler, ...] | None
) -> None:
    op, given = read_layer("DummyData", parse(text), tops=tops, any_of=(0,))
    a = bind(op, given)
    assert (op.name, a["shape"], a["filler"]) == ("dummy_data", shapes, fillers)


@pytest.mark.parametrize("text", ["", "shape { dim: 1 } num: 2", "num: 1 num: 2 channels: 1 height: 1 width: 1"])
def test_shapes_that_do_not_fit_the_tops(text: str) -> None:
    with pytest.raises(KeyError):
        read_layer("DummyData", parse(text), tops=3, any_of=(0,))


def test_fillers_that_do_not_fit_the_shapes() -> None:
    with pytest.raises(Fault) as caught:
        node("dummy_data", shape=[[1], [2], [3]], filler=[Filler("constant")] * 2)
    assert caught.value.label == "2 fillers for 3 shapes"


def test_a_parameter_is_learned() -> None:
    op, given = read_layer("Parameter", parse("shape { dim: 2 dim: 3 }"), any_of=(0,))
    assert (op.name, given) == ("parameter", {"shape": (2, 3)})
    module = layer(node("parameter", shape=[2, 3]))
    [y] = outputs(module, [])
    y.sum().backward()  # type: ignore[no-untyped-call]
    [weight] = module.parameters()
    assert weight.grad is not None
    assert weight.grad.eq(1).all()


def test_what_is_silenced_has_no_top() -> None:
    assert read_layer("Silence", [], tops=0, any_of=(3,))[0].name == "silence"
    with pytest.raises(KeyError):
        read_layer("Silence", [], tops=1, any_of=(3,))


OBJECTIONS = [
    ("batch_reindex", [(3, 2), (4, 1)], {}, "NG301 x1: this is 4x1, not a plain list of numbers"),
    ("filter", [(3, 2), (3, 2)], {}, "NG303 x1: the last tensor selects, a number for each image; this is 3x2"),
    ("filter", [(3, 2), (4,), (3,)], {}, "NG303 x1: this is 4, the selector 3: not the same batch"),
    (
        "embed",
        [(3,)],
        {"out": 1 << 20, "entries": 1 << 20},
        "NG309 entries: 1048576 * 1048576 weights; one array",
    ),
]


@pytest.mark.parametrize(("op", "shapes", "given", "wanted"), OBJECTIONS)
def test_what_does_not_fit(op: str, shapes: list[tuple[int, ...]], given: dict[str, object], wanted: str) -> None:
    with pytest.raises(Fault) as caught:
        node(op, *shapes, **given)
    assert f"{caught.value.code} {caught.value.arg}: {caught.value.label}".startswith(wanted)
