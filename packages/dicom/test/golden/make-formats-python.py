"""Makes formats-python.json: what nibabel, NumPy and tifffile read from the files of write-format-samples.ts.

Run: /usr/bin/python3 make-formats-python.py <samples> > formats-python.json
"""

import hashlib
import json
import pathlib
import sys

import nibabel as nib
import numpy as np
import tifffile

read = []
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda path: (int(path.name.split("-")[0]), path.name)):
    case, name = folder.name.split("-", 1)
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    item = {"case": int(case), "format": name, "sha256": files}
    if name in ("nii", "hdr"):
        image = nib.load(folder / f"volume.{name}")
        qform = image.get_qform(coded=True)
        item["sform"] = image.get_sform(coded=True)[0].tolist()
        item["qform"] = None if qform[1] == 0 else qform[0].tolist()
        data = np.asarray(image.dataobj).T
    elif name == "npy":
        data = np.load(folder / "volume.npy", allow_pickle=False)
    elif name == "npz":
        arrays = np.load(folder / "volume.npz", allow_pickle=False)
        data = arrays["data"]
        item["place"] = {key: arrays[key].tolist() for key in ("spacing", "origin", "direction")}
        item["unit"] = str(arrays["unit"])
    elif name == "tiff":
        file = tifffile.TiffFile(folder / "volume.tif")
        data = np.stack([page.asarray() for page in file.pages])
        page = file.pages[0]
        resolution = [page.tags[key].value for key in ("YResolution", "XResolution")]
        item["imagej"] = {key: file.imagej_metadata[key] for key in ("images", "slices", "spacing", "unit", "vunit")}
        item["pixels"] = [y / x for x, y in resolution]
    else:
        continue
    read.append({**item, "shape": list(data.shape), "datatype": str(data.dtype),
                 "values": data.astype(float).ravel().tolist()})
print(json.dumps({
    "made by": "make-formats-python.py",
    "versions": {"nibabel": nib.__version__, "numpy": np.__version__, "tifffile": tifffile.__version__},
    "read": read,
}, separators=(",", ":")))
