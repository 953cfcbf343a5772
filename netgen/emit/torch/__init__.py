"""PyTorch: the network as the source of a module that reads as if a person had written it."""

from __future__ import annotations

from functools import cached_property

from netgen.diag import Diagnostic, NetgenError
from netgen.emit.refusals import raise_refusals
from netgen.emit.torch import paths
from netgen.emit.torch.plan import Plan
from netgen.emit.torch.source import render
from netgen.ir.graph import Graph

__all__ = ["TorchModule", "emit"]


class TorchModule:
    """The source of a module, and where its parts are, which is worked out when it is asked for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.source = render(plan)
        self.class_name = plan.net_class.name

    @cached_property
    def state(self) -> dict[tuple[str, str], str]:
        """The key in the ``state_dict`` for each (layer, parameter); layers that share weights have one key each."""
        return paths.state_keys(self._plan)

    @cached_property
    def paths(self) -> dict[str, str]:
        """The module of each layer that has one, say ``"stage1.0.conv"``."""
        return {node.name: path for node, path in paths.module_paths(self._plan).items()}

    @cached_property
    def hooks(self) -> dict[str, str]:
        """The layers whose values modules return, by path."""
        return paths.hooks(self._plan)

    @cached_property
    def norms(self) -> dict[str, str]:
        """The normalisations that are one module with their scale, by path: what it returns is the scale's."""
        return paths.norms(self._plan)

    @cached_property
    def taps(self) -> dict[tuple[str, str], str]:
        """The layers that functions compute, by module path and the number in the source."""
        return paths.taps(self._plan) if self._plan.taps else {}


def emit(graph: Graph, *, taps: bool = False) -> TorchModule:
    """The network as a PyTorch module; raises ``NetgenError`` with all that PyTorch cannot say.

    With ``taps`` every function's result goes through ``tap(self, number, value)``, a function that the reader of the
    source has to provide, and nothing is overwritten: for looking at every value on the way.
    """
    raise_refusals(graph, "torch", "NG402", "PyTorch cannot say this")
    if not graph.outputs:
        raise NetgenError([_without_result(graph)])
    return TorchModule(Plan(graph, taps))


def _without_result(graph: Graph) -> Diagnostic:
    span = graph.nodes[-1].span if graph.nodes else None
    hint = "return something; for a prototxt, --end BLOB says what the net ends with"
    return Diagnostic("NG402", "PyTorch cannot say this", span, "a net without a result computes nothing", hint=hint)
