"""The emitted module computes the graph: values and shapes of every layer, and a home for every parameter."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
import torch
from random_programs import Programs
from torch import Tensor
from torch_nets import as_list, compiled, example, layer_by_layer, net, random_inputs, randomised

from netgen.emit.torch import emit
from netgen.emit.torch.live import capture
from netgen.ir.graph import Graph, Instance, Node

NETS: list[tuple[str, dict[str, object]]] = [
    ("alexnet", {"classes": 10, "size": 67}),
    ("fcn8s", {"size": 32, "width": 16}),
    ("fpn", {"size": 64, "blocks": [1, 2, 1, 1], "width": 16}),
    ("densenet121", {"size": 96, "layers": [2, 3, 4, 2]}),
    ("googlenet", {"classes": 10, "size": 64}),
    ("inception_v3", {"size": 107}),
    ("lenet", {}),
    ("mobilenet_v1", {"size": 96}),
    ("mobilenet_v2", {"size": 97}),
    ("mobilenet_v3", {"size": 75}),
    ("mobilenet_v3", {"size": 64, "large": False}),
    ("peleenet", {"size": 96, "growth": 48}),
    ("peleenet", {"size": 113}),
    ("resnet", {"size": 64, "blocks": [1, 2, 1, 3]}),
    ("resnet", {"size": 61, "bottlenecks": False, "blocks": [2, 2, 2, 2]}),
    ("resnet", {"size": 61, "torchvision": True, "blocks": [1, 2, 1, 2]}),
    ("resnext50", {"size": 64, "blocks": [2, 1, 2, 1]}),
    ("se_resnet50", {"size": 65, "blocks": [2, 1, 2, 1]}),
    ("segnet", {"widths": [4, 8, 8, 8, 8], "height": 50, "width": 38}),
    ("shufflenet_v1", {"size": 128}),
    ("shufflenet_v2", {"size": 96}),
    ("squeezenet", {"size": 131}),
    ("ssd300", {"width": 4}),
    ("tiny", {"size": 37}),
    ("unet", {"size": 48, "width": 8, "depth": 3}),
    ("unet", {"size": 48, "width": 8, "depth": 3, "learned": False}),
    ("vgg16", {"size": 32, "classes": 10}),
    ("yolov3", {"size": 64, "width": 8, "classes": 3}),
]


def close(got: Tensor, wanted: Tensor) -> bool:
    """Equal to rounding, relative to the largest number."""
    return got.shape == wanted.shape and bool((got - wanted).abs().max() <= 1e-4 * wanted.abs().max() + 1e-30)


def check(graph: Graph) -> None:
    """Compare the emitted module with its layers computed one by one: results, shapes, and values in between."""
    module = emit(graph)
    model = randomised(module)
    state = model.state_dict()
    assert {key for key in state if not key.endswith("num_batches_tracked")} == set(module.state.values())

    inputs = random_inputs(graph)
    wanted = layer_by_layer(graph, [value.clone() for value in inputs], state, module.state)
    with torch.no_grad():
        results = as_list(model(*[value.clone() for value in inputs]))
    for value, result in zip(graph.outputs, results, strict=True):
        if value in graph.inputs:
            continue
        assert close(result, wanted[value.node.name][value.index]), value

    captured = capture(graph, *inputs, state=state)
    for node in graph.nodes:
        if node.op.name == "input":
            continue
        for value, got, expected in zip(node.outputs, as_list(captured[node.name]), wanted[node.name], strict=True):
            assert tuple(got.shape) == value.shape, value
            assert close(got, expected), value


@pytest.mark.parametrize(("name", "settings"), NETS, ids=str)
def test_examples(name: str, settings: dict[str, object]) -> None:
    torch.manual_seed(0)
    check(example(name, **settings))


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    """Blocks in blocks, conditions of all kinds, loops of all kinds; the seed is the program."""
    torch.manual_seed(seed)
    check(compiled(Programs(Random(seed)).program()))


def forget_places(graph: Graph) -> Graph:
    """The graph as a reader makes it that has instances, but neither places nor variables nor settings."""
    waiting: list[Instance] = [graph.root]
    for instance in waiting:
        instance.span, instance.variable, instance.loops = None, "", ()
        instance.args, instance.defaults, instance.parameters = {}, {}, []
        waiting += [item for item in instance.items if isinstance(item, Instance)]
    for node in graph.nodes:
        node.spans, node.variable, node.loops = {}, "", ()
        for value in node.outputs:
            value.variable = ""
    return graph


def _items(instance: Instance) -> Iterator[Instance | Node]:
    for item in instance.items:
        yield item
        if isinstance(item, Instance):
            yield from _items(item)


@pytest.mark.parametrize("name", ["peleenet", "mobilenet_v3", "shufflenet_v2", "resnext50"])
def test_graphs_without_places(name: str) -> None:
    torch.manual_seed(0)
    graph = forget_places(example(name, size=64))
    check(graph)
    instances = sum(isinstance(item, Instance) for item in _items(graph.root))
    assert emit(graph).source.count("\nclass ") < instances / 3


def test_graphs_without_instances() -> None:
    torch.manual_seed(0)
    graph = forget_places(example("tiny"))
    for node in graph.nodes:
        node.instance = graph.root
    graph.root.items = list(graph.nodes)
    check(graph)
    assert emit(graph).source.count("\nclass ") == 1


def test_an_input_that_is_also_a_result() -> None:
    graph = compiled("net N() { x = input(1, 3, 4, 4)  y = conv(x, 2, 1)  return x, y, x }")
    check(graph)


def test_one_tensor_twice() -> None:
    check(net("x = conv(x, 4, 1)\ny = twice(x, x)\nz = twice(y, x)", "block twice(a, b) { return mul(a, b) -> relu }"))


def test_a_block_that_only_passes_on() -> None:
    block = "block maybe(x, on: bool) { if on { x = conv(x, 3, 1) }  return x }"
    check(net("x = maybe(x, false)\nx = maybe(x, true)\ny = maybe(x, false)\nz = relu(y)", block))


def test_a_result_that_one_caller_ignores() -> None:
    block = "block two(x) { y = conv(x, 3, 1)  return relu(y), y }"
    check(net("a, b = two(x)\nc, d = two(a)\ne = add(b, c)\nreturn e", block))


def test_layers_that_share_weights() -> None:
    blocks = 'block tower(x) { return x -> conv(4, 3, share = "one") -> relu -> conv(4, 1, share = "two") }'
    body = 'a = tower(x)\nb = tower(x)\nfor i in 1..3 { b = b -> conv(4, 1, share = "three") -> relu }\nc = add(a, b)'
    graph = net(body, blocks)
    check(graph)
    module = emit(graph)
    model = randomised(module)
    shared = [module.state[node.name, "weight"] for node in graph.nodes if node.a.get("share") == ("three",)]
    assert len({model.get_parameter(key).data_ptr() for key in shared}) == 1
    assert sum(each.numel() for each in model.parameters()) == 3 * 4 * 9 + 4 + 2 * (16 + 4)
