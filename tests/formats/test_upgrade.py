"""Caffe's own upgrades. What is expected was compared with what the code of Caffe itself makes of these texts."""

from __future__ import annotations

import gc
import time

import pytest

from netgen.diag import NetgenError, Source
from netgen.formats.message import Placed, get_all
from netgen.formats.prototxt import Prototxt, read_prototxt
from netgen.formats.textproto import write_text
from netgen.formats.textproto_reader import read_text


def read(text: str) -> Prototxt:
    return read_prototxt(Source("test.prototxt", text))


def lines(text: str) -> str:
    """A text in the canonical layout, to compare with."""
    return write_text(read_text(Source("expected", text)))


CASES = {
    "v1": (
        "v1",
        """
        name: "n"
        layers {
          name: "c" type: CONVOLUTION bottom: "x" top: "c" param: "w" param: ""
          blobs_lr: 1 blobs_lr: 2 blobs_lr: 3 weight_decay: 1
          blob_share_mode: STRICT blob_share_mode: PERMISSIVE
          convolution_param { num_output: 8 } include { phase: TRAIN } loss_weight: 2
        }
        layers { type: 36 bottom: "c" }
        """,
        """
        name: "n"
        layer {
          name: "c" type: "Convolution" bottom: "x" top: "c"
          param { name: "w" share_mode: STRICT lr_mult: 1 decay_mult: 1 }
          param { name: "" share_mode: PERMISSIVE lr_mult: 2 }
          param { lr_mult: 3 }
          convolution_param { num_output: 8 } include { phase: TRAIN } loss_weight: 2
        }
        layer { type: "Silence" bottom: "c" }
        """,
    ),
    "v1, transformations": (
        "v1",
        """
        layers { name: "a" type: DATA data_param { source: "s" scale: 0.5 mirror: true batch_size: 4 crop_size: 9 } }
        layers { name: "b" type: IMAGE_DATA image_data_param { mean_file: "m" } transform_param { scale: 2 } }
        layers { name: "c" type: WINDOW_DATA }
        layers { name: "d" type: RELU }
        """,
        """
        layer {
          name: "a" type: "Data" data_param { source: "s" batch_size: 4 }
          transform_param { scale: 0.5 mirror: true crop_size: 9 }
        }
        layer { name: "b" type: "ImageData" image_data_param { } transform_param { scale: 2 mean_file: "m" } }
        layer { name: "c" type: "WindowData" window_data_param { } transform_param { } }
        layer { name: "d" type: "ReLU" }
        """,
    ),
    "today's transformations stay": (
        "",
        'layer { type: "Data" data_param { scale: 0.5 } }',
        'layer { type: "Data" data_param { scale: 0.5 } }',
    ),
    "v0": (
        "v0",
        """
        layers {
          layer {
            name: "d" type: "data" source: "s" meanfile: "m" batchsize: 2 cropsize: 9 mirror: true scale: 0.5
            rand_skip: 3
          }
          top: "d" top: "l"
        }
        layers {
          layer {
            name: "c" type: "conv" num_output: 8 kernelsize: 3 stride: 2 pad: 1 group: 2 biasterm: false
            weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "constant" }
            blobs_lr: 1. blobs_lr: 2. weight_decay: 1. weight_decay: 0.
          }
          bottom: "d" top: "c"
        }
        layers { layer { name: "p" type: "pool" pool: AVE kernelsize: 3 stride: 2 } bottom: "c" top: "p" }
        layers { layer { name: "n" type: "lrn" local_size: 3 alpha: 1 beta: 2 k: 3 } bottom: "p" top: "n" }
        layers { layer { name: "o" type: "dropout" dropout_ratio: 0.2 } bottom: "n" top: "n" }
        layers { layer { name: "e" type: "concat" concat_dim: 0 } bottom: "n" bottom: "p" top: "e" }
        layers { layer { name: "f" type: "innerproduct" num_output: 9 } bottom: "e" top: "f" }
        layers { layer { name: "loss" type: "softmax_loss" } bottom: "f" bottom: "l" }
        layers { layer { name: "h" type: "hdf5_output" hdf5_output_param { file_name: "x" } } bottom: "f" bottom: "l" }
        """,
        """
        layer {
          name: "d" type: "Data" data_param { source: "s" batch_size: 2 rand_skip: 3 }
          transform_param { mean_file: "m" crop_size: 9 mirror: true scale: 0.5 }
          top: "d" top: "l"
        }
        layer {
          name: "c" type: "Convolution"
          convolution_param {
            num_output: 8 kernel_size: 3 stride: 2 pad: 1 group: 2 bias_term: false
            weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "constant" }
          }
          param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
          bottom: "d" top: "c"
        }
        layer { name: "p" type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 } bottom: "c" top: "p" }
        layer { name: "n" type: "LRN" lrn_param { local_size: 3 alpha: 1 beta: 2 k: 3 } bottom: "p" top: "n" }
        layer { name: "o" type: "Dropout" dropout_param { dropout_ratio: 0.2 } bottom: "n" top: "n" }
        layer { name: "e" type: "Concat" concat_param { concat_dim: 0 } bottom: "n" bottom: "p" top: "e" }
        layer { name: "f" type: "InnerProduct" inner_product_param { num_output: 9 } bottom: "e" top: "f" }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "f" bottom: "l" }
        layer { name: "h" type: "HDF5Output" hdf5_output_param { file_name: "x" } bottom: "f" bottom: "l" }
        """,
    ),
    "v0, paddings": (
        "v0",
        """
        input: "x" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4
        layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "p" }
        layers { layer { name: "a" type: "conv" num_output: 8 } bottom: "p" top: "a" }
        layers { layer { name: "b" type: "pool" pad: 1 kernelsize: 3 } bottom: "p" top: "b" }
        layers { layer { name: "unread" type: "padding" pad: 2 } bottom: "b" top: "q" }
        """,
        """
        layer {
          name: "input" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } }
        }
        layer { name: "a" type: "Convolution" convolution_param { num_output: 8 pad: 2 } bottom: "x" top: "a" }
        layer { name: "b" type: "Pooling" pooling_param { pad: 2 kernel_size: 3 } bottom: "x" top: "b" }
        """,
    ),
    "inputs with shapes": (
        "",
        """
        layer { name: "a" type: "ReLU" }
        name: "n"
        input: "x" input_shape { dim: 1 dim: 2 } input: "y" input_shape { dim: 3 }
        """,
        """
        layer {
          name: "input" type: "Input" top: "x" top: "y"
          input_param { shape { dim: 1 dim: 2 } shape { dim: 3 } }
        }
        layer { name: "a" type: "ReLU" }
        name: "n"
        """,
    ),
    "inputs with dims": (
        "v1",
        """
        input: "x" input: "y" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4
        input_dim: 5 input_dim: 6 input_dim: 7 input_dim: 8 force_backward: true
        layers { name: "a" type: RELU }
        """,
        """
        force_backward: true
        layer {
          name: "input" type: "Input" top: "x" top: "y"
          input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } shape { dim: 5 dim: 6 dim: 7 dim: 8 } }
        }
        layer { name: "a" type: "ReLU" }
        """,
    ),
    "an input that a layer makes": (
        "",
        'input: "x" layer { type: "Input" top: "x" }',
        'layer { type: "Input" top: "x" }',
    ),
    "frozen statistics": (
        "",
        """
        layer { type: "BatchNorm" param { lr_mult: 1 name: "m" } param { } param { decay_mult: 1 } }
        layer { type: "BatchNorm" param { lr_mult: 1 } param { lr_mult: 1 } }
        layer { type: "Scale" param { lr_mult: 1 } param { lr_mult: 1 } param { lr_mult: 1 } }
        """,
        """
        layer {
          type: "BatchNorm" param { lr_mult: 0 name: "m" decay_mult: 0 } param { lr_mult: 0 decay_mult: 0 }
          param { decay_mult: 0 lr_mult: 0 }
        }
        layer { type: "BatchNorm" param { lr_mult: 1 } param { lr_mult: 1 } }
        layer { type: "Scale" param { lr_mult: 1 } param { lr_mult: 1 } param { lr_mult: 1 } }
        """,
    ),
    "solver": ("", 'net: "n" solver_type: 1 base_lr: 1', 'net: "n" type: "Nesterov" base_lr: 1'),
}


