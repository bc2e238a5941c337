"""Makes formats-nibabel.json: what nibabel reads from the NIfTI files of write-format-samples.ts.

Run: /usr/bin/python3 make-formats-nibabel.py <samples> > formats-nibabel.json
"""

import hashlib
import json
import pathlib
import sys

import nibabel as nib

read = []
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda path: (int(path.name.split("-")[0]), path.name)):
    case, name = folder.name.split("-", 1)
    if name not in ("nii", "hdr"):
        continue
    main = folder / f"volume.{name}"
    image = nib.load(main)
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    qform = image.get_qform(coded=True)
    read.append({
        "case": int(case),
        "format": name,
        "sha256": files,
        "shape": list(image.shape),
        "sform": image.get_sform(coded=True)[0].tolist(),
        "qform": None if qform[1] == 0 else qform[0].tolist(),
        "datatype": str(image.get_data_dtype()),
        "values": image.get_fdata().ravel(order="F").tolist(),
    })
print(json.dumps({"made by": "make-formats-nibabel.py", "version": f"nibabel {nib.__version__}", "read": read},
                 separators=(",", ":")))
