"""Weights: one map of arrays, and the files that it is read from and written to.

``read_weights`` opens a file of any format, ``load_weights`` finds a net's arrays in it, ``save_caffemodel`` and its
likes write them. Arrays stay in the file until somebody looks at them, and go from file to file in pieces.
"""

from netgen.weights.chance import by_chance, seed_of
from netgen.weights.entry import Entry, FileLayer, WeightsFile
from netgen.weights.finite import check_finite
from netgen.weights.loading import find_weights, load_weights
from netgen.weights.mapping import MappingFile, mapping_text, parse_mapping, read_mapping
from netgen.weights.onnx_file import save_onnx
from netgen.weights.reading import read_weights
from netgen.weights.report import Report, Row
from netgen.weights.saving import save_caffemodel, save_safetensors, save_state_dict, state_of
from netgen.weights.weights import Weights

__all__ = [
    "Entry",
    "FileLayer",
    "MappingFile",
    "Report",
    "Row",
    "Weights",
    "WeightsFile",
    "by_chance",
    "check_finite",
    "find_weights",
    "load_weights",
    "mapping_text",
    "parse_mapping",
    "read_mapping",
    "read_weights",
    "save_caffemodel",
    "save_onnx",
    "save_safetensors",
    "save_state_dict",
    "seed_of",
    "state_of",
]
