"""Small networks exported by torch.onnx.export, with PyTorch's outputs and the gradient of Σ w·output in the input.

Run: python3 torch-onnx.py > torch-onnx.json
Made with PyTorch 1.13.0 and onnx 1.12.0 (Debian 12, python3-torch, python3-onnx).
"""
import base64
import io
import json
import math
import sys
import warnings

import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
torch.manual_seed(11)


class Vgg(nn.Module):
    """The first layers of a VGG: three-channel input, pairs of convolutions, max pooling."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
            nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1),
            nn.Dropout(0.5),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(6 * 2 * 2, 5), nn.ReLU(), nn.Linear(5, 3))

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 1).expand(-1, -1, 2, 2))


class UNet(nn.Module):
    """Strided and transposed convolutions, normalisations, every usual activation, resizing, skip connections."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect")
        self.down = nn.Conv2d(4, 6, 4, stride=2, padding=1)
        self.batch = nn.BatchNorm2d(6)
        self.wide = nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=3)
        self.instance = nn.InstanceNorm2d(6, affine=True)
        self.prelu = nn.PReLU(6)
        self.up = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.shuffle = nn.Conv2d(6, 16, 1)
        self.last = nn.Conv2d(12, 1, 5, padding=2, padding_mode="replicate")
        with torch.no_grad():
            for p in (self.batch.running_mean, self.instance.weight, self.instance.bias, self.batch.weight):
                p.uniform_(0.3, 1.2)
            self.batch.running_var.uniform_(0.5, 2)

    def forward(self, x):
        a = F.leaky_relu(self.first(x / 100 - 0.1), 0.2)
        b = self.prelu(self.instance(self.wide(torch.tanh(self.batch(self.down(a))))))
        c = F.gelu(self.up(b))
        d = F.pixel_shuffle(self.shuffle(torch.sigmoid(b)), 2)
        e = F.interpolate(b, scale_factor=2, mode="bilinear", align_corners=False)[:, :4]
        pooled = F.avg_pool2d(F.pad(a, (0, 0, 1, 1), value=0.5), 3, stride=1, padding=(0, 1))
        joined = torch.cat([c + a, d * pooled, F.elu(e).clamp(-0.5, 2)], 1)
        return x + 100 * self.last(joined)


class Attention(nn.Module):
    """Attention over pixels, layer normalisation, resizing to the size of another tensor, strided slices."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(1, 8, 2, stride=2)
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24, bias=False)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        f = self.embed(x)
        n, c, h, w = f.shape
        tokens = self.norm(f.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).reshape(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(c / 2), -1) @ v
        f = f + mixed.transpose(1, 2).reshape(n, h, w, c).permute(0, 3, 1, 2)
        gate = torch.sqrt(f.pow(2).mean((2, 3), keepdim=True) + 1e-3)
        up = F.interpolate(self.head(f * gate), size=x.shape[2:], mode="nearest")
        cubic = F.interpolate(x[:, :, ::2, 1::2], scale_factor=2, mode="bicubic", align_corners=False)
        corners = F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True)
        return up + cubic * 0.1 + corners.mean() + torch.max(x, -x) - torch.exp(-x.abs())


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(1, 3, 3, padding=1), nn.BatchNorm3d(3), nn.ReLU(), nn.MaxPool3d((1, 2, 2)),
            nn.ConvTranspose3d(3, 1, (1, 2, 2), stride=(1, 2, 2)),
        )

    def forward(self, x):
        return x - self.body(x)


def digits(values, count):
    return [float(f"{v:.{count}g}") for v in values.detach().double().reshape(-1).tolist()]


def export(network, shape, opset, axes):
    network = network.eval()
    x = (torch.randn(shape) * 100).round() / 100
    # at least 0.05 from 0, so that no kink is near
    x = torch.where(x.abs() < 0.05, x + 0.1, x).requires_grad_()
    buffer = io.BytesIO()
    torch.onnx.export(network, x, buffer, opset_version=opset, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": axes} if axes else None)
    model = onnx.load_from_string(buffer.getvalue())
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    y = network(x)
    weights = torch.tensor([math.sin(1.3 * k) for k in range(y.numel())]).reshape(y.shape)
    (y * weights).sum().backward()
    return {
        "model": base64.b64encode(model.SerializeToString()).decode(),
        "opset": opset,
        "shape": shape,
        "input": digits(x, 4),
        "output": digits(y, 7),
        "outputShape": list(y.shape),
        "gradient": digits(x.grad, 7),
        "operators": sorted({node.op_type for node in model.graph.node}),
    }


free = {0: "batch", 2: "height", 3: "width"}
vgg, unet, attention = Vgg(), UNet(), Attention()
models = {}
for opset in (9, 13):
    models[f"vgg, opset {opset}"] = export(vgg, [1, 3, 8, 8], opset, free)
models["unet, opset 11"] = export(unet, [1, 1, 8, 6], 11, free)
models["unet, opset 17, fixed size"] = export(unet, [2, 1, 4, 6], 17, None)
models["attention, opset 14"] = export(attention, [1, 1, 6, 8], 14, free)
models["volume"] = export(Volume(), [1, 1, 3, 4, 6], 12, {0: "n", 2: "d", 3: "h", 4: "w"})

# The second activation of the VGG by its name in the opset-13 file, and its values.
graph = onnx.load_from_string(base64.b64decode(models["vgg, opset 13"]["model"])).graph
second = [node.output[0] for node in graph.node if node.op_type == "Relu"][1]
x = torch.tensor(models["vgg, opset 13"]["input"]).reshape(1, 3, 8, 8)
features = {"name": second, "values": digits(vgg.features[:4](x), 7)}
print(json.dumps({"version": torch.__version__, "onnx": onnx.__version__, "models": models, "features": features}))
print({k: m["operators"] for k, m in models.items()}, file=sys.stderr)
