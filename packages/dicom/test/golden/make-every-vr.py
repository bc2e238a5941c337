#!/usr/bin/python3
"""Writes every-vr.json: one dataset with every VR, nested sequences and pixel data of 8, 16 and 32 bits, written by
pydicom in explicit little endian and converted by dcmtk to implicit, big endian and deflated; with the values that
pydicom reads from the little endian file.

Run: /usr/bin/python3 packages/dicom/test/golden/make-every-vr.py   (pydicom 2.3.1, dcmtk 3.6.7)
"""
import base64
import json
import pathlib
import re
import struct
import subprocess
import tempfile

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

SYNTAXES = {"explicit": "+te", "implicit": "+ti", "big-endian": "+tb", "deflated": "+td", "undefined": "+te -e"}


def build(bits):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds = FileDataset("x", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID

    def add(tag, vr, value):
        assert (tag >> 16) % 2 or vr in dictionary_VR(tag), (hex(tag), vr)
        ds.add_new(tag, vr, value)

    add(0x00080054, "AE", "NODE")
    add(0x00101010, "AS", "042Y")
    add(0x00280009, "AT", [0x00181063, 0x00540011])
    add(0x00080060, "CS", "OT")
    add(0x00080020, "DA", "20240229")
    add(0x00280030, "DS", ["0.5", "007.812500e-01"])
    add(0x0008002A, "DT", "20240229101112.5+0100")
    add(0x00189073, "FD", [1.5, -2.25e300])
    add(0x00700022, "FL", [0.5, -3.0])
    add(0x00200013, "IS", "000140")
    add(0x00081030, "LO", ["Thorax", "zweite Größe"])
    add(0x00104000, "LT", "long text\\with a backslash")
    add(0x00420011, "OB", bytes(range(7)) + b"\0")
    add(0x0040A13A, "DT", "2024")
    add(0x7FE00009, "OD", struct.pack("<2d", 1.25, -7.5))
    add(0x00640009, "OF", struct.pack("<3f", 1.0, 2.5, -3.0))
    add(0x00660129, "OL", struct.pack("<2I", 1, 0xFEDCBA98))
    add(0x7FE00001, "OV", struct.pack("<2Q", 1, 0xFEDCBA9876543210))
    add(0x00283006, "OW", struct.pack("<4H", 1, 2, 0xFEDC, 4))
    add(0x00100010, "PN", "Jérôme^Nobody")
    add(0x00080050, "SH", "A1")
    add(0x00186020, "SL", [-5, 7])
    add(0x00189219, "SS", [-2])
    add(0x00400280, "ST", "short text")
    add(0x00720082, "SV", [-(2**62), 5])
    add(0x00080030, "TM", "101112.123456")
    add(0x00080119, "UC", "unlimited")
    add(0x00186016, "UL", 4000000000)
    add(0x00080120, "UR", "http://example.org/a")
    add(0x00280010, "US", 2)
    add(0x00280011, "US", 4)
    add(0x00280002, "US", 1)
    add(0x00280004, "CS", "MONOCHROME2")
    add(0x00280100, "US", bits)
    add(0x00280101, "US", bits)
    add(0x00280102, "US", bits - 1)
    add(0x00280103, "US", 0)
    add(0x0040A160, "UT", "unlimited text")
    add(0x00720083, "UV", [2**63 + 1])
    add(0x00090010, "LO", "ALARA TEST")
    add(0x00091001, "UN", b"\x01\x02\x03\x04")
    add(0x00091002, "US", [258, 772])
    inner = Dataset()
    inner.add_new(0x00080100, "SH", "121322")
    inner.add_new(0x00280106, "US", 258)
    deep = Dataset()
    deep.add_new(0x0040A30A, "DS", "2.5")
    deep.add_new(0x0040A161, "FD", 0.125)
    inner.add_new(0x0040A300, "SQ", Sequence([deep, Dataset()]))
    ds.add_new(0x0040A170, "SQ", Sequence([inner]))
    ds.add_new(0x00081140, "SQ", Sequence([]))
    fmt, top = {8: ("<8B", 256), 16: ("<8H", 65536), 32: ("<8I", 2**32)}[bits]
    values = [(top // 9) * (i + 1) + i for i in range(8)]
    add(0x7FE00010, "OW", struct.pack(fmt, *values))
    return ds, values


def describe(ds):
    rows = []
    for e in ds:
        if e.VR == "SQ":
            value = [describe(item) for item in e.value]
        elif isinstance(e.value, bytes):
            value = e.value.hex()
        elif e.VM == 0:
            value = []
        else:
            many = e.value if e.VM > 1 else [e.value]
            if e.VR in ("DS", "FD", "FL"):
                value = [float(v) for v in many]
            elif e.VR in ("SV", "UV"):
                value = [str(int(v)) for v in many]
            elif e.VR in ("IS", "SL", "SS", "UL", "US", "AT"):
                value = [int(v) for v in many]
            else:
                value = [str(v) for v in many]
        rows.append(["%08X" % e.tag, e.VR, value])
    return rows


out = {"tool": "pydicom %s, %s" % (pydicom.__version__, re.search(r"dcmtk: dcmconv v([\d.]+)", subprocess.run(["dcmconv", "--version"], capture_output=True, text=True).stdout).group(0)), "sets": []}
with tempfile.TemporaryDirectory() as folder:
    for bits in (8, 16, 32):
        ds, values = build(bits)
        source = folder + "/source.dcm"
        ds.save_as(source, write_like_original=False)
        files = {}
        for name, option in SYNTAXES.items():
            if bits != 16 and name not in ("explicit", "big-endian"):
                continue
            target = folder + "/target.dcm"
            subprocess.run(["dcmconv", *option.split(), source, target], check=True)
            files[name] = base64.b64encode(open(target, "rb").read()).decode()
        model = json.loads(subprocess.run(["dcm2json", source], capture_output=True, check=True).stdout)
        out["sets"].append({"json": model, "bits": bits, "pixels": values, "elements": describe(pydicom.dcmread(source)), "files": files})
target = pathlib.Path(__file__).with_name("every-vr.json")
target.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
print(target, target.stat().st_size)
