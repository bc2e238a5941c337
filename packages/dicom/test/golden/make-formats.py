"""Writes formats.json: small files of other writers with what those writers' own readers say of them.

Run: /usr/bin/python3 make-formats.py > formats.json
Needs numpy, nibabel, tifffile and Pillow; the versions used stand in the file.
"""

import base64
import gzip
import io
import json
import sys

import nibabel as nib
import numpy as np
import PIL
import tifffile
from PIL import Image

rng = np.random.default_rng(20260101)
cases = []


def add(name, data, **expected):
    packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
    cases.append({"name": name, "file": packed, **expected})


def oblique(spacing, origin, flips=(1, 1, 1), order=(0, 1, 2)):
    """A RAS affine: a rotation about no axis in particular, with permuted and flipped indices."""
    a, b, c = 0.31, -0.47, 0.22
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    m = (rx @ ry @ rz)[:, list(order)] * np.array(flips)
    affine = np.eye(4)
    affine[:3, :3] = m * np.array(spacing)
    affine[:3, 3] = origin
    return affine


SHAPE = (4, 3, 2)  # columns, rows, slices


def nifti(name, image, volume=None):
    """What nibabel reads from the bytes it wrote: the affine, and values with the slice as the slowest index."""
    data = image.to_bytes()
    back = type(image).from_bytes(data)
    values = np.asarray(back.get_fdata())
    if volume is not None:
        values = values.reshape(values.shape[:3] + (-1,), order="F")[..., volume]
    while values.ndim < 3:
        values = values[..., None]
    extra = {} if volume is None else {"volumeIndex": volume}
    add(name, data, affine=back.affine.tolist(), shape=list(values.shape[::-1]),
        values=values.ravel(order="F").tolist(), **extra)


for version, cls in ((1, nib.Nifti1Image), (2, nib.Nifti2Image)):
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"):
        for endian in ("<", ">"):
            kind = np.dtype(dtype)
            high = 250 if kind == np.uint8 else 120 if kind == np.int8 else 30000
            low = 0 if kind.kind == "u" else -high
            data = rng.integers(low, high, SHAPE).astype(kind)
            header = cls.header_class(endianness=endian)
            header.set_data_dtype(kind)
            affine = oblique((0.7, 0.8, 2.5), (-103.5, 44.25, 612.0))
            image = cls(data, affine, header)
            nifti(f"nifti{version} {dtype} {'little' if endian == '<' else 'big'}", image)

base = rng.integers(-1000, 2000, SHAPE).astype(np.int16)
for flips, order in (((1, 1, 1), (0, 1, 2)), ((-1, 1, 1), (0, 1, 2)), ((1, -1, 1), (1, 0, 2)),
                     ((1, 1, -1), (2, 0, 1)), ((-1, -1, -1), (0, 2, 1)), ((-1, 1, -1), (2, 1, 0))):
    affine = oblique((1.5, 0.5, 3.0), (10, -20, 30), flips, order)
    image = nib.Nifti1Image(base, None)
    image.set_sform(affine, 1)
    image.set_qform(None, 0)
    nifti(f"nifti sform {flips} {order}", image)
    image = nib.Nifti1Image(base, None)
    image.set_qform(affine, 1)
    image.set_sform(None, 0)
    nifti(f"nifti qform {flips} {order}", image)

image = nib.Nifti1Image(base, None)
image.set_sform(oblique((1, 1, 1), (0, 0, 0)), 2)
image.set_qform(oblique((2, 2, 2), (5, 5, 5), (-1, 1, 1)), 1)
nifti("nifti sform before qform", image)

shear = oblique((1, 1, 2), (7, 8, 9))
shear[:3, 2] += 0.4 * shear[:3, 1]
image = nib.Nifti1Image(base, shear)
nifti("nifti sheared", image)

image = nib.Nifti1Image(base, oblique((1, 1, 2), (7, 8, 9)))
image.header.set_slope_inter(0.25, -1024)
raw = nib.Nifti1Image(base, image.affine, image.header)
raw.header.set_slope_inter(0.25, -1024)
buffer = bytearray(nib.Nifti1Image(base, image.affine).to_bytes())
buffer[112:120] = np.array([0.25, -1024], "<f4").tobytes()
back = nib.Nifti1Image.from_bytes(bytes(buffer))
add("nifti slope and intercept", bytes(buffer), affine=back.affine.tolist(), shape=list(SHAPE[::-1]),
    values=np.asarray(back.get_fdata()).ravel(order="F").tolist())

series = rng.integers(0, 500, SHAPE + (3, 2)).astype(np.int16)
for volume in (0, 4):
    nifti(f"nifti five dimensions, volume {volume}", nib.Nifti1Image(series, oblique((1, 2, 3), (0, 0, 0))), volume)

