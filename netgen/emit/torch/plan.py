"""From a graph to classes: instances of a block become one class, or as few as possible.

1. ``body``: what each instance does, and what goes in and out.
2. ``fold``: loops that are chains become one step.
3. Here: instances of a block that are alike form a ``Form``; forms that fit together are one class (``merge``). Blocks
   are taken from the innermost outwards, since an instance is alike another only if those inside it are.
4. ``classes`` and ``forward``: what each class needs and does.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

from netgen.emit.torch.body import Body, Leaf, Use, cut
from netgen.emit.torch.classes import Builder, ClassPlan, Unfit
from netgen.emit.torch.fold import Chain, Part, Turns, fold
from netgen.emit.torch.forward import Forward
from netgen.emit.torch.merge import Apart, Form, Skeleton, merge
from netgen.emit.torch.naming import BUILTINS, FILE_NAMES, Unique, class_name
from netgen.emit.torch.spelling import Spelled
from netgen.emit.torch.weights import Initialisation
from netgen.ir.graph import Graph
from netgen.ir.spell_torch import Helper

MOST_FORMS = 12
"""Blocks with more forms than this are not worth a search for those that fit together."""


class Plan:
    """The classes of a graph, innermost first; the last is the net's."""

    def __init__(self, graph: Graph, taps: bool) -> None:
        self.graph = graph
        self.taps = taps
        self.net, self.leaves = cut(graph)
        of_net = {step for step in self.net.steps if isinstance(step, Leaf) and not step.loops}
        self.weights = Initialisation(self.leaves, of_net)
        self.helpers = _helpers(leaf.spelled for leaf in self.leaves)
        self.helpers.update((helper.name, helper) for helper in self.weights.helpers.values())
        self.classes: list[ClassPlan] = []
        self.plan_of: dict[Body, ClassPlan] = {}
        self._names = Unique({*BUILTINS, *FILE_NAMES, *self.helpers})
        self._net_name = self._names.claim(class_name(graph.name, "Net"))
        for bodies in _groups(self.net):
            self._block(bodies)

    @property
    def net_class(self) -> ClassPlan:
        return self.classes[-1]

    # --- one block -----------------------------------------------------------------------------------

    def _block(self, bodies: list[Body]) -> None:
        waiting = self._skeletons(bodies)
        made: list[Skeleton] = []
        while waiting:
            skeleton = waiting.pop(0)
            try:
                self._class(skeleton, made)
                made.append(skeleton)
            except Unfit:
                waiting[:0] = self._taken_apart(skeleton.bodies)

    def _skeletons(self, bodies: list[Body]) -> list[Skeleton]:
        """The instances of a block in as few classes as they fit into."""
        forms: dict[Hashable, Form] = {}
        for body in bodies:
            form = self._form(body, is_alone=len(bodies) == 1)
            known = forms.setdefault(form.key, form)
            if known is not form:
                known.bodies += form.bodies
                known.steps += form.steps
        return list(_merged(list(forms.values())))

    def _taken_apart(self, bodies: list[Body]) -> list[Skeleton]:
        """Instances whose loops have no common rule: those with as many turns together, or else each alone."""
        groups: dict[Hashable, list[Body]] = {}
        for body in bodies:
            groups.setdefault(tuple(map(_turns, fold(body))), []).append(body)
        if len(groups) == 1:
            groups = {number: [body] for number, body in enumerate(bodies)}
        return [skeleton for group in groups.values() for skeleton in self._skeletons(group)]

    def _form(self, body: Body, *, is_alone: bool) -> Form:
        steps = fold(body)
        return Form(body, steps, [None if is_alone else self.structure(step) for step in steps])

    def _class(self, skeleton: Skeleton, siblings: list[Skeleton]) -> None:
        plan = Builder(ClassPlan(skeleton), self.plan_of, self.structure, self.taps).build()
        is_net = skeleton.bodies[0].instance.parent is None
        plan.name = self._net_name if is_net else self._name(skeleton, siblings)
        if not plan.is_sequential:
            forward = Forward(plan, self.taps)
            plan.forward = forward.write()
            plan.inputs = forward.inputs
        self.classes.append(plan)
        self.plan_of.update((body, plan) for body in skeleton.bodies)

    def _name(self, skeleton: Skeleton, siblings: list[Skeleton]) -> str:
        """The block's name; the second class of a block also says what sets it apart."""
        base = class_name(skeleton.bodies[0].instance.block)
        special = f"{base}{_distinction(skeleton, siblings)}" if siblings else base
        return self._names.claim(special, "V")

    def structure(self, part: Part) -> Hashable:
        """What two parts must have in common for one line of code to stand for both."""
        match part:
            case Leaf():
                return (part.spelled.structure, len(part.inputs))
            case Use():
                return (id(self.plan_of[part.body]), len(part.inputs), len(part.outputs))
            case Chain():
                return tuple(map(self.structure, part.parts))
            case Turns():
                return self._turns_structure(part)
        raise TypeError(f"not a part: {part!r}")

    def _turns_structure(self, part: Turns) -> Hashable:
        """Loops are alike whatever their number of turns, if these are alike or all but the first."""
        turns = [tuple(map(self.structure, turn)) for turn in part.turns]
        if len(set(turns)) == 1:
            return ("each", turns[0])
        if len(set(turns[1:])) == 1:
            return ("first", turns[0], turns[1])
        return ("list", *turns)


