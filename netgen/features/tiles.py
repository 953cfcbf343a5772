"""Many small maps in one picture: side by side, row by row, a line of nothing between them."""

from __future__ import annotations

import warnings
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Within = Literal["each", "all"]
"""What the darkest and the lightest stand for: the least and largest number of each map, or of all of them."""
COLORS = ("viridis", "gray", "magma", "jet")

GAP = 2
"""Pixels between two tiles."""
SIDE = 48
"""How many pixels a tile has at least, each way, where nobody says it and there is room for it."""
ALONE = 512
"""The same for a tile that is the only one."""
MOST_PIXELS = 64_000_000
"""How large a picture may be."""
_BACKGROUND = 40


class TooLarge(Exception):
    """A picture would be larger than ``MOST_PIXELS``; the message says how large."""


def feature_tiles(
    value: Array, *, within: Within = "each", colors: str = "viridis", columns: int = 0, side: int = 0
) -> Array:
    """The channels of one image's value as a picture: (height, width, 3) bytes, in the order B, G, R.

    ``value`` is (C, H, W); one without places, (C,) or (C, 1, 1), is one map: its numbers in rows, as square as can be.
    ``columns`` are those of tiles, ``side`` is how large a tile is at least, in pixels; 0 leaves both to netgen.
    """
    import numpy as np

    maps = value.astype(np.float32, copy=False)
    has_places = maps.ndim > 2 and maps.shape[-2:] != (1, 1)
    maps = maps.reshape(-1, *maps.shape[-2:]) if has_places else _square(maps.reshape(-1))
    return _tiled(_colored(_levels(maps, within), colors), columns, side)


def kernel_tiles(
    weight: Array,
    *,
    within: Within = "all",
    colors: str = "viridis",
    columns: int = 0,
    side: int = 0,
    rgb: bool = False,
) -> Array:
    """The filters of a convolution, (out, in, height, width), as a picture like that of ``feature_tiles``.

    Filters of three channels are pictures themselves, of what they see: B, G, R, or R, G, B. Of others each row of
    tiles is one filter, and each tile what it does to one channel; depthwise ones, of one channel, are tiled as they
    come. Filters of one place, as fully connected layers have, are one map: a row for each filter.
    """
    import numpy as np

    filters = weight.astype(np.float32, copy=False)
    if filters.ndim < 4 or set(filters.shape[2:]) == {1}:
        matrix = filters.reshape(len(filters) if filters.ndim > 1 else 1, -1)
        return _tiled(_colored(_levels(matrix[None], within), colors), columns, side)
    filters = filters.reshape(*filters.shape[:2], -1, filters.shape[-1])
    count, channels, height, width = filters.shape
    if channels == 3:
        levels = _levels(filters.reshape(count, 3 * height, width), within).reshape(count, 3, height, width)
        return _tiled((levels[:, ::-1] if rgb else levels).transpose(0, 2, 3, 1), columns, side)
    rows = _colored(_levels(filters.reshape(-1, height, width), within), colors)
    return _tiled(rows, columns or (channels if channels > 1 else 0), side)


def _square(numbers: Array) -> Array:
    """A row of numbers as one map; what is left of its last line is not a number."""
    import numpy as np

    width = ceil(sqrt(numbers.size)) or 1
    whole = np.full(ceil(numbers.size / width) * width, np.nan, np.float32)
    whole[: numbers.size] = numbers
    return whole.reshape(1, -1, width)


def _levels(maps: Array, within: Within) -> Array:
    """Numbers as bytes from 0, the least, to 255, the largest; what is not a finite number is 0."""
    import numpy as np

    finite = np.where(np.isfinite(maps), maps, np.nan)
    axes = (1, 2) if within == "each" else None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of maps without any number
        low = np.nanmin(finite, axis=axes, keepdims=True)
        high = np.nanmax(finite, axis=axes, keepdims=True)
        levels = (finite - low) / np.where(high > low, high - low, 1) * 255
    return np.asarray(np.nan_to_num(levels).round(), np.uint8)


def _colored(levels: Array, colors: str) -> Array:
    """Maps of bytes, (N, H, W), in color: (N, H, W, 3)."""
    import cv2
    import numpy as np

    if colors == "gray":
        return np.repeat(levels[..., None], 3, axis=-1)
    table = {"viridis": cv2.COLORMAP_VIRIDIS, "magma": cv2.COLORMAP_MAGMA, "jet": cv2.COLORMAP_JET}[colors]
    return np.asarray(cv2.applyColorMap(np.arange(256, dtype=np.uint8), table)).reshape(256, 3)[levels]


def _tiled(tiles: Array, columns: int, side: int) -> Array:
    """Tiles, (N, H, W, 3), in one picture. Small ones are made larger by whole numbers, so that pixels stay squares."""
    import numpy as np

    count, height, width, _ = tiles.shape
    columns = min(columns or ceil(sqrt(count * height / width)), count)
    rows = ceil(count / columns)
    times = max(ceil((side or (SIDE if count > 1 else ALONE)) / max(height, width)), 1)
    while not side and times > 1 and rows * (height * times + GAP) * columns * (width * times + GAP) > MOST_PIXELS:
        times -= 1
    tall, wide = height * times + GAP, width * times + GAP
    if rows * tall * columns * wide > MOST_PIXELS:
        size = f"{width * times}x{height * times} make {columns * wide}x{rows * tall} pixels"
        raise TooLarge(f"{count:,} tile{'s' * (count > 1)} of {size}; the most is {MOST_PIXELS:,} in all")
    picture = np.full((rows * tall + GAP, columns * wide + GAP, 3), _BACKGROUND, np.uint8)
    for at, tile in enumerate(tiles):
        top, left = GAP + at // columns * tall, GAP + at % columns * wide
        large = tile.repeat(times, axis=0).repeat(times, axis=1)
        picture[top : top + height * times, left : left + width * times] = large
    return picture
