"""``netgen weights``: what it prints and with which exit code; files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import randomize

import netgen
from netgen.cli import main
from netgen.diag import NetgenError
from netgen.ir.slots import LayerSlots, Slot
from netgen.weights import Entry, Weights, read_weights, save_caffemodel, save_safetensors, save_state_dict

PROGRAM = """\
net Small() {
    data = input(1, 2, 4, 4)
    x = conv(data, 3, 1)  as "conv"
    x = batch_norm(x)     as "bn"
    y = linear(x, 2)      as "fc"
}
"""

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program and its weights, 1 to 111, in two formats."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("small.net").write_text(PROGRAM)
    net = netgen.compile("small.net")
    module = net.to_torch()
    start = 1
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.arange(start, start + tensor.numel()).reshape(tensor.shape))
                start += tensor.numel()
    net.load_weights(module.state_dict())
    net.save_caffemodel("small.caffemodel")
    net.save_state_dict("small.pth")
    return tmp_path


LIST = """\
small.caffemodel: caffemodel of Small, 5 layers, 9 arrays, 120 numbers

layer  type          blob  shape    dtype    count
conv   Convolution   0     3x2x1x1  float32      6
conv   Convolution   1     3        float32      3
bn     BatchNorm     0     3        float32      3
bn     BatchNorm     1     3        float32      3
bn     BatchNorm     2     1        float32      1
scale  Scale         0     3        float32      3
scale  Scale         1     3        float32      3
fc     InnerProduct  0     2x48     float32     96
fc     InnerProduct  1     2        float32      2
"""

STATS = """\
small.pth: state_dict, 8 arrays, 119 numbers

