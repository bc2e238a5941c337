"""Golden values for composite operators: outputs and gradients in float64.

Run: python3 operators.py > operators.json
Made with PyTorch 1.13.0 (Debian 12, python3-torch). Inputs are waves that TypeScript computes too; the scalar that is
differentiated is the sum of the output times a wave.
"""
import json
import math

import numpy
import torch
import torch.nn.functional as F


def wave(shape, frequency, phase, amplitude=1.0):
    count = math.prod(shape)
    values = [amplitude * math.sin(frequency * k + phase) for k in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def flat(tensor):
    return [float(f"{value:.11g}") for value in tensor.detach().reshape(-1).tolist()]


CASES = {}


def case(name, shapes, apply, round_to=None):
    inputs = [wave(shape, 1.3 + 0.4 * k, 0.2 + k) for k, shape in enumerate(shapes)]
    if round_to is not None:
        inputs = [torch.round(x * round_to) / round_to for x in inputs]
    for x in inputs:
        x.requires_grad_()
    output = apply(*inputs)
    (output * wave(output.shape, 0.7, 0.4)).sum().backward()
    CASES[name] = {
        "shapes": [list(shape) for shape in shapes],
        "roundTo": round_to,
        "outputShape": list(output.shape),
        "output": flat(output),
        "gradients": [flat(x.grad) for x in inputs],
    }


IMAGE, VOLUME = (2, 4, 4, 6), (1, 2, 4, 4, 2)
case("maxPool ties", [IMAGE], lambda x: F.max_pool2d(x, 2), round_to=1)
case("maxPool overlapping ties", [(1, 2, 5, 6)], lambda x: F.max_pool2d(x, 3, 2), round_to=1)
case("maxPool remainder", [(1, 2, 5, 6)], lambda x: F.max_pool2d(x, 2))
case("maxPool volume", [VOLUME], lambda x: F.max_pool3d(x, 2))
case("averagePool volume", [VOLUME], lambda x: F.avg_pool3d(x, (1, 2, 2)))
case("resizeLinear 2", [(1, 2, 3, 4)], lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
case("resizeLinear half", [IMAGE], lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False))
case("resizeLinear volume", [(1, 1, 2, 3, 2)], lambda x: F.interpolate(x, scale_factor=2, mode="trilinear", align_corners=False))
case("padReflect", [(1, 2, 4, 6)], lambda x: F.pad(x, (2, 2, 3, 3), mode="reflect"))
case("padReflect volume", [VOLUME], lambda x: F.pad(x, (1, 1, 1, 1, 2, 2), mode="reflect"))
case("padReplicate volume", [VOLUME], lambda x: F.pad(x, (1, 1, 2, 2, 1, 1), mode="replicate"))
case("pixelShuffle", [(1, 8, 2, 3)], lambda x: F.pixel_shuffle(x, 2))
case("pixelUnshuffle", [(1, 2, 4, 6)], lambda x: F.pixel_unshuffle(x, 2))
case("instanceNorm", [IMAGE, (4,), (4,)], lambda x, w, b: F.instance_norm(x, weight=w, bias=b))
case("instanceNorm volume", [VOLUME], lambda x: F.instance_norm(x))
case("groupNorm", [IMAGE, (4,), (4,)], lambda x, w, b: F.group_norm(x, 2, w, b))
case("layerNorm tokens", [(2, 5, 6), (6,), (6,)], lambda x, w, b: F.layer_norm(x, (6,), w, b))
case("layerNorm channels", [IMAGE, (4,), (4,)],
     lambda x, w, b: F.layer_norm(x.permute(0, 2, 3, 1), (4,), w, b).permute(0, 3, 1, 2))
case("batchNorm training", [IMAGE, (4,), (4,)], lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True))
case("batchNorm inference", [IMAGE, (4,), (4,), (4,), (4,)],
     lambda x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach() ** 2 + 0.5, w, b) + 0 * (m.sum() + v.sum()))
