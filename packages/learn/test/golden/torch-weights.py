"""A PyTorch state_dict as a safetensors file, written by hand from the format's description, and what its network gives.

Run: python3 torch-weights.py > torch-weights.json
Made with PyTorch 1.13.0 (Debian 12, python3-torch).
"""
import base64
import json
import struct

import numpy
import torch

torch.manual_seed(3)
CHANNELS, UNSHUFFLE, SCALE = 4, 2, 200.0


class Denoiser(torch.nn.Module):
    """As Alara's residual-cnn with four channels, three layers and folding by two."""

    def __init__(self):
        super().__init__()
        folded = UNSHUFFLE**2
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(folded, CHANNELS, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(CHANNELS, folded, 3, padding=1),
        )
        self.seen = torch.nn.BatchNorm2d(1)  # unused; its counter is an int64 as in many files

    def forward(self, x):
        folded = torch.nn.functional.pixel_unshuffle(x / SCALE, UNSHUFFLE)
        return x + SCALE * torch.nn.functional.pixel_shuffle(self.body(folded), UNSHUFFLE)


def write_safetensors(named, metadata):
    """named: name -> (dtype name, shape, bytes)."""
    header, data = {"__metadata__": metadata}, b""
    for name, (dtype, shape, raw) in named.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def encode(tensor):
    names = {torch.float32: "F32", torch.int64: "I64"}
    return names[tensor.dtype], tensor.shape, tensor.detach().numpy().tobytes()


network = Denoiser()
x = 300 * torch.randn(1, 1, 8, 6)
with torch.no_grad():
    output = network(x)
sample = torch.tensor([0.0, -0.0, 1.0, -2.5, 0.1, 65504.0, 6e-8, 1e-5, float("inf")])
half, brain, double = sample.to(torch.float16), sample.to(torch.bfloat16), sample.to(torch.float64)
types = {
    "half": ("F16", sample.shape, half.numpy().tobytes()),
    "brain": ("BF16", sample.shape, brain.view(torch.int16).numpy().tobytes()),
    "double": ("F64", sample.shape, double.numpy().tobytes()),
    "whole": ("I32", [2, 2], numpy.array([[1, -2], [3, 2**20]], dtype="<i4").tobytes()),
    "flags": ("BOOL", [3], bytes([1, 0, 1])),
    "scalar": ("F32", [], struct.pack("<f", 7.5)),
    "empty": ("F32", [0, 3], b""),
}
print(
    json.dumps(
        {
            "version": torch.__version__,
            "network": base64.b64encode(
                write_safetensors({k: encode(v) for k, v in network.state_dict().items()}, {"format": "pt"})
            ).decode(),
            "input": x.reshape(-1).tolist(),
            "output": output.reshape(-1).tolist(),
            "types": base64.b64encode(write_safetensors(types, {})).decode(),
            "half": half.float().tolist()[:-1],
            "brain": brain.float().tolist()[:-1],
            "double": sample.tolist()[:-1],
        }
    )
)
