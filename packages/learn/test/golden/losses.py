"""Golden values of the losses: value and gradient, in float64.

Run: python3 losses.py > losses.json
Made with PyTorch 1.13.0 (Debian 12, python3-torch). Images, weights and selectors are sine waves (or their signs) that
TypeScript computes too; of gradients only checksums are stored.
"""
import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, frequency, phase, amplitude):
    count = math.prod(shape)
    return torch.tensor([amplitude * math.sin(frequency * k + phase) for k in range(count)]).reshape(shape)


def digest(tensor):
    flat = tensor.detach().reshape(-1)
    return [float((flat * wave([flat.numel()], 0.61, 1, 1)).sum()), float(flat.norm())]


def planes(x):
    return x.reshape(-1, 1, x.shape[-2], x.shape[-1])


# Losses of the registry ------------------------------------------------------------------------------------------

taps = torch.tensor([math.exp(-((k - 5) ** 2) / (2 * 1.5**2)) for k in range(11)])
window = torch.outer(taps, taps) / taps.sum() ** 2


def ssim_maps(x, y):
    blur = lambda z: F.conv2d(z, window[None, None])
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return (2 * mx * my + 1e-4) / (mx * mx + my * my + 1e-4), (2 * cov + 9e-4) / (vx + vy + 9e-4)


def ssim(p, t, rangeHu=1000):
    luminance, structure = ssim_maps(planes(p) / rangeHu, planes(t) / rangeHu)
    return 1 - (luminance * structure).mean()


def ms_ssim(p, t, rangeHu=1000, levels=3):
    weights = torch.tensor([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:levels])
    weights = weights / weights.sum()
    x, y = planes(p) / rangeHu, planes(t) / rangeHu
    product = 1
    for level in range(levels):
        luminance, structure = ssim_maps(x, y)
        last = level == levels - 1
        term = (luminance * structure if last else structure).mean(dim=(1, 2, 3)).clamp(1e-6, 2)
        product = product * term ** weights[level]
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return 1 - product.mean()


def gradient(p, t, scale=1, sobel=0):
    d = planes(p - t) / scale
    if sobel:
        kx = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])[None, None] / 8
        return F.conv2d(d, kx).abs().mean() + F.conv2d(d, kx.transpose(2, 3)).abs().mean()
    return d.diff(dim=3).abs().mean() + d.diff(dim=2).abs().mean()


def total_variation(p, t, scale=1, epsilon=1e-3):
    x = planes(p) / scale
    dx, dy = x[:, :, :-1, 1:] - x[:, :, :-1, :-1], x[:, :, 1:, :-1] - x[:, :, :-1, :-1]
    return torch.sqrt(dx**2 + dy**2 + epsilon**2).mean()


def frequency(p, t, scale=1, epsilon=1e-3, bandLow=0, bandHigh=1):
    d = planes(p - t) / scale
    spectrum = torch.fft.fft2(d, norm="ortho")
    f = torch.hypot(*torch.meshgrid(torch.fft.fftfreq(d.shape[2]), torch.fft.fftfreq(d.shape[3]), indexing="ij"))
    inside = (f >= bandLow) & (f <= bandHigh)
    return torch.sqrt(spectrum.real**2 + spectrum.imag**2 + epsilon**2)[:, :, inside].mean()


def hu_bias(p, t, scale=1, window=16):
    return (F.avg_pool2d(planes(p - t) / scale, window) ** 2).mean()


def edge_l1(p, t, scale=1, edgeGain=4, edgeHu=50):
    target = planes(t)
    g = F.pad(target.diff(dim=3).abs(), [0, 1]) + F.pad(target.diff(dim=2).abs(), [0, 0, 0, 1])
    return ((1 + edgeGain * g / (g + edgeHu)) * (planes(p - t) / scale).abs()).mean()


