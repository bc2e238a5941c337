"""Makes radon.json: a small Shepp-Logan phantom and its Radon transform by scikit-image (rotate and sum).

Made with scikit-image 0.19.3, numpy 1.24.2, Python 3.11 (Debian 12).
"""
import json
import os

import numpy
import skimage
from skimage.data import shepp_logan_phantom
from skimage.transform import radon, resize

size = 48
image = resize(shepp_logan_phantom(), (size, size), anti_aliasing=True)
image = numpy.round(image, 5)
# radon() takes what lies outside the inscribed circle for nothing; warns if it is not.
centre = size // 2
row, column = numpy.mgrid[:size, :size] - centre
image[row**2 + column**2 >= centre**2] = 0
angles = numpy.arange(0, 180, 12.5)
sinogram = radon(image, theta=angles, circle=True)
result = {
    "madeWith": f"scikit-image {skimage.__version__}, numpy {numpy.__version__}",
    "size": size,
    "anglesDegrees": angles.tolist(),
    "image": image.flatten().tolist(),
    "sinogram": numpy.round(sinogram.T, 6).flatten().tolist(),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "radon.json")
with open(path, "w", encoding="utf-8") as file:
    json.dump(result, file)
    file.write("\n")
