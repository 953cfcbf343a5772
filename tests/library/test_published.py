"""The examples are the networks that were published: compared with the authors' own files, layer by layer.

Operators, every argument that a forward pass looks at, wiring, shapes, names and order are the same. What only training
looks at is not compared: files for deployment mostly leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from example_nets import EXAMPLES

import netgen
from netgen.diff import Differences, differences
from netgen.ir.graph import Graph, Node, Shape


class Row(NamedTuple):
    """An example with its settings, and the file that it equals."""

    example: str
    settings: dict[str, Any]
    file: str
    size: int = 0
    """What the file's input is read as, an image of one batch, where it says another batch."""
    end: str = ""
    """The blobs that the file is read up to; behind them lies what only training or testing has."""
    phase: Literal["TRAIN", "TEST"] = "TEST"
    fill: dict[str, str] = {}
    """What is put in place of the marks of a file that is a template."""
    names: bool = True
    """Whether the names are the same too."""
    as_compiled: bool = False
    """Whether the file has layers that BVLC's Caffe has not, as the program has."""


ROWS = [
    Row("lenet", {}, "hszhao__PSPNet/examples__mnist__lenet.prototxt"),
    Row("alexnet", {}, "BVLC__caffe/models__bvlc_alexnet__deploy.prototxt", 227),
    Row(
        "alexnet",
        {"caffenet": True},
        "BVLC__caffe/models__bvlc_reference_caffenet__train_val.prototxt",
        227,
        end="fc8",
    ),
    Row(
        "alexnet",
        {"caffenet": True},
        "yosinski__deep-visualization-toolbox/models__caffenet-yos__caffenet-yos-deploy.prototxt",
        227,
    ),
    Row(
        "vgg16",
        {},
        "rbgirshick__rcnn/@vgg-verydeep__finetuning__vgg16__vgg16_pascal_finetune_trainval_test.prototxt",
        224,
        end="fc7",
    ),
    Row(
        "vgg16",
        {"layers": [2, 2, 4, 4, 4]},
        "dividiti__ck-caffe/package__caffemodel-vgg19__deploy.prototxt",
        fill={"$#batch_size#$": "1"},
    ),
    Row("googlenet", {}, "BVLC__caffe/models__bvlc_googlenet__deploy.prototxt", 224),
    Row("googlenet", {}, "BVLC__caffe/models__bvlc_googlenet__train_val.prototxt", 224, end="loss3/classifier"),
    Row("resnet", {}, "yihui-he__resnet-imagenet-caffe/resnet_50__deploy.prototxt", end="prob"),
    Row(
        "resnet",
        {"blocks": [3, 4, 23, 3]},
        "yihui-he__resnet-imagenet-caffe/resnet_101__deploy.prototxt",
        end="prob",
    ),
    Row(
        "resnet",
        {"blocks": [3, 8, 36, 3]},
        "yihui-he__resnet-imagenet-caffe/resnet_152__deploy.prototxt",
        end="prob",
    ),
    Row("resnet", {"blocks": [3, 8, 36, 3]}, "akirafukui__vqa-mcb/preprocess__ResNet-152-deploy.prototxt", 224),
    Row(
        "se_resnet50", {"blocks": [3, 4, 23, 3]}, "hujie-frank__SENet/models__SE-ResNet-101.prototxt", as_compiled=True
    ),
    Row(
        "se_resnet50", {"blocks": [3, 8, 36, 3]}, "hujie-frank__SENet/models__SE-ResNet-152.prototxt", as_compiled=True
    ),
    Row(
        "se_resnet50",
        {"blocks": [3, 4, 23, 3], "groups": 32, "group_width": 4},
        "hujie-frank__SENet/models__SE-ResNeXt-101.prototxt",
        as_compiled=True,
    ),
    Row(
        "densenet121",
        {"layers": [6, 12, 36, 24], "growth": 48},
        "HewlettPackard__dlcookbook-dlbs/@feature-caffe-models__models__densenet161__densenet161.inference.prototxt",
        fill={"__EXP_DEVICE_BATCH__": "1"},
    ),
    Row("squeezenet", {}, "OAID__Caffe-HRT/models__SqueezeNet__SqueezeNet_v1.1__squeezenet.1.1.deploy.prototxt", 227),
    Row("squeezenet", {"version": "1.0"}, "DeepScale__SqueezeNet/SqueezeNet_v1.0__deploy.prototxt", 227),
    Row("mobilenet_v1", {}, "shicai__MobileNet-Caffe/mobilenet_deploy.prototxt"),
    Row("peleenet", {}, "../reference/PeleeNet.prototxt"),
    Row("ssd300", {}, "shangzw12__ssd/jobs__VGGNet__VOC0712__SSD_300x300__deploy.prototxt"),
    Row("ssd300", {}, "shangzw12__ssd/jobs__VGGNet__VOC0712__SSD_300x300__test.prototxt", 300, end="detection_out"),
    Row(
        "ssd300",
        {},
        "xzgz__caffe-ssd/models__VGGNet__VOC0712__SSD_300x300__train.prototxt",
        300,
        end="mbox_loc mbox_conf mbox_priorbox",
        phase="TRAIN",
    ),
    Row(
        "ssd300",
        {"classes": 81, "sizes": [21, 45, 99, 153, 207, 261, 315]},
        "NVIDIA__caffe/models__VGGNet__coco__SSD_300x300__deploy.prototxt",
    ),
    Row(
        "mobilenet_ssd",
        {},
        "chuanqi305__MobileNet-SSD/voc__MobileNetSSD_train.prototxt",
        300,
        end="mbox_loc mbox_conf mbox_priorbox",
        phase="TRAIN",
    ),
    Row(
        "mobilenet_ssd",
        {},
        "chuanqi305__MobileNet-SSD/template__MobileNetSSD_deploy_template.prototxt",
        fill={"cls1x": "21", "cls3x": "63", "cls6x": "126"},
        names=False,  # the template is for other classes, and calls the layers that have to be trained anew `…_new`
    ),
    Row(
        "pelee_ssd",
        {},
        "eric612__MobileNet-YOLO/models__pelee__VOC0712__SSD_304x304__train.prototxt",
        304,
        end="mbox_loc mbox_conf mbox_priorbox",
        phase="TRAIN",
    ),
    Row("pelee_ssd", {}, "eric612__MobileNet-YOLO/models__pelee__VOC0712__SSD_304x304__deploy.prototxt"),
    Row(
        "unet",
        {"classes": 11, "channels": 3, "size": 480},
        "PaddlePaddle__X2Paddle/test_benchmark__Caffe__UNet__deploy.prototxt",
        480,
        names=False,  # some layers are called `…_New` there, since they were trained anew
    ),
    Row("mtcnn-PNet", {}, "PaddlePaddle__X2Paddle/test_benchmark__Caffe__MTCNN1__det1.prototxt", 12),
    Row("mtcnn-RNet", {}, "PaddlePaddle__X2Paddle/test_benchmark__Caffe__MTCNN2__det2.prototxt", 24),
    Row("mtcnn-ONet", {}, "PaddlePaddle__X2Paddle/test_benchmark__Caffe__MTCNN3__det3.prototxt", 48),
]


