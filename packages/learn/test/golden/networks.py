"""Golden values of the networks: output, loss and the gradient in every parameter, in float64.

Run: python3 networks.py > networks.json
Made with PyTorch 1.13.0 (Debian 12, python3-torch). Parameters, inputs and targets are sine waves that TypeScript
computes too, so that only checksums and a few values are stored.
"""
import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(count, frequency, phase, amplitude):
    return torch.tensor([amplitude * math.sin(frequency * k + phase) for k in range(count)])


class Parameters:
    """Hands out parameters in the order of the network's list."""

    def __init__(self):
        self.list = []
        self.assigned = []

    def take(self, shape, kind="weight"):
        count = math.prod(shape)
        values = wave(count, 1.7, len(self.list), 1)
        if kind == "weight":
            values = values * (1.5 / math.sqrt(math.prod(shape[1:])))
        elif kind in ("bias", "mean"):
            values = values * 0.1
        else:  # scale, variance
            values = 1 + 0.3 * values
        parameter = values.reshape(shape)
        parameter.requires_grad_()
        self.list.append(parameter)
        return parameter


def conv(p, inputs, outputs, kernel, dims=2, bias=True, stride=1, padding=None, groups=1, border="zero"):
    w = p.take([outputs, inputs // groups] + [kernel] * dims)
    b = p.take([outputs], "bias") if bias else None
    padding = (kernel - 1) // 2 if padding is None else padding
    function = F.conv2d if dims == 2 else F.conv3d

    def apply(x):
        if border == "reflect":
            x = F.pad(x, [padding] * 4, mode="reflect")
        return function(x, w, b, stride=stride, padding=0 if border == "reflect" else padding, groups=groups)

    return apply


def deconv(p, inputs, outputs, kernel, dims=2, stride=1, padding=0):
    w = p.take([inputs, outputs] + [kernel] * dims)
    b = p.take([outputs], "bias")
    function = F.conv_transpose2d if dims == 2 else F.conv_transpose3d
    return lambda x: function(x, w, b, stride=stride, padding=padding)


def norm(p, kind, channels, groups=8, affine=True, train=False):
    if kind == "none":
        return lambda x: x
    if not affine:
        return lambda x: F.instance_norm(x)
    scale, bias = p.take([channels], "scale"), p.take([channels], "bias")
    if kind == "instance":
        return lambda x: F.instance_norm(x, weight=scale, bias=bias)
    if kind == "group":
        return lambda x: F.group_norm(x, groups, scale, bias)
    mean, variance = p.take([channels], "mean"), p.take([channels], "variance")

    def apply(x):
        running = (mean.detach().clone(), variance.detach().clone()) if train else (mean, variance)
        if not train:
            # F.batch_norm gives no gradient to running statistics; neither does training need one.
            shape = [1, -1] + [1] * (x.dim() - 2)
            a = scale / torch.sqrt(variance + 1e-5)
            return x * a.view(shape) + (bias - mean * a).view(shape)
        y = F.batch_norm(x, *running, scale, bias, training=True, momentum=0.1)
        p.assigned.extend(running)
        return y

    return apply


def chain(functions):
    def apply(x):
        for function in functions:
            x = function(x)
        return x

    return apply


def space_to_depth(x, b):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, b * b * c, h // b, w // b)


def depth_to_space(x, b):
    n, c, h, w = x.shape
    return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


def frame(config, body):
    slices = config.get("inputChannels", 1)
    scale = config.get("scaleHu", 500)
    outer = config.get("outputScale", 1)

    def apply(x):
        parts = [x[:, :slices] / scale]
        if config.get("hasStrength"):
            parts.append(x[:, slices:])
        y = body(torch.cat(parts, 1))
        y = (F.pixel_shuffle(y, 2) if outer == 2 else y) * scale
        if not config.get("isResidual", True):
            return y
        middle = x[:, (slices - 1) // 2 : (slices - 1) // 2 + 1]
        if outer == 2:
            middle = F.interpolate(middle, scale_factor=2, mode="bilinear", align_corners=False)
        return middle + y

    return apply


def body_inputs(c):
    return c.get("inputChannels", 1) + (1 if c.get("hasStrength") else 0)


def body_outputs(c):
    return c.get("outputScale", 1) ** 2


def plain(p, c, default_norm, train=False):
    width, layers, kernel, kind = c["channels"], c["layers"], c.get("kernel", 3), c.get("norm", default_norm)
    functions = []
    for k in range(layers):
        last = k == layers - 1
        normed = kind != "none" and 0 < k < layers - 1
        inputs = body_inputs(c) if k == 0 else width
        functions.append(conv(p, inputs, body_outputs(c) if last else width, kernel, bias=not normed))
        if normed:
            functions.append(norm(p, kind, width, train=train))
        if not last:
            functions.append(F.relu)
    return frame(c, chain(functions))


def red_cnn(p, c, train):
    width, kernel = c["channels"], c.get("kernel", 5)
    padding = (kernel - 1) // 2 if c.get("border", "zero") == "zero" else 0
    convs = [conv(p, body_inputs(c) if k == 0 else width, width, kernel, padding=padding) for k in range(5)]
    deconvs = [deconv(p, width, 1 if k == 4 else width, kernel, padding=padding) for k in range(5)]

    def body(x):
        h = []
        for layer in convs:
            x = F.relu(layer(x))
            h.append(x)
        x = F.relu(deconvs[0](x) + h[3])
        x = F.relu(deconvs[1](x))
        x = F.relu(deconvs[2](x) + h[1])
        x = F.relu(deconvs[3](x))
        return deconvs[4](x)

    return frame(c, body)


def unet(p, c, train, gates=False):
    dims, levels, width = c.get("dimensions", 2), c["levels"], c["channels"]
    count, kind = c.get("convolutionsPerLevel", 2), c.get("norm", "none")
    down_kind, up_kind, groups = c.get("down", "maxpool"), c.get("up", "nearest"), c.get("groups", 8)

    def block(inputs, outputs):
        functions = []
        for k in range(count):
            functions.append(conv(p, inputs if k == 0 else outputs, outputs, 3, dims, bias=kind == "none"))
            functions.append(norm(p, kind, outputs, groups, train=train))
            functions.append(F.relu)
        return chain(functions)

    size = [width * 2**level for level in range(levels)]
    # Parameters in the network's order: encoders, downs, ups, gates, decoders, head.
    encoders = [block(body_inputs(c) if level == 0 else size[level - 1], size[level]) for level in range(levels)]
    if down_kind == "stride":
        downs = [conv(p, size[level], size[level], 3, dims, stride=2) for level in range(levels - 1)]
    else:
        pools = {"maxpool": (F.max_pool2d, F.max_pool3d), "average": (F.avg_pool2d, F.avg_pool3d)}
        pool = pools[down_kind][dims - 2]
        downs = [lambda x: pool(x, 2)] * (levels - 1)
    ups = []
    for level in range(levels - 1):
        if up_kind == "nearest":
            layer = conv(p, size[level + 1], size[level], 3, dims)
            ups.append(lambda x, layer=layer: layer(F.interpolate(x, scale_factor=2, mode="nearest")))
        else:
            ups.append(deconv(p, size[level + 1], size[level], 2, dims, stride=2))
    gate_parts = []
    if gates:
        for level in range(levels - 1):
            inner = max(1, size[level] // 2)
            gate_parts.append(
                (
                    conv(p, size[level], inner, 1, dims, bias=False),
                    conv(p, size[level], inner, 1, dims),
                    conv(p, inner, 1, 1, dims),
                )
            )
    decoders = [block(2 * size[level], size[level]) for level in range(levels - 1)]
    head = conv(p, width, body_outputs(c), 1, dims)
    maps = {}

    def body(x):
        skips = []
        for level in range(levels):
            x = encoders[level](x)
            skips.append(x)
            if level < levels - 1:
                x = downs[level](x)
        for level in reversed(range(levels - 1)):
            raised = ups[level](x)
            skip = skips[level]
            if gates:
                w_x, w_g, psi = gate_parts[level]
                alpha = torch.sigmoid(psi(F.relu(w_x(skip) + w_g(raised))))
                maps[level] = alpha
                skip = skip * alpha
            x = decoders[level](torch.cat([skip, raised], 1))
        return head(x)

    apply = frame(c, body)
    apply_with_maps = lambda x: apply(x)
    apply_with_maps.maps = maps
    return apply_with_maps


def efficient(p, c, train):
    u, width, deep_width = c.get("unshuffle", 2), c["channels"], c["deepChannels"]
    shallow, deep, kind = c.get("shallowBlocks", 2), c.get("deepBlocks", 2), c.get("block", "dense")

    def block(channels, kind):
        if kind == "dense":
            a, b = conv(p, channels, channels, 3), conv(p, channels, channels, 3)
            return lambda x: x + b(F.relu(a(x)))
        wide = 2 * channels
        a, b, d = conv(p, channels, wide, 1), conv(p, wide, wide, 3, groups=wide), conv(p, wide, channels, 1)
        return lambda x: x + d(F.relu(b(F.relu(a(x)))))

    door = conv(p, body_inputs(c) * u * u, width, 3)
    before = chain([block(width, "dense") for _ in range(shallow)])
    enter = conv(p, 4 * width, deep_width, 1)
    middle = chain([block(deep_width, kind) for _ in range(deep)])
    leave = conv(p, deep_width, 4 * width, 1)
    after = chain([block(width, "dense") for _ in range(shallow)])
    last = conv(p, width, body_outputs(c) * u * u, 3)

    def body(x):
        fine = before(F.relu(door(space_to_depth(x, u))))
        coarse = F.relu(enter(space_to_depth(fine, 2)))
        raised = depth_to_space(leave(middle(coarse)), 2)
        return depth_to_space(last(after(fine + raised)), u)

    return frame(c, body)


def to_window(x):
    return ((x + 100) / 500).clamp(-1, 1)


def unit(p, kind, inputs, outputs, kernel, relu=True, **options):
    layer = conv(p, inputs, outputs, kernel, bias=kind == "none", **options)
    normed = norm(p, kind, outputs, affine=False)
    return lambda x: F.relu(normed(layer(x))) if relu else normed(layer(x))


def residual_block(p, kind, channels):
    a, b = unit(p, kind, channels, channels, 3), unit(p, kind, channels, channels, 3, relu=False)
    return lambda x: x + b(a(x))


def generator(p, c, train):
    w, kind = c["channels"], c.get("norm", "instance")
    double = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")
    encoder = chain(
        [
            unit(p, kind, c.get("inputChannels", 1), w, 7, border="reflect"),
            unit(p, kind, w, 2 * w, 3, stride=2),
            unit(p, kind, 2 * w, 4 * w, 3, stride=2),
        ]
        + [residual_block(p, kind, 4 * w) for _ in range(c["encoderBlocks"])]
    )
    decoder = chain(
        [residual_block(p, kind, 4 * w) for _ in range(c["decoderBlocks"])]
        + [
            unit(p, kind, 4 * w, 2 * w, 3),
            double,
            unit(p, kind, 2 * w, w, 3),
            double,
            unit(p, kind, w, w, 3),
            conv(p, w, 1, 7, border="reflect"),
        ]
    )
    return lambda x: torch.tanh(decoder(encoder(to_window(x)))) * 500 - 100


def patchgan(p, c, train):
    w, layers, kind = c["channels"], c["layers"], c.get("norm", "instance")
    functions = []
    for k in range(layers + 1):
        normed = k > 0 and kind == "instance"
        inputs = 1 if k == 0 else w * 2 ** (k - 1)
        functions.append(conv(p, inputs, w * 2**k, 4, bias=not normed, stride=2 if k < layers else 1, padding=1))
        if normed:
            functions.append(lambda x: F.instance_norm(x))
        functions.append(lambda x: F.leaky_relu(x, 0.2))
    functions.append(conv(p, w * 2**layers, 1, 4, padding=1))
    body = chain(functions)
    return lambda x: body(to_window(x))


def autoencoder(p, c, train):
    w, levels, count, scale = c["channels"], c["levels"], c.get("convolutionsPerLevel", 2), c.get("scaleHu", 500)
    size = [w * 2**level for level in range(levels)]
    encoder, features = [], []
    for level in range(levels):
        for k in range(count):
            inputs = size[level] if k else (size[level - 1] if level else 1)
            encoder.append((k == 0 and level > 0, conv(p, inputs, size[level], 3)))
    latent = conv(p, size[-1], c["latentChannels"], 1)
    decoder = []
    for level in reversed(range(levels)):
        for k in range(count):
            inputs = size[level] if k else (size[level + 1] if level < levels - 1 else c["latentChannels"])
            decoder.append((k == 0 and level < levels - 1, conv(p, inputs, size[level], 3)))
    out = conv(p, w, 1, 3)

    def apply(x):
        x = x / scale
        features.clear()
        for halved, layer in encoder:
            x = F.relu(layer(F.max_pool2d(x, 2) if halved else x))
            features.append(x)
        x = latent(x)
        for doubled, layer in decoder:
            x = F.relu(layer(F.interpolate(x, scale_factor=2, mode="nearest") if doubled else x))
        return out(x) * scale

    apply_with = lambda x: apply(x)
    apply_with.features = features
    return apply_with


def average(x, r):
    return F.avg_pool2d(F.pad(x, [r] * 4, mode="replicate"), 2 * r + 1, stride=1)


def dilate(x, r):
    return F.max_pool2d(F.pad(x, [r] * 4, mode="replicate"), 2 * r + 1, stride=1)


def lung_split(p, c, train):
    inside = plain(p, {"channels": c["inside.channels"], "layers": c["inside.layers"]}, "none")
    outside = plain(p, {"channels": c["outside.channels"], "layers": c["outside.layers"]}, "none")

    def apply(x):
        s = average(x, c["smoothRadius"])
        soft = c["softnessHu"]
        m = torch.sigmoid((s + 950) / soft) * torch.sigmoid((-500 - s) / soft)
        m = dilate(-dilate(-m, c["openRadius"]), c["openRadius"])
        g = average(m, c["featherRadius"])
        other = outside(x)
        return other + g * (inside(x) - other)

    return apply


BUILDERS = {
    "cnn-10": lambda p, c, train: plain(p, c, "none"),
    "dncnn": lambda p, c, train: plain(p, c, "batch", train),
    "red-cnn": red_cnn,
    "unet": unet,
    "attention-unet": lambda p, c, train: unet(p, c, train, gates=True),
    "efficient": efficient,
    "cyclegan-generator": generator,
    "patchgan": patchgan,
    "autoencoder": autoencoder,
    "lung-split": lung_split,
}

UNET_3D = {"dimensions": 3, "levels": 2, "channels": 2}
CASES = [
    ("cnn-10", {"channels": 4, "layers": 4, "inputChannels": 3, "hasStrength": True}, [8, 8]),
    ("cnn-10", {"channels": 3, "layers": 3, "outputScale": 2, "isResidual": True}, [6, 8]),
    ("cnn-10", {"channels": 3, "layers": 3, "isResidual": False, "scaleHu": 300}, [6, 8]),
    ("red-cnn", {"channels": 3}, [12, 10]),
    ("red-cnn", {"channels": 2, "border": "none"}, [22, 24]),
    ("dncnn", {"channels": 3, "layers": 4}, [8, 6]),
    ("dncnn", {"channels": 3, "layers": 4}, [8, 6], "train"),
    ("unet", {"levels": 3, "channels": 3}, [12, 8]),
    ("unet", {"levels": 2, "channels": 4, "norm": "instance", "down": "average", "up": "transposed"}, [8, 8]),
    ("unet", {"levels": 2, "channels": 4, "norm": "group", "groups": 2, "down": "stride"}, [8, 8]),
    ("unet", {"levels": 2, "channels": 3, "norm": "batch", "convolutionsPerLevel": 1}, [8, 8], "train"),
    ("unet", {**UNET_3D}, [4, 4, 6]),
    ("unet", {**UNET_3D, "norm": "instance", "down": "stride", "up": "transposed"}, [4, 6, 4]),
    ("attention-unet", {"levels": 3, "channels": 3}, [8, 8]),
    ("efficient", {"channels": 3, "deepChannels": 4, "shallowBlocks": 1}, [8, 12]),
    ("efficient", {"channels": 3, "deepChannels": 4, "deepBlocks": 2, "block": "separable", "outputScale": 2}, [8, 8]),
    ("cyclegan-generator", {"channels": 2, "encoderBlocks": 2, "decoderBlocks": 1}, [16, 16]),
    ("cyclegan-generator", {"channels": 2, "encoderBlocks": 1, "decoderBlocks": 1, "norm": "none"}, [16, 16]),
    ("patchgan", {"channels": 3, "layers": 2}, [24, 24]),
    ("patchgan", {"channels": 2, "layers": 2, "norm": "none"}, [24, 24]),
    ("autoencoder", {"channels": 3, "levels": 2, "latentChannels": 2}, [8, 8]),
    (
        "lung-split",
        {
            "inside": "cnn-10",
            "outside": "cnn-10",
            "inside.channels": 2,
            "inside.layers": 2,
            "outside.channels": 3,
            "outside.layers": 3,
            "smoothRadius": 1,
            "openRadius": 1,
            "featherRadius": 2,
            "softnessHu": 100,
        },
        [12, 12],
    ),
]
BATCH = 2


def digest(tensor):
    """[sum of values times a wave, root of the sum of squares]."""
    flat = tensor.detach().reshape(-1)
    weights = wave(flat.numel(), 0.61, 1, 1)
    return [float((flat * weights).sum()), float(flat.norm())]


results = []
for name, config, size, *mode in CASES:
    train = mode == ["train"]
    p = Parameters()
    network = BUILDERS[name](p, config, train)
    channels = body_inputs(config)
    count = BATCH * channels * math.prod(size)
    level = -600 if name == "lung-split" else 0
    frequency = 0.21 if name == "lung-split" else 0.9
    x = (level + wave(count, frequency, 0.1, 300)).reshape([BATCH, channels] + size)
    y = network(x)
    target = wave(y.numel(), 0.8, 0.3, 280).reshape(y.shape)
    loss = ((y - target) ** 2).mean()
    loss.backward()
    result = {
        "network": name,
        "config": config,
        "size": size,
        "mode": "train" if train else "infer",
        "shape": list(y.shape),
        "output": y.detach().reshape(-1)[:6].tolist(),
        "outputDigest": digest(y),
        "loss": loss.item(),
        "shapes": [list(q.shape) for q in p.list],
        "gradients": [digest(torch.zeros_like(q) if q.grad is None else q.grad) for q in p.list],
    }
    if train:
        result["assigned"] = [digest(value) for value in p.assigned]
    if hasattr(network, "maps") and network.maps:
        result["maps"] = [digest(network.maps[level]) for level in sorted(network.maps)]
    if hasattr(network, "features"):
        result["features"] = [digest(value) for value in network.features]
    results.append(result)
print(json.dumps({"version": torch.__version__, "cases": results}))
