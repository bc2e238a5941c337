"""Peer of `npm run bench series`: the same work the usual way, with pydicom and PyTorch.

Reads a folder of CT slices, runs the network of a model bundle (model.onnx, read with python3-onnx and executed by
PyTorch) on each slice in HU, and writes a derived series. It writes fewer attributes than Alara, so it does less.

  python3 enhance-series.py <folder> <model.onnx> <output folder> <threads>

Prints one line of JSON: seconds (imports left out), versions, and the mean absolute change in HU.
"""

import json
import os
import sys
import time

import numpy as np
import onnx
import pydicom
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from pydicom.uid import generate_uid


def read_attribute(attribute):
    if attribute.type == onnx.AttributeProto.INT:
        return attribute.i
    if attribute.type == onnx.AttributeProto.STRING:
        return attribute.s.decode()
    if attribute.type == onnx.AttributeProto.INTS:
        return list(attribute.ints)
    raise ValueError(f"attribute {attribute.name} of type {attribute.type}")


def space_to_depth(x, block):
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // block, block, w // block, block)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(n, c * block * block, h // block, w // block)


def depth_to_space(x, block, mode):
    n, c, h, w = x.shape
    if mode == "CRD":
        return F.pixel_shuffle(x, block)
    x = x.reshape(n, block, block, c // (block * block), h, w)
    return x.permute(0, 3, 4, 1, 5, 2).reshape(n, c // (block * block), h * block, w * block)


def compile_model(path):
    """The ONNX graph as a function of a tensor."""
    graph = onnx.load(path).graph
    constants = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    inputs = [i.name for i in graph.input if i.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ValueError(f"expected one input and one output, got {inputs}")
    steps = []
    for node in graph.node:
        attributes = {a.name: a for a in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = torch.from_numpy(numpy_helper.to_array(attributes["value"].t).copy())
            continue
        steps.append((node.op_type, list(node.input), node.output[0], {k: read_attribute(a) for k, a in attributes.items()}))

    def run(x):
        values = dict(constants)
        values[inputs[0]] = x
        for op, names, output, a in steps:
            v = [values[name] for name in names]
            if op == "Conv":
                pads = a.get("pads", [0, 0, 0, 0])
                if pads[0] != pads[2] or pads[1] != pads[3]:
                    raise ValueError(f"uneven padding {pads}")
                y = F.conv2d(v[0], v[1], v[2] if len(v) > 2 else None, a.get("strides", [1, 1]), pads[:2])
            elif op == "Relu":
                y = F.relu(v[0])
            elif op == "Add":
                y = v[0] + v[1]
            elif op == "Sub":
                y = v[0] - v[1]
            elif op == "Mul":
                y = v[0] * v[1]
            elif op == "Div":
                y = v[0] / v[1]
            elif op == "SpaceToDepth":
                y = space_to_depth(v[0], a["blocksize"])
            elif op == "DepthToSpace":
                y = depth_to_space(v[0], a["blocksize"], a.get("mode", "DCR"))
            elif op == "Identity":
                y = v[0]
            else:
                raise ValueError(f"operator {op} is not known to this peer; add it")
            values[output] = y
        return values[graph.output[0].name]

    return run


def main():
    folder, model_file, output, threads = sys.argv[1:5]
    torch.set_num_threads(int(threads))
    start = time.perf_counter()
    model = compile_model(model_file)
    slices = [pydicom.dcmread(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    os.makedirs(output)
    series = generate_uid()
    change = 0.0
    with torch.no_grad():
        for s in slices:
            slope, intercept = float(s.RescaleSlope), float(s.RescaleIntercept)
            hu = s.pixel_array.astype(np.float32) * slope + intercept
            enhanced = model(torch.from_numpy(hu)[None, None])[0, 0].numpy()
            change += float(np.abs(enhanced - hu).mean())
            low, high = (-32768, 32767) if s.PixelRepresentation == 1 else (0, 65535)
            stored = np.clip(np.rint((enhanced - intercept) / slope), low, high)
            s.PixelData = stored.astype(np.int16 if s.PixelRepresentation == 1 else np.uint16).tobytes()
            s.SeriesInstanceUID = series
            s.SOPInstanceUID = generate_uid()
            s.file_meta.MediaStorageSOPInstanceUID = s.SOPInstanceUID
            s.ImageType = ["DERIVED", "SECONDARY"] + list(s.ImageType[2:])
            s.SeriesDescription = f"{s.SeriesDescription} enhanced"[:64]
            s.save_as(os.path.join(output, f"{s.SOPInstanceUID}.dcm"))
    print(json.dumps({
        "seconds": time.perf_counter() - start,
        "slices": len(slices),
        "torch": torch.__version__,
        "pydicom": pydicom.__version__,
        "meanAbsoluteChangeHu": change / len(slices),
    }))


main()