def _published(row: Row, shared: Path) -> Graph:
    text = (shared / "corpus" / row.file).read_text()
    for mark, value in row.fill.items():
        text = text.replace(mark, value)
    inputs: dict[str, Shape] = {"data": (1, 3, row.size, row.size)} if row.size else {}
    if row.end == "detection_out":
        inputs["label"] = (1, 1, 1, 8)  # of the boxes that are there, to measure those that are found
    return netgen.load(text, inputs=inputs, ends=row.end.split(), phase=row.phase).graph


def _ours(row: Row) -> Graph:
    (example,) = [each for each in EXAMPLES if each.id == row.example]
    net = example.compile(**row.settings)
    if row.as_compiled:
        return net.graph
    return netgen.load(net.to_prototxt(), ends=row.end.split()).graph


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.example}-{Path(row.file).stem[-30:]}")
def test_example_is_the_published_network(row: Row, shared: Path) -> None:
    ours, theirs = _ours(row), _published(row, shared)
    found = differences(ours, theirs, ignore_training=True, ignore_names=not row.names)
    assert not found.fields
    assert not found.removed
    assert not found.added
    assert {pair.before.name: pair.fields for pair in found.pairs if pair.fields} == {}
    assert [found.pairs[at].after for at in range(len(found.pairs))] == theirs.nodes, "in the same order"