REGISTRY = {
    "l1": lambda p, t, scale=1: ((p - t) / scale).abs().mean(),
    "l2": lambda p, t, scale=1: (((p - t) / scale) ** 2).mean(),
    "charbonnier": lambda p, t, scale=1, epsilon=1e-3: torch.sqrt(((p - t) / scale) ** 2 + epsilon**2).mean(),
    "edge-l1": edge_l1,
    "ssim": ssim,
    "ms-ssim": ms_ssim,
    "gradient": gradient,
    "total-variation": total_variation,
    "frequency": frequency,
    "hu-bias": hu_bias,
}
CASES = [
    ("l1", [2, 1, 5, 6], {"scale": 200}),
    ("l2", [2, 1, 5, 6], {"scale": 200}),
    ("charbonnier", [2, 1, 5, 6], {"scale": 200, "epsilon": 0.05}),
    ("edge-l1", [2, 1, 7, 6], {"scale": 100, "edgeGain": 3, "edgeHu": 80}),
    ("ssim", [2, 1, 13, 15], {"rangeHu": 800}),
    ("ssim", [1, 1, 2, 12, 13], {}),
    ("ms-ssim", [2, 1, 25, 24], {"levels": 2}),
    ("ms-ssim", [1, 1, 44, 45], {}),
    ("gradient", [2, 1, 6, 7], {"scale": 50}),
    ("gradient", [1, 2, 6, 7], {"sobel": 1}),
    ("total-variation", [2, 1, 6, 7], {"scale": 100, "epsilon": 0.1}),
    ("frequency", [2, 1, 6, 9], {"scale": 100}),
    ("frequency", [1, 1, 3, 8, 8], {"bandLow": 0.2, "bandHigh": 0.5, "epsilon": 0.01}),
    ("hu-bias", [2, 1, 9, 11], {"window": 4, "scale": 10}),
    ("hu-bias", [1, 1, 16, 33], {}),
]

registry = []
for name, shape, options in CASES:
    p = wave(shape, 0.9, 0.1, 300).requires_grad_()
    t = 0.7 * wave(shape, 0.9, 0.1, 300) + wave(shape, 2.3, 0.3, 90)
    loss = REGISTRY[name](p, t, **options)
    loss.backward()
    registry.append({"loss": name, "shape": shape, "options": options, "value": loss.item(), "gradient": digest(p.grad)})

# Losses as functions: gradients in the weights of small networks ----------------------------------------------------


def net(offset):
    """x + 500·conv(relu(conv(x/500))), the network cnn-10 with two layers of two features."""
    shapes = [[2, 1, 3, 3], [2], [1, 2, 3, 3], [1]]
    parameters = []
    for k, shape in enumerate(shapes):
        size = 1.5 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1
        parameters.append(wave(shape, 1.7, offset + k, size).requires_grad_())
    a, b, c, d = parameters
    apply = lambda x: x + 500 * F.conv2d(F.relu(F.conv2d(x / 500, a, b, padding=1)), c, d, padding=1)
    return parameters, apply


def critic():
    shapes = [[3, 1, 4, 4], [3], [1, 3, 4, 4], [1]]
    parameters = []
    for k, shape in enumerate(shapes):
        size = 1.5 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1
        parameters.append(wave(shape, 1.7, 20 + k, size).requires_grad_())
    a, b, c, d = parameters

    def apply(x):
        h = torch.tanh(F.conv2d(x / 500, a, b, stride=2, padding=1))
        return F.conv2d(h, c, d, padding=1)

    return parameters, apply


SHAPE = [2, 1, 8, 8]
x = wave(SHAPE, 0.9, 0.1, 500) - 300
y = wave(SHAPE, 0.7, 0.4, 450) - 250
mask = (wave(SHAPE, 3.1, 0.2, 1) > 0.5).double()
probe = torch.sign(wave(SHAPE, 5.3, 0.7, 1))
mix = torch.tensor([0.3, 0.8]).reshape(2, 1, 1, 1)
jitter = [wave([2, 1, 3, 3], 1.1, 0.2, 0.2), wave([2, 1, 3, 3], 1.3, 0.5, 0.2)]
choice = (torch.arange(2 * 16).reshape(2, 4, 4) * 5) % 8
pairs = torch.tensor([[0, 1], [1, 0], [0, 2], [2, 0], [1, 3], [3, 1], [2, 3], [3, 2]])
first = F.one_hot(pairs[choice][..., 0], 4).permute(0, 3, 1, 2).double()
second = F.one_hot(pairs[choice][..., 1], 4).permute(0, 3, 1, 2).double()


