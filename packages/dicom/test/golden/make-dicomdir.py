#!/usr/bin/python3
"""Writes dicomdir.json: a DICOMDIR made by dcmtk's dcmmkdir over four tiny CT images (two series), and its tree as
pydicom reads it.

Run: /usr/bin/python3 packages/dicom/test/golden/make-dicomdir.py   (pydicom 2.3.1, dcmtk 3.6.7)
"""
import base64
import json
import pathlib
import subprocess
import tempfile

import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset


def make(path, series, number):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3.%d.%d" % (series, number)
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds = FileDataset("x", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.PatientName, ds.PatientID = "CT", "TEST^NOBODY", "TEST-1"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber, ds.StudyDescription = "20200102", "101112", "1", "", ""
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.%d" % series
    ds.SeriesNumber, ds.InstanceNumber = series, number
    ds.Rows = ds.Columns = 2
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 0, 1
    ds.PhotometricInterpretation, ds.PixelData = "MONOCHROME2", bytes(8)
    ds.save_as(path, write_like_original=False)


with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for series in (1, 2):
        (root / ("SE%d" % series)).mkdir()
        for number in (1, 2):
            make(root / ("SE%d" % series) / ("IM%d" % number), series, number)
    subprocess.run(["dcmmkdir", "+r", "+id", folder, "+D", folder + "/DICOMDIR"], check=True, cwd=folder)
    content = (root / "DICOMDIR").read_bytes()
    from pydicom.fileset import FileSet

    nodes = FileSet(pydicom.dcmread(root / "DICOMDIR"))._tree

    def walk(node):
        return [
            [n._record.DirectoryRecordType, list(n._record.ReferencedFileID) if "ReferencedFileID" in n._record else None, walk(n)]
            for n in node.children
        ]

    out = {"tool": "dcmtk 3.6.7 dcmmkdir, pydicom %s" % pydicom.__version__, "content": base64.b64encode(content).decode(), "tree": walk(nodes)}
target = pathlib.Path(__file__).with_name("dicomdir.json")
target.write_text(json.dumps(out) + "\n")
print(target, len(content), json.dumps(out["tree"]))
