"""What is no prototxt: each text ends in an error that shows the right place and says what the file really is."""

from __future__ import annotations

import gzip
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from patience import at_most, turns

from netgen.diag import Diagnostic, NetgenError, Source
from netgen.formats import files, textproto_files
from netgen.formats.textproto import write_text
from netgen.formats.textproto_reader import decode_text, read_text

LAYER = """\
layer {
  name: "a"
  convolution_param {
    num_output: 64
    kernel_size: 3
  }
}
"""

# name: (text, [(code, the text that is underlined, words of the message) …])
FAULTS: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    # something else
    "page": ("\n<!DOCTYPE html>\n<html>", [("NG510", "<!DOCTYPE html>", "an HTML page")]),
    "server": ("404: Not Found", [("NG510", "404: Not Found", "a server's message")]),
    "xml": ('<?xml version="1.0"?>\n<net>', [("NG510", '<?xml version="1.0"?>', "this is XML")]),
    "lfs": ("version https://git-lfs.github.com/spec/v1\noid", [("NG510", "version https", "git lfs pull")]),
    "json": ('{\n  "name": "x"\n}', [("NG510", "{", "this is JSON")]),
    "json list": ('[{"name": "x"}]', [("NG510", '[{"name": "x"}]', "this is JSON")]),
    "yaml": ("name: x\nlayers:\n  - type: conv\n    name: y\n", [("NG510", "- type: conv", "this is YAML")]),
    "python": ("# made by hand\nfrom caffe import layers as L", [("NG510", "from caffe", "a Python program")]),
    "shell": ("#!/bin/sh\ncaffe train", [("NG510", "#!/bin/sh", "a shell script")]),
    "schema": ('syntax = "proto2";\npackage caffe;', [("NG510", "syntax", "a schema of protobuf")]),
    "netgen": ("net Tiny() {\n}", [("NG510", "net Tiny()", "the ending .net")]),
    "darknet": ("[net]\nbatch=1", [("NG510", "[net]", "a net for Darknet")]),
    "ncnn": ("7767517\n75 83\n", [("NG510", "7767517", "a net for ncnn")]),
    "patch": ('--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a: "x"\n', [("NG510", "--- a/x", "this is a patch")]),
    "ed script": ("1120,1149c\n  name: 1\n.\n", [("NG510", "1120,1149c", "this is a patch")]),
    "half a patch": (f"{LAYER}layer {{\n-  a: 3\n+  a: 4\n}}", [("NG510", "-  a: 3", "a piece of a patch")]),
    "mail": ("> a: 1\n> b: 2\n", [("NG510", "> a: 1", "lines begin with >")]),
    "listing": ("1  a: 1\n2  b: 2\n", [("NG510", "1  a: 1", "lines begin with their numbers")]),
    "log": ('name: "x"\nI0512 12:00:00.123 1 net.cpp:4] b\n', [("NG510", "I0512 12:00", "a log of Caffe")]),
    "markdown": ("```\na: 1\n```\n", [("NG510", "```", "Markdown")]),
    "symbolic link": ("../deploy.prototxt", [("NG510", "../deploy.prototxt", "a symbolic link")]),
    "empty": ("", [("NG510", "", "nothing is in it")]),
    "blank": (" \n\n", [("NG510", "", "nothing is in it")]),
    "comments": ("# a\n# b\n", [("NG510", "# a", "nothing is in it but comments")]),
    "conflict": (
        "layer {\n<<<<<<< HEAD\n  a: 1\n=======\n  a: 2\n>>>>>>> other\n}",
        [("NG517", "<<<<<<< HEAD", "3 marks were left")],
    ),
    # templates
    "${}": ('a: "${dir}/${x}"\nb: ${size}\n', [("NG511", "${size}", "3 placeholders in this style: `dir`, `x`,")]),
    "in the middle": ("a: model-${x}.txt\n", [("NG511", "${x}", "a placeholder")]),
    "{{}}": ("a: {{ size }} # so many\nb: {{ rate }}\n", [("NG511", "{{ size }}", "the style of Jinja")]),
    "{%": ("{% for i in n %}\nlayer { a: '{{ i }}' }\n{% endfor %}", [("NG511", "{% for i in n %}", "Jinja")]),
    "<%": ("<%page args=\"x\"/>\na: ${x}\nb: ${y}\n", [("NG511", '<%page args="x"/>', "`x`, `y`")]),
    "<%=": ("a: <%= size %>\n", [("NG511", "<%= size %>", "the style of ERB")]),
    "% if": ("a: 1\n% if x:\nb: 2\n% endif\n", [("NG511", "% if x:", "belongs to a template")]),
    "$##$": ('a: "$#file#$"\nb: $#size#$\n', [("NG511", "$#size#$", "`file`, `size`")]),
    "$$": ("a: $Default$\n", [("NG511", "$Default$", "a placeholder")]),
    "$": ("a: $SIZE\n", [("NG511", "$SIZE", "the shell")]),
    "@@": ("a: @SIZE@\n", [("NG511", "@SIZE@", "CMake")]),
    "%d": ("a: %d\nb: '%s'", [("NG511", "%d", "the style of printf")]),
    "%()d": ("a: %(size)d\nb: %(rate).3f", [("NG511", "%(size)d", "`size`, `rate`")]),
    "[[]]": ("a: [[size]]\n", [("NG511", "[[size]]", "a placeholder")]),
    "<>": ("a: <your classes>\n", [("NG511", "<your classes>", "a placeholder")]),
    "{}": ("a { b: {size} }\n", [("NG511", "{size}", "str.format")]),
    "##": ("a: #SIZE#\nb: 1\n", [("NG511", "#SIZE#", "a placeholder")]),
    "??": ("a: ???\n", [("NG511", "???", "a placeholder")]),
    "doubled braces": ('layer {{\n  name: "{a}_{b}"\n}}\n', [("NG511", "{{", "`a`, `b`")]),
    # strings
    "open": ('a: "x\nb: 1\n', [("NG512", '"x', "its line does not close it")]),
    "open, twice": ('a: "x\nb: \'y\nc: "z"', [("NG512", '"x', "close it"), ("NG512", "'y", "close it")]),
    "open at the end": ('a: "', [("NG512", '"', "does not close it")]),
    "other quote": ("a: \"x'\nb: 1", [("NG512", "\"x'", "must end with \", not with '")]),
    "escaped quote": ('a: "C:\\x\\"\nb: 1', [("NG512", '"C:\\x\\"', "write a last backslash twice")]),
    "over lines": ("a: '{\n  1: 2\n}' b: 1\n", [("NG512", "'{", "cannot go over the end of a line")]),
    "over lines, and more": ("a: '{\n 1\n}' 'x' b: y.z", [("NG512", "'{", "cannot go over the end of a line")]),
    "no first quote": ('a: net"\nb: 1\n', [("NG512", 'net"', 'write a: "net"')]),
    "open, and a template": ('a: "x\nb: {{ y }}\n', [("NG512", '"x', "close"), ("NG511", "{{ y }}", "placeholder")]),
    # braces
    "inner brace": (LAYER.replace("3\n  }", "3") + LAYER, [("NG513", "{", "3:21"), ]),
    "outer brace": ("layer {\n  name: 'q'\n" + LAYER, [("NG513", "{", "as if it had been closed before")]),
    "last brace": (LAYER + LAYER[:-2], [("NG513", "{", "8:7")]),
    "flat": ("a {\nb: 1\nc {\nd: 1\n}\n", [("NG513", "{", "1:3")]),
    "brace too many": (LAYER.replace("64\n", "64\n    }\n") + LAYER, [("NG513", "}", "5:5")]),
    "brace at the end": (LAYER + "}", [("NG513", "}", "closes nothing")]),
    "wrong brace": ("a < b: 1 }", [("NG513", "}", "does not close `<`")]),
    # comments of other languages
    "//": ("a: 1 // one\n// two\nb: 2\n", [("NG514", "//", "2 times in this file")]),
    "// alone": ("// one\na: 1", [("NG514", "//", "write # instead")]),
    "// for a value": ("a: // one\n", [("NG514", "//", "write # instead")]),
    "/*": ("/* one\n two */\na: 1", [("NG514", "/*", "begin each of its lines with #")]),
    # fields
    "no colon": ("a 64\nb: 1\nc 'x'\n", [("NG515", "a", "`:` is missing"), ("NG515", "c", "`:` is missing")]),
    "equals": ("a = 64\nb: 2", [("NG515", "=", "where `:` is due")]),
    "full-width colon": ("a：64", [("NG515", "：", "a full-width colon")]),
    "hyphen": ("batch-size: 3", [("NG515", "batch-size", "is no name of a field")]),
    "dash": ("a: –3\nb: 1", [("NG515", "–", "not the minus sign")]),
    "decimal comma": ("a: 0,001", [("NG515", "001", "a second value for `a`")]),
    "no value": ("a:\nb: 1\n", [("NG515", "a", "`a` has no value")]),
    "no value before a message": ("a:\nb {\n}\n", [("NG515", "a", "`a` has no value")]),
    "no value before a brace": ("a { b: }\n", [("NG515", "b", "`b` has no value")]),
    "no value at the end": ("a:", [("NG515", "a", "`a` has no value")]),
    "no brace": ("layer\n  a: 1\n}\n", [("NG515", "layer", "`layer { … }`")]),
    "no name": ("a { : 3 }", [("NG515", ":", "no name before it")]),
    "no name of a message": ("a { { b: 3 } }", [("NG515", "{", "no name before it")]),
    "quoted name": ('"name": "x"', [("NG515", '"name":', "names of fields have no quotes")]),
    "values in a row": ("a: 1, 3, 224\n", [("NG515", "3", "a second value for `a`")]),
    "unit": ("a: 64px\nb: 3x3\n", [("NG515", "64px", "is no number"), ("NG515", "3x3", "is no number")]),
    "percent": ("a: 0.5%\n", [("NG515", "0.5%", "is no number")]),
    "points": ("a: 1.2.3\n", [("NG515", "1.2.3", "is no number")]),
    "open list": ("a: [1, 2\nb: 3", [("NG515", ":", "the list of `a`")]),
    "list at the end": ("a: [{b: 1}", [("NG515", "", "the file ends here: the list of `a`")]),
    "left out": ("a: 1\n...\nb: 2", [("NG515", "...", "something was left out here")]),
    "left out of a value": ("a: …\n", [("NG515", "…", "something was left out here")]),
    "bell": ("a: 1 \a", [("NG515", "\a", "cannot stand behind a value")]),
    "number for a name": ("12: 3", [("NG515", "12:", "begins with its name")]),
    # texts without quotes
    "path": ("a: C:\\Data\\x # so\nb: 1", [("NG516", "C:\\Data\\x", 'write a: "C:\\\\Data\\\\x"')]),
    "unix path": ("a { b: /home/x }\n", [("NG516", "/home/x", 'write b: "/home/x"')]),
    "address": ("a: http://x.org/y\n", [("NG516", "http://x.org/y", "has no quotes")]),
    "dotted": ("a: Dual.Trainer\nb: X=Y;Z=1;\n", [("NG516", "Dual.Trainer", "`a`"), ("NG516", "X=Y;Z=1", "`b`")]),
    "words": ("a: My Net\nb: 1", [("NG516", "My Net", 'write a: "My Net"')]),
    "curly quotes": ("a: “net”\n", [("NG516", "“net”", "a quote of a word processor")]),
    # bounds
    "deep": ("a {" * 101, [("NG518", "{", "more than 100 deep")]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    text, expected = FAULTS[name]
    with pytest.raises(NetgenError) as error:
        read_text(Source("test.prototxt", text))
    found = error.value.diagnostics
    assert [each.code for each in found] == [code for code, _, _ in expected]
    for diagnostic, (_, place, words) in zip(found, expected, strict=True):
        assert diagnostic.span is not None
        assert diagnostic.span.text.startswith(place), str(error.value)
        assert words in str(NetgenError([diagnostic])), str(error.value)


# What Caffe refuses or takes otherwise, and is plain: (text, the same in a plain text, words of the warning).
ODD = {
    "no-break space": ("a {\xa0b:\u30001 }", "a { b: 1 }", "U+00A0 is no blank to Caffe, which stops here; 2 times"),
    "mark of the byte order": ("a: 1\n\ufeffb: 1", "a: 1 b: 1", "U+FEFF is no blank"),
    "zero bytes": ("a: 1\n\0\0", "a: 1", "U+0000 stands behind the text"),
    "end of DOS": ("a: 1\n\x1a", "a: 1", "U+001A stands behind the text"),
    "separators": ("a: 1;; b: 1", "a: 1 b: 1", "a `;` too many"),
    "comma at the end": ("a: [1, 2,]", "a: [1, 2]", "a `,` too many"),
    "no commas": ("a: [1 2 {}]", "a: [1, 2, {}]", "a comma is missing behind this element: Caffe stops here; 2 times"),
    "unknown escape": (r'a: "C:\Data"', r'a: "C:\\Data"', r"`\D` is no escape"),
    "escape of no letter": (r'a: "\é\xg\u12"', r'a: "\\é\\xg\\u12"', r"`\é` is no escape: Caffe stops here; 3 times"),
    "carriage return": ("a: 1 # one\rb: 2\nc: 3", "a: 1 c: 3", "still belongs to the comment"),
}


@pytest.mark.parametrize("text, plain, words", ODD.values(), ids=ODD.keys())
def test_what_is_plain_is_read_with_a_warning(text: str, plain: str, words: str) -> None:
    warnings: list[Diagnostic] = []
    assert read_text(Source("test.prototxt", text), warnings) == read_text(Source("test.prototxt", plain))
    assert [(each.code, each.severity) for each in warnings] == [("NG519", "warning")]
    assert words in str(NetgenError(warnings))


def test_no_warning_where_all_is_well() -> None:
    warnings: list[Diagnostic] = []
    read_text(Source("test.prototxt", "# é\r\na: 'é\t\r # \x07' # b\r# \r\nc: 1 # \x07 \xa0"), warnings)
    assert not warnings


# Bytes


@pytest.mark.parametrize(
    "data, text",
    [
        (b"\xef\xbb\xbfa: 1", "a: 1"),
        ("a: 'é'".encode(), "a: 'é'"),
        (b"a: 1\r\n\x07", "a: 1\r\n\x07"),
        (b"a: 1\0\0", "a: 1\0\0"),
        (b"", ""),
    ],
)
def test_bytes_that_are_text(data: bytes, text: str) -> None:
    source = decode_text("test.prototxt", data)
    assert (source.path, source.text) == ("test.prototxt", text)


def test_lines_that_are_not_utf8() -> None:
    warnings: list[Diagnostic] = []
    data = b"# gr\xc3\xbc\xc3\x9fe\na: 1 # caf\xe9 \x81\nb: 'na\xefve \x97'\n"
    source = decode_text("test.prototxt", data)
    assert read_text(source, warnings) == [("a", "1"), ("b", "naïve —")]
    assert source.text.startswith("# grüße\na: 1 # café \x81\n")
    (warning,) = warnings
    assert (warning.code, str(warning.span)) == ("NG519", "test.prototxt:2:11")
    assert "the byte 0xe9 is not UTF-8: the line is read as Windows-1252, and so are 1 others" in str(
        NetgenError(warnings)
    )


def test_bytes_that_are_not_utf8_and_stand_where_they_cannot() -> None:
    with pytest.raises(NetgenError, match="`é` cannot stand here"):
        read_text(decode_text("test.prototxt", b"a: 1\n\xe9\n"))


CAFFEMODEL = b"\n\x04Tiny\xa2\x06\x1d\n\x04conv\x12\x0bConvolution:\x08*\x06\n\x04\0\0\x80?"
BINARY = {
    "caffemodel": (CAFFEMODEL, "this is a caffemodel, which holds weights"),
    "v1 caffemodel": (b"\x12\x14" + b"\0" * 20, "this is a caffemodel"),
    "pickle": (pickle.dumps({"weight": [1.0, 2.0]}), "a pickle of Python"),
    "zip": (b"PK\x03\x04\x14\0", "a ZIP archive, as PyTorch keeps weights in"),
    "gzip": (gzip.compress(b"a: 1"), "compressed by gzip"),
    "hdf5": (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
    "png": (b"\x89PNG\r\n\x1a\n\0", "a PNG image"),
    "tar": (b"a" * 257 + b"ustar", "a tar archive"),
    "safetensors": (b"\x40\0\0\0\0\0\0\0" + b'{"a":{"dtype"', "a safetensors file"),
    "numpy": (b"\x93NUMPY\x01\0", "an array of NumPy"),
    "floats": (np.arange(100, dtype=np.float32).tobytes(), "binary data"),
    "controls": (b"\x01\x02\x03\x04abc", "binary data"),
    "rtf": (b"{\\rtf1 a: 1}", "a document of a word processor"),
    "utf-16": ("a: 1".encode("utf-16"), "text in UTF-16"),
    "utf-16 without a mark": ("name: 1\n".encode("utf-16-be"), "text in UTF-16"),
}


@pytest.mark.parametrize("data, words", BINARY.values(), ids=BINARY.keys())
def test_bytes_that_are_no_text(data: bytes, words: str) -> None:
    with pytest.raises(NetgenError) as error:
        decode_text("test.prototxt", data)
    assert [each.code for each in error.value.diagnostics] == ["NG510"]
    assert words in str(error.value)


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textproto_files, "MAX_PROTOTXT", 1 << 20)
    decode_text("test.prototxt", b"#" * (1 << 20))
    with pytest.raises(NetgenError, match="more than 1 MiB") as error:
        decode_text("test.prototxt", b"#" * (1 << 20) + b"#")
    assert error.value.diagnostics[0].code == "NG518"
    assert files.MAX_PROTOTXT == 64 << 20


# Published files: what each of those really is that are no prototxt.

PUBLISHED = {
    "BVLC__caffe/@57000223__examples__mnist__mnist_autoencoder.prototxt": ["NG517 4:1 683 marks were left"],
    "MyCaffe__MyCaffe/MyCaffe.test__test_data__models__reinforcement__atari.c51__solver.prototxt": [
        'NG516 20:17 write custom_trainer: "Dual.Trainer"',
        "NG516 21:28 the value of `custom_trainer_properties` is a text, and has no quotes",
    ],
    "MyCaffe__MyCaffe/MyCaffe.test__test_data__models__ssd__vgg16__ssd_vgg16_train_test.prototxt": [
        "NG516 97:23 the value of `label_map_file` is a text",
        "NG516 296:23 the value of `label_map_file` is a text",
        "NG516 2373:26 the value of `label_map_file` is a text",
        "NG516 2374:26 the value of `name_size_file` is a text",
        "NG516 2401:23 the value of `name_size_file` is a text",
    ],
    **{
        f"MyCaffe__MyCaffe/MyCaffe.test__test_data__models__tft__Tft_{name}__tft_{name}_train_test.prototxt": [
            f"NG516 {line}:15 the value of `source` is a text" for line in (20, 49, 79)
        ]
        for name in ("electricity", "traffic", "volatility")
    },
    "MyCaffe__MyCaffe/MyCaffe.test__test_data__projects__minGPT__models__gpt__train_test.prototxt": [
        "NG511 13:23 `$Default$` is a placeholder"
    ],
    "MyCaffe__MyCaffe/models__ssd__train_val_workinprogress.prototxt": [
        "NG516 180:23 the value of `label_map_file` is a text",
        "NG516 423:23 the value of `label_map_file` is a text",
        "NG516 2513:28 the value of `output_directory` is a text",
        "NG516 2516:26 the value of `label_map_file` is a text",
        "NG516 2517:26 the value of `name_size_file` is a text",
        "NG516 2544:23 the value of `name_size_file` is a text",
    ],
    "RANG1991__Public-Intermediate-Semantics-For-Generation/models__deploy.prototxt": [
        "NG510 1:1 a pointer of Git LFS"
    ],
    "cdoersch__deepcontext/solver_mko.prototxt": ["NG511 2:1 `outdir`, `fnm`, `base_lr`"],
    "dividiti__ck-caffe/package__caffemodel-inception-v3__train_val.prototxt": ["NG511 10:17 `$#val_batch_size#$`"],
    "dividiti__ck-caffe/package__caffemodel-resnet50__train_val.prototxt": ["NG511 17:17 `$#train_batch_size#$`"],
    "dividiti__ck-caffe/package__caffemodel-vgg19__deploy.prototxt": ["NG511 3:12 `$#batch_size#$`"],
    "luoyetx__deep-landmark/prototxt__s1_train.prototxt.template.prototxt": ["NG511 3:7 Python's str.format"],
    "movidius__ncappzoo/@ncsdk1__caffe__ResNet-18__resnet-18.prototxt.patch.prototxt": ["NG510 1:1 this is a patch"],
    "openvinotoolkit__training_toolbox_caffe/@pr-13__models__templates__person_detection_action_recognition_N_classes"
    "__templates__deploy.prototxt.j2.prototxt": [
        "NG512 1:7 the string of `name` begins here",
        "NG511 16808:12 `{{ num_actions }}` is a placeholder",
    ],
    "openvinotoolkit__training_toolbox_caffe/models__person_detection_action_recognition_teacher__deploy.prototxt": [
        "NG512 1:7 the string of `name` begins here"
    ],
    "openvinotoolkit__training_toolbox_caffe/models__templates__person_detection_action_recognition_N_classes"
    "__templates__deploy.prototxt.j2.prototxt": ["NG511 16808:12 `{{ num_actions }}` is a placeholder"],
    "openvinotoolkit__training_toolbox_caffe/models__templates__person_detection_action_recognition_N_classes"
    "__templates__train.prototxt.j2.prototxt": ["NG511 16853:12 `{{ num_actions }}` is a placeholder"],
}


@pytest.mark.parametrize("file", PUBLISHED)
def test_published_files_that_are_none(file: str, shared: Path) -> None:
    with pytest.raises(NetgenError) as error:
        read_text(decode_text("it", (shared / "corpus" / file).read_bytes()))
    found = error.value.diagnostics
    assert len(found) == len(PUBLISHED[file])
    for diagnostic, expected in zip(found, PUBLISHED[file], strict=True):
        code, place, words = expected.split(" ", 2)
        assert f"{diagnostic.code} {diagnostic.span}" == f"{code} it:{place}"
        assert words in str(NetgenError([diagnostic]))


# Anything at all: a message, or a NetgenError.

SEEDS = [path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("cases/examples/*/out/*.prototxt"))]
PIECES = [
    *(
        b"{ } < > [ ] : ; , # \" ' \\ \n \r \0 \x07 \xff \xc3 - + . = // /* */ ... ${x} {{ %d <<<<<<< ======= @".split(
            b" "
        )
    ),
    *(b'a:1 a{} a<> [a.b] "x" \'y \\u12 1e 0x 08 .5. name: layer{ \xc2\xa0 \xef\xbb\xbf ]: [['.split(b" ")),
]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Some bytes with a few deleted, doubled, swapped or put in."""
    start = chance.randrange(len(data))
    made = bytearray(data[start : start + chance.randint(1, 2000)])
    for _ in range(chance.randint(1, 8)):
        at, other = (chance.randrange(len(made) + 1) for _ in range(2))
        match chance.randrange(4):
            case 0:
                del made[at : at + chance.randint(1, 9)]
            case 1:
                made[at:at] = made[at : at + chance.randint(1, 200)]
            case 2:
                first, second = sorted((at, other))
                made[first:] = made[second : second + 20] + made[first:second] + made[second + 20 :]
            case 3:
                made[at:at] = chance.choice(PIECES)
    return bytes(made)


def test_mutated_texts_are_read_or_refused() -> None:
    tried = read = 0
    for turn, chance in turns(5000):
        data = mutate(chance.choice(SEEDS), chance)
        tried += 1
        try:
            message = read_text(decode_text("test.prototxt", data), [])
            again = read_text(Source("test.prototxt", write_text(message))) if message else message
            assert again == message
            read += 1
        except NetgenError as error:
            str(error)
        except Exception as error:
            pytest.fail(f"{turn}: {error!r} for {data!r}")
    assert 0 < read < tried


@pytest.mark.parametrize(
    "piece", ["{", "}", "a{", "a:[{", '"', "\\", ";", "a: x.", "//\n", "a: $x ", "a<>", "\0", "\xa0", "a:1;;"]
)
def test_long_texts_take_no_longer_than_they_are(piece: str) -> None:
    """What a step does never depends on all that came before: 300 kB are read in a moment."""
    with at_most(10):
        try:
            read_text(decode_text("test.prototxt", (piece * (300_000 // len(piece))).encode()), [])
        except NetgenError as error:
            str(error)
