"""The emitted source, executed: modules to run, and every value on the way."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Sequence
from itertools import count
from types import ModuleType
from typing import TYPE_CHECKING, Any

from netgen.emit.torch import TorchModule, emit
from netgen.ir.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor, nn

_numbers = count(1)


def load(module: TorchModule, **names: object) -> nn.Module:
    """An instance of the emitted class. ``names`` are put into the file's namespace before it runs.

    Tracebacks and ``inspect.getsource`` show the emitted lines, and modules can be pickled in this process: so the file
    stays, like any module that was imported.
    """
    name = f"netgen_{module.class_name}_{next(_numbers)}"
    file = f"<{name}>"
    linecache.cache[file] = (len(module.source), None, module.source.splitlines(keepends=True), file)
    space = ModuleType(name)
    space.__dict__.update(names, __file__=file)
    sys.modules[name] = space
    exec(compile(module.source, file, "exec"), space.__dict__)
    net: nn.Module = space.__dict__[module.class_name]()
    return net


def unload(net: nn.Module) -> None:
    """Forget the file of an instance that was only needed for a moment."""
    space = sys.modules.pop(type(net).__module__)
    linecache.cache.pop(str(space.__file__), None)


def watched(module: TorchModule, seen: Callable[[str, Any], None], *, norms: bool = False) -> nn.Module:
    """An instance of the emitted class that tells ``seen`` each layer's name and value as soon as it is computed.

    ``module`` is emitted with ``taps``. A batch normalisation and its scale are one module, whose value is the scale's;
    with ``norms`` that of the normalisation is told too, for which it is computed once more.
    """
    found: dict[int, str] = {}

    def tap(owner: nn.Module, number: str, value: Any) -> Any:
        seen(module.taps[found[id(owner)], number], value)
        return value

    net = load(module, tap=tap)
    for path, each in net.named_modules():
        found[id(each)] = path
        if norms and path in module.norms:
            each.register_forward_hook(_norm_teller(seen, module.norms[path]))
        if path in module.hooks:
            each.register_forward_hook(_teller(seen, module.hooks[path]))
    return net


def _teller(seen: Callable[[str, Any], None], layer: str) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        seen(layer, output)

    return hook


def _norm_teller(seen: Callable[[str, Any], None], layer: str) -> Callable[[Any, Any, Any], None]:
    """Tells what a normalisation makes before it is scaled."""

    def hook(module: Any, inputs: Any, output: Any) -> None:
        scale = module.weight, module.bias
        module.weight = module.bias = None
        try:
            seen(layer, module.forward(*inputs))
        finally:
            module.weight, module.bias = scale

    return hook


def capture(
    graph: Graph, *inputs: Tensor, state: dict[str, Tensor] | None = None
) -> dict[str, Tensor | Sequence[Tensor]]:
    """Every layer's value for some inputs, by its name, in test mode. ``state`` is a ``state_dict`` of the module."""
    import torch

    values: dict[str, Any] = {}
    net = watched(emit(graph, taps=True), values.__setitem__, norms=True).eval()
    if state is not None:
        net.load_state_dict(state)
    with torch.no_grad():
        net(*inputs)
    return values
