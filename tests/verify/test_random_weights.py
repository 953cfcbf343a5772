"""Weights by chance: the same bits everywhere, and numbers that keep their size in networks of any depth."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import SEED, Array, Seen

import netgen
from netgen.cli import main
from netgen.diag import NetgenError
from netgen.emit.torch import emit
from netgen.emit.torch.live import watched
from netgen.ir.slots import node_slots
from netgen.ops import OPERATORS
from netgen.verify import random_weights as chance
from netgen.verify.draw import draw
from netgen.verify.random_inputs import random_inputs
from netgen.verify.random_weights import fingerprint, random_weights
from netgen.verify.subject import Subject
from netgen.verify.torch_runtime import Torch
from netgen.weights import state_of
from netgen.weights.live import fill

pytestmark = pytest.mark.usefixtures("one_thread")

# --- drawing --------------------------------------------------------------------------------------


def test_the_stream_never_changes() -> None:
    wanted = [-0.5142228007316589, 0.5880418419837952, -0.7544000744819641, -0.05894345045089722, -0.04803556203842163]
    assert draw(0, "x", (5,)).tolist() == wanted
    assert draw(0, "x", (3,)).tolist() == wanted[:3]
    assert draw(0, "x", ()).tolist() == wanted[0]
    assert draw(1, "x", (1,)) != draw(0, "x", (1,))
    assert draw(0, "y", (1,)) != draw(0, "x", (1,))


def test_numbers_are_spread_evenly() -> None:
    numbers = draw(0, "many", (1000, 1001))
    assert numbers.dtype == np.float32
    assert 0 < np.abs(numbers).min() < np.abs(numbers).max() < 1
    assert abs(numbers.mean()) < 1e-3
    assert abs(numbers.std() - 3**-0.5) < 1e-3


def test_a_layer_more_changes_no_other() -> None:
    one = random_weights(netgen.compile("net N() { x = input(1, 3, 8, 8)  a = conv(x, 4, 3) }").graph)
    two = random_weights(
        netgen.compile("net N() { x = input(1, 3, 8, 8)  a = conv(x, 4, 3)  b = linear(x, 9)  return a, b }").graph
    )
    for key, array in one.items():
        np.testing.assert_array_equal(array, two[key])


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_the_bits_do_not_depend_on_how_sums_are_made() -> None:
    """Threads and kernels make sums in another order; what is measured is rounded to powers of two."""
    graph = netgen.compile(PROGRAMS["rectified, with normalisation"], n=40).graph
    found = {fingerprint(random_weights(graph))}
    torch.set_num_threads(2)
    found.add(fingerprint(random_weights(graph)))
    with torch.backends.mkldnn.flags(enabled=False):
        found.add(fingerprint(random_weights(graph)))
    assert len(found) == 1


# --- sizes ----------------------------------------------------------------------------------------

_LOOP = "net Deep(n: int) {{ x = input(1, 16, 6, 6)  for i in 1..n {{ {} }}  return x }}"
PROGRAMS = {
    "rectified": _LOOP.format("x = x -> conv(16, 3, pad = 1) -> relu"),
    "rectified, with normalisation": _LOOP.format("x = x -> conv(16, 3, pad = 1) -> batch_norm -> relu"),
    "residual": _LOOP.format("y = x -> conv(16, 3, pad = 1) -> relu -> conv(16, 1)  x = relu(add(x, y))"),
    "swish": _LOOP.format("x = x -> conv(16, 3, pad = 1) -> hard_swish"),
    "gated": _LOOP.format(
        "y = relu(conv(x, 16, 1))  g = y -> global_avg_pool -> conv(16, 1) -> sigmoid -> flatten  "
        "x = relu(add(x, scale(y, g, axis = 0)))"
    ),
    "dense": _LOOP.format("y = x -> batch_norm -> relu -> conv(4, 1)  x = slice(concat(x, y), cuts = [4])[1]"),
    "pooled and pulled": _LOOP.format("x = x -> max_pool(2) -> deconv(16, 2, stride = 2, bias = false) -> prelu"),
}
DEPTH = {"rectified": 1000, "residual": 200}
"""Turns of the loop, where they are not 40."""
SMALLEST, LARGEST = 1 / 64, 64.0
"""Between which the root mean square of every value is; a sum of n residuals may grow by the root of n."""


def computed(net: netgen.Net, images: Array) -> tuple[list[float], list[Array]]:
    """The sizes of all values, and the results, for some images at once."""
    sizes: list[float] = []

    def seen(layer: str, value: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        for each in value if isinstance(value, tuple) else (value,):
            sizes.append(float(each.square().mean().sqrt()))

    emitted = emit(net.graph, taps=True)
    module = watched(emitted, seen, norms=True).eval()
    assert net.weights is not None
    fill(module.state_dict(), state_of(net.weights, node_slots(net.graph), emitted.state))
    with torch.no_grad():
        return sizes, list(module(torch.from_numpy(images)).numpy())


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_keep_their_size(name: str) -> None:
    """So do differences, at moderate depths: what rounding leaves stays rounding, and two images give two results."""
    depth = DEPTH.get(name, 40)
    net = netgen.compile(PROGRAMS[name], n=depth)
    net.random_weights()
    one, other = (draw(seed, "image", (1, 16, 6, 6)) * 3**0.5 for seed in (1, 2))
    sizes, results = computed(net, np.concatenate([one, one * np.float32(1 + 1e-4), other]))
    assert SMALLEST <= min(sizes) <= max(sizes) <= LARGEST
    if depth < 100:
        result, disturbed, another = results
        assert np.linalg.norm(disturbed - result) < 1e-2 * np.linalg.norm(result)
        assert np.linalg.norm(another - result) > 1e-3 * np.linalg.norm(result)


SINGLE = {
    "batch_norm": "batch_norm(x)",
    "bias": "bias(x)",
    "conv": "conv(x, 8, 3)",
    "deconv": "deconv(x, 8, 4, stride = 2)",
    "linear": "linear(x, 8)",
    "local_conv": "local_conv(x, 8, 3)",
    "normalize": "normalize(x)",
    "parameter": "parameter([8, 8])",
    "prelu": "prelu(x)",
    "scale": "scale(x, bias = true)",
    "embed": "embed(x, 20, 8)",
    "lstm": "lstm(reshape(x, [4, 2, -1]), cont, 8)",
    "rnn": "rnn(reshape(x, [4, 2, -1]), cont, 8)",
}


def test_every_operator_with_weights_is_thought_of() -> None:
    with_weights = {name for name, op in OPERATORS.items() if "params" in vars(op) or name in ("lstm", "rnn")}
    assert with_weights == SINGLE.keys()


@pytest.mark.parametrize("op", SINGLE)
@pytest.mark.parametrize("power", [-3.0, 0.0, 3.0], ids=str)
def test_each_operator_makes_numbers_of_the_usual_size(op: str, power: float) -> None:
    """Whatever the size of what comes in, as far as a weight can do something about it."""
    x = "data" if op == "embed" else f"power(data, scale = {10**power})"
    program = f"net N() {{ data = input(1, 8, 6, 6)  cont = input(4, 2)  x = {x}  y = {SINGLE[op]}  return y }}"
    net = netgen.compile(program)
    net.random_weights()
    seen = Seen(net.graph)
    assert net.weights is not None
    with Subject(net.graph, net.weights) as subject:
        Torch().run(subject, list(random_inputs(net.graph, SEED + 1).values()), seen)
    (result,) = seen.results.values()
    size = np.sqrt(np.square(result).mean()) / (10**power if op in ("prelu", "bias") else 1)
    assert 0.15 < size < 2
    assert len(np.unique(result)) > 7


def test_layers_that_share_weights_are_measured_once() -> None:
    """The weights are those that suit the first of them."""
    program = 'net N() {{ x = input(1, 3, 8, 8)  a = conv(x, 4, 1, share = "w")  {} }}'
    second = 'b = conv(power(x, scale = 100), 4, 1, share = "w")  return a, b'
    alone, shared = (netgen.compile(program.format(end)).random_weights() for end in ("", second))
    assert shared.keys() == alone.keys() == {("a", "weight"), ("a", "bias")}
    np.testing.assert_array_equal(alone["a", "weight"], shared["a", "weight"])


def test_what_pytorch_cannot_say_has_weights_too() -> None:
    """Behind such a layer nothing can be measured; before it, all is as it would be without."""
    start = "net N() { x = input(1, 3, 8, 8)  a = conv(x, 4, 3)"
    alone = random_weights(netgen.compile(f"{start} }}").graph)
    cut = f'{start} y = custom(a, type = "Strange", shapes = [[1, 4, 6, 6]])  b = conv(y, 4, 3) }}'
    both = random_weights(netgen.compile(cut).graph)
    np.testing.assert_array_equal(alone["a", "weight"], both["a", "weight"])
    assert 0.05 < both["b", "weight"].std() < 1


def test_a_batch_changes_nothing() -> None:
    for batch in (2, 5):
        net = netgen.compile(f"net N() {{ x = input({batch}, 3, 8, 8)  a = conv(x, 4, 3) -> batch_norm }}")
        found = fingerprint(random_weights(net.graph))
        assert found == fingerprint(
            random_weights(netgen.compile("net N() { x = input(1, 3, 8, 8)  a = conv(x, 4, 3) -> batch_norm }").graph)
        )


# --- the word -------------------------------------------------------------------------------------

TINY = "net N() { x = input(1, 3, 8, 8)  a = conv(x, 4, 3) }"


def test_the_word_stands_where_a_file_may_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.net").write_text(TINY)
    build = ["build", "net.net", "--target", "state_dict", "-o", "random", "--weights"]
    assert main([*build, "random"]) == main([*build, "random:3"]) == 0  # the file is no input of the second
    assert main([*build, "./random"]) == 1
    assert "it is one of the inputs" in capsys.readouterr().err
    one, two, three = (netgen.load("net.net", weights=source).weights for source in ("random:3", "./random", "random"))
    assert one is not None
    assert two is not None
    assert three is not None
    assert fingerprint(one) == fingerprint(two) != fingerprint(three)
    assert fingerprint(three) == fingerprint(netgen.compile(TINY).random_weights(0))


@pytest.mark.parametrize("word", ["random:", "random:x", "random:-1", "random:1.5", "random:" + "9" * 30])
def test_a_seed_is_a_whole_number(word: str) -> None:
    with pytest.raises(NetgenError) as caught:
        netgen.compile(TINY).load_weights(word)
    (problem,) = caught.value.diagnostics
    assert problem.code == "NG602"
    assert problem.label == f"`{word}` should be random:SEED, and a seed is a whole number such as 1"
    assert problem.hint == f"a file of that name is ./{word}"


def test_a_mapping_says_nothing_of_them(tmp_path: Path) -> None:
    with pytest.raises(NetgenError) as caught:
        netgen.compile(TINY).load_weights("random", mapping=tmp_path / "map")
    assert caught.value.diagnostics[0].code == "NG605"


def test_without_pytorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NetgenError) as caught:
        netgen.compile(TINY).random_weights()
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.hint) == ("NG608", "pip install 'netgen[torch]'")


def test_too_many_numbers_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "MOST", 100)
    with pytest.raises(NetgenError) as caught:
        netgen.compile(TINY).random_weights()
    assert caught.value.diagnostics[0].label == "the net has 112 numbers, the most is 100"
