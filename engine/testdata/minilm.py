"""Computes embeddings of all-MiniLM-L6-v2 as sentence-transformers does: the network of transformers (BertModel, exact GELU) in
float64 with numpy, the mean of all rows, divided by its length. Token ids come from Hugging Face's library tokenizers.

  minilm.py FOLDER > minilm.json     needs numpy and tokenizers
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np
from tokenizers import Tokenizer

TEXTS = ["This is an example sentence", "Each sentence is converted", "The cat sits on the mat.", "A feline rests upon a rug.",
         "Der Zug nach Zürich fährt um 7:45 Uhr ab.", "東京は日本の首都です。", "", "naïve café — 100% “quoted” \t text\nwith a line",
         "Soberano runs language models on one's own computer, without any network connection. " * 12]

folder = pathlib.Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
raw = (folder / "model.safetensors").read_bytes()
n = struct.unpack("<Q", raw[:8])[0]
tensors = {name: np.frombuffer(raw[8 + n:][slice(*t["data_offsets"])], "<f4").reshape(t["shape"]).astype(np.float64)
           for name, t in json.loads(raw[8:8 + n]).items() if t.get("dtype") == "F32"}
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.no_truncation()
erf = np.vectorize(math.erf)


def linear(x, name):
    return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]


def norm(x, name):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + config["layer_norm_eps"]) * tensors[name + ".weight"] + tensors[name + ".bias"]


def embed(ids):
    x = tensors["embeddings.word_embeddings.weight"][ids] + tensors["embeddings.position_embeddings.weight"][:len(ids)] \
        + tensors["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    heads, width = config["num_attention_heads"], config["hidden_size"] // config["num_attention_heads"]
    for i in range(config["num_hidden_layers"]):
        layer = "encoder.layer.%d." % i
        q, k, v = (linear(x, layer + "attention.self." + part).reshape(len(ids), heads, width).transpose(1, 0, 2) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(width)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        x = norm(x + linear((weights @ v).transpose(1, 0, 2).reshape(x.shape), layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
        h = linear(x, layer + "intermediate.dense")
        x = norm(x + linear(h * 0.5 * (1 + erf(h / math.sqrt(2))), layer + "output.dense"), layer + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.sqrt(mean @ mean)


json.dump([{"text": t, "ids": tokenizer.encode(t).ids, "embedding": [round(float(v), 6) for v in embed(tokenizer.encode(t).ids)]} for t in TEXTS],
          sys.stdout, ensure_ascii=False, separators=(",", ":"))
print()
