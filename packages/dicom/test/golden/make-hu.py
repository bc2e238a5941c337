#!/usr/bin/python3
"""Writes hu.json: small CT images in many pixel formats as pydicom writes and decodes them.

Each case holds the file (base64), and what pydicom's apply_modality_lut makes of its pixel_array.
Run: /usr/bin/python3 packages/dicom/test/golden/make-hu.py    (pydicom 2.3.1, numpy of Debian 12)
"""
import base64
import io
import json
import pathlib

import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixel_data_handlers.util import apply_modality_lut
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

ROWS, COLUMNS = 5, 7
random = numpy.random.default_rng(1)


def make(name, allocated, stored, signed, slope, intercept, syntax, padding=None):
    low, high = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
    kind = {8: "i1", 16: "i2", 32: "i4"}[allocated] if signed else {8: "u1", 16: "u2", 32: "u4"}[allocated]
    pixels = random.integers(low, high, (ROWS, COLUMNS), endpoint=True).astype(kind)
    pixels[0, 0], pixels[0, 1] = low, high
    if padding is not None:
        pixels[1, :3] = padding
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.is_little_endian = True
    dataset.is_implicit_VR = syntax == ImplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Modality = "CT"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = int(signed)
    dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(intercept)
    if padding is not None:
        dataset.add_new(0x00280120, "SS" if signed else "US", padding)
    if syntax == RLELossless:
        dataset.PixelData = b""
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = pixels.tobytes() + (b"\0" if pixels.nbytes % 2 else b"")
        dataset["PixelData"].VR = "OB"
        dataset.compress(RLELossless)
    else:
        dataset.PixelData = pixels.tobytes() + (b"\0" if pixels.nbytes % 2 else b"")
        dataset["PixelData"].VR = "OW" if allocated > 8 or dataset.is_implicit_VR else "OB"
    buffer = io.BytesIO()
    dataset.save_as(buffer, write_like_original=False)
    again = pydicom.dcmread(io.BytesIO(buffer.getvalue()))
    return {
        "name": name,
        "file": base64.b64encode(buffer.getvalue()).decode(),
        "stored": again.pixel_array.astype(float).ravel().tolist(),
        "hu": apply_modality_lut(again.pixel_array, again).astype(float).ravel().tolist(),
        "padding": int((again.pixel_array == padding).sum()) if padding is not None else None,
    }


cases = [
    make("signed 16", 16, 16, True, 1, -1024, ExplicitVRLittleEndian, -2000),
    make("unsigned 12 in 16", 16, 12, False, 1, -1024, ExplicitVRLittleEndian, 0),
    make("signed 12 in 16", 16, 12, True, 1, 0, ImplicitVRLittleEndian),
    make("unsigned 16, slope 0.5", 16, 16, False, 0.5, -1000, ImplicitVRLittleEndian, 63536),
    make("unsigned 8", 8, 8, False, 4, -1000, ExplicitVRLittleEndian),
    make("signed 8, slope 2.25", 8, 8, True, 2.25, 10.5, ExplicitVRLittleEndian),
    make("unsigned 32", 32, 32, False, 0.001, -1000, ExplicitVRLittleEndian),
    make("signed 32", 32, 32, True, 0.001, 0, ExplicitVRLittleEndian),
    make("RLE signed 16", 16, 16, True, 1, -1024, RLELossless),
    make("RLE unsigned 8", 8, 8, False, 4, -1000, RLELossless),
]
target = pathlib.Path(__file__).with_name("hu.json")
target.write_text(json.dumps({"pydicom": pydicom.__version__, "cases": cases}, indent=1) + "\n")
print(target, target.stat().st_size, "bytes")
