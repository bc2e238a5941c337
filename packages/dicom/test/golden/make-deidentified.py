#!/usr/bin/python3
"""Writes deidentified.json: which attributes of the canary keep a value, as pydicom reads the de-identified files.
For the Basic Profile all of them, at the top and three sequences deep; for each option what it adds and takes away.

Run: /usr/bin/python3 packages/dicom/test/golden/make-deidentified.py   (Node 24 as `node`)
"""
import json
import pathlib
import subprocess
import tempfile

import pydicom

HERE = pathlib.Path(__file__).resolve().parent
DERIVATION = 0x00089215


def list_values(dataset):
    return sorted("%08x" % element.tag for element in dataset if not element.is_empty)


def dig(dataset, depth):
    for _ in range(depth):
        dataset = dataset[DERIVATION].value[0]
    return dataset


out = {"pydicom": pydicom.__version__}
with tempfile.TemporaryDirectory() as folder:
    subprocess.run(["node", str(HERE.parent / "write-deidentified.ts"), folder], check=True)
    files = {path.stem: pydicom.dcmread(path) for path in sorted(pathlib.Path(folder).glob("*.dcm"))}
basic = {0: list_values(files["basic"]), 3: list_values(dig(files["basic"], 3))}
out["basic"] = {"top": " ".join(basic[0]), "nested": " ".join(basic[3])}
out["options"] = {}
for name, dataset in files.items():
    if name == "basic":
        continue
    top = list_values(dataset)
    out["options"][name] = {
        "adds": " ".join(tag for tag in top if tag not in basic[0]),
        "takes": " ".join(tag for tag in basic[0] if tag not in top),
    }
(HERE / "deidentified.json").write_text(json.dumps(out, indent=1) + "\n")
for name, change in out["options"].items():
    print(name, len(change["adds"].split()), len(change["takes"].split()))
print("basic", len(basic[0]), len(basic[3]))
