"""Peer of `npm run bench` train-step, train-unet2d, train-unet3d and infer: the same network in PyTorch, told what to do
by lines.

  python3 network.py <workload folder> <threads>

The folder holds workload.json (batch, sizes, scaleHu, learningRate, channels; for a residual CNN layers, unshuffle,
kernel; for a U-Net levels, convolutionsPerLevel, up) and float32 files parameters.bin, input.bin, target.bin. Each line on
stdin does one thing and is answered by one line of JSON: `train` takes one Adam step on the L1 loss, `infer` applies
the network, `gemm N` multiplies two N × N matrices, `memory` tells the largest resident set in bytes.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
with open(os.path.join(folder, "workload.json")) as file:
    work = json.load(file)


def read_floats(name):
    return torch.from_numpy(np.fromfile(os.path.join(folder, name), dtype="<f4"))


values = read_floats("parameters.bin")
sizes = tuple(work["sizes"])
axes = len(sizes)
shape = (work["batch"], 1, *sizes)
convolve = F.conv2d if axes == 2 else F.conv3d
parameters, offset = [], 0


def take(*size):
    """The next parameter of the flat vector."""
    global offset
    count = int(np.prod(size))
    parameters.append(values[offset : offset + count].reshape(size).clone())
    offset += count
    return len(parameters) - 1


def take_convolution(inputs, outputs, kernel):
    return take(outputs, inputs, *([kernel] * axes)), take(outputs), kernel // 2


def run_convolution(layer, x):
    weight, bias, padding = layer
    return convolve(x, parameters[weight], parameters[bias], padding=padding)


def build_residual_cnn():
    channels, layers, unshuffle, kernel = (work[k] for k in ("channels", "layers", "unshuffle", "kernel"))
    folded = unshuffle**2
    convolutions = [
        take_convolution(folded if k == 0 else channels, folded if k == layers - 1 else channels, kernel)
        for k in range(layers)
    ]

    def body(h):
        if unshuffle > 1:
            h = F.pixel_unshuffle(h, unshuffle)
        for k, convolution in enumerate(convolutions):
            h = run_convolution(convolution, h)
            if k < layers - 1:
                h = F.relu(h)
        return F.pixel_shuffle(h, unshuffle) if unshuffle > 1 else h

    return body


def build_unet():
    levels, channels, repeats, transposed = (
        work["levels"],
        work["channels"],
        work["convolutionsPerLevel"],
        work["up"] == "transposed",
    )
    width = [channels * 2**level for level in range(levels)]

    def take_block(inputs, outputs):
        return [take_convolution(inputs if k == 0 else outputs, outputs, 3) for k in range(repeats)]

    encoders = [take_block(1 if level == 0 else width[level - 1], width[level]) for level in range(levels)]
    if transposed:
        ups = [
            (take(width[level + 1], width[level], *([2] * axes)), take(width[level])) for level in range(levels - 1)
        ]
    else:
        ups = [take_convolution(width[level + 1], width[level], 3) for level in range(levels - 1)]
    decoders = [take_block(2 * width[level], width[level]) for level in range(levels - 1)]
    head = take_convolution(channels, 1, 1)
    pool = F.max_pool2d if axes == 2 else F.max_pool3d
    raise_ = F.conv_transpose2d if axes == 2 else F.conv_transpose3d

    def run_block(block, h):
        for convolution in block:
            h = F.relu(run_convolution(convolution, h))
        return h

    def body(h):
        skips = []
        for level in range(levels):
            h = run_block(encoders[level], h)
            skips.append(h)
            if level < levels - 1:
                h = pool(h, 2)
        for level in reversed(range(levels - 1)):
            if transposed:
                weight, bias = (parameters[k] for k in ups[level])
                h = raise_(h, weight, bias, stride=2)
            else:
                h = run_convolution(ups[level], F.interpolate(h, scale_factor=2, mode="nearest"))
            h = run_block(decoders[level], torch.cat([skips[level], h], dim=1))
        return run_convolution(head, h)

    return body


body = build_unet() if "levels" in work else build_residual_cnn()
assert offset == len(values), f"{len(values)} parameters given, the network has {offset}"


def apply(x):
    return x + work["scaleHu"] * body(x / work["scaleHu"])


x = read_floats("input.bin").reshape(shape)
target = read_floats("target.bin").reshape(shape) if os.path.exists(os.path.join(folder, "target.bin")) else None
optimiser = None


def train():
    global optimiser
    if optimiser is None:
        for parameter in parameters:
            parameter.requires_grad_()
        optimiser = torch.optim.Adam(parameters, lr=work["learningRate"])
    optimiser.zero_grad(set_to_none=True)
    loss = (apply(x) - target).abs().mean()
    loss.backward()
    optimiser.step()
    return {"loss": loss.item()}


frozen = None


class Network(torch.nn.Module):
    def forward(self, image):
        return apply(image)


def infer():
    global frozen
    with torch.no_grad():
        if frozen is None:
            # Traced and frozen is PyTorch's fastest way here: 0.12 s against 0.19 s eager, 0.15 s channels last.
            frozen = torch.jit.freeze(torch.jit.trace(Network().eval(), x))
        output = frozen(x)
    return {"mean": output.double().mean().item(), "std": output.double().std().item()}


def multiply(size):
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return {"gflops": 2e-9 * size**3 / best}


def read_peak():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return {"bytes": 1024 * int(line.split()[1])}
    return {"bytes": 0}


def answer(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


answer({"torch": torch.__version__, "threads": torch.get_num_threads()})
for line in sys.stdin:
    words = line.split()
    if words[0] == "train":
        answer(train())
    elif words[0] == "infer":
        answer(infer())
    elif words[0] == "memory":
        answer(read_peak())
    else:
        answer(multiply(int(words[1])))
