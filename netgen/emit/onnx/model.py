"""What the ONNX target makes: a model, whose weights stay where they are until somebody wants them in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netgen.ir.slots import Key

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]


class OnnxModel:
    """A model in ONNX.

    ``skeleton`` is the model without the numbers of its weights: nodes, constants, and an initializer with its name and
    shape for each array. ``weights`` says which array of the net each of those is; ``lacking`` are the parameters that
    there is no array for, which are inputs. ``names`` are the values' names by layer and number of the output; layers
    that only hand on a value have that value's name.
    """

    def __init__(
        self,
        skeleton: onnx.ModelProto,
        names: Mapping[tuple[str, int], str],
        weights: Mapping[str, Key],
        lacking: Mapping[str, Key],
        arrays: Mapping[Key, Array],
    ) -> None:
        self.skeleton = skeleton
        self.names = names
        self.weights = weights
        self.lacking = lacking
        self._arrays = arrays

    @cached_property
    def proto(self) -> onnx.ModelProto:
        """The whole model, with a copy of all weights."""
        import onnx

        if not self.weights:
            return self.skeleton
        whole = onnx.ModelProto()
        whole.CopyFrom(self.skeleton)
        for tensor in whole.graph.initializer:
            if tensor.name in self.weights:
                tensor.raw_data = _bytes(self._arrays[self.weights[tensor.name]], tensor)
        return whole


def _bytes(array: Array, tensor: onnx.TensorProto) -> bytes:
    """An array's numbers as ONNX holds them."""
    from math import prod

    if array.size != prod(tensor.dims):
        wanted = "x".join(map(str, tensor.dims)) or "one number"
        raise ValueError(f"`{tensor.name}` is {wanted}; the array given for it has the shape {array.shape}")
    return array.astype("<f4", copy=False).tobytes()