array            shape    dtype    count  least  largest   mean
conv.weight      3x2x1x1  float32      6      1        6    3.5
conv.bias        3        float32      3      7        9      8
"""


def test_list(here: Path, capsys: Captured) -> None:
    assert main(["weights", "list", "small.caffemodel"]) == 0
    assert capsys.readouterr().out == LIST
    assert main(["weights", "list", "--stats", "small.pth"]) == 0
    assert capsys.readouterr().out.startswith(STATS)


def test_list_for_programs(here: Path, capsys: Captured) -> None:
    assert main(["weights", "list", "--format", "json", "--stats", "small.caffemodel"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["format"], data["net"], data["count"]) == ("caffemodel", "Small", 120)
    conv = data["layers"][1]
    assert (conv["type"], conv["bottoms"], conv["tops"]) == ("Convolution", ["data"], ["conv"])
    [weight, bias] = conv["blobs"]
    found = Path("small.caffemodel").read_bytes()[weight["offset"] :][:24]
    assert np.frombuffer(found, np.float32).tolist() == [1, 2, 3, 4, 5, 6]
    assert (weight["shape"], weight["mean"]) == ([3, 2, 1, 1], 3.5)
    assert (bias["name"], bias["least"], bias["largest"], bias["not_finite"]) == ("conv[1]", 7, 9, 0)


def test_numbers_that_are_none_are_counted(here: Path, capsys: Captured) -> None:
    torch.save(
        {"a": torch.tensor([1.0, float("nan"), float("inf"), 3.0]), "b": torch.tensor([float("nan")])}, "odd.pth"
    )
    assert main(["weights", "list", "--stats", "odd.pth"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["a", "4", "float32", "4", "1", "3", "2", "(2", "not", "finite)"]
    assert lines[4].split()[4:7] == ["nan", "nan", "nan"]
    assert main(["weights", "list", "--stats", "--format", "json", "odd.pth"]) == 0
    assert json.loads(capsys.readouterr().out)["arrays"][1]["mean"] is None


def test_diff(here: Path, capsys: Captured) -> None:
    state = torch.load("small.pth", weights_only=True)
    state["fc.bias"][1] += 0.5
    state["conv.bias"] = state["conv.bias"].reshape(1, 3)
    state["more"] = torch.ones(2)
    del state["bn.bias"]
    torch.save(state, "changed.pth")

    assert main(["weights", "diff", "small.pth", "small.pth"]) == 0
    assert capsys.readouterr().out == "8 arrays: 8 same\n"
    assert main(["weights", "diff", "small.pth", "changed.pth"]) == 1
    assert capsys.readouterr().out == (
        "conv.bias  3 in the first, 1x3 in the second\n"
        "bn.bias    only in the first\n"
        "fc.bias    1 number changed, by 0.5 at most\n"
        "more       only in the second\n"
        "\n"
        "9 arrays: 5 same, 1 reshaped, 1 only in the first, 1 changed, 1 only in the second\n"
    )
    assert main(["weights", "diff", "--format", "json", "--all", "small.pth", "changed.pth"]) == 1
    data = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert (data["fc.bias"]["count"], data["fc.bias"]["largest"], data["more"]["first"]) == (1, 0.5, None)


def test_diff_of_two_formats(here: Path, capsys: Captured) -> None:
    """Their names have nothing in common; the net knows both."""
    assert main(["weights", "diff", "small.caffemodel", "small.pth"]) == 2
    assert "with --net NET they are compared as arrays of that net" in capsys.readouterr().err
    assert main(["weights", "diff", "--net", "small.net", "small.caffemodel", "small.pth"]) == 0
    assert capsys.readouterr().out == "8 arrays: 8 same\n"


def test_differences_that_only_bits_show(here: Path, capsys: Captured) -> None:
    torch.save({"a": torch.tensor([0.0, float("nan"), 1.0])}, "a.pth")
    torch.save({"a": torch.tensor([-0.0, float("nan"), float("nan")])}, "b.pth")
    assert main(["weights", "diff", "a.pth", "b.pth"]) == 1
    assert "a  2 numbers changed, by inf at most" in capsys.readouterr().out


def test_map(here: Path, capsys: Captured) -> None:
    state = torch.load("small.pth", weights_only=True)
    del state["fc.bias"]
    torch.save({f"net.{name.replace('bn', 'norm')}": tensor for name, tensor in state.items()}, "other.pth")
    assert main(["weights", "map", "small.net", "other.pth", "--save-mapping", "map.txt"]) == 1
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["conv.weight", "3x2x1x1", "net.conv.weight", "by", "like", "name"]
    assert lines[2].split() == ["bn.mean", "3", "net.norm.running_mean", "by", "order", "and", "shape"]
    assert lines[-3].split() == ["fc.bias", "2", "-", "is", "missing"]
    assert lines[-1] == "7 of 8 arrays: 4 by order and shape, 3 by like name"
    assert printed.err == "wrote map.txt\n"

    text = Path("map.txt").read_text()
    Path("map.txt").write_text(text.replace("# fc.bias = ?", "fc.bias ="))
    assert main(["weights", "map", "small.net", "other.pth", "--mapping", "map.txt"]) == 0
    assert "7 by mapping" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["list", "diff", "map"])
def test_help_teaches(action: str, capsys: Captured) -> None:
    assert main(["weights", action, "--help"]) == 0
    assert f"netgen weights {action} " in capsys.readouterr().out.partition("examples:")[2]


def test_errors_are_diagnostics(here: Path, capsys: Captured) -> None:
    Path("bad.caffemodel").write_bytes(Path("small.caffemodel").read_bytes()[:200])
    assert main(["weights", "list", "bad.caffemodel"]) == 1
    assert capsys.readouterr().err.startswith("error[NG601]: damaged file of weights\n --> bad.caffemodel\n")


# --- writing --------------------------------------------------------------------------------------


def weights(entry: Entry) -> tuple[Weights, list[LayerSlots]]:
    key = ("a", "weight")
    return Weights({key: entry}), [LayerSlots("a", "Bias", [], [], [Slot(key, entry.shape)])]


def save(path: Path, held: Weights, layers: list[LayerSlots]) -> None:
    keys = {("a", "weight"): "a.weight"}
    match path.suffix:
        case ".caffemodel":
            save_caffemodel(path, held, layers, "net")
        case ".pth":
            save_state_dict(path, held, layers, keys)
        case ".safetensors":
            save_safetensors(path, held, layers, keys)


@pytest.mark.parametrize("name", ["a.caffemodel", "a.pth", "a.safetensors"])
def test_what_fails_leaves_everything_as_it_was(tmp_path: Path, name: str) -> None:
    def read() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        raise OSError(28, "No space left on device")

    path = tmp_path / name
    path.write_bytes(b"precious")
    held, layers = weights(Entry("a", (1000,), read))
    with pytest.raises(NetgenError, match=r"NG502.*no space left on device"):
        save(path, held, layers)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == [name]


def test_modes_and_links_stay(tmp_path: Path) -> None:
    held, layers = weights(Entry("a", (1,), lambda: np.ones(1, np.float32)))
    path, link = tmp_path / "a.caffemodel", tmp_path / "link.caffemodel"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path.name)
    save_caffemodel(link, held, layers, "net")
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert read_weights(path).entries["a[0]"].array().tolist() == [1]


def test_a_file_may_replace_the_one_that_is_read(here: Path) -> None:
    net = netgen.compile("small.net")
    net.load_weights("small.caffemodel")
    before = Path("small.caffemodel").read_bytes()
    net.save_caffemodel("small.caffemodel")
    net.save_caffemodel("again.caffemodel")
    assert Path("again.caffemodel").read_bytes() == Path("small.caffemodel").read_bytes() == before


def test_what_no_reader_could_read_is_not_begun(tmp_path: Path) -> None:
    """A message of protobuf has less than 2 GiB. Its size is known without a single number."""
    held, layers = weights(Entry("a", (1 << 29,), lambda: pytest.fail("no number should be read")))
    with pytest.raises(NetgenError, match=r"NG607(.|\n)*2,147,483,6\d\d bytes; protobuf reads at most 2,147,483,647"):
        save_caffemodel(tmp_path / "a.caffemodel", held, layers, "net")
    assert not os.listdir(tmp_path)


def test_arrays_go_from_file_to_file_in_pieces(tmp_path: Path) -> None:
    """No copy of an array is ever whole in memory, whatever the formats. The benchmarks have the figures."""
    entry = Entry("a", (5_000_000,), lambda: np.arange(5_000_000, dtype=np.float32))
    held, layers = weights(entry)
    paths = [tmp_path / f"a.{suffix}" for suffix in ("caffemodel", "pth", "safetensors")]
    for path in paths:
        save(path, held, layers)
    for source in paths:
        for target in paths:
            read_weights(source)  # what is imported by that does not count
            tracemalloc.start()
            [found] = read_weights(source).entries.values()
            copy, _ = weights(found)
            save(tmp_path / f"copy{target.suffix}", copy, layers)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 2_000_000, (source.suffix, target.suffix)
            assert (tmp_path / f"copy{target.suffix}").read_bytes() == target.read_bytes()


# --- OpenCV ---------------------------------------------------------------------------------------

SEEN = """\
net Seen() {
    data = input(1, 3, 12, 12)
    x = conv(data, 8, 3, stride = 2)                   as "conv"
    x = batch_norm(x)                                  as "bn"
    x = prelu(x)                                       as "slopes"
    x = conv(x, 8, 3, pad = 1, groups = x.channels)    as "depthwise"
    x = scale(x, bias = true)                          as "scale"
    x = deconv(x, 6, 2, stride = 2)                    as "deconv"
    x = normalize(x)                                   as "norm"
    y = linear(x, 5)                                   as "fc"
}
"""


def test_opencv_gives_the_numbers_of_the_module(tmp_path: Path) -> None:
    """The text and the weights that are written, read by somebody else."""
    cv2 = pytest.importorskip("cv2")
    net = netgen.compile(SEEN)
    module = randomize(net.to_torch())
    net.load_weights(module.state_dict())
    net.save_caffemodel(tmp_path / "net.caffemodel")
    (tmp_path / "net.prototxt").write_text(net.to_prototxt())
    caffe = cv2.dnn.readNetFromCaffe(str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel"))
    image = torch.randn(1, 3, 12, 12)
    caffe.setInput(image.numpy())
    with torch.no_grad():
        np.testing.assert_allclose(caffe.forward(), module(image).numpy(), rtol=1e-4, atol=1e-6)
