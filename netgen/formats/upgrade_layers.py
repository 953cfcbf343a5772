"""Layers of Caffe's first generations, rewritten as layers of today.

The oldest ("v0") have all settings in one message, ``layers { layer { type: "conv" num_output: 8 } bottom: … }``; the
next ("v1") have types that are words, ``layers { type: CONVOLUTION blobs_lr: 1 … }``. The rules are those of Caffe's
own upgrade; fields that only forks have stay where they are, and every field keeps its place in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from netgen.formats.message import Enum, Placed, get
from netgen.formats.schema import fields_of, messages

Warn = Callable[[str, int, str, str], None]
"""Reports a warning: its code, where it stands, its label and its hint."""

TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}
"""The types of v1 and of today."""

_V0_TYPES = {
    "accuracy": ("ACCURACY", ""),
    "bnll": ("BNLL", ""),
    "concat": ("CONCAT", "concat_param"),
    "conv": ("CONVOLUTION", "convolution_param"),
    "data": ("DATA", "data_param"),
    "dropout": ("DROPOUT", "dropout_param"),
    "euclidean_loss": ("EUCLIDEAN_LOSS", ""),
    "flatten": ("FLATTEN", ""),
    "hdf5_data": ("HDF5_DATA", "hdf5_data_param"),
    "hdf5_output": ("HDF5_OUTPUT", ""),
    "im2col": ("IM2COL", ""),
    "images": ("IMAGE_DATA", "image_data_param"),
    "infogain_loss": ("INFOGAIN_LOSS", "infogain_loss_param"),
    "innerproduct": ("INNER_PRODUCT", "inner_product_param"),
    "lrn": ("LRN", "lrn_param"),
    "multinomial_logistic_loss": ("MULTINOMIAL_LOGISTIC_LOSS", ""),
    "pool": ("POOLING", "pooling_param"),
    "relu": ("RELU", ""),
    "sigmoid": ("SIGMOID", ""),
    "softmax": ("SOFTMAX", ""),
    "softmax_loss": ("SOFTMAX_LOSS", ""),
    "split": ("SPLIT", ""),
    "tanh": ("TANH", ""),
    "window_data": ("WINDOW_DATA", "window_data_param"),
}
"""The types of v0: that of v1, and the message that its settings move to."""

_V0_FIELDS = {
    "num_output": ("num_output", "conv innerproduct"),
    "biasterm": ("bias_term", "conv innerproduct"),
    "weight_filler": ("weight_filler", "conv innerproduct"),
    "bias_filler": ("bias_filler", "conv innerproduct"),
    "pad": ("pad", "conv pool"),
    "kernelsize": ("kernel_size", "conv pool"),
    "group": ("group", "conv"),
    "stride": ("stride", "conv pool"),
    "pool": ("pool", "pool"),
    "dropout_ratio": ("dropout_ratio", "dropout"),
    "local_size": ("local_size", "lrn"),
    "alpha": ("alpha", "lrn"),
    "beta": ("beta", "lrn"),
    "k": ("k", "lrn"),
    "source": ("source", "data hdf5_data images window_data infogain_loss"),
    "batchsize": ("batch_size", "data hdf5_data images window_data"),
    "rand_skip": ("rand_skip", "data images"),
    "shuffle_images": ("shuffle", "images"),
    "new_height": ("new_height", "images"),
    "new_width": ("new_width", "images"),
    "concat_dim": ("concat_dim", "concat"),
    "det_fg_threshold": ("fg_threshold", "window_data"),
    "det_bg_threshold": ("bg_threshold", "window_data"),
    "det_fg_fraction": ("fg_fraction", "window_data"),
    "det_context_pad": ("context_pad", "window_data"),
    "det_crop_mode": ("crop_mode", "window_data"),
    "hdf5_output_param": ("hdf5_output_param", "hdf5_output"),
}
"""The settings of v0: their name today, and the types that have them."""

_V0_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}
_V0_LOST = ("new_num", "new_channels")
"""Settings that Caffe's own upgrade forgets."""

_TRANSFORM = ("scale", "mean_file", "crop_size", "mirror")
_DATA_PARAMS = {"DATA": "data_param", "IMAGE_DATA": "image_data_param", "WINDOW_DATA": "window_data_param"}
_SPEC = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}
"""Lists of v1 with a value for each blob, and where a value stands today."""


def add(message: Placed, name: str, value: object, start: int = -1) -> None:
    """Append a field."""
    message.append((name, value))
    message.starts.append(start)


def put(message: Placed, name: str, value: object, start: int = -1) -> None:
    """Set a field that stands once: in its place if it is there, else behind the others."""
    for at, (known, _) in enumerate(message):
        if known == name:
            message[at] = (name, value)
            message.starts[at] = start
            return
    add(message, name, value, start)


def part(message: Placed, name: str, start: int = -1) -> Placed:
    """The message in a field, made if it is not there."""
    found = get(message, name)
    if not isinstance(found, Placed):
        found = Placed(start=start)
        add(message, name, found, start)
    return found


