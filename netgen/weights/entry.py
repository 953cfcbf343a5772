"""Files of weights as they are looked at: arrays with names, which are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netgen.weights.memory import forget
from netgen.weights.numbers import FLOATS, as_float32, pieces

if TYPE_CHECKING:
    import numpy as np

    from netgen.ir.graph import Shape


class Entry:
    """One array of a file. ``name`` is how a mapping file calls it: ``conv1[0]`` in a caffemodel.

    ``read`` gives the numbers as they are stored: as views of the file itself if they are ``mapped``. ``offset`` is
    where they begin in the file, if they lie there in one piece.
    """

    __slots__ = ("_read", "dtype", "index", "layer", "mapped", "name", "offset", "path", "shape")

    def __init__(
        self,
        name: str,
        shape: Shape,
        read: Callable[[], np.ndarray[Any, Any]],
        *,
        dtype: str = "float32",
        layer: str = "",
        index: int = 0,
        path: str = "",
        offset: int | None = None,
        mapped: bool = False,
    ) -> None:
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.layer = layer
        self.index = index
        self.path = path
        self.offset = offset
        self._read = read
        self.mapped = mapped

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def is_usable(self) -> bool:
        """Whether these are numbers that a layer can have."""
        return self.dtype in FLOATS

    def stored(self) -> np.ndarray[Any, Any]:
        """The numbers as the file has them, in its shape. Not to be changed: they may be the file itself."""
        return self._read().reshape(self.shape)

    def array(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The numbers as float32; a view of the file where it has them so. Not to be changed."""
        return as_float32(self.stored(), self.dtype)

    def pieces(self) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        """The numbers as flat runs of float32, each of which is given back before the next is read."""
        return pieces(self._read(), self.dtype, forget if self.mapped else None)

    def reshaped(self, shape: Shape) -> Entry:
        """The same numbers in another shape of as many."""
        if shape == self.shape:
            return self
        return Entry(
            self.name,
            shape,
            self._read,
            dtype=self.dtype,
            layer=self.layer,
            index=self.index,
            path=self.path,
            offset=self.offset,
            mapped=self.mapped,
        )

    def __repr__(self) -> str:
        return f"<Entry {self.name} {'x'.join(map(str, self.shape))} {self.dtype}>"


class FileLayer:
    """One layer of a caffemodel: what it says of itself, its blobs, and where it begins and ends in the file."""

    __slots__ = ("blobs", "bottoms", "name", "span", "tops", "type")

    def __init__(
        self,
        name: str,
        type: str,
        bottoms: Sequence[str],
        tops: Sequence[str],
        blobs: Sequence[Entry],
        *,
        span: tuple[int, int] = (0, 0),
    ) -> None:
        self.name = name
        self.type = type
        self.bottoms = tuple(bottoms)
        self.tops = tuple(tops)
        self.blobs = tuple(blobs)
        self.span = span


class WeightsFile:
    """What a file of weights holds. ``layers`` are a caffemodel's; other files have only names of arrays.

    ``within`` says where in a checkpoint the arrays were, ``net`` what a caffemodel calls its net.
    """

    __slots__ = ("entries", "format", "layers", "metadata", "net", "path", "within")

    def __init__(
        self,
        path: str,
        format: str,
        entries: Sequence[Entry],
        *,
        layers: Sequence[FileLayer] = (),
        net: str = "",
        within: str = "",
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.path = path
        self.format = format
        self.entries = {entry.name: entry for entry in entries}
        self.layers = tuple(layers)
        self.net = net
        self.within = within
        self.metadata = metadata or {}

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return sum(entry.count for entry in self.entries.values())

    def __repr__(self) -> str:
        return f"<WeightsFile {self.path}: {self.format}, {len(self.entries)} arrays>"


def constant(name: str, shape: Shape, value: float) -> Entry:
    """An array whose elements are all equal."""

    def read() -> np.ndarray[Any, Any]:
        import numpy as np

        return np.full(shape, value, np.float32)

    return Entry(name, shape, read)


def held(name: str, array: np.ndarray[Any, Any]) -> Entry:
    """An array that is in memory and in no file, as float32."""
    kept = array.astype("<f4", copy=False)
    return Entry(name, kept.shape, lambda: kept)