def test_fcn8s_is_the_front_of_crf_rnn_but_for_what_is_older_there(shared: Path) -> None:
    """Its `Crop` found the offset by itself, and the first enlarging had a bias."""
    row = Row("fcn8s", {}, "torrvision__crfasrnn/matlab-scripts__TVG_CRFRNN_new_deploy.prototxt", 500, end="coarse")
    found = differences(_ours(row._replace(end="")), _published(row, shared), ignore_training=True, ignore_names=True)
    assert not found.removed
    assert not found.added
    assert {(pair.before.name, field.name) for pair in found.changed for field in pair.fields} == {
        ("upscore2", "bias"),
        ("score_pool4c", "offset"),
        ("score_pool3c", "offset"),
        ("score", "offset"),
    }


def test_mobilenet_ssd_is_what_was_tested_on_voc(shared: Path) -> None:
    """With names; for testing more boxes are kept than for deployment."""
    row = Row(
        "mobilenet_ssd", {}, "chuanqi305__MobileNet-SSD/voc__MobileNetSSD_test.prototxt", 300, end="detection_out"
    )
    found = differences(_ours(row), _published(row, shared), ignore_training=True)
    assert not found.renamed
    assert {(pair.before.name, field.name) for pair in found.changed for field in pair.fields} == {
        ("detection_out", name) for name in ("top_k", "keep_top_k", "confidence_threshold", "shape")
    }


def _changed(found: Differences) -> set[tuple[str, str]]:
    """The operators that differ, and in what."""
    return {(pair.before.op.name, field.name) for pair in found.changed for field in pair.fields}


def _operators(nodes: Iterable[Node]) -> list[str]:
    return [node.op.name for node in nodes]


def test_peleenet_of_the_authors_differs_in_what_the_page_says(shared: Path) -> None:
    row = Row("peleenet", {}, "Robert-JunWang__PeleeNet/caffe__peleenet.prototxt")
    found = differences(_ours(row), _published(row, shared), ignore_training=True, ignore_names=True)
    assert not found.removed
    assert not found.added
    assert _changed(found) == {
        ("batch_norm", "eps"),
        ("batch_norm", "moving_average"),
        ("concat", "inputs"),
        ("max_pool", "operator"),
    }


@pytest.mark.parametrize(
    "width, widths",
    [("0.5", [48, 96, 192, 1024]), ("1.0", [116, 232, 464, 1024]), ("1.5", [176, 352, 704, 1024])],
)
def test_shufflenet_v2_is_the_one_that_was_trained_for_caffe(width: str, widths: list[int], shared: Path) -> None:
    """That one normalises its input, and reads its last map by a pooling and a convolution."""
    file = f"miaow1988__ShuffleNet_V2_pytorch_caffe/shufflenet_v2_x{width}.prototxt"
    row = Row("shufflenet_v2", {"widths": widths}, file)
    found = differences(_ours(row), _published(row, shared), ignore_training=True, ignore_names=True)
    assert _operators(found.removed) == ["global_avg_pool", "linear", "softmax"]
    assert _operators(found.added) == ["batch_norm", "scale", "avg_pool", "conv"]
    assert [(pair.before.name, field.name) for pair in found.changed for field in pair.fields] == [("conv1", "inputs")]


def test_inception_v3_is_what_was_converted_from_tensorflow(shared: Path) -> None:
    """TensorFlow's first model has a pool of another kind at its end; this file no scales, and once another order."""
    row = Row(
        "inception_v3",
        {},
        "dividiti__ck-caffe/package__caffemodel-inception-v3__train_val.prototxt",
        299,
        fill={f"$#{mark}#$": "1" for mark in ("val_lmdb", "val_batch_size", "val_mean")},
        as_compiled=True,
        end="ch_concat_mixed_10_chconcat",
    )
    found = differences(_ours(row), _published(row, shared), ignore_training=True, ignore_names=True)
    assert _operators(found.removed) == ["global_avg_pool", "dropout", "linear", "softmax"]
    assert not found.added
    changed = [(pair.before.name, field.name) for pair in found.changed for field in pair.fields]
    assert [each for each in changed if not each[0].endswith("/bn")] == [
        ("b", "inputs"),
        ("e2/pooled/pool", "operator"),
    ]
    assert {field for name, field in changed if name.endswith("/bn")} == {"eps", "moving_average", "affine"}
