"""Networks for the tests of the PyTorch target, and each of their layers computed by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netgen.diag import Source
from netgen.emit.torch import TorchModule, emit
from netgen.emit.torch.expression import bind, text
from netgen.emit.torch.live import load
from netgen.ir.graph import Graph, Node
from netgen.ir.spell_torch import Helper, Name, TorchSpelling
from netgen.lang import compile_source
from netgen.lang.parse import read_source

EXAMPLES = Path(__file__).parents[3] / "examples"


def compiled(program: str, **settings: object) -> Graph:
    """The graph of a program's text."""
    return compile_source(Source("<test>", program), net=None, settings=settings, max_layers=10**6)[0]


def net(body: str, blocks: str = "", size: int = 8, channels: int = 3) -> Graph:
    """The graph of a net whose statements are given; ``x`` is its input."""
    return compiled(f'{blocks}\nnet Net() {{\nx = input(1, {channels}, {size}, {size}) as "data"\n{body}\n}}')


def example(name: str, **settings: object) -> Graph:
    """The graph of a net in ``examples/``."""
    return compile_source(read_source(str(EXAMPLES / f"{name}.net")), net=None, settings=settings, max_layers=10**6)[0]


def source_of(graph: Graph, name: str) -> str:
    """The text of one emitted class, without its name."""
    found = re.search(rf"^class {name}\(.*?\):\n(.*?)\n(?=\n\n)", emit(graph).source, re.S | re.M)
    assert found is not None, f"no class {name}"
    return re.sub("^    ", "", found[1], flags=re.M)


def arguments_of(graph: Graph, name: str) -> str:
    """The constructor arguments of an emitted class, without ``self``."""
    found = re.search(r"def __init__\(\s*self,?\s*(.*?),?\s*\) -> None:", source_of(graph, name), re.S)
    assert found is not None, f"{name} has no constructor"
    return re.sub(r"\s+", " ", found[1])


def calls_in(graph: Graph, name: str) -> str:
    """The statements of ``forward`` of an emitted class."""
    return dedent(source_of(graph, name).partition("def forward(")[2].partition(":\n")[2])


def randomised(module: TorchModule) -> nn.Module:
    """The emitted module with weights that are all different and keep values in bounds, in evaluation mode."""
    model = load(module).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if value.dim() < 2:
                value.uniform_(0.5, 1.5)
            else:
                value.normal_(std=(2 / value[0].numel()) ** 0.5)
    return model


def random_inputs(graph: Graph) -> list[Tensor]:
    return [torch.rand(value.shape) for value in graph.inputs]


def as_list(result: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def layer_by_layer(
    graph: Graph, inputs: list[Tensor], state: dict[str, Tensor], keys: dict[tuple[str, str], str]
) -> dict[str, list[Tensor]]:
    """What each layer computes, with nothing merged, folded, overwritten or fused: a loop over the nodes."""
    names = _namespace(graph)
    values = dict(zip(graph.inputs, inputs, strict=True))
    computed: dict[str, list[Tensor]] = {}
    for node in graph.nodes:
        if node.op.name == "input":
            continue
        with torch.no_grad():
            result = _compute(node, [values[value] for value in node.inputs], state, keys, names)
        computed[node.name] = as_list(result)
        values.update(zip(node.outputs, computed[node.name], strict=True))
    return computed


def _compute(
    node: Node, inputs: list[Tensor], state: dict[str, Tensor], keys: dict[tuple[str, str], str], names: dict[str, Any]
) -> Any:
    spelling = node.op.torch
    assert isinstance(spelling, TorchSpelling)
    operands = [Name(f"x{i}") for i in range(len(inputs))]
    local = {f"x{i}": value for i, value in enumerate(inputs)}
    function = spelling.function(node) if spelling.function is not None else None
    if function is not None:
        return eval(text(bind(function, operands)), names, local)
    assert spelling.module is not None
    module = eval(text(spelling.module(node)), names).eval()
    own = {spelling.params.get(param.name, param.name): state[keys[node.name, param.name]] for param in node.params}
    module.load_state_dict(own, strict=False)
    before = spelling.before(node) if spelling.before is not None else None
    return module(*inputs) if before is None else module(eval(text(bind(before, operands)), names, local))


def _namespace(graph: Graph) -> dict[str, Any]:
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor}

    def take(helper: Helper) -> None:
        for needed in helper.needs:
            take(needed)
        exec(helper.source, names)

    for node in graph.nodes:
        if isinstance(node.op.torch, TorchSpelling) and node.op.name != "input":
            for helper in node.op.torch.helpers(node):
                take(helper)
    return names
