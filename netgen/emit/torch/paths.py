"""Where everything is in the emitted module: the way back from its attributes to layers and their parameters."""

from __future__ import annotations

from collections.abc import Iterator

from netgen.emit.torch.body import Body, Leaf, Use
from netgen.emit.torch.plan import Plan
from netgen.ir.graph import Node


def instances(plan: Plan) -> Iterator[tuple[Body, str]]:
    """Every instance with the path of its module, the net first, with an empty path."""
    waiting = [(plan.net, "")]
    for body, path in waiting:
        yield body, path
        waiting += [(step.body, join(path, step.path)) for step in body.steps if isinstance(step, Use)]


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def module_paths(plan: Plan) -> dict[Node, str]:
    """The module of each layer that has one."""
    found: dict[Node, str] = {}
    for body, path in instances(plan):
        for step in body.steps:
            if isinstance(step, Leaf) and step.path:
                found.update((node, join(path, step.path)) for node in step.spelled.nodes)
    return found


def state_keys(plan: Plan) -> dict[tuple[str, str], str]:
    """The key in the ``state_dict`` of each parameter of each layer."""
    paths = module_paths(plan)
    return {
        (node.name, param.name): f"{paths[node]}.{attribute}"
        for leaf in plan.leaves
        for node, param, attribute in leaf.spelled.params
    }


def hooks(plan: Plan) -> dict[str, str]:
    """The layer whose value the module of a path returns."""
    paths = module_paths(plan)
    return {paths[leaf.spelled.nodes[0]]: leaf.spelled.nodes[-1].name for leaf in plan.leaves if leaf.path}


def norms(plan: Plan) -> dict[str, str]:
    """The normalisation in the module of a path that computes its scale as well."""
    paths = module_paths(plan)
    joined = [leaf.spelled.nodes[0] for leaf in plan.leaves if len(leaf.spelled.nodes) > 1]
    return {paths[node]: node.name for node in joined}


def taps(plan: Plan) -> dict[tuple[str, str], str]:
    """The layer that a function computes, by its module's path and the tap's number."""
    found: dict[tuple[str, str], str] = {}
    for body, path in instances(plan):
        cls = plan.plan_of[body]
        row = cls.row_of[body]
        for slot in cls.skeleton.slots:
            step = slot.members[row]
            if isinstance(step, Leaf) and not step.path:
                found[path, str(slot.number)] = step.spelled.nodes[-1].name
    return found
