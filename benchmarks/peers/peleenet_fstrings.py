"""PeleeNet's prototxt printed with f-strings: what people write who have no compiler.

It needs nothing but Python, and it counts channels by hand: ``python peleenet_fstrings.py > PeleeNet.prototxt``.
"""

from __future__ import annotations

GROWTH = 32
CLASSES = 1000
SIZE = 224
STAGES = [(3, 1), (4, 2), (8, 4), (6, 4)]
"""Dense layers of a stage, and how many times the growth their 1x1 convolutions are wide."""

FROZEN = """\
  param {
    lr_mult: 0.0
    decay_mult: 0.0
  }
"""


def data() -> str:
    return f"""\
layer {{
  name: "data"
  type: "Input"
  top: "data"
  input_param {{
    shape {{
      dim: 1
      dim: 3
      dim: {SIZE}
      dim: {SIZE}
    }}
  }}
}}
"""


def conv_block(name: str, bottom: str, out: int, kernel: int = 1, stride: int = 1) -> str:
    """Convolution, batch normalisation with its scale, and ReLU, the last three in place."""
    pad = f"    pad: {kernel // 2}\n" if kernel > 1 else ""
    return f"""\
layer {{
  name: "{name}"
  type: "Convolution"
  bottom: "{bottom}"
  top: "{name}"
  convolution_param {{
    num_output: {out}
    bias_term: false
{pad}    kernel_size: {kernel}
    stride: {stride}
    weight_filler {{
      type: "xavier"
    }}
  }}
}}
layer {{
  name: "{name}/bn"
  type: "BatchNorm"
  bottom: "{name}"
  top: "{name}"
{FROZEN * 3}  batch_norm_param {{
    moving_average_fraction: 0.999
    eps: 0.001
  }}
}}
layer {{
  name: "{name}/scale"
  type: "Scale"
  bottom: "{name}"
  top: "{name}"
  scale_param {{
    filler {{
      value: 1.0
    }}
    bias_term: true
    bias_filler {{
      value: 0.0
    }}
  }}
}}
layer {{
  name: "{name}/relu"
  type: "ReLU"
  bottom: "{name}"
  top: "{name}"
}}
"""


def max_pool(name: str, bottom: str) -> str:
    return f"""\
layer {{
  name: "{name}"
  type: "Pooling"
  bottom: "{bottom}"
  top: "{name}"
  pooling_param {{
    pool: MAX
    kernel_size: 2
    stride: 2
  }}
}}
"""


def concat(name: str, *bottoms: str) -> str:
    lines = "".join(f'  bottom: "{bottom}"\n' for bottom in bottoms)
    return f"""\
layer {{
  name: "{name}"
  type: "Concat"
{lines}  top: "{name}"
  concat_param {{
    axis: 1
  }}
}}
"""


def head(bottom: str) -> str:
    return f"""\
layer {{
  name: "global_pool"
  type: "Pooling"
  bottom: "{bottom}"
  top: "global_pool"
  pooling_param {{
    pool: AVE
    global_pooling: true
  }}
}}
layer {{
  name: "classifier"
  type: "InnerProduct"
  bottom: "global_pool"
  top: "classifier"
  inner_product_param {{
    num_output: {CLASSES}
    bias_term: true
    weight_filler {{
      type: "xavier"
    }}
    bias_filler {{
      type: "constant"
    }}
  }}
}}
layer {{
  name: "prob"
  type: "Softmax"
  bottom: "classifier"
  top: "prob"
}}
"""


def stem() -> str:
    return (
        conv_block("stem1", "data", GROWTH, 3, stride=2)
        + conv_block("stem2a", "stem1", GROWTH // 2)
        + conv_block("stem2b", "stem2a", GROWTH, 3, stride=2)
        + max_pool("stem1/pool", "stem1")
        + concat("stem/concat", "stem2b", "stem1/pool")
        + conv_block("stem", "stem/concat", GROWTH)
    )


def dense_layer(name: str, bottom: str, width: int) -> str:
    half = GROWTH // 2
    return (
        conv_block(f"{name}/a1", bottom, half * width)
        + conv_block(f"{name}/a2", f"{name}/a1", half, 3)
        + conv_block(f"{name}/b1", bottom, half * width)
        + conv_block(f"{name}/b2", f"{name}/b1", half, 3)
        + conv_block(f"{name}/b3", f"{name}/b2", half, 3)
        + concat(name, bottom, f"{name}/a2", f"{name}/b3")
    )


def peleenet() -> str:
    parts = ['name: "PeleeNet"\n', data(), stem()]
    bottom = "stem"
    channels = GROWTH
    for number, (layers, width) in enumerate(STAGES, 1):
        for i in range(1, layers + 1):
            name = f"stage{number}_{i}"
            parts.append(dense_layer(name, bottom, width))
            bottom = name
            channels += GROWTH
        parts.append(conv_block(f"stage{number}", bottom, channels))
        bottom = f"stage{number}"
        if number < len(STAGES):
            parts.append(max_pool(f"stage{number}/pool", bottom))
            bottom = f"stage{number}/pool"
    parts.append(head(bottom))
    return "".join(parts)


if __name__ == "__main__":
    print(peleenet(), end="")
