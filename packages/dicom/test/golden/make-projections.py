"""Projections written by foreign tools: three DICOM-CT-PD views by pydicom (explicit VR as stored, implicit VR whose
private elements a reader knows as UN, image transposed as some vendors store it) and a sinogram written by NumPy as
docs/guide/sinograms.md says. Writes projections.json. Run: /usr/bin/python3 make-projections.py"""
import base64
import io
import json
import pathlib
import struct

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset

ROWS, CHANNELS = 3, 5


def make_view(number, transposed, implicit):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = (
        pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
    )
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{number}"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
    ds.Modality = "CT"
    ds.InstanceNumber = number
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    stored = (np.arange(ROWS * CHANNELS).reshape(ROWS, CHANNELS) * 100 + number).astype("<u2")
    image = stored.T.copy() if transposed else stored
    ds.Rows, ds.Columns = image.shape
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.RescaleSlope = "0.001"
    ds.RescaleIntercept = "-0.5"
    ds.PixelData = image.tobytes()
    private = {
        0x70291002: ("FL", 1.2),
        0x70291006: ("FL", 1.1),
        0x7029100B: ("CS", "CYLINDRICAL"),
        0x70291010: ("US", ROWS),
        0x70291011: ("US", CHANNELS),
        0x70311001: ("FL", 0.25 * number),
        0x70311002: ("FL", -10.0 + 0.5 * number),
        0x70311003: ("FL", 595.0),
        0x70311031: ("FL", 1085.6),
        0x70311033: ("FL", [2.75, 2.0]),
        0x7033100B: ("FL", 0.0003),
        0x7033100C: ("FL", -0.25),
        0x7033100D: ("FL", 1.5),
        0x7033100E: ("CS", "FFSXYZ"),
        0x70331013: ("US", 25),
        0x70331065: ("FL", 1000.0 + number),
        0x70371009: ("CS", "HELICAL"),
        0x7037100A: ("CS", "FANBEAM"),
        0x70391009: ("CS", "YES"),
        0x70411001: ("DS", "0.0192"),
    }
    for group in (0x7029, 0x7031, 0x7033, 0x7037, 0x7039, 0x7041):
        ds.add_new((group << 16) | 0x0010, "LO", "MAYO TEST")
    for tag, (vr, value) in private.items():
        ds.add_new(tag, vr, value)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, write_like_original=False)
    return buffer.getvalue()


def make_sinogram():
    header = {
        "format": "alara sinogram 1",
        "unit": "line integral",
        "kind": "fan-flat",
        "sourceToIsoMm": 595.0,
        "sourceToDetectorMm": 1085.6,
        "channels": 4,
        "channelPitchMm": 1.5,
        "channelOffset": 0.25,
    }
    buffer = io.BytesIO()
    np.savez(
        buffer,
        header=np.array(json.dumps(header)),
        angles=np.linspace(0, 2 * np.pi, 3, endpoint=False),
        data=np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4) / 8,
    )
    return buffer.getvalue()


encode = lambda data: base64.b64encode(data).decode()
out = {
    "tool": f"pydicom {pydicom.__version__}, NumPy {np.__version__}",
    "views": [
        encode(make_view(1, False, False)),
        encode(make_view(2, False, True)),
        encode(make_view(3, True, True)),
    ],
    "sinogram": encode(make_sinogram()),
}
pathlib.Path(__file__).with_name("projections.json").write_text(json.dumps(out, indent=1) + "\n")