@pytest.mark.parametrize(("generation", "text", "expected"), CASES.values(), ids=CASES)
def test_upgrades(generation: str, text: str, expected: str) -> None:
    read_ = read(text)
    assert (write_text(read_.message), read_.upgraded_from) == (lines(expected), generation)
    assert not read_.warnings
    again = read(write_text(read_.message))
    assert (again.message, again.upgraded_from, again.warnings) == (read_.message, "", [])


PLAIN = {
    "fork types of v1": (
        "layers { type: LOCAL } layers { type: ROIPOOLING } layers { type: LRN_MAP } layers { type: 99 }",
        'layer { type: "Local" } layer { type: "ROIPooling" } layer { type: "LrnMap" } layer { type: "99" }',
        ["NG528"] * 4,
    ),
    "types of today in v1": (
        'layers { type: Convolution } layers { type: "ReLU" } layers { type: InnerProduct }',
        'layer { type: "Convolution" } layer { type: "ReLU" } layer { type: "InnerProduct" }',
        ["NG524", "NG525", "NG525"],
    ),
    "types of v1 today": ("layer { type: TANH }", 'layer { type: "TanH" }', ["NG524", "NG525"]),
    "param of today in v1": ("layers { param { lr_mult: 2 } blobs_lr: 1 }", "layer { param { lr_mult: 1 } }", []),
    "fields of v1 today": (
        'layer { type: "LRN" param: "w" blobs_lr: 2 weight_decay: 0 }',
        'layer { type: "LRN" param { name: "w" lr_mult: 2 decay_mult: 0 } }',
        ["NG525"],
    ),
    "three generations": (
        'layers { type: RELU name: "a" } layer { type: "ReLU" name: "b" } layers { layer { type: "relu" name: "c" } }',
        'layer { type: "ReLU" name: "a" } layer { type: "ReLU" name: "b" } layer { type: "ReLU" name: "c" }',
        ["NG525"],
    ),
    "a fork's type of v0": (
        'layers { layer { type: "locally_connected" kernelsize: 3 my_field: 1 } bottom: "x" }',
        'layer { type: "LocallyConnected" kernelsize: 3 my_field: 1 bottom: "x" }',
        ["NG528"],
    ),
    "a setting of another layer": (
        'layers { layer { type: "relu" num_output: 3 new_num: 4 } name: "a" include { phase: TEST } }',
        'layer { type: "ReLU" }',
        ["NG528"] * 4,
    ),
    "three dims for one input": (
        'input: "x" input_dim: 1 input_dim: 2 input_dim: 3',
        'layer { name: "input" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 3 } } }',
        ["NG524"],
    ),
    "more shapes than inputs": (
        'input: "x" input_shape { dim: 1 } input_shape { dim: 2 } input_dim: 4',
        'layer { name: "input" type: "Input" top: "x" input_param { shape { dim: 1 } } }',
        ["NG524"],
    ),
    "an input without a shape": ('input: "x" layer { bottom: "x" }', 'layer { bottom: "x" }', ["NG528"]),
    "both types of a solver": ('base_lr: 1 solver_type: ADAM type: "Adam"', 'base_lr: 1 type: "Adam"', ["NG525"]),
}


