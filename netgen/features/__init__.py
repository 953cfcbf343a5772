"""What a network sees: the maps that its layers make of an image, and the kernels that make them, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netgen.features.tiles import COLORS, MOST_PIXELS, TooLarge, Within, feature_tiles, kernel_tiles

if TYPE_CHECKING:
    from netgen.features.tiles import Array

__all__ = ["COLORS", "FORMATS", "MOST_PIXELS", "TooLarge", "Within", "encoded", "feature_tiles", "kernel_tiles"]

FORMATS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
"""How the names of files end that a picture can be written to."""


_LONGEST = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500}
"""How many pixels some formats have at most, each way."""


def encoded(picture: Array, ending: str) -> bytes:
    """The bytes of a file with a picture in it, as its name ends; raises ``TooLarge`` where the format ends earlier."""
    import cv2

    height, width = picture.shape[:2]
    longest = _LONGEST.get(ending)
    if longest is not None and max(height, width) > longest:
        raise TooLarge(f"the picture is {width}x{height}, and a {ending} has {longest:,} pixels each way at most")
    done, data = cv2.imencode(ending, picture)
    if not done:
        raise ValueError(f"OpenCV writes no {ending}")
    return bytes(data.tobytes())
