"""All consumers that have a table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from netgen.emit.caffe.dialects.caffes import BVLC, BVLC_1_0, SSD_BRANCH
from netgen.emit.caffe.dialects.chips import ASCEND, NNIE, RKNN, SOPHGO
from netgen.emit.caffe.dialects.opencv import OPENCV
from netgen.emit.caffe.dialects.phones import MNN, NCNN
from netgen.emit.caffe.dialects.rules import Dialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {each.name: each for each in (BVLC_1_0, BVLC, SSD_BRANCH, OPENCV, NCNN, MNN, ASCEND, NNIE, SOPHGO, RKNN)}
)
"""The dialects by name."""
