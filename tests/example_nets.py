"""The nets of ``examples/``, one by one: most files hold one, some several."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import netgen
from netgen.lang import nets
from netgen.lang.parse import read_source

FOLDER = Path(__file__).parents[1] / "examples"

_FEW_BLOCKS: dict[str, object] = {"blocks": [1, 1, 1, 1]}
_AS_IT_IS: dict[str, object] = {}
_SMALL: dict[str, dict[str, object]] = {
    "acnet": {"width": 8},
    "fcn8s": {"size": 32, "width": 64},
    "fpn": {**_FEW_BLOCKS, "size": 64},
    "inception_v3": {"size": 107},
    "lenet": _AS_IT_IS,
    "mobilenet_ssd": {"size": 128},
    "mtcnn-PNet": {"size": 31},
    "mtcnn-RNet": _AS_IT_IS,
    "mtcnn-ONet": _AS_IT_IS,
    "pelee_ssd": _AS_IT_IS,
    "resnet": {**_FEW_BLOCKS, "size": 64},
    "resnext50": {**_FEW_BLOCKS, "size": 64},
    "se_resnet50": {**_FEW_BLOCKS, "size": 64},
    "segnet": {"widths": [8, 8, 16, 16, 24], "height": 50, "width": 70},
    "ssd300": {"width": 8},
    "unet": {"size": 64, "width": 16},
    "yolov3": {"size": 64, "width": 4, "classes": 3},
}
"""Settings with which a net takes little time, where it is not a size of 64."""


class Example(NamedTuple):
    """One net of ``examples/``."""

    path: Path
    net: str
    id: str
    """The name of its file, and its own behind it where the file has several."""

    def compile(self, **settings: object) -> netgen.Net:
        """The net as it was published, or with other settings."""
        return netgen.compile(self.path, net=self.net, **settings)  # type: ignore[arg-type]

    def small(self) -> netgen.Net:
        """The net at a size that takes little time."""
        return self.compile(**_SMALL.get(self.id, {"size": 64}))


def _examples() -> list[Example]:
    found = []
    for path in sorted(FOLDER.glob("*.net")):
        names = nets(read_source(str(path)))
        found += [Example(path, name, path.stem if len(names) == 1 else f"{path.stem}-{name}") for name in names]
    return found


EXAMPLES = _examples()
