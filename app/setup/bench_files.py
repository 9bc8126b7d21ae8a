#!/usr/bin/env python3
"""Creates the missing model files of the speed comparison in peers/models of the cache.

  requantized   SmolLM2 in other formats, by llama-quantize from the Q4_1 file that is shipped
  large         a Llama of three billion random weights in Q4_0: 28 layers of 3072, 24 heads,
                8 key/value heads, feed-forward 8192, with SmolLM2's vocabulary; only good for speed measurements
  mixture       a Qwen 3 mixture of as many: 18 layers of 2048, 16 heads of 128, 4 key/value heads, 64 experts of width
                384, of which a token uses 8
  Whisper base  in whisper.cpp's format, converted from CTranslate2's: float16, and Q8_0 by whisper-quantize

  bench_files.py NAME…     (F16, Q8_0, …, large, mixture, whisper-f16, whisper-q8_0); prints nothing

Needs numpy: bench.py calls it with the Python of peers/venv.
"""
import os
import pathlib
import struct
import subprocess
import sys

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "soberano"
PEERS, DEFAULTS = CACHE / "peers", CACHE / "defaults"
SMOLLM2 = DEFAULTS / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
GEMMA = DEFAULTS / "gemma3" / "gemma-3-270m-q4-k-m.gguf"
WHISPER = DEFAULTS / "whisper-base"
REQUANTIZED = ["Q4_0", "Q5_0", "Q5_1", "Q8_0", "Q4_K_M", "Q6_K", "F16"]


def path(name):
    """Returns the path of the file with the given name. It need not exist yet."""
    fixed = {"Q4_1": SMOLLM2, "gemma": GEMMA, "whisper": WHISPER, "large": PEERS / "models" / "random-3B-Q4_0.gguf",
             "mixture": PEERS / "models" / "random-mixture-3B-Q4_0.gguf"}
    if name in fixed:
        return fixed[name]
    if name.startswith("whisper-"):
        return PEERS / "models" / f"{name.replace('whisper', 'whisper-base')}.bin"
    return PEERS / "models" / f"smollm2-{name}.gguf"


def make(name):
    target = path(name)
    if target.exists():
        return
    partial = target.with_name(target.name + ".partial")
    if name in REQUANTIZED:
        run(PEERS / "llama" / "llama-quantize", "--allow-requantize", SMOLLM2, partial, name)
    elif name == "large":
        write_random(partial, "Random 3B", *LARGE)
    elif name == "mixture":
        write_random(partial, "Random mixture 3B", *MIXTURE)
    elif name == "whisper-f16":
        write_whisper(partial)
    elif name == "whisper-q8_0":
        make("whisper-f16")
        run(PEERS / "whisper" / "whisper-quantize", path("whisper-f16"), partial, "q8_0")
    else:
        raise SystemExit(f"bench_files.py: there is no recipe for {name} ({target} is missing)")
    os.rename(partial, target)