case("prelu", [IMAGE, (4,)], lambda x, s: F.prelu(x, s))
case("gelu", [IMAGE], lambda x: F.gelu(3 * x))
case("silu", [IMAGE], lambda x: F.silu(3 * x))
case("softplus", [IMAGE], lambda x: F.softplus(3 * x))
case("softmax channels", [IMAGE], lambda x: F.softmax(x, 1))
case("maximum ties", [IMAGE, IMAGE], torch.maximum, round_to=1)
case("minimum ties", [IMAGE, IMAGE], torch.minimum, round_to=1)
case("reduceMax ties", [IMAGE], lambda x: torch.amax(x, (1, 3)), round_to=1)
case("erf", [IMAGE], lambda x: torch.erf(3 * x))
case("fft2", [(1, 2, 4, 6)], lambda x: torch.view_as_real(torch.fft.fft2(x)).permute(4, 0, 1, 2, 3))
case("rfft2", [(1, 2, 5, 7)], lambda x: torch.view_as_real(torch.fft.rfft2(x)).permute(4, 0, 1, 2, 3))


def attention_gate(x, g, wx, wg, bg, wa, ba):
    signal = F.interpolate(F.conv2d(g, wg, bg), scale_factor=2, mode="bilinear", align_corners=False)
    return x * torch.sigmoid(F.conv2d(F.relu(F.conv2d(x, wx) + signal), wa, ba))


case("attentionGate", [IMAGE, (2, 3, 2, 3), (5, 4, 1, 1), (5, 3, 1, 1), (5,), (1, 5, 1, 1), (1,)], attention_gate)


def channel_attention(x, w1, b1, w2, b2):
    s = torch.sigmoid(F.linear(F.relu(F.linear(x.mean((2, 3)), w1, b1)), w2, b2))
    return x * s[:, :, None, None]


case("channelAttention", [IMAGE, (2, 4), (2,), (4, 2), (4,)], channel_attention)


def window_attention(x, wt, bt, wo, bo, table, window=2, heads=2, shift=0):
    """Swin's own way: cyclic shift, attention mask between regions, cyclic shift back."""
    batch, channels, height, width = x.shape
    pixels = window * window
    tokens = x.permute(0, 2, 3, 1)
    if shift:
        tokens = torch.roll(tokens, (-shift, -shift), (1, 2))

    def cut(values):
        n, h, w, c = values.shape
        split = values.reshape(n, h // window, window, w // window, window, c)
        return split.permute(0, 1, 3, 2, 4, 5).reshape(-1, pixels, c)

    windows = cut(tokens)
    qkv = F.linear(windows, wt[:, :, 0, 0], bt).reshape(-1, pixels, 3, heads, channels // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    logits = (q * (channels // heads) ** -0.5) @ k.transpose(-2, -1)
    place = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    relative = (place[:, :, None] - place[:, None, :]) + window - 1
    index = relative[0] * (2 * window - 1) + relative[1]
    logits = logits + table[index.reshape(-1)].reshape(pixels, pixels, heads).permute(2, 0, 1)[None]
    if shift:
        region = torch.zeros(1, height, width, 1, dtype=torch.float64)
        parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
        for number, (a, b) in enumerate([(a, b) for a in parts for b in parts]):
            region[:, a, b, :] = number
        ids = cut(region)[:, :, 0]
        mask = torch.where(ids[:, None, :] == ids[:, :, None], 0.0, -1e9).to(torch.float64)
        logits = logits.reshape(batch, -1, heads, pixels, pixels) + mask[None, :, None]
        logits = logits.reshape(-1, heads, pixels, pixels)
    mixed = (torch.softmax(logits, -1) @ v).transpose(1, 2).reshape(-1, pixels, channels)
    mixed = F.linear(mixed, wo[:, :, 0, 0], bo)
    image = mixed.reshape(batch, height // window, width // window, window, window, channels)
    image = image.permute(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)
    if shift:
        image = torch.roll(image, (shift, shift), (1, 2))
    return image.permute(0, 3, 1, 2)


WINDOW = [IMAGE, (12, 4, 1, 1), (12,), (4, 4, 1, 1), (4,), (9, 2)]
case("windowAttention", WINDOW, window_attention)
case("windowAttention shifted", WINDOW, lambda *values: window_attention(*values, shift=1))

print(json.dumps({"torch": torch.__version__, "numpy": numpy.__version__, "cases": CASES}))
