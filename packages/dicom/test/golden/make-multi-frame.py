"""Golden numbers of multi-frame and other modalities' images by pydicom: where frames lie and what they sum to.

Usage: python3 make-multi-frame.py <data folder> > multi-frame.json   (pydicom 2.3.1, numpy)
"""
import glob
import json
import os
import sys

import numpy
import pydicom

root = sys.argv[1]


def read_frames(path):
    dataset = pydicom.dcmread(os.path.join(root, path))
    pixels = dataset.pixel_array
    frames = []
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for index, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        def find(name):
            return getattr(item if name in item else shared, name)[0]

        transform = find("PixelValueTransformationSequence")
        slope = float(transform.RescaleSlope)
        intercept = float(transform.RescaleIntercept)
        frames.append(
            {
                "positionMm": [float(x) for x in find("PlanePositionSequence").ImagePositionPatient],
                "orientation": [float(x) for x in find("PlaneOrientationSequence").ImageOrientationPatient],
                "pixelSpacingMm": [float(x) for x in find("PixelMeasuresSequence").PixelSpacing],
                "sum": float((pixels[index].astype(numpy.float64) * slope + intercept).sum()),
            }
        )
    return {"path": path, "frames": frames}


def read_series(folder):
    slices = []
    for path in sorted(glob.glob(os.path.join(root, folder, "*.dcm"))):
        dataset = pydicom.dcmread(path)
        slope = float(getattr(dataset, "RescaleSlope", 1))
        intercept = float(getattr(dataset, "RescaleIntercept", 0))
        values = dataset.pixel_array.astype(numpy.float64) * slope + intercept
        slices.append(
            {
                "positionMm": [float(x) for x in dataset.ImagePositionPatient],
                "sum": float(values.sum()),
            }
        )
    slices.sort(key=lambda item: item["positionMm"][2])
    return {"path": folder, "modality": dataset.Modality, "slices": slices}


print(
    json.dumps(
        {
            "pydicom": pydicom.__version__,
            "enhanced": [read_frames("dicom-syntaxes/enhanced-multiframe/eCT_Supplemental.dcm")],
            "series": [
                read_series("other-modalities/sts_001-mr-pet/mr_t1"),
                read_series("other-modalities/sts_001-mr-pet/pet"),
            ],
        },
        indent=1,
    )
)
