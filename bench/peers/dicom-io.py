#!/usr/bin/python3
"""The peer of dicom-read and dicom-write: pydicom, from memory and from files. Prints one JSON line with the median
seconds per pass over all files.

Usage: dicom-io.py <folder> <repeats>
"""
import io
import json
import pathlib
import statistics
import sys
import time
import warnings

import numpy
import pydicom

warnings.simplefilter("ignore")
folder, repeats = pathlib.Path(sys.argv[1]), int(sys.argv[2])
paths = sorted(folder.glob("*.dcm"))
contents = [path.read_bytes() for path in paths]


def open_one(source):
    ds = pydicom.dcmread(source)
    pixels = numpy.frombuffer(ds.PixelData, dtype="<u2", count=ds.Rows * ds.Columns)
    return ds, int(pixels[0]) + int(pixels[-1]), float(ds.RescaleSlope), float(ds.RescaleIntercept)


def read_memory():
    for content in contents:
        open_one(io.BytesIO(content))


def read_files():
    for path in paths:
        open_one(path)


datasets = [pydicom.dcmread(io.BytesIO(content)) for content in contents]
for ds in datasets:
    list(ds)  # every element parsed, as in the other libraries
pixels = bytes(datasets[0].PixelData)


def write_memory():
    for i, ds in enumerate(datasets):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.%d" % i
        ds.PixelData = pixels
        target = io.BytesIO()
        pydicom.dcmwrite(target, ds, write_like_original=False)
        target.getvalue()


def measure(run):
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


print(json.dumps({
    "version": pydicom.__version__,
    "files": len(paths),
    "readMemoryS": measure(read_memory),
    "readFilesS": measure(read_files),
    "writeMemoryS": measure(write_memory),
}))
