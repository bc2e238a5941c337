"""Makes fbp-skimage.json: parallel FBP of a small sinogram by scikit-image's iradon.

Versions it was made with are written into the file. Run: python3 make-fbp-skimage.py > fbp-skimage.json
The axis of iradon lies on sample N // 2 and pixel (size // 2, size // 2): the middle for odd numbers.
"""
import json

import numpy as np
import skimage
from skimage.transform import iradon

CHANNELS, VIEWS, SIZE = 37, 24, 17
rng = np.random.default_rng(8)
s = np.arange(CHANNELS) - CHANNELS // 2
theta = np.arange(VIEWS) * 180.0 / VIEWS
sinogram = np.zeros((CHANNELS, VIEWS))
for x, y, radius, value in [(2.3, -1.7, 9.2, 1.0), (-3.1, 2.2, 3.3, -0.4), (5.0, 4.0, 2.1, 0.7)]:
    # s = x cos - y sin: iradon's rows run against its angles.
    centre = x * np.cos(np.deg2rad(theta)) - y * np.sin(np.deg2rad(theta))
    sinogram += value * 2 * np.sqrt(np.maximum(radius**2 - (s[:, None] - centre[None, :]) ** 2, 0))
sinogram += np.where(np.abs(s)[:, None] < 14, 0.1 * rng.standard_normal(sinogram.shape), 0)
sinogram = np.round(sinogram, 5)
images = {
    name: np.round(
        iradon(sinogram, theta=theta, output_size=SIZE, filter_name=name, circle=False), 8
    ).ravel().tolist()
    for name in ["ramp", "shepp-logan", "cosine", "hamming", "hann"]
}
print(
    json.dumps(
        {
            "madeWith": {"scikit-image": skimage.__version__, "numpy": np.__version__},
            "channels": CHANNELS,
            "views": VIEWS,
            "size": SIZE,
            "sinogram": sinogram.T.ravel().tolist(),
            "images": images,
        }
    )
)
