"""What each block instance does: the graph, cut along its instance tree into bodies of steps.

A body takes values and makes values, like a function. What it takes and gives is found from who reads what, not from
what a program declared; so graphs whose instances were guessed from layer names are served as well. Layers that no
output depends on are left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from netgen.emit.torch.naming import Unique, variable
from netgen.emit.torch.spelling import Forms, Spelled, fuses
from netgen.ir.graph import Graph, Instance, Loop, Node, Value


class Step:
    """One thing that a body does. ``path`` is where its module stands in the body's class, once that is known."""

    __slots__ = ("inputs", "local", "loops", "name", "outputs", "path", "place", "variable")

    def __init__(
        self,
        inputs: list[Value],
        outputs: list[Value],
        place: object,
        *,
        name: str = "",
        variable: str = "",
        loops: tuple[Loop, ...] = (),
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.name = name
        self.local = ""
        """Its name within its body, where that is not what follows the instance's."""
        self.variable = variable
        self.loops = loops
        self.place = place
        """Where it is written, the same in all instances of a block: a span, or else a name."""
        self.path = ""

    @property
    def key(self) -> object:
        """What tells which steps of two instances correspond."""
        return (self.place, *(loop.turn for loop in self.loops))


class Leaf(Step):
    """A layer."""

    __slots__ = ("is_local", "overwrites", "spelled")

    def __init__(self, node: Node, outputs: list[Value], spelled: Spelled, relative: str) -> None:
        place = relative if node.origin is not None else node.span or relative
        super().__init__(node.inputs, outputs, place, name=node.name, variable=node.variable, loops=node.loops)
        self.local = node.local
        self.spelled = spelled
        self.overwrites = False
        """Whether it may overwrite its input."""
        self.is_local = False
        """Whether its initial weights are set beside it, so that it needs a name of its own."""


class Use(Step):
    """An instance of another block."""

    __slots__ = ("body", "results")

    def __init__(self, body: Body, relative: str) -> None:
        instance = body.instance
        place = instance.span or relative
        super().__init__(
            body.inputs, body.outputs, place, name=instance.name, variable=instance.variable, loops=instance.loops
        )
        self.body = body
        self.local = instance.local
        said = dict(zip(instance.outputs, instance.results, strict=False))
        self.results = [said.get(value, "") for value in body.outputs]
        """The program's names for ``outputs`` where it takes several."""


class Body:
    """One instance: its steps in the program's order, the values it takes from outside and those it gives."""

    __slots__ = ("inputs", "instance", "names", "outputs", "steps")

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.names: list[str] = []
        """The program's names for ``inputs``."""
        self.steps: list[Step] = []


def cut(graph: Graph) -> tuple[Body, list[Leaf]]:
    """The body of the net, with those of all instances in it; and all layers that are kept, in order."""
    return _Cutter(graph).run()


class _Cutter:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.live = _live(graph)
        self.depth: dict[Instance, int] = {}
        self.taken: dict[Instance, dict[Value, None]] = {}
        self.given: dict[Instance, dict[Value, None]] = {}
        self.leaves: dict[Node, Leaf] = {}
        self.forms: dict[Hashable, Forms] = {}

    def run(self) -> tuple[Body, list[Leaf]]:
        for node in self.graph.nodes:
            if node in self.live and node.op.name != "input":
                for value in node.inputs:
                    self._flow(value, node.instance)
        for value in self.graph.outputs:
            self._flow(value, self.graph.root)
        self._declared(self.graph.root)
        body = self._body(self.graph.root)
        return body, [self.leaves[node] for node in self.graph.nodes if node in self.leaves]

    # --- who takes and gives what ----------------------------------------------------------------

    def _flow(self, value: Value, reader: Instance) -> None:
        """Note the instances that a value leaves and enters on its way to a reader."""
        home = self._home(value)
        while home is not reader:
            if self._depth(reader) >= self._depth(home):
                self.taken.setdefault(reader, {})[value] = None
                reader = self._outer(reader)
            else:
                self.given.setdefault(home, {})[value] = None
                home = self._outer(home)

    def _declared(self, instance: Instance) -> None:
        """What a block returns it gives, even where one caller does not want it: so its instances stay alike."""
        for item in instance.items:
            if not isinstance(item, Instance) or item not in self.given:
                continue
            for value in item.outputs:
                if value.node in self.live and self._is_within(self._home(value), item):
                    self._flow(value, instance)
            self._declared(item)

    def _is_within(self, home: Instance, instance: Instance) -> bool:
        while self._depth(home) > self._depth(instance):
            home = self._outer(home)
        return home is instance

    def _home(self, value: Value) -> Instance:
        """The instance that makes a value; the net itself for the net's inputs, wherever they are declared."""
        return self.graph.root if value.node.op.name == "input" else value.node.instance

    def _outer(self, instance: Instance) -> Instance:
        assert instance.parent is not None
        return instance.parent

    def _depth(self, instance: Instance) -> int:
        if instance not in self.depth:
            self.depth[instance] = 0 if instance.parent is None else self._depth(instance.parent) + 1
        return self.depth[instance]

    # --- bodies ------------------------------------------------------------------------------------

    def _body(self, instance: Instance) -> Body:
        body = Body(instance)
        is_net = instance.parent is None
        taken = dict.fromkeys(self.graph.inputs) if is_net else self.taken.get(instance, {})
        given = dict.fromkeys(self.graph.outputs) if is_net else self.given.get(instance, {})
        names = dict(zip(reversed(instance.inputs), reversed(instance.parameters), strict=False))
        body.inputs = _in_order(instance.inputs, taken)
        body.names = [names.get(value) or value.variable or value.node.name for value in body.inputs]
        body.outputs = _in_order(instance.outputs, given)
        for item in instance.items:
            step = self._use(item) if isinstance(item, Instance) else self._leaf(item)
            if step is not None:
                body.steps.append(step)
        return body

    def _use(self, instance: Instance) -> Use | None:
        if instance not in self.given:
            return None
        assert instance.parent is not None
        return Use(self._body(instance), relative(instance, instance.parent))

    def _leaf(self, node: Node) -> Leaf | None:
        if node not in self.live or node.op.name == "input":
            return None
        if node.op.name == "scale" and node.inputs[0].node in self.leaves:
            norm = self.leaves[node.inputs[0].node]
            if node in norm.spelled.nodes:
                return None
        scale = self._scale_of(node)
        spelled = Spelled(node, scale, self.forms)
        outputs = node.outputs if scale is None else scale.outputs
        leaf = self.leaves[node] = Leaf(node, outputs, spelled, relative(node, node.instance))
        leaf.overwrites = spelled.overwrites and node.op.keeps_gradient(node) and self._may_overwrite(node)
        return leaf

    def _readers(self, value: Value) -> list[Node]:
        return [node for node in value.readers if node in self.live]

    def _scale_of(self, node: Node) -> Node | None:
        if len(node.outputs) != 1 or node.op.name != "batch_norm":
            return None
        value = node.outputs[0]
        readers = self._readers(value)
        if len(readers) != 1 or not fuses(node, readers[0]) or value in self.graph.outputs:
            return None
        return readers[0]

    def _may_overwrite(self, node: Node) -> bool:
        """Whether nobody misses what an operation writes over: autograd, other readers, views, or the caller."""
        value = node.inputs[0]
        maker = self.leaves.get(value.node)
        if maker is None and value.node.op.name == "scale":  # the second half of a batch normalisation
            maker = self.leaves.get(value.node.inputs[0].node)
        if maker is None or not maker.spelled.fresh or value in self.graph.outputs:
            return False
        is_inside = value not in self.taken.get(node.instance, {})
        return is_inside and len(self._readers(value)) == 1


def input_names(bodies: Sequence[Body]) -> list[str]:
    """What a class calls its inputs, each once: as its instances do, if these agree."""
    first = bodies[0].names
    names = Unique()
    for i, name in enumerate(first):
        agreed = all(body.names[i] == name for body in bodies)
        names.claim(variable(name if agreed else "x"))
    return names.given


def relative(item: Node | Instance, instance: Instance) -> str:
    """The name of a layer within its instance; its whole name where the instance's does not stand in front."""
    if item.local:
        return item.local
    prefix = f"{instance.name}/"
    return item.name[len(prefix) :] if instance.name and item.name.startswith(prefix) else item.name


def _live(graph: Graph) -> set[Node]:
    """The nodes that some output depends on."""
    live: set[Node] = {value.node for value in graph.outputs}
    for node in reversed(graph.nodes):
        if node in live:
            live.update(value.node for value in node.inputs)
    return live


def _in_order(declared: Iterable[Value], found: Iterable[Value]) -> list[Value]:
    """The values that were found, those that the program declared first and in its order."""
    rest = dict.fromkeys(found)
    first = [value for value in dict.fromkeys(declared) if value in rest]
    for value in first:
        del rest[value]
    return [*first, *rest]
