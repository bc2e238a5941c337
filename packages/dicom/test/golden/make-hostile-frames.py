#!/usr/bin/env python3
"""Tiny compressed frames for the hostile suites, made by dcmtk and OpenJPEG: packages/dicom/test/golden/hostile-frames.json.

Run with Debian's python3-pydicom, dcmtk and libopenjp2-tools; prints the versions that it used.
"""
import base64
import json
import os
import subprocess
import tempfile

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import generate_pixel_data_frame

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, COLUMNS = 12, 16


def run(*args):
    subprocess.run(args, check=True, capture_output=True)


def make_source(path, bits, colour):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    data.is_little_endian, data.is_implicit_VR = True, False
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel = ROWS, COLUMNS, 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.BitsAllocated = 8 if bits == 8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    if colour:
        data.PlanarConfiguration = 0
    count = ROWS * COLUMNS * data.SamplesPerPixel
    i = np.arange(count)
    values = (i * 37 % 11 + (i % COLUMNS) * (2**bits // 20)) % 2**bits
    data.PixelData = values.astype("<u1" if bits == 8 else "<u2").tobytes()
    data.save_as(path, write_like_original=False)
    return data


def describe(name, uid, data, encoded):
    photometric = data.PhotometricInterpretation
    return {
        "name": name,
        "uid": uid,
        "format": {
            "rows": ROWS, "columns": COLUMNS, "samplesPerPixel": int(data.SamplesPerPixel),
            "bitsAllocated": int(data.BitsAllocated), "bitsStored": int(data.BitsStored), "highBit": int(data.HighBit),
            "signed": False, "photometricInterpretation": photometric, "frames": 1,
        },
        "encoded": base64.b64encode(encoded).decode(),
    }


def main():
    frames = []
    jpeg = [
        ("baseline grey", "1.2.840.10008.1.2.4.50", ["+eb"], 8, False),
        ("baseline colour", "1.2.840.10008.1.2.4.50", ["+eb", "+s2"], 8, True),
        ("extended 12 bit", "1.2.840.10008.1.2.4.51", ["+ee"], 12, False),
        ("spectral selection", "1.2.840.10008.1.2.4.53", ["+es"], 8, False),
        ("progressive", "1.2.840.10008.1.2.4.55", ["+ep"], 12, False),
        ("progressive colour", "1.2.840.10008.1.2.4.55", ["+ep"], 8, True),
        ("lossless", "1.2.840.10008.1.2.4.57", ["+el", "+sv", "6"], 16, False),
        ("lossless SV1", "1.2.840.10008.1.2.4.70", ["+e1"], 12, False),
    ]
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/in.dcm", f"{folder}/out.dcm"
        for name, uid, options, bits, colour in jpeg:
            make_source(source, bits, colour)
            run("dcmcjpeg", *options, source, target)
            data = pydicom.dcmread(target)
            assert data.file_meta.TransferSyntaxUID == uid, (name, data.file_meta.TransferSyntaxUID)
            frames.append(describe(name, uid, data, next(generate_pixel_data_frame(data.PixelData, 1))))
        for name, options in [
            ("ls near", ["+en", "+md", "2"]),
        ]:
            make_source(source, 12, False)
            run("dcmcjpls", *options, source, target)
            data = pydicom.dcmread(target)
            frames.append(
                describe(name, str(data.file_meta.TransferSyntaxUID), data, next(generate_pixel_data_frame(data.PixelData, 1)))
            )
        j2k = [
            ("one tile", "1.2.840.10008.1.2.4.90", ["-n", "3"], 12, False),
            ("tiles, layers, markers", "1.2.840.10008.1.2.4.91",
             ["-n", "2", "-t", "8,8", "-r", "8,4,1", "-SOP", "-EPH", "-p", "RPCL", "-c", "[16,16]", "-I"], 12, False),
            ("colour", "1.2.840.10008.1.2.4.90", ["-n", "2", "-p", "LRCP"], 8, True),
        ]
        for name, uid, options, bits, colour in j2k:
            data = make_source(source, bits, colour)
            raw, coded = f"{folder}/in.raw", f"{folder}/out.j2k"
            pixels = np.frombuffer(data.PixelData, "<u1" if bits == 8 else "<u2").reshape(-1, data.SamplesPerPixel)
            planes = pixels.T
            (planes.astype("u1") if bits == 8 else planes.astype(">u2")).tofile(raw)
            shape = f"{COLUMNS},{ROWS},{data.SamplesPerPixel},{bits},u"
            run("opj_compress", "-i", raw, "-o", coded, "-F", shape, *options)
            if colour:
                data.PhotometricInterpretation = "YBR_RCT"
            frames.append(describe(name, uid, data, open(coded, "rb").read()))
    version = subprocess.run(["dcmcjpeg", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    opj = subprocess.run(["opj_compress", "-h"], capture_output=True, text=True).stdout
    line = next((text for text in opj.split("\n") if "openjp2 library v" in text), "OpenJPEG")
    with open(f"{HERE}/hostile-frames.json", "w", encoding="utf-8") as out:
        json.dump({"tools": [version.strip("$ "), line.strip(" .")], "frames": frames}, out, indent=1)
        out.write("\n")
    print([(f["name"], len(f["encoded"])) for f in frames])


if __name__ == "__main__":
    main()