image = nib.Nifti1Image(base, oblique((1, 1, 2), (7, 8, 9)))
image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 100))
nifti("nifti with an extension", image)
nifti("nifti two dimensions", nib.Nifti1Image(base[:, :, 0], oblique((1, 1, 2), (7, 8, 9))))

cube = rng.integers(0, 250, (2, 3, 4))
for dtype in ("u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">i4", "<u8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
    for order in ("C", "F"):
        array = np.array(cube % 120, dtype=dtype, order=order)
        stream = io.BytesIO()
        np.save(stream, array)
        add(f"npy {dtype} {order}", stream.getvalue(), shape=[2, 3, 4],
            values=np.load(io.BytesIO(stream.getvalue())).astype(float).ravel().tolist())
for version in ((1, 0), (2, 0), (3, 0)):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, cube.astype("<i2"), version=version)
    add(f"npy version {version[0]}", stream.getvalue(), shape=[2, 3, 4], values=cube.astype(float).ravel().tolist())
four = rng.integers(0, 99, (3, 2, 3, 4)).astype("<i2")
for order in ("C", "F"):
    stream = io.BytesIO()
    np.save(stream, np.array(four, order=order))
    add(f"npy four axes {order}", stream.getvalue(), shape=[2, 3, 4], volumeIndex=1,
        values=four[1].astype(float).ravel().tolist())
direction = oblique((1, 1, 1), (0, 0, 0))[:3, :3].T
for name, save in (("npz", np.savez), ("npz compressed", np.savez_compressed)):
    stream = io.BytesIO()
    save(stream, data=cube.astype("<i2"), spacing=np.array([2.5, 0.8, 0.7]), origin=np.array([1.0, 2, 3]),
         direction=direction, unit="HU")
    add(name, stream.getvalue(), shape=[2, 3, 4], values=cube.astype(float).ravel().tolist(), unit="HU",
        spacing=[2.5, 0.8, 0.7], origin=[1, 2, 3], direction=direction.ravel().tolist())

stack = rng.integers(0, 200, (3, 9, 7))


def tiff(name, data, **expected):
    pages = tifffile.TiffFile(io.BytesIO(data)).pages
    try:
        values = np.stack([page.asarray() for page in pages])
    except ValueError:  # a codec that tifffile lacks here: Pillow reads it
        image = Image.open(io.BytesIO(data))
        planes = []
        for index in range(image.n_frames):
            image.seek(index)
            planes.append(np.array(image))
        values = np.stack(planes)
    if "shape" in expected and list(values.shape) != expected["shape"]:
        values = tifffile.TiffFile(io.BytesIO(data)).asarray()
    add(name, data, **{"shape": list(values.shape), "values": values.astype(float).ravel().tolist(), **expected})


for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"):
    for order in ("<", ">"):
        stream = io.BytesIO()
        tifffile.imwrite(stream, (stack % 120).astype(dtype), byteorder=order, photometric="minisblack")
        tiff(f"tiff {dtype} {order}", stream.getvalue())
for name, options in (("deflate", {"compression": "zlib"}), ("big", {"bigtiff": True}), ("tiles", {"tile": (16, 16)}),
                      ("strips", {"rowsperstrip": 4})):
    stream = io.BytesIO()
    tifffile.imwrite(stream, stack.astype("u2"), photometric="minisblack", **options)
    tiff(f"tiff {name}", stream.getvalue())
stream = io.BytesIO()
tifffile.imwrite(stream, stack.astype("u2"), imagej=True, resolution=(1 / 0.05, 1 / 0.04),
                 metadata={"spacing": 0.2, "unit": "mm", "axes": "ZYX"})
tiff("tiff imagej", stream.getvalue(), shape=[3, 9, 7], spacing=[0.2, 0.04, 0.05])
# LZW's table fills only with a few thousand codes.
for compression, size in (("tiff_lzw", (2, 20, 300)), ("packbits", (2, 10, 60)), ("tiff_adobe_deflate", (2, 10, 60))):
    wide = rng.integers(0, 60000, size)
    wide[:, 4:8, :] = 17
    for dtype in ("u1", "u2"):
        frames = [Image.fromarray((wide[i] % (256 if dtype == "u1" else 65536)).astype(dtype)) for i in range(2)]
        stream = io.BytesIO()
        frames[0].save(stream, "TIFF", compression=compression, save_all=True, append_images=frames[1:])
        image = Image.open(io.BytesIO(stream.getvalue()))
        planes = []
        for index in range(2):
            image.seek(index)
            planes.append(np.array(image).astype(float))
        values = np.stack(planes)
        weights = np.arange(values.size) % 997
        add(f"tiff {compression} {dtype}", stream.getvalue(), shape=list(size),
            weightedSum=float((values.ravel() * weights).sum()), sum=float(values.sum()))

print(json.dumps({
    "made by": "make-formats.py",
    "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "nibabel": nib.__version__,
                 "tifffile": tifffile.__version__, "pillow": PIL.__version__},
    "cases": cases,
}, separators=(",", ":")))