def pick(image, selector):
    return (F.pixel_unshuffle(image, 2) * selector).sum(1, keepdim=True)


def psi(z):
    return z * (z < -600)


def air_xor(a, b):
    return (torch.logical_xor(a <= -600, b <= -600) * (a - b).abs() / 100).mean()


def neighbour(G):
    d = (G(pick(x, first)) - pick(x, second)) / 100
    with torch.no_grad():
        whole = G(x)
    e = (pick(whole, first) - pick(whole, second)) / 100
    return (d**2).mean() + 1.5 * ((d - e) ** 2).mean()


def sure(G, sigma):
    divergence = (sigma**2 * probe * (G(x + 2 * probe) - G(x))).mean() / 2
    return (((G(x) - x) ** 2).mean() - (torch.as_tensor(sigma) ** 2 * torch.ones([])).mean() + 2 * divergence) / 100**2


sigma_map = 20 + wave(SHAPE, 0.3, 0, 5)
phi = lambda z: F.relu(F.conv2d(z / 500, wave([3, 1, 3, 3], 0.9, 2, 0.5), padding=1))


def penalty(D, scale):
    between = (mix * x + (1 - mix) * y).requires_grad_()
    (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
    norm = torch.sqrt(((slope * scale) ** 2).sum(dim=(1, 2, 3)) + 1e-12)
    return ((norm - 1) ** 2).mean()


FUNCTIONS = {
    "cycle": lambda G, H, D: ((x - H(G(x))) / 100).abs().mean(),
    "identity": lambda G, H, D: ((y - G(y)) / 100).abs().mean(),
    "autoencoder": lambda G, H, D: ((x - H(G(x))) / 100).abs().mean(),
    "idempotence": lambda G, H, D: ((G(x) - G(G(x))) / 100).abs().mean(),
    "perceptual": lambda G, H, D: ((phi(G(x)) - phi(x)) ** 2).mean(),
    "air-psi": lambda G, H, D: ((psi(G(x)) - psi(x)) / 100).abs().mean(),
    "air-xor": lambda G, H, D: air_xor(x, G(x)),
    "latent": lambda G, H, D: (G(x) ** 2).mean(),
    "masked-l2": lambda G, H, D: (mask * ((G(x) - y) / 100) ** 2).sum() / mask.sum(),
    "masked-l1": lambda G, H, D: (mask * (G(x) - y).abs()).sum() / mask.sum(),
    "neighbour": lambda G, H, D: neighbour(G),
    "sure": lambda G, H, D: sure(G, 20),
    "sure-map": lambda G, H, D: sure(G, sigma_map),
    "lsgan-critic": lambda G, H, D: 0.5 * (((D(y) - 1 - jitter[0]) ** 2).mean() + ((D(x) - jitter[1]) ** 2).mean()),
    "lsgan-generator": lambda G, H, D: ((D(G(x)) - 1) ** 2).mean(),
    "wgan-critic": lambda G, H, D: D(x).mean() - D(y).mean(),
    "wgan-generator": lambda G, H, D: -D(G(x)).mean(),
    "hinge-critic": lambda G, H, D: F.relu(1 - D(y)).mean() + F.relu(1 + D(x)).mean(),
    "gradient-penalty": lambda G, H, D: penalty(D, 300),
}

functions = {}
for name, build in FUNCTIONS.items():
    (pg, G), (ph, H), (pd, D) = net(0), net(10), critic()
    loss = build(G, H, D)
    loss.backward()
    grads = lambda ps: [digest(torch.zeros_like(q) if q.grad is None else q.grad) for q in ps]
    functions[name] = {"value": loss.item(), "generator": grads(pg), "backward": grads(ph), "critic": grads(pd)}

print(json.dumps({"version": torch.__version__, "registry": registry, "functions": functions}))
