"""Golden values for in-plane Gaussian smoothing, by scikit-image (prints gaussian.json)."""
import json
import numpy, skimage
from skimage.filters import gaussian

rows, columns = 11, 14
r, c = numpy.mgrid[0:rows, 0:columns]
image = numpy.round(100 * numpy.sin(r * 1.3 + c * c * 0.21) + 40 * ((r + 2 * c) % 5)).astype(numpy.float64)
results = {
    str(sigma): numpy.round(
        gaussian(image, sigma=sigma, mode="nearest", truncate=4.0, preserve_range=True), 9
    ).ravel().tolist()
    for sigma in (0.5, 1.0, 1.75)
}
print(json.dumps({
    "tool": f"scikit-image {skimage.__version__} filters.gaussian(mode='nearest', truncate=4), numpy {numpy.__version__}",
    "rows": rows, "columns": columns, "image": image.ravel().tolist(), "smoothed": results,
}))
