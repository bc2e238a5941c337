#!/usr/bin/env python3
"""Makes codecs.json: small frames encoded by foreign encoders, with what foreign decoders make of them.

Needs pydicom, numpy, Pillow, dcmtk, GDCM's and OpenJPEG's tools (Debian 12: dcmtk 3.6.7, libgdcm-tools 3.0.21,
libopenjp2-tools 2.5.0, python3-pydicom 2.3.1, python3-pil 9.4.0, gcc with libjpeg62-turbo-dev 2.1.5). Run: python3 make-codecs.py
"""
import base64
import json
import os
import subprocess
import tempfile

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import generate_pixel_data_frame
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 17, 24
random = np.random.default_rng(20261121)
folder = tempfile.mkdtemp()
cases = []


def make_pixels(bits, signed, samples=1):
    """Flat, ramp, edge and noise rows, with the extremes of the range."""
    span = 2**bits
    y, x, s = np.mgrid[0:ROWS, 0:COLUMNS, 0:samples]
    values = (span // 2 + (x - 12) * span // 60 + (y - 8) * span // 80 + s * span // 9).astype(np.int64)
    values += random.normal(0, span / 200, values.shape).astype(np.int64)
    values[0:2] = span // 3
    values[5, 3:9] = span - 1
    values[6, 3:9] = 0
    values = np.clip(values, 0, span - 1)
    if signed:
        values -= span // 2
    return values


def write_source(bits, signed, samples=1):
    allocated = 8 if bits <= 8 else 16
    values = make_pixels(bits, signed, samples)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality = "OT"
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, samples
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    if samples > 1:
        ds.PlanarConfiguration = 0
    kind = ("i" if signed else "u") + str(allocated // 8)
    ds.PixelData = values.astype("<" + kind).tobytes()
    ds["PixelData"].VR = "OB" if allocated == 8 else "OW"
    path = os.path.join(folder, f"source-{bits}-{signed}-{samples}.dcm")
    ds.save_as(path)
    return path, ds


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def describe(ds):
    return {
        "rows": int(ds.Rows),
        "columns": int(ds.Columns),
        "samplesPerPixel": int(ds.SamplesPerPixel),
        "bitsAllocated": int(ds.BitsAllocated),
        "bitsStored": int(ds.BitsStored),
        "highBit": int(ds.HighBit),
        "signed": bool(ds.PixelRepresentation),
        "photometricInterpretation": str(ds.PhotometricInterpretation),
    }


def by_pixel(ds):
    size = ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8
    data = ds.PixelData[:size]
    if ds.SamplesPerPixel > 1 and ds.PlanarConfiguration == 1:
        planes = np.frombuffer(data, np.uint8).reshape(ds.SamplesPerPixel, -1, ds.BitsAllocated // 8)
        data = planes.transpose(1, 0, 2).tobytes()
    return data


def add(name, uid, form, encoded, decoded, lossless):
    cases.append(
        {
            "name": name,
            "uid": uid,
            "format": form,
            "lossless": lossless,
            "encoded": base64.b64encode(encoded).decode(),
            "decoded": base64.b64encode(decoded).decode(),
        }
    )


def first_frame(ds):
    return next(iter(generate_pixel_data_frame(ds.PixelData, 1)))


def through_dicom(name, source, encode, decode):
    """Encodes with one tool and decodes with another; lossless when the pixels come back."""
    path, original = source
    compressed, plain = os.path.join(folder, "c.dcm"), os.path.join(folder, "p.dcm")
    run(*encode, path, compressed)
    run(*decode, compressed, plain)
    c, p = pydicom.dcmread(compressed), pydicom.dcmread(plain)
    decoded = by_pixel(p)
    add(name, str(c.file_meta.TransferSyntaxUID), describe(c), first_frame(c), decoded, decoded == by_pixel(original))


g8, g12, g12s, g16, g16s = (write_source(*k) for k in [(8, False), (12, False), (12, True), (16, False), (16, True)])
rgb = write_source(8, False, 3)
g8s = write_source(8, True)
SOURCES = {"8": g8, "12": g12, "12 signed": g12s, "16": g16, "16 signed": g16s, "RGB": rgb}

for label, source in SOURCES.items():
    through_dicom(f"dcmcjpeg +e1, {label}", source, ["dcmcjpeg", "+e1"], ["dcmdjpeg"])
for predictor in range(1, 8):
    through_dicom(f"dcmcjpeg +el +sv {predictor}, 16 signed", g16s, ["dcmcjpeg", "+el", "+sv", str(predictor)], ["dcmdjpeg"])
    through_dicom(f"dcmcjpeg +el +sv {predictor}, RGB", rgb, ["dcmcjpeg", "+el", "+sv", str(predictor)], ["dcmdjpeg"])
through_dicom("dcmcjpeg +el +pt 3, 12", g12, ["dcmcjpeg", "+el", "+pt", "3"], ["dcmdjpeg"])
for process in ["+eb", "+ee", "+es", "+ep"]:
    for label in ["8", "RGB"]:
        through_dicom(f"dcmcjpeg {process}, {label}", SOURCES[label], ["dcmcjpeg", process], ["dcmdjpeg"])
    for sampling in ["+s4", "+np"]:
        through_dicom(f"dcmcjpeg {process} {sampling}, RGB", rgb, ["dcmcjpeg", process, "+q", "80", sampling], ["dcmdjpeg"])
for process in ["+ee", "+es", "+ep"]:
    through_dicom(f"dcmcjpeg {process} +bt, 12", g12, ["dcmcjpeg", process, "+bt"], ["dcmdjpeg"])
    through_dicom(f"dcmcjpeg {process} +bt +q 40, 12", g12, ["dcmcjpeg", process, "+bt", "+q", "40"], ["dcmdjpeg"])
through_dicom("dcmcjpeg +eb +cr, RGB", rgb, ["dcmcjpeg", "+eb", "+cr"], ["dcmdjpeg"])

for label, source in SOURCES.items():
    through_dicom(f"dcmcjpls, {label}", source, ["dcmcjpls"], ["dcmdjpls"])
    through_dicom(f"dcmcrle, {label}", source, ["dcmcrle"], ["dcmdrle"])
    through_dicom(f"gdcmconv --j2k, {label}", source, ["gdcmconv", "--j2k"], ["gdcmconv", "--raw"])
for label in ["8", "12", "16"]:
    through_dicom(f"dcmcjpls +en +md 2, {label}", SOURCES[label], ["dcmcjpls", "+en", "+md", "2"], ["dcmdjpls"])
through_dicom("dcmcjpls +iv sample, RGB", rgb, ["dcmcjpls", "+is"], ["dcmdjpls"])
through_dicom("dcmcjpls +iv none, RGB", rgb, ["dcmcjpls", "+in"], ["dcmdjpls"])
through_dicom("gdcmconv --jpeg, 16 signed", g16s, ["gdcmconv", "--jpeg"], ["gdcmconv", "--raw"])
through_dicom("gdcmconv --jpegls, 12 signed", g12s, ["gdcmconv", "--jpegls"], ["gdcmconv", "--raw"])
through_dicom("gdcmconv --j2k --lossy -q 40, 12", g12, ["gdcmconv", "--j2k", "--lossy", "-q", "40"], ["gdcmconv", "--raw"])
through_dicom("gdcmconv --j2k --irreversible, 16 signed", g16s, ["gdcmconv", "--j2k", "--irreversible"], ["gdcmconv", "--raw"])


def through_openjpeg(name, source, bits, signed, options, form_edits=None, lossless_expected=True):
    path, ds = source
    raw, stream, back = (os.path.join(folder, n) for n in ["o.raw", "o.j2k", "b.rawl"])
    samples = int(ds.SamplesPerPixel)
    values = np.frombuffer(ds.PixelData, dtype=f"<{'i' if signed else 'u'}{ds.BitsAllocated // 8}")
    values = values[: ROWS * COLUMNS * samples].reshape(-1, samples)
    rawl = raw.replace(".raw", ".rawl")
    values.T.tofile(rawl)
    layout = f"{COLUMNS},{ROWS},{samples},{bits},{'s' if signed else 'u'}"
    run("opj_compress", "-i", rawl, "-o", stream, "-F", layout, *options)
    run("opj_decompress", "-i", stream, "-o", back)
    decoded = np.fromfile(back, dtype=values.dtype).reshape(samples, -1).T.tobytes()
    form = describe(ds)
    if samples == 3:
        form["photometricInterpretation"] = "YBR_ICT" if "-I" in options else "YBR_RCT"
    lossless = decoded == values.tobytes()
    with open(stream, "rb") as file:
        encoded = file.read()
    uid = "1.2.840.10008.1.2.4.90" if lossless else "1.2.840.10008.1.2.4.91"
    add(name, uid, {**form, **(form_edits or {})}, encoded, decoded, lossless)


OPENJPEG = [
    ["-n", "3", "-t", "16,16"],
    ["-n", "3", "-t", "10,7", "-p", "RPCL", "-c", "[16,16],[8,8]"],
    ["-n", "4", "-r", "20,5,1"],
    ["-n", "4", "-p", "CPRL", "-SOP", "-EPH", "-b", "4,4"],
    ["-n", "3", "-p", "PCRL", "-TP", "R", "-M", "13"],
    ["-n", "1"],
    ["-n", "3", "-I", "-r", "6"],
    ["-n", "3", "-d", "5,3", "-T", "2,1", "-t", "16,16"],
    ["-n", "3", "-ROI", "c=0,U=4"],
]
for options in OPENJPEG:
    through_openjpeg(f"opj_compress {' '.join(options)}, 12", g12, 12, False, options)
for options in [["-n", "3"], ["-n", "3", "-t", "16,16", "-mct", "1"], ["-n", "3", "-I", "-r", "4"]]:
    through_openjpeg(f"opj_compress {' '.join(options)}, RGB", rgb, 8, False, options)
through_openjpeg("opj_compress -n 3, 16 signed", g16s, 16, True, ["-n", "3"])
through_openjpeg("opj_compress -n 3, 8 signed", g8s, 8, True, ["-n", "3"])
# The dataset says signed where the stream does not, and the other way round: the same bits.
through_openjpeg("opj_compress unsigned stream, 12 signed", g12, 12, False, ["-n", "3"], {"signed": True})
through_openjpeg("opj_compress signed stream, 16", g16s, 16, True, ["-n", "3"], {"signed": False})
last = cases[-2]
words = np.frombuffer(base64.b64decode(last["decoded"]), "<u2").astype(np.int16)
last["decoded"] = base64.b64encode((((words << 4).astype(np.int16)) >> 4).astype("<i2").tobytes()).decode()


def through_pillow(name, values, **options):
    """Baseline and progressive streams of libjpeg-turbo; truth is its own decoder."""
    path = os.path.join(folder, "x.jpg")
    Image.fromarray(values).save(path, **options)
    decoded = np.asarray(Image.open(path))
    form = describe(rgb[1] if values.ndim == 3 else g8[1])
    form.update(rows=values.shape[0], columns=values.shape[1])
    if values.ndim == 3:
        form["photometricInterpretation"] = "YBR_FULL_422"
    with open(path, "rb") as file:
        add(name, "1.2.840.10008.1.2.4.50", form, file.read(), decoded.tobytes(), False)


colour = make_pixels(8, False, 3).astype(np.uint8)
for subsampling in [0, 1, 2]:
    through_pillow(f"Pillow subsampling {subsampling}", colour, quality=85, subsampling=subsampling)
through_pillow("Pillow progressive 4:2:0", colour, quality=70, subsampling=2, progressive=True)
through_pillow("Pillow one column", colour[:, :1].copy(), quality=85, subsampling=2)
through_pillow("Pillow one row", colour[:1].copy(), quality=85, subsampling=2)
through_pillow("Pillow grey", colour[:, :, 0].copy(), quality=60)

RESTART_C = r"""
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
int main(int argc, char **argv) {
  int width = atoi(argv[1]), height = atoi(argv[2]), interval = atoi(argv[3]), progressive = atoi(argv[4]);
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr e;
  c.err = jpeg_std_error(&e);
  jpeg_create_compress(&c);
  jpeg_stdio_dest(&c, stdout);
  c.image_width = width, c.image_height = height, c.input_components = 3, c.in_color_space = JCS_RGB;
  jpeg_set_defaults(&c);
  c.restart_interval = interval;
  if (progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  unsigned char row[3000];
  JSAMPROW rows[1] = {row};
  while (c.next_scanline < c.image_height && fread(row, 3, width, stdin) == (size_t)width)
    jpeg_write_scanlines(&c, rows, 1);
  jpeg_finish_compress(&c);
  return 0;
}
"""


def with_restarts(name, values, interval, progressive):
    """libjpeg-turbo with restart markers, which none of the tools above writes; truth is its own decoder."""
    source, binary, path = (os.path.join(folder, n) for n in ["restart.c", "restart", "r.jpg"])
    with open(source, "w") as file:
        file.write(RESTART_C)
    run("gcc", "-o", binary, source, "-ljpeg")
    rows, columns = values.shape[:2]
    command = [binary, str(columns), str(rows), str(interval), str(int(progressive))]
    encoded = subprocess.run(command, input=values.tobytes(), check=True, stdout=subprocess.PIPE).stdout
    assert encoded.count(b"\xff\xd0") >= 1
    with open(path, "wb") as file:
        file.write(encoded)
    form = describe(rgb[1])
    form.update(rows=rows, columns=columns, photometricInterpretation="YBR_FULL_422")
    add(name, "1.2.840.10008.1.2.4.50", form, encoded, np.asarray(Image.open(path)).tobytes(), False)


tall = np.concatenate([colour, colour[::-1], colour])
with_restarts("libjpeg-turbo, a restart every MCU, 4:2:0", tall, 1, False)
with_restarts("libjpeg-turbo, a restart every 3 MCUs, progressive", tall, 3, True)

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "codecs.json")
TOOLS = "dcmtk 3.6.7, GDCM 3.0.21, OpenJPEG 2.5.0, Pillow (libjpeg-turbo 2.1.5)"
with open(out, "w") as file:
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    file.write('{\n  "tools": ' + json.dumps(TOOLS) + ',\n  "cases": [\n' + lines + "\n  ]\n}\n")
print(len(cases), os.path.getsize(out), sum(not c["lossless"] for c in cases))