def _merged(forms: list[Form]) -> Iterator[Skeleton]:
    """The forms of a block in as few classes as they fit into."""
    if len(forms) > MOST_FORMS:
        yield from (merge([form]) for form in forms)
        return
    clusters: list[tuple[list[Form], Skeleton]] = []
    for form in forms:
        for at, (cluster, _) in enumerate(clusters):
            try:
                clusters[at] = ([*cluster, form], merge([*cluster, form]))
            except Apart:
                continue
            break
        else:
            clusters.append(([form], merge([form])))
    yield from (skeleton for _, skeleton in clusters)


def _turns(part: Part) -> Hashable:
    """How often each loop in a part goes round."""
    if isinstance(part, Turns):
        return tuple(tuple(map(_turns, turn)) for turn in part.turns)
    return tuple(map(_turns, part.parts)) if isinstance(part, Chain) else None


def _distinction(skeleton: Skeleton, siblings: list[Skeleton]) -> str:
    """A setting that all instances of a class share and those of its siblings do not: ``NoPool``, ``Layers4``."""
    mine = [body.instance.args for body in skeleton.bodies]
    others = [body.instance.args for sibling in siblings for body in sibling.bodies]
    for name, value in mine[0].items():
        is_shared = all(args.get(name) == value for args in mine)
        if not is_shared or any(args.get(name) == value for args in others):
            continue
        if isinstance(value, bool):
            return class_name(name if value else f"no_{name}")
        if isinstance(value, int) and value >= 0:
            return f"{class_name(name)}{value}"
        if isinstance(value, str):
            return class_name(value, "")
    return ""


def _groups(net: Body) -> Iterator[list[Body]]:
    """The bodies of each block, those of blocks that are used inside others first."""
    groups: dict[Hashable, list[Body]] = {}
    inside: dict[Hashable, dict[Hashable, None]] = {}
    waiting = [net]
    for body in waiting:
        groups.setdefault(_block_of(body), []).append(body)
        uses = [step.body for step in body.steps if isinstance(step, Use)]
        inside.setdefault(_block_of(body), {}).update(dict.fromkeys(map(_block_of, uses)))
        waiting += uses
    return map(groups.__getitem__, _innermost_first(_block_of(net), inside, set()))


def _innermost_first(
    block: Hashable, inside: Mapping[Hashable, Iterable[Hashable]], done: set[Hashable]
) -> Iterator[Hashable]:
    """A block and all that it uses, each behind those that it uses itself."""
    if block in done:
        return
    done.add(block)
    for inner in inside[block]:
        yield from _innermost_first(inner, inside, done)
    yield block


def _block_of(body: Body) -> Hashable:
    """What tells blocks apart: their names, and the files that they are written in."""
    instance = body.instance
    spans = (item.span for item in instance.items)
    span = next((span for span in spans if span is not None), None)
    return (instance.parent is None, instance.block, span.source if span is not None else None)


def _helpers(spelled: Iterator[Spelled]) -> dict[str, Helper]:
    """The helpers that some layers need, each behind those it needs itself."""
    found: dict[str, Helper] = {}
    for each in spelled:
        for helper in each.helpers:
            _take(helper, found)
    return found


def _take(helper: Helper, found: dict[str, Helper]) -> None:
    if helper.name not in found:
        for needed in helper.needs:
            _take(needed, found)
        found[helper.name] = helper
