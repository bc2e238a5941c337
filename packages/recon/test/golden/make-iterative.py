"""Makes iterative.json: what scikit-image 0.19.3 (NumPy 1.24.2) gives for TV denoising, and the
phantom of its SART test.

Run: /usr/bin/python3 make-iterative.py
Arrays are base64: float32 for the TV images, uint16 (value = code * scale) for the phantom.
"""
import base64
import json
import warnings
from pathlib import Path

import numpy as np
import skimage
from skimage.data import shepp_logan_phantom
from skimage.restoration import denoise_tv_chambolle
from skimage.transform import rescale

warnings.filterwarnings("ignore")


def pack32(array):
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def pack16(array):
    scale = float(array.max()) / 65535
    codes = np.clip(np.round(array / scale), 0, 65535).astype("<u2")
    return {"scale": scale, "codes": base64.b64encode(codes.tobytes()).decode()}


def make_tv(shape, weight, seed):
    random = np.random.default_rng(seed)
    grids = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    inside = np.ones(shape, bool)
    for grid, n in zip(grids, shape):
        inside &= np.abs(grid - n / 2) < n / 4
    image = (inside + 0.2 * random.standard_normal(shape)).astype("<f4").astype(np.float64)
    result = denoise_tv_chambolle(image, weight=weight, eps=0, max_num_iter=20000)
    return {"size": list(shape), "weight": weight, "image": pack32(image), "result": pack32(result)}


phantom = rescale(shepp_logan_phantom()[::2, ::2], 0.5, order=1, mode="constant", anti_aliasing=False)
image = rescale(phantom, 0.8, mode="reflect", anti_aliasing=False)
Path(__file__).with_name("iterative.json").write_text(json.dumps({
    "versions": {"scikit-image": skimage.__version__, "numpy": np.__version__},
    "tv2d": make_tv((24, 28), 0.3, 1),
    "tv3d": make_tv((6, 10, 12), 0.25, 2),
    "sart": {"size": image.shape[0], "image": pack16(np.clip(image, 0, None))},
}, indent=1) + "\n")