def from_v0(outer: Placed, warn: Warn) -> Placed:
    """A v0 layer as a v1 layer. Of what stands beside its settings Caffe takes the connections alone."""
    if not any(name == "layer" for name, _ in outer):
        return outer
    layer = Placed(start=outer.start, end=outer.end)
    for (name, value), start in zip(outer, outer.starts, strict=True):
        if name == "layer" and isinstance(value, Placed):
            _settings(layer, value, warn)
        elif name not in ("bottom", "top") and name in fields_of("V1LayerParameter"):
            warn("NG528", start, f"`{name}` beside `layer {{ … }}`: Caffe ignores it", "")
        else:
            add(layer, name, value, start)
    return layer


def _settings(layer: Placed, old: Placed, warn: Warn) -> None:
    """Distribute the settings of a v0 layer."""
    kind = get(old, "type", "")
    word, param = _V0_TYPES.get(kind, ("", ""))
    for (name, value), start in zip(old, old.starts, strict=True):
        now, types = _V0_FIELDS.get(name, ("", ""))
        if name == "type":
            if not word:
                warn("NG528", start, f'no Caffe had layers of the type "{value}"; it becomes {guess(str(value))}', "")
            add(layer, "type", Enum(word) if word else guess(str(value)), start)
        elif name in _V0_TRANSFORM:
            put(part(layer, "transform_param", start), _V0_TRANSFORM[name], value, start)
        elif now and kind in types.split():
            add(part(layer, param, start) if param else layer, now, value, start)
        elif word and (now or name in _V0_LOST):
            warn("NG528", start, f'layers of the type "{kind}" have no `{name}`: Caffe ignores it', "")
        else:
            add(layer, name, value, start)  # name, blobs and their multipliers, and what only forks have


def transforms(layer: Placed) -> bool:
    """Whether a v1 layer of data says in its own message what is TransformationParameter's today."""
    param = get(layer, _DATA_PARAMS.get(str(get(layer, "type", "")), ""))
    return isinstance(param, Placed) and any(name in _TRANSFORM for name, _ in param)


def move_transforms(layer: Placed) -> None:
    """Move the transformations of a v1 layer of data to where they are today. Both are there then, as with Caffe."""
    name = _DATA_PARAMS.get(str(get(layer, "type", "")))
    if name is None:
        return
    param = part(layer, name)
    target = part(layer, "transform_param", param.start)
    kept = [(field, start) for field, start in zip(param, param.starts, strict=True) if field[0] not in _TRANSFORM]
    for (field, value), start in zip(param, param.starts, strict=True):
        if field in _TRANSFORM:
            put(target, field, value, start)
    param[:] = [field for field, _ in kept]
    param.starts[:] = [start for _, start in kept]


def from_v1(old: Placed, warn: Warn) -> Placed:
    """A v1 layer as a layer of today."""
    layer = Placed(start=old.start, end=old.end)
    counts = dict.fromkeys(_SPEC, 0)
    specs: list[Placed] = []
    for (name, value), start in zip(old, old.starts, strict=True):
        if name == "type":
            add(layer, "type", type_of(value, start, warn), start)
        elif name not in _SPEC:
            add(layer, name, value, start)
        else:
            number = counts[name]
            counts[name] += 1
            if number == len(specs):
                specs.append(Placed(start=start))
                add(layer, "param", specs[-1], start)
            _specify(specs[number], _SPEC[name], value, start)
    for spec in specs:
        _in_order(spec)
    return layer


def _specify(spec: Placed, name: str, value: object, start: int) -> None:
    if isinstance(value, Placed):  # `param { … }` as of today among fields of v1
        for (inner, each), place in zip(value, value.starts, strict=True):
            put(spec, inner, each, place)
    else:
        put(spec, name, value, start)


def _in_order(spec: Placed) -> None:
    """Bring the fields of a ParamSpec into the order of the schema."""
    order = [*_SPEC.values()]
    rows = sorted(
        zip(spec, spec.starts, strict=True),
        key=lambda row: order.index(row[0][0]) if row[0][0] in order else len(order),
    )
    spec[:] = [field for field, _ in rows]
    spec.starts[:] = [start for _, start in rows]


def type_of(said: object, start: int, warn: Warn) -> str:
    """The type of a v1 layer as it is spelled today."""
    word = str(said)
    if isinstance(said, str) and not isinstance(said, Enum):
        return TYPES.get(word, word)
    if word in TYPES:
        return TYPES[word]
    name = guess(word)
    if name in TYPES.values():
        warn("NG525", start, f"the type {name} of today among `layers`", "Caffe takes it in `layer`, in quotes")
    else:
        warn("NG528", start, f"no Caffe that netgen knows has the type {word} in `layers`; it becomes {name}", "")
    return name


@cache
def guess(word: str) -> str:
    """How a fork spells the type today that it once spelled as a word: as its message, else in camel case."""
    plain = word.replace("_", "").lower()
    stems = [*TYPES.values(), *(name.removesuffix("Parameter") for name in messages() if name.endswith("Parameter"))]
    known = next((stem for stem in stems if stem.lower() == plain), "")
    return known or "".join(piece[:1].upper() + piece[1:].lower() for piece in word.split("_"))
