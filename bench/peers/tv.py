"""Peer of `npm run bench tv`: scikit-image's denoise_tv_chambolle on one image, told what to do by lines.

  python3 tv.py <image.bin, float32> <rows> <columns> <weight>

Each line on stdin is a number of iterations; the answer is one line of JSON with the primal objective
0.5 |x - f|^2 + weight TV(x) of the result and the seconds that the call itself took.
"""

import json
import sys
import time

import numpy as np
import skimage
from skimage.restoration import denoise_tv_chambolle

path, rows, columns, weight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
# float32 as ours; it computes in the precision it is given.
image = np.fromfile(path, dtype="<f4").reshape(rows, columns)


def measure(x):
    x = x.astype(np.float64)
    down = np.zeros_like(x)
    right = np.zeros_like(x)
    down[:-1] = np.diff(x, axis=0)
    right[:, :-1] = np.diff(x, axis=1)
    return 0.5 * float(((x - image) ** 2).sum()) + weight * float(np.sqrt(down**2 + right**2).sum())


print(json.dumps({"version": skimage.__version__, "numpy": np.__version__}), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    result = denoise_tv_chambolle(image, weight=weight, eps=0, max_num_iter=int(line))
    seconds = time.perf_counter() - start
    print(json.dumps({"objective": measure(result), "seconds": seconds, "dtype": str(result.dtype)}), flush=True)
