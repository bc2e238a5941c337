"""scikit-image's radon transforms for the benches: parallel beam, one slice, one thread.

radon.py <iradon|radon> <folder> <views> <channels> <size>
iradon reads <folder>/sinogram.bin ([view][channel] float32, pixel units); radon reads <folder>/image.bin. Every line on
standard input runs once and is answered with the seconds it took; "save" writes <folder>/radon.bin.
"""
import json
import sys
import time

import numpy
import skimage
from skimage.transform import iradon, radon

mode, folder, views, channels, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
theta = numpy.arange(views) * 180.0 / views
if mode == "iradon":
    sinogram = numpy.fromfile(f"{folder}/sinogram.bin", numpy.float32).reshape(views, channels).T.astype(float)

    def run():
        return iradon(sinogram, theta, output_size=size, filter_name="ramp", interpolation="linear", circle=False)

else:
    image = numpy.fromfile(f"{folder}/image.bin", numpy.float32).reshape(size, size).astype(float)

    def run():
        return radon(image, theta, circle=True)


print(json.dumps({"version": skimage.__version__}), flush=True)
result = None
for line in sys.stdin:
    if line.startswith("save"):
        result.astype(numpy.float32).tofile(f"{folder}/radon.bin")
        print(0, flush=True)
    else:
        start = time.perf_counter()
        result = run()
        print(time.perf_counter() - start, flush=True)
