"""Makes dequant.json and quant.json with the numpy reference of the gguf package.

    python3 -m venv v && v/bin/pip install gguf==0.19.0 numpy==2.4.6
    v/bin/python make.py

dequant.json: blocks of random bytes with random f16 scales, and with special scales of each
kind (zeros, denormals, the largest number, infinities, NaN). All NaNs are written as one bit
pattern. quant.json: float32 values and the blocks that the reference makes of them.
"""
import base64, json, os, struct
import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES, quants

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20261123)
np.seterr(all="ignore")

# Byte offsets of the f16 numbers in a block.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
SPECIAL = [0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x83ff, 0x0400, 0x7bff, 0xfbff,
           0x7c00, 0xfc00, 0x7e00, 0x3c00, 0xbc00, 0x3555]


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


def blocks(name, n, size):
    raw = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in HALVES[name]:
        for i in range(n):  # ordinary scales, then every special one, in both places
            h = np.float16(rng.normal() * 0.02)
            if i >= n - len(SPECIAL):
                h = np.uint16(SPECIAL[(i - n + at // 2 * 7) % len(SPECIAL)]).view(np.float16)
            raw[i, at:at + 2] = np.frombuffer(struct.pack("<H", int(h.view(np.uint16))), np.uint8)
    return raw


dequant = {}
for name in HALVES:
    values, size = GGML_QUANT_SIZES[T[name]]
    raw = blocks(name, 24 if values == 256 else 60, size)
    out = quants.dequantize(raw, T[name]).astype(np.float32).reshape(-1)
    bits = out.view(np.uint32).copy()
    bits[np.isnan(out)] = 0x7fc00000
    dequant[name] = {"blocks": b64(raw), "values": b64(bits)}
with open(os.path.join(here, "dequant.json"), "w") as f:
    json.dump(dequant, f, indent=0)
    f.write("\n")

rows = [rng.normal(size=32) * s for s in (1e-30, 1e-6, 0.02, 0.02, 0.02, 1, 1, 30, 1e3, 1e6)]
rows += [rng.uniform(-1, 1, 32) for _ in range(20)]
rows += [np.zeros(32), np.ones(32), -np.ones(32), np.arange(32) - 16, np.arange(32) / 31]
rows += [np.round(rng.normal(size=32) * 4) for _ in range(10)]  # ties of magnitude and of rounding
rows = np.array(rows, dtype=np.float32)
quant = {"values": b64(rows)}
for name in ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]:
    quant[name] = b64(quants.quantize(rows, T[name]))
with open(os.path.join(here, "quant.json"), "w") as f:
    json.dump(quant, f, indent=0)
    f.write("\n")
