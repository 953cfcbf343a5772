"""What a file is, by its first bytes: a format of weights, or something that people take for one."""

from __future__ import annotations

from mmap import mmap

from netgen.weights.wire import BYTES, VARINT, Wire, WireFault

CAFFEMODEL, TORCH, SAFETENSORS = "caffemodel", "torch", "safetensors"

_LOOK = 512
_SIGNS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"\x89HDF\r\n\x1a\n",
        "it is an HDF5 file; Caffe can write its weights so (.caffemodel.h5)",
        'with pycaffe: caffe.Net("net.prototxt", 1, weights="x.caffemodel.h5").save("x.caffemodel")',
    ),
    (
        b"version https://git-lfs",
        "it is a pointer of Git LFS, not the file itself",
        "`git lfs pull` fetches the file",
    ),
    (b"\x1f\x8b", "it is compressed with gzip", "unpack it with gunzip"),
    (b"\xfd7zXZ\0", "it is compressed with xz", "unpack it with unxz"),
    (b"BZh", "it is compressed with bzip2", "unpack it with bunzip2"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd", "unpack it with unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive", "unpack it"),
    (b"Rar!", "it is a RAR archive", "unpack it"),
    (
        b"\x93NUMPY",
        "it is a single array of numpy's",
        "save all arrays with their names, as safetensors or a state_dict",
    ),
    (b"\x7fELF", "it is a program", ""),
)


def detect(data: mmap, path: str = "") -> tuple[str, str]:
    """The format of a file and "", or else a sentence that says what it is, and a hint. Its name hardly matters."""
    head = bytes(data[:_LOOK])
    if head[:4] == b"PK\x03\x04" or _is_pickle(head):
        return TORCH, ""
    if head[8:9] == b"{" and (int.from_bytes(head[:8], "little") <= len(data) or path.endswith(".safetensors")):
        return SAFETENSORS, ""
    for sign, what, hint in _SIGNS:
        if head.startswith(sign):
            return what, hint
    if head[257:262] == b"ustar":
        return "it is a tar archive", "unpack it"
    if head[:1] == b"\x08":
        return _other_protobuf(data)
    if _is_text(head):
        return _text(head)
    return CAFFEMODEL, ""


def _is_pickle(head: bytes) -> bool:
    return head[:1] == b"\x80" and head[1:2] in (b"\1", b"\2", b"\3", b"\4", b"\5")


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)


def _text(head: bytes) -> tuple[str, str]:
    """What a file of text is."""
    words = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if words.startswith("<"):
        return "it is a web page, or XML", "the download went wrong: open its address in a browser and look"
    while words.startswith("#"):
        words = words.partition("\n")[2].lstrip()
    if words.startswith(("name", "layer", "input", "state", "force_backward")):
        return "it is a prototxt: a net without its weights", "the weights are in a file of their own, a .caffemodel"
    if words.startswith(("net ", "net:", "train_net", "base_lr", "test_iter")):
        return "it is the text of a solver or a program, not weights", "give the .caffemodel that was trained with it"
    return "it is a text", "the download went wrong, or it is another file than meant: open it and look"


def _other_protobuf(data: mmap) -> tuple[str, str]:
    """What a protobuf message is whose first field is a number: no net begins so."""
    kinds: set[tuple[int, int]] = set()
    try:
        for field in Wire(data).fields(0, len(data)):
            kinds.add((field.number, field.kind))
            if len(kinds) > 8:
                break
    except WireFault:
        pass
    if (2, VARINT) in kinds:
        return "it is a single blob, such as a mean image (.binaryproto)", "the weights are in the .caffemodel"
    if (7, BYTES) in kinds or (8, BYTES) in kinds:
        return "it looks like an ONNX model", "netgen reads weights from caffemodels, state_dicts and safetensors"
    if (2, BYTES) in kinds or (3, BYTES) in kinds:
        return (
            "it is a solverstate: what a solver needs to go on",
            "the weights are in the .caffemodel of the same name",
        )
    return CAFFEMODEL, ""
