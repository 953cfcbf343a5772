"""Pictures of feature maps and kernels: what is in them, and what is said where there is nothing to see."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import netgen
from netgen.cli import main
from netgen.features import TooLarge, encoded, feature_tiles, kernel_tiles
from netgen.features.tiles import GAP

PROGRAM = """
net Net() {
    data = input(1, 3, 24, 32)
    x = relu(conv(data, 6, 3, pad = 1) as "conv1") as "relu1"
    y = conv(x, 6, 3, groups = 6) as "depthwise"
    aside = conv(x, 2, 1) as "aside"
    return linear(global_avg_pool(y), 10) as "fc", deconv(x, 4, 2, stride = 2) as "up"
}
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "net.net"
    path.write_text(PROGRAM)
    return str(path)


def tile(picture: np.ndarray, row: int, column: int, height: int, width: int) -> np.ndarray:
    """One tile of a picture, its size in pixels given."""
    top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
    return picture[top : top + height, left : left + width]


def test_tiles_are_the_maps() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 4, 6)).astype(np.float32)
    picture = feature_tiles(maps, colors="gray", columns=3, side=12)
    assert picture.shape == (2 * (8 + GAP) + GAP, 3 * (12 + GAP) + GAP, 3)
    for at, each in enumerate(maps):
        shown = tile(picture, at // 3, at % 3, 8, 12)[::2, ::2, 0].astype(float)
        wanted = (each - each.min()) / (each.max() - each.min()) * 255
        np.testing.assert_allclose(shown, wanted, atol=0.51)


def test_one_scale_for_all() -> None:
    maps = np.stack([np.zeros((4, 4)), np.ones((4, 4)), np.full((4, 4), 3.0)])
    picture = feature_tiles(maps, within="all", colors="gray", columns=3, side=4)
    assert [tile(picture, 0, at, 4, 4)[0, 0, 0] for at in range(3)] == [0, 85, 255]


def test_numbers_that_are_none_and_maps_that_are_flat() -> None:
    maps = np.array([[[np.nan, 1], [2, np.inf]], [[7, 7], [7, 7]], [[np.nan] * 2] * 2])
    picture = feature_tiles(maps, colors="gray", columns=3, side=2)
    assert tile(picture, 0, 0, 2, 2)[..., 0].tolist() == [[0, 0], [255, 0]]
    assert not tile(picture, 0, 1, 2, 2).any()
    assert not tile(picture, 0, 2, 2, 2).any()


def test_kernels_of_colors_are_pictures_in_the_order_that_they_see() -> None:
    weight = np.zeros((2, 3, 2, 2), np.float32)
    weight[0, 0] = 1  # sees blue
    weight[1, 2] = 1  # sees red
    picture = kernel_tiles(weight, columns=2, side=2)
    assert tile(picture, 0, 0, 2, 2)[0, 0].tolist() == [255, 0, 0]
    assert tile(picture, 0, 1, 2, 2)[0, 0].tolist() == [0, 0, 255]
    np.testing.assert_array_equal(kernel_tiles(weight, columns=2, side=2, rgb=True), picture[:, :, ::-1])


@pytest.mark.parametrize(("shape", "tiles"), [((4, 5, 3, 3), (4, 5)), ((9, 1, 3, 3), (3, 3))])
def test_kernels_are_laid_out_by_what_they_do(shape: tuple[int, ...], tiles: tuple[int, int]) -> None:
    picture = kernel_tiles(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), side=3, colors="gray")
    assert picture.shape[:2] == tuple(GAP + each * (3 + GAP) for each in tiles)


@pytest.mark.parametrize("shape", [(6, 20), (6, 20, 1, 1)])
def test_kernels_of_one_place_are_one_map(shape: tuple[int, ...]) -> None:
    weight = np.arange(120, dtype=np.float32).reshape(shape)
    picture = kernel_tiles(weight, side=20, colors="gray")
    assert picture.shape[:2] == (6 + 2 * GAP, 20 + 2 * GAP)
    np.testing.assert_allclose(tile(picture, 0, 0, 6, 20)[..., 0], weight.reshape(6, 20) / 119 * 255, atol=0.51)


def test_a_thousand_numbers_in_one_place_are_seen() -> None:
    """Each as a map of its own would be nothing but its own least number."""
    scores = np.arange(1000, dtype=np.float32)
    picture = feature_tiles(scores.reshape(1000, 1, 1), colors="gray")
    np.testing.assert_array_equal(picture, feature_tiles(scores, colors="gray"))
    assert min(picture.shape[:2]) >= 500
    assert len(np.unique(picture)) == 256


def test_tiles_are_as_large_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netgen.features.tiles.MOST_PIXELS", 200_000)
    weight = np.zeros((8, 16, 3, 3), np.float32)
    assert kernel_tiles(weight).shape[:2] == tuple(GAP + each * (3 * 12 + GAP) for each in (8, 16))
    with pytest.raises(TooLarge, match="make 800x400 pixels"):
        kernel_tiles(weight, side=48)


def test_a_picture_that_is_too_large() -> None:
    with pytest.raises(TooLarge, match="1,000 tiles of 512x512"):
        feature_tiles(np.zeros((1000, 4, 4), np.float32), side=512)


