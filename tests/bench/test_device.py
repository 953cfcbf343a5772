"""Devices: those that are there, and why the others are not."""

from __future__ import annotations

import sys

import pytest
import torch

import netgen
from netgen.diag import NetgenError
from netgen.emit.torch import device


def _refused(name: str) -> str:
    with pytest.raises(NetgenError) as caught:
        device.device_of(name)
    return str(caught.value)


def test_the_processor_is_always_there_and_has_a_name() -> None:
    assert device.device_of("cpu") == torch.device("cpu")
    assert device.describe(torch.device("cpu"))


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "CPU", "meta", "cuda:00000"])
def test_other_names_are_refused(name: str) -> None:
    assert f"error[NG704]: the device `{name}` is no device that netgen knows" in _refused(name)


def test_a_build_without_cuda_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    text = _refused("cuda")
    assert f"the device `cuda` is not there: PyTorch {torch.__version__} was built without CUDA" in text
    assert "--device cpu" in text


def _with_cards(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    "count, name, why",
    [
        (0, "cuda", "PyTorch finds no CUDA device"),
        (1, "cuda:1", "PyTorch finds only cuda:0"),
        (4, "cuda:7", "PyTorch finds cuda:0 to cuda:3"),
    ],
)
def test_a_card_that_is_not_there(monkeypatch: pytest.MonkeyPatch, count: int, name: str, why: str) -> None:
    _with_cards(monkeypatch, count)
    assert f"error[NG704]: the device `{name}` is not there: {why}" in _refused(name)


def test_a_card_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_cards(monkeypatch, 2)
    assert device.cuda_fault() == ""
    assert device.device_of("cuda:1") == torch.device("cuda", 1)


def test_a_missing_driver_is_told_in_pytorchs_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise RuntimeError("Found no NVIDIA driver on your system. Please check\nthat you have one")

    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", init)
    assert "the device `cuda` is not there: Found no NVIDIA driver on your system. Please check" in _refused("cuda")


def test_what_a_cuda_graph_cannot_hold_is_named() -> None:
    source = "net A() { data = input(2, 8, 6, 6)  rois = input(3, 5)  y = roi_align(data, rois, 3%s) }"
    device.check_fixed_steps(netgen.compile(source % ", samples = 2").graph)
    with pytest.raises(NetgenError) as caught:
        device.check_fixed_steps(netgen.compile(source % "").graph)
    assert "error[NG706]: `y` cannot be recorded as a CUDA graph" in str(caught.value)
    assert "what it does next depends on the numbers" in str(caught.value)


def test_pytorch_itself_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    text = _refused("cpu")
    assert "error[NG703]: a runtime is missing: PyTorch is not installed" in text
    assert "pip install 'netgen[torch]'" in text
    assert device.cuda_fault() == "PyTorch is not installed"
