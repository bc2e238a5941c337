"""Makes formats-data.json: sums and one voxel of the data folder's volume files, by nibabel and NumPy.

Run: ALARA_DATA=<data folder> /usr/bin/python3 make-formats-data.py > formats-data.json
"""

import gzip
import json
import os
import zlib

import nibabel as nib
import numpy as np

ROOT = os.environ["ALARA_DATA"]
files = {}


def add(name, volume):
    """volume: [slice][row][column]"""
    slices, rows, columns = volume.shape
    probe = volume[slices // 3, rows // 2, columns // 4]
    files[name] = {"sum": float(volume.astype(np.float64).sum()), "probe": float(probe)}


for name in ("ct-volumes/totalsegmentator-example/example_ct.nii.gz", "micro-ct/mouse-heads/A_J_.nii.gz",
             "dicom-syntaxes/mr-mosaic-9-syntaxes/1.nii"):
    add(name, np.asarray(nib.load(f"{ROOT}/{name}").dataobj).T)
add("micro-ct/tooth/tooth.nhdr", np.fromfile(f"{ROOT}/micro-ct/tooth/tooth.raw", ">u2").reshape(161, 94, 103))
name = "other-modalities/pyradiomics-brain1/brain1_image.nrrd"
data = open(f"{ROOT}/{name}", "rb").read()
packed = data[data.index(b"\n\n") + 2:]
add(name, np.frombuffer(gzip.decompress(packed), "<i2").reshape(25, 256, 256))
name = "ct-volumes/elastix-lung/3DCT_lung_baseline_small.mha"
data = open(f"{ROOT}/{name}", "rb").read()
packed = data[data.index(b"LOCAL") + 6:]
add(name, np.frombuffer(zlib.decompress(packed), "<i2").reshape(64, 78, 57))
print(json.dumps({"made by": "make-formats-data.py", "versions": {"nibabel": nib.__version__, "numpy": np.__version__},
                  "files": files}, indent=1))
