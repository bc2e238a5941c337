"""Golden values of RMSE, PSNR and SSIM from scikit-image.

Images come from a linear congruential generator and closed formulas, so that the TypeScript test can build the
same ones: no image data is stored. Run: /usr/bin/python3 metrics.py > metrics.json
"""
import json
import platform
import numpy as np
import skimage
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity


def lcg(n, seed):
    out = np.empty(n, np.float64)
    s = seed
    for i in range(n):
        s = (1664525 * s + 1013904223) % 4294967296
        out[i] = s / 4294967296
    return out


def scene(rows, columns, seed, noise):
    """A smooth structure with edges plus uniform noise, HU, rounded to float32."""
    r, c = np.mgrid[0:rows, 0:columns].astype(np.float64)
    image = 40 + 120 * np.sin(r / 7) * np.cos(c / 5)
    image = image + np.where((r - rows / 2) ** 2 + (c - columns / 3) ** 2 < (rows / 5) ** 2, 700.0, 0.0)
    image = image - np.where(c > 0.8 * columns, 1000.0, 0.0)
    image = image + noise * (lcg(rows * columns, seed).reshape(rows, columns) - 0.5)
    return image.astype(np.float32)


cases = []
for name, rows, columns, noise in [("square", 64, 64, 120), ("wide", 37, 90, 400), ("smallest", 11, 11, 60)]:
    a, b = scene(rows, columns, 1, noise), scene(rows, columns, 7, noise / 3)
    for low, high in [(-160, 240), (-1024, 1976)]:
        x = np.clip(a, low, high).astype(np.float64)
        y = np.clip(b, low, high).astype(np.float64)
        cases.append({
            "name": name, "rows": rows, "columns": columns, "noise": noise, "lowHu": low, "highHu": high,
            "rmse": float(np.sqrt(mean_squared_error(x, y))),
            "mae": float(np.abs(x - y).mean()),
            "psnr": float(peak_signal_noise_ratio(y, x, data_range=high - low)),
            "ssim": float(structural_similarity(
                x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=high - low)),
        })
    x, y = a.astype(np.float64), b.astype(np.float64)
    cases.append({
        "name": name, "rows": rows, "columns": columns, "noise": noise, "lowHu": None, "highHu": None,
        "rmse": float(np.sqrt(mean_squared_error(x, y))),
        "mae": float(np.abs(x - y).mean()),
        "psnr": float(peak_signal_noise_ratio(y, x, data_range=400)),
        "ssim": float(structural_similarity(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=400)),
    })
print(json.dumps({
    "tool": f"scikit-image {skimage.__version__}, numpy {np.__version__}, python {platform.python_version()}",
    "script": "metrics.py", "cases": cases}, indent=1))