def run(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')[-2000:]}")


# GGUF: magic, version, counts, then keys with typed values, tensor descriptions, data.

SCALAR = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "B", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9


class Header:
    """Holds the keys of a GGUF file, each as the bytes of its type and value, and the offset of the data."""

    def __init__(self, file):
        with open(file, "rb") as f:
            self.f = f
            magic, self.version, tensors, keys = struct.unpack("<4sIQQ", f.read(24))
            assert magic == b"GGUF", file
            self.keys, alignment = {}, 32
            for _ in range(keys):
                name = f.read(self.number("<Q")).decode()
                start = f.tell()
                self.skip(self.number("<I"))
                end = f.tell()
                f.seek(start)
                self.keys[name] = f.read(end - start)
            for _ in range(tensors):
                f.seek(self.number("<Q"), 1)
                f.seek(8 * self.number("<I") + 12, 1)
            if "general.alignment" in self.keys:
                alignment = struct.unpack("<II", self.keys["general.alignment"])[1]
            self.data = -(-f.tell() // alignment) * alignment

    def number(self, form):
        return struct.unpack(form, self.f.read(struct.calcsize(form)))[0]

    def skip(self, kind, count=1):
        if kind == STRING:
            for _ in range(count):
                self.f.seek(self.number("<Q"), 1)
        elif kind == ARRAY:
            inner = self.number("<I")
            self.skip(inner, self.number("<Q"))
        else:
            self.f.seek(count * struct.calcsize(SCALAR[kind]), 1)


def weight_bytes(file):
    """Returns the bytes of a file's tensors."""
    return pathlib.Path(file).stat().st_size - Header(file).data


VOCABULARY = 49152
F32, Q4_0 = 0, 2

# Architecture and keys of the models of random weights.
LARGE = "llama", {"block_count": 28, "embedding_length": 3072, "feed_forward_length": 8192, "attention.head_count": 24,
                  "attention.head_count_kv": 8, "rope.dimension_count": 128}
MIXTURE = "qwen3moe", {"block_count": 18, "embedding_length": 2048, "feed_forward_length": 384, "expert_feed_forward_length": 384,
                       "attention.head_count": 16, "attention.head_count_kv": 4, "attention.key_length": 128, "attention.value_length": 128,
                       "expert_count": 64, "expert_used_count": 8}


def random_tensors(keys):
    """Returns name, shape (rows, columns) and type of each tensor."""
    dim, feed, experts, heads = keys["embedding_length"], keys["feed_forward_length"], keys.get("expert_count"), keys["attention.head_count"]
    head = keys.get("attention.key_length", dim // heads)
    q, kv = head * heads, head * keys["attention.head_count_kv"]
    yield "token_embd.weight", (VOCABULARY, dim), Q4_0
    for n in range(keys["block_count"]):
        b = f"blk.{n}."
        yield b + "attn_norm.weight", (dim,), F32
        for name, rows, cols in [("attn_q", q, dim), ("attn_k", kv, dim), ("attn_v", kv, dim), ("attn_output", dim, q)]:
            yield f"{b}{name}.weight", (rows, cols), Q4_0
        if experts:
            yield b + "attn_q_norm.weight", (head,), F32
            yield b + "attn_k_norm.weight", (head,), F32
            yield b + "ffn_gate_inp.weight", (experts, dim), F32
        yield b + "ffn_norm.weight", (dim,), F32
        for name, rows, cols in [("ffn_gate", feed, dim), ("ffn_up", feed, dim), ("ffn_down", dim, feed)]:
            yield (f"{b}{name}_exps.weight", (experts, rows, cols), Q4_0) if experts else (f"{b}{name}.weight", (rows, cols), Q4_0)
    yield "output_norm.weight", (dim,), F32


def text(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def write_random(target, title, architecture, numbers):
    """Writes a model of random weights, with SmolLM2's vocabulary and its other keys."""
    import numpy as np
    u32 = lambda n: struct.pack("<II", 4, n)
    string = lambda s: struct.pack("<I", STRING) + text(s)
    keys = {name.replace("llama.", architecture + ".", 1) if name.startswith("llama.") else name: value for name, value in Header(SMOLLM2).keys.items()}
    if "attention.key_length" in numbers:
        keys.pop(architecture + ".rope.dimension_count", None)
    keys.pop("general.size_label", None)
    keys.update({"general.name": string(title), "general.architecture": string(architecture), "general.file_type": u32(2)})
    keys.update({f"{architecture}.{name}": u32(n) for name, n in numbers.items()})
    tensors = list(random_tensors(numbers))
    size = lambda shape, kind: int(np.prod(shape)) // 32 * 18 if kind == Q4_0 else 4 * int(np.prod(shape))
    with open(target, "wb") as f:
        f.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys)))
        for name, value in keys.items():
            f.write(text(name) + value)
        at = 0
        for name, shape, kind in tensors:
            f.write(text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, at))
            at += -(-size(shape, kind) // 32) * 32
        random = np.random.default_rng(1)
        for name, shape, kind in tensors:
            f.write(bytes(-f.tell() % 32))
            if kind == F32 and len(shape) == 1:
                f.write(np.ones(shape, np.float32).tobytes())
                continue
            if kind == F32:  # a router, whose choice of experts should depend on the token
                f.write(random.normal(0, 0.02, shape).astype(np.float32).tobytes())
                continue
            blocks = np.empty(int(np.prod(shape)) // 32, [("scale", "<f2"), ("quants", "u1", 16)])
            blocks["scale"] = 0.004  # random nibbles have a standard deviation of 4.6, that of the weights is about 0.02
            blocks["quants"] = random.integers(0, 256, blocks["quants"].shape, np.uint8)
            f.write(blocks.tobytes())


# Whisper: both formats are described by their readers in models/.


def read_ctranslate2(file):
    """Returns the arrays by name and by alias."""
    import numpy as np
    b, at = file.read_bytes(), 0

    def take(form):
        nonlocal at
        values = struct.unpack_from(form, b, at)
        at += struct.calcsize(form)
        return values[0] if len(values) == 1 else values

    def name():
        nonlocal at
        n = take("<H")
        at += n
        return b[at - n:at - 1].decode()

    take("<I"), name(), take("<I")
    kinds, out = ["<f4", "i1", "<i2", "<i4", "<f2", None], {}
    for _ in range(take("<I")):
        key = name()
        shape = [take("<I") for _ in range(take("B"))]
        kind, n = take("B"), take("<I")
        out[key] = np.frombuffer(b, kinds[kind], n // np.dtype(kinds[kind]).itemsize, at).reshape(shape)
        at += n
    for _ in range(take("<I")):
        alias = name()
        out[alias] = out[name()]
    return out


def mel_filters(bins=201, rate=16000, count=80):
    """Returns Slaney's triangular mel filters: linear below 1 kHz, logarithmic above, each with the same area."""
    import numpy as np
    step, knee, log = 200 / 3, 1000.0, np.log(6.4) / 27
    mel = lambda hz: hz / step if hz < knee else knee / step + np.log(hz / knee) / log
    hertz = lambda m: np.where(m < knee / step, m * step, knee * np.exp(log * (m - knee / step)))
    edges = hertz(np.linspace(mel(0.0), mel(rate / 2), count + 2))
    f = np.linspace(0, rate / 2, bins)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((f - left) / (middle - left), (right - f) / (right - middle))
    return (np.maximum(triangles, 0) * 2 / (right - left)).astype(np.float32)


def vocabulary(folder):
    """Returns the bytes of each ordinary token. The tokens from <|endoftext|> on are not stored; readers derive them."""
    import json
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that spell themselves
    others = [b for b in range(256) if b not in plain]
    byte = {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}
    tokens = json.loads((folder / "vocabulary.json").read_text())
    return [bytes(byte[c] for c in t) for t in tokens[:tokens.index("<|endoftext|>")]]


def whisper_tensors(w):
    """Returns the arrays with the names of whisper.cpp."""
    def norm(name, source):
        yield name + ".weight", w[source + "/gamma"]
        yield name + ".bias", w[source + "/beta"]

    def linear(name, source, part=0, parts=1, bias=True):
        for kind in ["weight", "bias"][:1 + bias]:
            a = w[f"{source}/{kind}"]
            yield f"{name}.{kind}", a[len(a) // parts * part:len(a) // parts * (part + 1)]

    def attention(name, query, key, out, parts):
        first = 1 if parts == 3 else 0
        yield from linear(name + ".query", query, 0, 3 if parts == 3 else 1)
        yield from linear(name + ".key", key, first, parts, bias=False)
        yield from linear(name + ".value", key, first + 1, parts)
        yield from linear(name + ".out", out)

    for side in ["encoder", "decoder"]:
        yield side + ".positional_embedding", w[side + "/position_encodings/encodings"]
        yield from norm("encoder.ln_post" if side == "encoder" else "decoder.ln", side + "/layer_norm")
        n = 0
        while f"{side}/layer_{n}/ffn/linear_0/weight" in w:
            b, s = f"{side}.blocks.{n}", f"{side}/layer_{n}"
            own = s + "/self_attention"
            yield from norm(b + ".attn_ln", own + "/layer_norm")
            yield from attention(b + ".attn", own + "/linear_0", own + "/linear_0", own + "/linear_1", 3)
            if side == "decoder":
                cross = s + "/attention"
                yield from norm(b + ".cross_attn_ln", cross + "/layer_norm")
                yield from attention(b + ".cross_attn", cross + "/linear_0", cross + "/linear_1", cross + "/linear_2", 2)
            yield from norm(b + ".mlp_ln", s + "/ffn/layer_norm")
            yield from linear(b + ".mlp.0", s + "/ffn/linear_0")
            yield from linear(b + ".mlp.2", s + "/ffn/linear_1")
            n += 1
    for conv in ["conv1", "conv2"]:
        yield f"encoder.{conv}.weight", w[f"encoder/{conv}/weight"]
        yield f"encoder.{conv}.bias", w[f"encoder/{conv}/bias"].reshape(-1, 1)
    yield "decoder.token_embedding.weight", w["decoder/embeddings/weight"]


def write_whisper(target):
    import numpy as np
    w = read_ctranslate2(WHISPER / "model.bin")
    state, mels = w["encoder/conv1/weight"].shape[:2]
    layers = [sum(f"{s}/layer_{n}/ffn/linear_0/weight" in w for n in range(99)) for s in ("encoder", "decoder")]
    contexts = [len(w[s + "/position_encodings/encodings"]) for s in ("encoder", "decoder")]
    heads = state // 64
    with open(target, "wb") as f:
        f.write(struct.pack("<12i", 0x67676d6c, len(w["decoder/embeddings/weight"]), contexts[0], state, heads, layers[0],
                            contexts[1], state, heads, layers[1], mels, 1))
        filters = mel_filters(count=mels)
        f.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        tokens = vocabulary(WHISPER)
        f.write(struct.pack("<i", len(tokens)))
        for t in tokens:
            f.write(struct.pack("<i", len(t)) + t)
        for name, a in whisper_tensors(w):
            half = a.ndim > 1 and not name.endswith((".bias", "positional_embedding"))
            a = np.ascontiguousarray(a, np.float16 if half else np.float32)
            f.write(struct.pack("<3i", a.ndim, len(name), int(half)) + struct.pack(f"<{a.ndim}i", *reversed(a.shape)) + name.encode() + a.tobytes())


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        make(wanted)
