"""Peer of `npm run bench dicom-decode`: pydicom with the handlers that Debian has (GDCM, Pillow, numpy's RLE).

  python3 dicom-decode.py <repeats> <file> ...

Prints one line of JSON: version, and per file the fastest tenth of milliseconds from bytes in memory to a pixel array, or null
where no handler reads it.
"""

import io
import json
import sys
import time

import pydicom

repeats = int(sys.argv[1])
times = []
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        content = file.read()
    measured = []
    try:
        for _ in range(repeats):
            start = time.perf_counter()
            pydicom.dcmread(io.BytesIO(content)).pixel_array
            measured.append(1000 * (time.perf_counter() - start))
        times.append(sorted(measured)[repeats // 10])
    except Exception:
        times.append(None)
print(json.dumps({"version": pydicom.__version__, "fastMs": times}))
