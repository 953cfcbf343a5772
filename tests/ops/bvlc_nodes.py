"""Shapes and examples for operators that take more than an image: losses, recurrent layers, tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from spelled import node

from netgen.ir.filler import Filler
from netgen.ir.graph import Node, Shape

Draw = Callable[[st.SearchStrategy[Any]], Any]
Given = dict[str, Any]

_VECTORS = st.tuples(st.integers(1, 3), st.integers(1, 6))
_SIZES = st.integers(1, 4)


def _image(draw: Draw) -> Shape:
    return (draw(_SIZES), draw(st.integers(2, 6)), draw(_SIZES), draw(_SIZES))


def _labelled(draw: Draw, given: Given) -> list[Shape]:
    """Scores, and a label for each place."""
    x = _image(draw)
    axis = given["axis"] = draw(st.sampled_from([1, 2, 3, -3, -1]))
    if "top_k" in given:
        given["top_k"] = draw(st.integers(1, x[axis]))
    places = tuple(dim for at, dim in enumerate(x) if at != axis % 4)
    return [x, places if draw(st.booleans()) else (*places, 1)]


def _with_matrix(draw: Draw, given: Given) -> list[Shape]:
    x, labels = _labelled(draw, given)
    given.pop("source", None)
    classes = x[given["axis"]]
    return [x, labels, (classes, classes) if draw(st.booleans()) else (1, 1, classes, classes)]


def _label_each_image(draw: Draw, given: Given) -> list[Shape]:
    x = _image(draw)
    return [x, (x[0],) if draw(st.booleans()) else (x[0], 1, 1, 1)]


def _two_alike(draw: Draw, given: Given) -> list[Shape]:
    return [_image(draw)] * 2


def _pairs(draw: Draw, given: Given) -> list[Shape]:
    batch, channels = draw(_VECTORS)
    vectors = (batch, channels) if draw(st.booleans()) else (batch, channels, 1, 1)
    return [vectors, vectors, (batch,) if draw(st.booleans()) else (batch, 1)]


def _sequences(states: int) -> Callable[[Draw, Given], list[Shape]]:
    def shapes(draw: Draw, given: Given) -> list[Shape]:
        steps, streams, out = draw(_SIZES), draw(_SIZES), draw(_SIZES)
        given["out"] = out
        made: list[Shape] = [(steps, streams, *draw(st.sampled_from([(3,), (2, 2)]))), (steps, streams)]
        if draw(st.booleans()):
            made.append((streams, *draw(st.sampled_from([(3,), (2, 2)]))))
        return [*made, *[(1, streams, out)] * states] if given.get("expose_hidden") else made

    return shapes


def _step(draw: Draw, given: Given) -> list[Shape]:
    streams, out = draw(_SIZES), draw(_SIZES)
    return [(1, streams, out), (1, streams, 4 * out), (1, streams)]


def _table(draw: Draw, given: Given) -> list[Shape]:
    given.update(out=draw(_SIZES), entries=draw(_SIZES))
    return [tuple(draw(st.lists(_SIZES, min_size=1, max_size=3)))]


def _picked(draw: Draw, given: Given) -> list[Shape]:
    return [_image(draw), (draw(_SIZES),)]


def _selected(draw: Draw, given: Given) -> list[Shape]:
    batch = draw(_SIZES)
    tensors: list[Shape] = [(batch, *rest) for rest in draw(st.lists(st.sampled_from([(), (3,), (2, 2)]), min_size=1))]
    return [*tensors[:3], draw(st.sampled_from([(batch,), (batch, 1, 1)]))]


def _nothing(draw: Draw, given: Given) -> list[Shape]:
    given["shape"] = draw(st.lists(_SIZES, max_size=4))
    return []


def _made_up(draw: Draw, given: Given) -> list[Shape]:
    count = draw(st.integers(1, 3))
    given["shape"] = [draw(st.lists(_SIZES, max_size=4)) for _ in range(count)]
    fillers = [Filler("constant", {"value": value}) for value in (0.0, 1.0, -2.5)][:count]
    given["filler"] = draw(st.sampled_from([None, fillers[:1], fillers]))
    return []


def _pyramid(draw: Draw, given: Given) -> list[Shape]:
    given["levels"] = draw(st.integers(1, 3))
    return [(draw(_SIZES), draw(_SIZES), draw(st.integers(1, 14)), draw(st.integers(1, 14)))]


SHAPES: dict[str, Callable[[Draw, Given], list[Shape]]] = {
    **dict.fromkeys(("softmax_loss", "accuracy"), _labelled),
    **dict.fromkeys(("hinge_loss", "multinomial_logistic_loss"), _label_each_image),
    **dict.fromkeys(("euclidean_loss", "l1_loss", "sigmoid_cross_entropy_loss"), _two_alike),
    "infogain_loss": _with_matrix,
    "contrastive_loss": _pairs,
    "lstm": _sequences(2),
    "rnn": _sequences(1),
    "lstm_unit": _step,
    "embed": _table,
    "batch_reindex": _picked,
    "filter": _selected,
    "parameter": _nothing,
    "dummy_data": _made_up,
    "spp": _pyramid,
}
"""Shapes of inputs that suit each operator."""

FOR_THE_WHOLE_BATCH = frozenset(
    """
    softmax_loss accuracy hinge_loss multinomial_logistic_loss euclidean_loss sigmoid_cross_entropy_loss infogain_loss
    contrastive_loss l1_loss lstm rnn lstm_unit parameter dummy_data
    """.split()
)
"""Operators whose results have no batch, or whose inputs have something else on the first axis."""

_IMAGE = (2, 4, 6, 6)
_LABELS = (2, 6, 6)
_SEQUENCE = (3, 2, 5)
_STATE = (1, 2, 4)

EXAMPLES: dict[str, Node] = {
    "accuracy": node("accuracy", _IMAGE, _LABELS, top_k=2),
    "accuracy, by class": node("accuracy", _IMAGE, _LABELS, ignore_label=3, per_class=True),
    "batch_reindex": node("batch_reindex", _IMAGE, (5,)),
    "contrastive_loss": node("contrastive_loss", (2, 5), (2, 5), (2,), margin=9.0),
    "contrastive_loss, legacy": node("contrastive_loss", (2, 5), (2, 5), (2,), margin=50.0, legacy=True),
    "dummy_data": node("dummy_data", shape=[2, 3], filler=Filler("constant", {"value": 0.5})),
    "dummy_data, of several": node("dummy_data", shape=[[2, 3], [4]]),
    "embed": node("embed", (2, 3), out=4, entries=7),
    "embed, plain": node("embed", (2, 3), out=4, entries=7, bias=False),
    "euclidean_loss": node("euclidean_loss", _IMAGE, _IMAGE),
    "l1_loss": node("l1_loss", _IMAGE, _IMAGE),
    "filter": node("filter", _IMAGE, (2,)),
    "filter, of several": node("filter", _IMAGE, (2, 3), (2, 1)),
    "global_max_pool, with mask": node("global_max_pool", _IMAGE, mask=True),
    "hinge_loss": node("hinge_loss", (2, 5), (2,)),
    "hinge_loss, squared": node("hinge_loss", (2, 5), (2,), norm="l2"),
    "im2col": node("im2col", _IMAGE, kernel=[3, 2], stride=2, pad=1, dilation=2),
    "infogain_loss": node("infogain_loss", _IMAGE, _LABELS, (4, 4), ignore_label=0),
    "infogain_loss, with softmax": node("infogain_loss", _IMAGE, _LABELS, (4, 4), probabilities=True),
    "lstm": node("lstm", _SEQUENCE, (3, 2), out=4),
    "lstm, exposed": node("lstm", _SEQUENCE, (3, 2), (2, 3), _STATE, _STATE, out=4, expose_hidden=True),
    "lstm_unit": node("lstm_unit", (1, 2, 3), (1, 2, 12), (1, 2)),
    "max_pool, loose with mask": node("max_pool", _IMAGE, kernel=1, stride=4, mask=True),
    "max_pool, with mask": node("max_pool", _IMAGE, kernel=3, stride=2, mask=True),
    "multinomial_logistic_loss": node("multinomial_logistic_loss", (2, 5), (2,)),
    "parameter": node("parameter", shape=[2, 3]),
    "rnn": node("rnn", _SEQUENCE, (3, 2), (2, 3), out=4),
    "rnn, exposed": node("rnn", _SEQUENCE, (3, 2), _STATE, out=4, expose_hidden=True),
    "sigmoid_cross_entropy_loss": node("sigmoid_cross_entropy_loss", _IMAGE, _IMAGE, ignore_label=1),
    "softmax_loss": node("softmax_loss", _IMAGE, _LABELS),
    "softmax_loss, with softmax": node("softmax_loss", _IMAGE, _LABELS, ignore_label=2, probabilities=True),
    "spp": node("spp", _IMAGE, levels=2),
    "spp, average": node("spp", _IMAGE, levels=2, pool="avg"),
    "spp, of one level": node("spp", _IMAGE, levels=1),
    "stochastic_pool": node("stochastic_pool", _IMAGE, kernel=3, stride=2),
}
"""One node of each form that these operators have in PyTorch."""

INDICES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        "softmax_loss accuracy hinge_loss multinomial_logistic_loss infogain_loss batch_reindex filter".split(), (-1,)
    ),
    "infogain_loss": (1,),
    "contrastive_loss": (2,),
    "embed": (0,),
    "lstm, exposed": (-1, -2),
    "rnn, exposed": (-1,),
}
"""The inputs that choose among others, or come from another batch, and so have no gradient."""
