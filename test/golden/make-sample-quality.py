"""Quality of the bundled sample by other tools: dcmdjpls (DCMTK) decodes, pydicom reads, scikit-image measures.

Usage: /usr/bin/python3 test/golden/make-sample-quality.py > test/golden/sample-quality.json
Needs Debian's dcmtk, python3-pydicom, python3-skimage. No code of this project is involved.
"""
import json
import pathlib
import subprocess
import tempfile

import numpy
import pydicom
import skimage
from skimage.metrics import structural_similarity

SAMPLE = pathlib.Path(__file__).parents[2] / "samples" / "crlm-ct-1004"
WINDOW = (-160.0, 240.0)


def read_hu(folder):
    slices = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted(folder.glob("*.dcm")):
            plain = pathlib.Path(scratch) / path.name
            subprocess.run(["dcmdjpls", path, plain], check=True)
            dataset = pydicom.dcmread(plain)
            hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
            slices.append((float(dataset.ImagePositionPatient[2]), hu.astype(numpy.float64)))
    return numpy.stack([hu for _, hu in sorted(slices, key=lambda item: item[0])])


original = read_hu(SAMPLE / "original")
low = read_hu(SAMPLE / "low-dose-25")
rmse = [float(numpy.sqrt(numpy.mean((a - b) ** 2))) for a, b in zip(low, original)]
ssim = [
    float(
        structural_similarity(
            numpy.clip(a, *WINDOW), numpy.clip(b, *WINDOW), data_range=WINDOW[1] - WINDOW[0],
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
    )
    for a, b in zip(low, original)
]
version = subprocess.run(["dcmdjpls", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
print(json.dumps({
    "tools": f"{version.strip()}; pydicom {pydicom.__version__}; scikit-image {skimage.__version__}; numpy {numpy.__version__}",
    "window": WINDOW,
    "wholeImage": {"rmseHu": float(numpy.sqrt(numpy.mean((low - original) ** 2))), "rmseHuPerSlice": rmse, "ssimPerSlice": ssim},
    "sumOfOriginalHu": float(original.sum()),
    "sumOfLowDoseHu": float(low.sum()),
}, indent=1))
