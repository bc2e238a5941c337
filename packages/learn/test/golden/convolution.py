"""Golden values for convolution and transposed convolution: outputs, gradients and a WGAN-GP-like second derivative.

Run: python3 convolution.py > convolution.json
Made with PyTorch 1.13.0 (Debian 12, python3-torch), float64.
"""
import json
import math

import torch
import torch.nn.functional as F


def wave(shape, frequency, phase, amplitude):
    """Values that TypeScript computes too: amplitude * sin(frequency * k + phase)."""
    count = math.prod(shape)
    values = [amplitude * math.sin(frequency * k + phase) for k in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape).requires_grad_()


# (kind, input, weight, bias, options); options as TypeScript names them
CASES = [
    ("conv2d", [2, 2, 5, 6], [3, 2, 3, 3], True, {"stride": 2, "padding": 1}),
    ("conv2d", [1, 2, 7, 6], [2, 2, 3, 2], False, {"stride": [1, 2], "dilation": [2, 1], "padding": [2, 1]}),
    ("conv2d", [1, 4, 5, 4], [4, 2, 3, 3], True, {"groups": 2, "padding": 1}),
    ("conv2d", [1, 2, 5, 4], [2, 2, 5, 5], True, {"padding": 2, "paddingMode": "reflect"}),
    ("conv2d", [1, 2, 4, 5], [2, 2, 3, 3], False, {"padding": 1, "stride": 2, "paddingMode": "replicate"}),
    ("conv3d", [1, 2, 4, 5, 4], [2, 2, 3, 3, 3], True, {"padding": 1, "stride": [1, 2, 2]}),
    ("conv3d", [1, 4, 3, 4, 5], [2, 2, 2, 3, 3], False, {"padding": [0, 2, 1], "dilation": [1, 2, 1], "groups": 2}),
    ("conv3d", [1, 1, 3, 4, 3], [2, 1, 3, 3, 3], False, {"padding": 1, "paddingMode": "replicate"}),
    ("convTranspose2d", [1, 3, 3, 4], [3, 2, 2, 2], True, {"stride": 2}),
    ("convTranspose2d", [2, 2, 3, 3], [2, 1, 3, 3], True, {"stride": 2, "padding": 1, "outputPadding": 1, "groups": 2}),
    ("convTranspose2d", [1, 2, 4, 3], [2, 2, 3, 3], False, {"dilation": 2, "padding": [1, 2], "outputPadding": [1, 0]}),
    ("convTranspose2d", [1, 2, 3, 3], [2, 2, 2, 2], False, {"dilation": 3, "outputPadding": 2}),
    ("convTranspose3d", [1, 2, 2, 3, 2], [2, 2, 2, 2, 2], True, {"stride": 2}),
    ("convTranspose3d", [1, 2, 2, 2, 3], [2, 1, 3, 3, 3], False, {"stride": [1, 2, 2], "padding": 1, "outputPadding": [0, 1, 0], "groups": 2}),
]


def compute(kind, x, w, b, options):
    axes = int(kind[-2])
    given = {("output_padding" if key == "outputPadding" else key): value for key, value in options.items()}
    mode = given.pop("paddingMode", "zeros")
    if kind.startswith("convTranspose"):
        return getattr(F, f"conv_transpose{axes}d")(x, w, b, **given)
    if mode != "zeros":
        padding = given.pop("padding")
        x = F.pad(x, [padding] * (2 * axes), mode=mode)
    return getattr(F, f"conv{axes}d")(x, w, b, **given)


def flat(tensor):
    return [float(f"{v:.12g}") for v in tensor.detach().reshape(-1).tolist()]


cases = []
for kind, input_shape, weight_shape, has_bias, options in CASES:
    x, w = wave(input_shape, 0.9, 0.1, 1.0), wave(weight_shape, 1.7, 0.4, 0.5)
    channels = weight_shape[1] * options.get("groups", 1) if kind.startswith("convTranspose") else weight_shape[0]
    b = wave([channels], 2.3, 0.2, 0.3) if has_bias else None
    y = compute(kind, x, w, b, options)
    loss = (y**2).sum()
    gx, gw = torch.autograd.grad(loss, [x, w], create_graph=True)
    penalty = (gx**2).sum()
    (hw,) = torch.autograd.grad(penalty, [w])
    cases.append(
        {
            "kind": kind,
            "input": input_shape,
            "weight": weight_shape,
            "bias": [channels] if has_bias else None,
            "options": options,
            "shape": list(y.shape),
            "output": flat(y),
            "inputGradient": flat(gx),
            "weightGradient": flat(gw),
            "penaltyGradient": flat(hw),
        }
    )
print(json.dumps({"version": torch.__version__, "cases": cases}))
