"""Operators that look at a whole batch, or have something else on the first axis, take any size of it in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx_models import run_model

import netgen

Array = np.ndarray[Any, np.dtype[np.float32]]

NETS = {
    "sequences": """
        x = input(5, 2, 3)
        cont = input(5, 2)
        return lstm(x, cont, 4), rnn(x, cont, 3)
    """,
    "losses": """
        x = input(2, 10)
        label = input(2)
        strict = softmax_loss(x, label, ignore_label = 3, normalization = "batch_size")
        likely = multinomial_logistic_loss(softmax(x), label)
        far = euclidean_loss(x, tanh(x))
        return softmax_loss(x, label), strict, hinge_loss(x, label), likely, far, accuracy(x, label, 2)
    """,
    "boxes": """
        x = input(1, 14, 3, 3)
        return yolo_detection_output(x, [1.08, 1.19, 3.42, 4.41], 2, nms_threshold = 0.3)
    """,
    "regions": """
        x = input(1, 18, 16, 12)
        regions = input(1, 5)
        return psroi_pool(x, regions, 2, 3, scale = 0.5), roi_align(x, regions, 3, samples = 2), roi_pool(x, regions, 3)
    """,
    "windows": """
        x = input(1, 3, 8, 9)
        return local_conv(x, 4, 3, stride = 2), im2col(x, 3, pad = 1), lrn(x)
    """,
}


def numbers(name: str, shape: list[int], batch: int) -> Array:
    random = np.random.default_rng(batch)
    shape = [batch, *shape[1:]]
    if name in ("cont", "label"):
        return random.integers(0, 2, shape).astype(np.float32)
    if name == "regions":
        corner = random.uniform(0, 8, (batch, 2))
        return np.concatenate([np.zeros((batch, 1)), corner, corner + 6], 1, dtype=np.float32)
    return random.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", NETS)
def test_any_batch(name: str) -> None:
    net = netgen.compile(f"net Batches() {{\n{NETS[name]}\n}}")
    module = net.to_torch().eval()
    net.load_weights(module.state_dict())
    model = net.to_onnx(dynamic="batch")
    for batch in (1, 4):
        inputs = {each: numbers(each, list(shape), batch) for each, shape in net.inputs.items()}
        with torch.no_grad():
            wanted = module(*[torch.from_numpy(x) for x in inputs.values()])
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for made, other in zip(run_model(model, inputs), wanted, strict=True):
            assert made.shape == tuple(other.shape)
            np.testing.assert_allclose(made, other.numpy(), rtol=1e-5, atol=1e-5)
