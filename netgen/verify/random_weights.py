"""Weights by chance with which numbers keep their size on the way through a network, however deep it is.

Numbers drawn by the number of inputs alone (Glorot and Bengio 2010, He et al. 2015) are right on average and for one
activation; after a hundred layers, or behind a pooling or a gate, what is slightly wrong has become nothing or
infinity. So what is drawn is measured: the network runs once, and each layer, as it is reached, is scaled until what
it makes is of the size of 1 ("layer-sequential unit variance": Mishkin and Matas, "All you need is a good init", 2016).

Three things are otherwise than there.

- Factors are powers of two. Sums of floating point numbers differ in their last digits from machine to machine; a
  measurement, rounded to a power of two, does not, unless it lies within rounding of the middle between two. So the
  same seed gives the same bits everywhere.
- Nothing is made exactly 1, or 0 on average: offsets, factors and running statistics vary by so much that it is seen
  where one is left out, or taken for another.
- Filters are not centred, nor are running means what is really the mean: behind a rectifier that would let small
  differences grow by a fifth in each layer (Yang et al., "A mean field theory of batch normalization", 2019). So they
  neither grow nor fade much, and rounding stays rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from math import isfinite, log2, prod, sqrt
from typing import TYPE_CHECKING, Any

from netgen.diag import NetgenError
from netgen.formats.files import of_file
from netgen.ir.graph import Graph, Node, Value
from netgen.ir.operator import Param
from netgen.ir.slots import Key, node_slots
from netgen.passes.resize import with_batch
from netgen.verify.draw import between, draw
from netgen.verify.random_inputs import random_inputs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from netgen.verify.draw import Array

OFFSET = 1 / 4
"""How far biases and running means lie from 0 at most, as a part of the numbers that they are added to."""
MOST = 2**32
"""How many numbers are drawn at most: 16 GiB of them."""


def random_weights(graph: Graph, seed: int = 0) -> dict[Key, Array]:
    """An array for each parameter of a network, by node and parameter; layers that share one have it in the first.

    Of what PyTorch cannot say, and of what lies behind it, the numbers are as drawn, by the number of inputs.
    """
    _need(graph)
    nodes = {node.name: node for node in graph.nodes}
    slots = [slot for layer in node_slots(graph) for slot in layer.slots]
    arrays: dict[Key, Array] = {}
    for slot in slots:
        if slot.owner == slot.key:
            node = nodes[slot.key[0]]
            param = next(each for each in node.params if each.name == slot.param)
            arrays[slot.key] = _drawn(node, param, seed)
    _calibrate(graph, arrays, {slot.key: slot.owner for slot in slots}, seed)
    return arrays


def fingerprint(arrays: Mapping[Key, Array]) -> str:
    """SHA-256 of all arrays with their names and shapes."""
    found = sha256()
    for (node, param), array in arrays.items():
        found.update(f"{node}\0{param}\0{array.shape}\0".encode())
        found.update(array.reshape(-1).astype("<f4", copy=False).view("u1").data)
    return found.hexdigest()


def _need(graph: Graph) -> None:
    """Say in time what is missing."""
    try:
        import torch  # noqa: F401
    except ImportError:
        label = "the net is run once to scale random weights, which takes `torch`, and that is not installed"
        raise NetgenError([of_file("NG608", "a package is missing", "random", label, _TORCH)]) from None
    count = sum(param.count for node in graph.nodes for param in node.params)
    if count > MOST:
        raise NetgenError(
            [of_file("NG518", "too large", "random", f"the net has {count:,} numbers, the most is {MOST:,}")]
        )


_TORCH = "pip install 'netgen[torch]'"


# --- drawing --------------------------------------------------------------------------------------


def _drawn(node: Node, param: Param, seed: int) -> Array:
    numbers = draw(seed, f"{node.name} {param.name}", param.shape)
    match _kind(node, param.name):
        case "offset":
            numbers *= OFFSET
        case "variance" | "factor":
            between(0.5, 1.5, numbers)
        case "slope":
            between(1 / 16, 7 / 16, numbers)
        case "weight":
            numbers *= _spread(param) * 2
        case "state":
            numbers *= _spread(param)  # so that a state fades
    return numbers


def _spread(param: Param) -> float:
    """The power of two with which a sum over the inputs of an output is somewhat smaller than they are."""
    inputs = param.count // prod(param.shape[:1])
    return float(2.0 ** -(inputs.bit_length() // 2))


def _kind(node: Node, param: str) -> str:
    """What an array is to its layer."""
    if param.startswith("bias") or param == "mean":
        return "offset"
    return _KINDS.get((node.op.name, param)) or ("variance" if param == "variance" else "weight")


_KINDS = {
    ("scale", "weight"): "factor",
    ("batch_norm", "weight"): "factor",
    ("normalize", "weight"): "factor",
    ("prelu", "weight"): "slope",
    ("lstm", "weight_hidden"): "state",
    ("rnn", "weight_hidden"): "state",
}
"""What is not just multiplied with what comes in and added up."""


# --- measuring ------------------------------------------------------------------------------------


class _Module:
    """A module of the network, with the arrays that are its own: of a normalisation and its scale, those of both."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.nodes: list[Node] = []
        self.arrays: dict[str, Array] = {}
        self._is_done = False

    def before(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        """Scale the weights to what comes in, if it comes for the first time."""
        if not self._is_done:
            self._is_done = True
            _RULES.get(self.nodes[0].op.name, _by_result)(self, given)

    @property
    def wanted(self) -> float:
        """How large the numbers should be that it makes."""
        return max((_WANTED.get(each.op.name, 1.0) for each in self.nodes[-1].outputs[0].readers), default=1.0)

    def scale(self, param: str, by: float) -> None:
        if param in self.arrays:
            self.arrays[param] *= by


def _by_result(layer: _Module, given: tuple[Tensor, ...]) -> None:
    """Bring what the weights alone make to the size that is wanted; offsets are a part of that."""
    if "weight" not in layer.arrays:
        return
    bias = layer.arrays.get("bias")
    kept = None if bias is None else bias * layer.wanted
    layer.scale("bias", 0)
    layer.scale("weight", layer.wanted / _size(layer.module.forward(*given)))
    if bias is not None:
        bias[...] = kept


def _statistics(layer: _Module, given: tuple[Tensor, ...]) -> None:
    """Let the running statistics be those of numbers as large as what comes in."""
    size = _size(given[0])
    layer.scale("mean", size)
    layer.scale("variance", size**2)
    layer.scale("weight", layer.wanted)
    layer.scale("bias", layer.wanted)


def _offset(layer: _Module, given: tuple[Tensor, ...]) -> None:
    layer.scale("bias", _size(given[0]))


def _sequence(layer: _Module, given: tuple[Tensor, ...]) -> None:
    """What comes in at each step, and what is the same at every step; the state keeps its size by its curves."""
    layer.scale("weight", 1 / _size(given[0]))
    if "weight_static" in layer.arrays:
        layer.scale("weight_static", 1 / _size(given[2]))


def _as_drawn(layer: _Module, given: tuple[Tensor, ...]) -> None:
    """Leave numbers alone whose size does not depend on that of others."""


_RULES: Mapping[str, Callable[[_Module, tuple[Tensor, ...]], None]] = {
    "batch_norm": _statistics,
    "bias": _offset,
    "lstm": _sequence,
    "rnn": _sequence,
    "prelu": _as_drawn,
    "parameter": _as_drawn,
}
"""How layers are scaled that are not by what they make."""


_WANTED = {"swish": 4.0, "hard_swish": 4.0, "mish": 4.0, "relu6": 2.0, "hard_sigmoid": 2.0}
"""How large numbers must be for an activation to do all that it does, and not to amplify small differences of size."""


def _size(made: Tensor) -> float:
    """The root mean square of the finite numbers, as a power of two; 1 where that is none."""
    import torch

    norm = float(torch.linalg.vector_norm(made, dtype=torch.float64))
    count = made.numel()
    if not isfinite(norm):
        finite = made[made.isfinite()]
        norm, count = float(torch.linalg.vector_norm(finite, dtype=torch.float64)), finite.numel()
    return float(2.0 ** round(log2(norm / sqrt(count)))) if norm > 0 else 1.0


def _calibrate(graph: Graph, arrays: Mapping[Key, Array], owners: Mapping[Key, Key], seed: int) -> None:
    """Run the network once and scale the arrays in their place, layer by layer."""
    import torch

    from netgen.emit.torch.live import unload

    part = _sayable(graph)
    if not part.outputs:
        return
    module = _live(part, arrays, owners)
    inputs = random_inputs(part, seed)
    try:
        with torch.no_grad():
            module(*map(torch.from_numpy, inputs.values()))
    finally:
        unload(module)


def _live(graph: Graph, arrays: Mapping[Key, Array], owners: Mapping[Key, Key]) -> nn.Module:
    """The network as a module whose parameters are the arrays themselves, and which scales them as it runs.

    What several layers share is scaled by the first of them.
    """
    import torch

    from netgen.emit.torch import emit
    from netgen.emit.torch.live import load

    emitted = emit(graph)
    with torch.device("meta"):  # so that no initial weights are made
        module = load(emitted)
    module.to_empty(device="cpu").eval()
    held: dict[str, Any] = module.state_dict(keep_vars=True)
    layers: dict[str, _Module] = {}
    for node in graph.nodes:
        for param in node.params if node.name in emitted.paths else ():
            key, path = (node.name, param.name), emitted.paths[node.name]
            tensor = held[emitted.state[key]]
            tensor.data = torch.from_numpy(arrays[owners[key]]).view(tensor.shape)
            layer = layers.setdefault(path, _Module(module.get_submodule(path)))
            layer.nodes.append(node)
            if key in arrays:
                layer.arrays[param.name] = arrays[key]
    for layer in layers.values():
        layer.module.register_forward_pre_hook(layer.before)
    return module


def _sayable(graph: Graph) -> Graph:
    """The part of a network that PyTorch can say, for one image, as far as the last layers with weights."""
    with suppress(NetgenError):  # where it has numbers in it that belong to its own batch
        graph = with_batch(graph, 1)
    said: set[Node] = set()
    for node in graph.nodes:
        follows = said.issuperset(value.node for value in node.inputs)
        if node.is_known and follows and node.op.refuses("torch", node) is None:
            said.add(node)
    part = Graph(graph.name)
    part.root = graph.root
    part.nodes = [node for node in graph.nodes if node in said]
    part.inputs = [value for value in graph.inputs if value.node in said]
    part.outputs = _last_with_weights(part.nodes)
    return part


def _last_with_weights(nodes: Sequence[Node]) -> list[Value]:
    """What those layers make that have weights, and behind which no other layer has."""
    before: set[Node] = set()
    last = []
    for node in reversed(nodes):
        if node in before or node.params:
            if node not in before:
                last.append(node.outputs[0])
            before.update(value.node for value in node.inputs)
    return last
