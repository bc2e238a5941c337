"""Golden values for the residual CNN: loss, output and whole-net gradient, and three Adam steps, in float64.

Run: python3 residual-cnn-gradient.py > residual-cnn-gradient.json
Made with PyTorch 1.13.0 (Debian 12, python3-torch).
"""
import json
import math

import torch
import torch.nn.functional as F

CHANNELS, LAYERS, UNSHUFFLE, SCALE = 3, 4, 2, 200.0
BATCH, SIZE = 2, 6


def wave(count, frequency, phase, amplitude):
    """Values that TypeScript computes too: amplitude * sin(frequency * k + phase)."""
    return torch.tensor([amplitude * math.sin(frequency * k + phase) for k in range(count)], dtype=torch.float64)


def build():
    folded = UNSHUFFLE**2
    parameters = []
    for k in range(LAYERS):
        inputs = folded if k == 0 else CHANNELS
        outputs = folded if k == LAYERS - 1 else CHANNELS
        weight = wave(outputs * inputs * 9, 1.7, k, 0.35).reshape(outputs, inputs, 3, 3)
        bias = wave(outputs, 2.3, k + 0.5, 0.1)
        parameters += [weight.requires_grad_(), bias.requires_grad_()]
    return parameters


def apply(parameters, x):
    h = F.pixel_unshuffle(x / SCALE, UNSHUFFLE)
    for k in range(LAYERS):
        h = F.conv2d(h, parameters[2 * k], parameters[2 * k + 1], padding=1)
        if k < LAYERS - 1:
            h = F.relu(h)
    return x + SCALE * F.pixel_shuffle(h, UNSHUFFLE)


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).tolist()


count = BATCH * SIZE * SIZE
x = wave(count, 0.9, 0.1, 300).reshape(BATCH, 1, SIZE, SIZE)
target = wave(count, 0.8, 0.3, 280).reshape(BATCH, 1, SIZE, SIZE)
losses = {
    "l1": lambda p, t: (p - t).abs().mean(),
    "l2": lambda p, t: ((p - t) ** 2).mean(),
    "charbonnier": lambda p, t: torch.sqrt((p - t) ** 2 + 1e-6).mean(),
}
result = {"version": torch.__version__, "output": None, "losses": {}, "gradients": {}}
for name, loss in losses.items():
    parameters = build()
    output = apply(parameters, x)
    value = loss(output, target)
    value.backward()
    result["output"] = output.detach().reshape(-1).tolist()
    result["losses"][name] = value.item()
    result["gradients"][name] = flat([p.grad for p in parameters])

parameters = build()
optimiser = torch.optim.Adam(parameters, lr=0.01)
for _ in range(3):
    optimiser.zero_grad()
    losses["l1"](apply(parameters, x), target).backward()
    optimiser.step()
result["adam"] = flat(parameters)

parameters = build()
optimiser = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1)
for _ in range(3):
    optimiser.zero_grad()
    losses["l2"](apply(parameters, x), target).backward()
    torch.nn.utils.clip_grad_norm_(parameters, 0.5)
    optimiser.step()
result["adamw-clipped"] = flat(parameters)

for name, make in {
    "sgd-nesterov": lambda ps: torch.optim.SGD(ps, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd-momentum": lambda ps: torch.optim.SGD(ps, lr=0.01, momentum=0.9),
    "adam-l2": lambda ps: torch.optim.Adam(ps, lr=0.01, betas=(0.1, 0.999), weight_decay=0.1),
}.items():
    parameters = build()
    optimiser = make(parameters)
    for _ in range(3):
        optimiser.zero_grad()
        losses["l2"](apply(parameters, x), target).backward()
        torch.nn.utils.clip_grad_value_(parameters, 0.5)
        optimiser.step()
    result[name] = flat(parameters)
print(json.dumps(result))