@pytest.mark.parametrize(("text", "expected", "codes"), PLAIN.values(), ids=PLAIN)
def test_plain_meanings(text: str, expected: str, codes: list[str]) -> None:
    read_ = read(text)
    assert write_text(read_.message) == lines(expected)
    assert sorted(warning.code for warning in read_.warnings) == codes


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('input: "x" input: "y" input_dim: 1 input_dim: 2', "8 `input_dim` are due, 4 for each input; there are 2"),
        ('input: "x" input: "y" input_shape { dim: 1 }', "2 `input_shape` are due; there are 1"),
        ('base_lr: 1 solver_type: ADAM type: "SGD"', '`solver_type` is ADAM, and `type` is "SGD"'),
        (
            'layers { layer { type: "padding" } top: "p" } layers { layer { type: "conv" } bottom: "p" }',
            "a padding with 0 bottoms and 1 tops",
        ),
        (
            'layers { layer { type: "padding" } bottom: "x" top: "p" } layers { layer { type: "relu" } bottom: "p" }',
            'a layer of the type "relu" cannot take over the padding before it',
        ),
    ],
)
def test_what_caffe_cannot_upgrade(text: str, label: str) -> None:
    with pytest.raises(NetgenError) as caught:
        read(text)
    assert [(each.code, each.label) for each in caught.value.diagnostics] == [("NG527", label)]


def test_places_survive() -> None:
    text = (
        'input: "x" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4\n'
        'layers { layer { name: "c" type: "conv" num_output: 8 blobs_lr: 3 } bottom: "x" top: "c" }\n'
        'layers { name: "r" type: RELU blobs_lr: 7 }\n'
    )
    net = read(text).message

    def seen(message: Placed) -> None:
        """Each field that was in the text stands where its place says."""
        for (name, value), start in zip(message, message.starts, strict=True):
            if isinstance(value, Placed):
                seen(value)
            elif start >= 0:
                said = text[start:].partition(":")[0]
                assert said == {"lr_mult": "blobs_lr", "top": said, "dim": "input_dim"}.get(name, name)

    seen(net)
    places = [start for _, start in zip(net, net.starts, strict=True)]
    assert [text[place:].partition(" ")[0] for place in places] == ["input:", "layers", "layers"]
    first, second, _ = get_all(net, "layer")
    assert -1 not in second.starts
    assert first.starts[2] == 0


def test_long_nets_are_upgraded_in_linear_time() -> None:
    """Each layer is looked at a few times, however many there are: no list is walked for every layer of another."""

    def seconds(layers: int) -> float:
        text = "".join(
            f'layers {{ layer {{ name: "p{n}" type: "padding" pad: 1 }} bottom: "c{n - 1}" top: "p{n}" }}\n'
            f'layers {{ layer {{ name: "c{n}" type: "conv" num_output: 8 blobs_lr: 1 }} bottom: "p{n}" top: "c{n}" }}\n'
            for n in range(layers)
        )
        times = []
        gc.disable()  # its walks over all that lives are not linear
        for _ in range(3):
            start = time.process_time()
            read(text)
            times.append(time.process_time() - start)
        gc.enable()
        return min(times)

    assert seconds(2000) < 12 * seconds(500)
