"""The part of Caffe's protobuf schema that PeleeNet is written in, for protobuf's own reader and printer.

The messages carry Caffe's field numbers and types, so a message made here is, byte for byte, one that Caffe reads.
"""

from __future__ import annotations

from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto

ENUMS = {
    "PoolMethod": {"MAX": 0, "AVE": 1, "STOCHASTIC": 2},
}

MESSAGES = {
    "NetParameter": "1 name string, 100 layer *LayerParameter",
    "LayerParameter": (
        "1 name string, 2 type string, 3 bottom *string, 4 top *string, 6 param *ParamSpec, "
        "139 batch_norm_param BatchNormParameter, 104 concat_param ConcatParameter, "
        "106 convolution_param ConvolutionParameter, 117 inner_product_param InnerProductParameter, "
        "143 input_param InputParameter, 121 pooling_param PoolingParameter, 142 scale_param ScaleParameter"
    ),
    "InputParameter": "1 shape *BlobShape",
    "BlobShape": "1 dim *int64",
    "ParamSpec": "1 name string, 3 lr_mult float, 4 decay_mult float",
    "FillerParameter": "1 type string, 2 value float, 3 min float, 4 max float, 5 mean float, 6 std float",
    "ConvolutionParameter": (
        "1 num_output uint32, 2 bias_term bool, 3 pad *uint32, 4 kernel_size *uint32, 6 stride *uint32, "
        "5 group uint32, 7 weight_filler FillerParameter, 8 bias_filler FillerParameter"
    ),
    "BatchNormParameter": "1 use_global_stats bool, 2 moving_average_fraction float, 3 eps float",
    "ScaleParameter": "1 axis int32, 3 filler FillerParameter, 4 bias_term bool, 5 bias_filler FillerParameter",
    "PoolingParameter": (
        "1 pool PoolMethod, 4 pad uint32, 2 kernel_size uint32, 3 stride uint32, 12 global_pooling bool"
    ),
    "ConcatParameter": "2 axis int32",
    "InnerProductParameter": (
        "1 num_output uint32, 2 bias_term bool, 3 weight_filler FillerParameter, 4 bias_filler FillerParameter"
    ),
}
"""Each field as ``number name type``; a star marks a repeated one."""

SCALARS = {
    "string": Field.TYPE_STRING,
    "bool": Field.TYPE_BOOL,
    "float": Field.TYPE_FLOAT,
    "int32": Field.TYPE_INT32,
    "int64": Field.TYPE_INT64,
    "uint32": Field.TYPE_UINT32,
}


def net_parameter() -> type[Any]:
    """The class of ``NetParameter`` messages."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return cast("type[Any]", message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter")))


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    for name, values in ENUMS.items():
        enum = file.enum_type.add(name=name)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in MESSAGES.items():
        described = file.message_type.add(name=name)
        for field in fields.split(", "):
            _add_field(described, *field.split())
    return file


def _add_field(described: descriptor_pb2.DescriptorProto, number: str, name: str, kind: str) -> None:
    field = described.field.add(name=name, number=int(number))
    field.label = Field.LABEL_REPEATED if kind.startswith("*") else Field.LABEL_OPTIONAL
    kind = kind.removeprefix("*")
    if kind in SCALARS:
        field.type = SCALARS[kind]
    else:
        field.type = Field.TYPE_ENUM if kind in ENUMS else Field.TYPE_MESSAGE
        field.type_name = f".caffe.{kind}"
    if name == "dim":
        field.options.packed = True