def test_what_is_drawn_is_what_the_module_computes() -> None:
    net = netgen.compile(PROGRAM)
    net.random_weights()
    image = np.random.default_rng(1).normal(size=(1, 3, 24, 32)).astype(np.float32)
    maps = net.features("conv1", "relu1", "fc", "up", inputs={"data": image})
    fc, up = net.to_torch().eval()(torch.from_numpy(image))
    np.testing.assert_allclose(maps["fc"], fc.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(maps["up"], up.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(maps["relu1"], maps["conv1"].clip(min=0))


def test_the_command(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), np.random.default_rng(0).integers(0, 255, (50, 60, 3), np.uint8))
    out = tmp_path / "maps"
    common = ["features", program, "--image", str(image)]
    assert main([*common, "--layer", "conv1", "--layer", "fc", "-o", f"{out}/"]) == 0
    assert {path.name for path in out.iterdir()} == {"conv1.png", "fc.png"}
    assert "conv1: 6 channels" in capsys.readouterr().err
    single = tmp_path / "one.jpg"
    assert main([*common, "--layer", "depthwise", "--kernels", "-o", str(single)]) == 0
    assert cv2.imread(str(single)) is not None


def test_the_image_is_prepared_as_the_net_declares_it(tmp_path: Path) -> None:
    from netgen.api.looking import declared_picture

    text = """
    layer { name: "data" type: "MemoryData" top: "data" top: "label"
            memory_data_param { batch_size: 1 channels: 3 height: 8 width: 8 }
            transform_param { scale: 0.017 mean_value: 103.94 mean_value: 116.78 mean_value: 123.68 } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
            convolution_param { num_output: 2 kernel_size: 3 } }
    """
    net = netgen.load(text)
    said = declared_picture(net.graph, (), None, False)
    assert said.mean == pytest.approx((103.94, 116.78, 123.68))
    assert said.scale == pytest.approx(0.017)
    asked = declared_picture(net.graph, (1.0,), None, True)
    assert (asked.mean, asked.rgb) == ((1.0,), True)
    assert asked.scale == pytest.approx(0.017)
    filed = netgen.load(text.replace("mean_value: 103.94 mean_value: 116.78 mean_value: 123.68", 'mean_file: "m"'))
    with pytest.raises(netgen.NetgenError, match="mean image in `m`"):
        declared_picture(filed.graph, (), None, False)
    assert declared_picture(filed.graph, (104.0,), None, False).mean == (104.0,)


def test_only_what_a_layer_needs_is_run() -> None:
    """What lies behind it, or aside, may want other sizes and other inputs."""
    net = netgen.compile("""
    net Trained() {
        data = input(1, 3, 8, 8)
        label = input(1)
        x = conv(data, 2, 3) as "conv"
        return softmax_loss(linear(x, 4), label)
    }
    """)
    image = np.zeros((1, 3, 12, 12), np.float32)
    assert net.features("conv", inputs={"data": image})["conv"].shape == (1, 2, 10, 10)
    assert net.features("conv", inputs={"data": image, "label": np.zeros((3, 3))})["conv"].shape == (1, 2, 10, 10)
    with pytest.raises(netgen.NetgenError, match="no input `date`"):
        net.features("conv", inputs={"date": image})


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--layer", "conv2", "-o", "x.png"], 1, "did you mean `conv1`"),
        (["--layer", "relu1", "--kernels", "-o", "x.png"], 1, "which has no kernels"),
        (["--layer", "conv1", "--image", "date=net.net.png", "-o", "x.png"], 1, "no input `date`"),
        (["--layer", "conv1", "--image-number", "3", "-o", "x.png"], 1, "has 1 in a batch"),
        (["--layer", "conv1", "--image", "net.net.png", "-o", "x.png"], 1, "net.net.png"),
        (["--layer", "conv1", "--side", "50000", "-o", "x.png"], 1, "NG707"),
        (["--layer", "conv1", "-o", "x.gif"], 2, "does not end as a picture does"),
        (["--layer", "conv1", "--layer", "fc", "-o", "x.png"], 2, "need a folder"),
    ],
)
def test_what_cannot_be_drawn(
    arguments: list[str], code: int, said: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["features", program, *arguments]) == code
    assert said in capsys.readouterr().err


def test_no_picture(program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    assert main(["features", program, "--layer", "conv1", "--image", str(path), "-o", str(tmp_path / "x.png")]) == 1
    assert "no picture that OpenCV can read" in capsys.readouterr().err


def test_files_of_layers_have_names_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.net"
    path.write_text('net Net() { x = input(1, 3, 8, 8)  return relu(relu(x) as "a/b") as "a:b" }')
    assert main(["features", str(path), "--layer", "a/b", "--layer", "a:b", "-o", f"{tmp_path}/"]) == 0
    assert {each.name for each in tmp_path.glob("*.png")} == {"a_b.png", "a_b_2.png"}
    assert "wrote" in capsys.readouterr().err


def test_a_picture_that_a_format_cannot_hold() -> None:
    wide = np.zeros((2, 16_384, 3), np.uint8)
    assert encoded(wide[:, 1:], ".webp")
    with pytest.raises(TooLarge, match=r"16384x2, and a \.webp has 16,383 pixels each way"):
        encoded(wide, ".webp")


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".tiff", ".webp"])
def test_files_hold_the_picture(ending: str) -> None:
    picture = feature_tiles(np.random.default_rng(0).normal(size=(4, 4, 4)).astype(np.float32))
    read = cv2.imdecode(np.frombuffer(encoded(picture, ending), np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    assert read.shape == picture.shape


@pytest.mark.parametrize(
    ("package", "extra", "options"),
    [("cv2", "netgen[verify]", ["--kernels"]), ("torch", "netgen[torch]", [])],
)
def test_a_package_that_is_missing(
    *,
    package: str,
    extra: str,
    options: list[str],
    program: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["features", program, "--layer", "conv1", "-o", str(tmp_path / "x.png"), *options]) == 1
    assert extra in capsys.readouterr().err
