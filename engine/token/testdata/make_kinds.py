"""Writes kinds.json: small vocabularies of each kind in GGUF's keys, texts, and the tokens that llama.cpp makes of them.

    python make_kinds.py TOKENIZE     where TOKENIZE MODEL reads lines of hex bytes and prints the tokens of each, without special ones

Needs PyPI's gguf. The vocabularies are written here; no model has them.
"""
import json, os, random, subprocess, sys, tempfile
import numpy as np
from gguf import GGUFWriter

random.seed(7)
P = "tokenizer.ggml."


def byte_tokens():
    return ["<0x%02X>" % b for b in range(256)]


words = "the quick brown fox jumps over lazy dog hello world 日本 日 本 語 東京 naïve é über тест мир a b c d e f g h i l m n o r s t u w x z 1 2 12".split()


def unigram():
    texts, types, scores = ["<pad>", "</s>", "<unk>"], [3, 3, 2], [0.0, 0.0, 0.0]
    for i, w in enumerate(["▁"] + ["▁" + w for w in words] + words + ["lo", "he", "llo", "ll", "▁▁", "ing", ".", ",", "!"]):
        if w not in texts:
            texts.append(w), types.append(1), scores.append(-2.0 - (i * 37 % 101) / 10)
    texts.append("[user]"), types.append(4), scores.append(-20.0)
    texts.append("unused"), types.append(5), scores.append(-1.5)
    return {"model": "t5", "tokens": texts, "token_type": types, "scores": scores, "add_space_prefix": True, "remove_extra_whitespaces": False}


def unigram_merged():
    m = unigram()
    m["remove_extra_whitespaces"] = True
    m["precompiled_charsmap"] = charsmap({"Ａ": "a", "ﬁ": "fi", "\u00a0": " ", "é": "e", "①": "12", "\t": " ", "x\u0301": "z"})
    return m


def charsmap(table):
    """Builds SentencePiece's map: a double array of all keys, then the replacements."""
    strings, offsets = b"", {}
    for k, v in table.items():
        offsets[k] = len(strings)
        strings += v.encode() + b"\0"
    trie = {}
    for k in table:
        node = trie
        for c in k.encode():
            node = node.setdefault(c, {})
        node[None] = offsets[k]
    units = {0: 0}
    free = 1

    def place(node, at):
        nonlocal free
        base = free
        while any((base ^ (0 if c is None else c)) in units for c in node) or base ^ at >= 1 << 21:
            base += 1
        # the base is relative to the unit's own index
        for c in node:
            units[base ^ (0 if c is None else c)] = 0
        units[at] = (units[at] & 0xFF) | ((base ^ at) << 10) | (1 << 8 if None in node else 0)
        for c, child in node.items():
            if c is None:
                units[base] = child | 1 << 31
            else:
                units[base ^ c] = c
        for c, child in node.items():
            if c is not None:
                place(child, base ^ c)

    place(trie, 0)
    size = max(units) + 256
    array = np.zeros(size, dtype="<u4")
    for i, u in units.items():
        array[i] = u
    blob = array.tobytes()
    return list(len(blob).to_bytes(4, "little") + blob + strings)


def wordpiece():
    texts = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    types = [3, 3, 3, 3, 3]
    for w in ["▁" + w for w in words] + words + ["ing", "s", "▁un", "believ", "able", "▁!", "▁.", "▁,", "▁'", "▁[", "▁]", "▁日", "▁本", "▁語", "▁uber"]:
        if w not in texts:
            texts.append(w), types.append(1)
    return {"model": "bert", "tokens": texts, "token_type": types, "bos_token_id": 2, "seperator_token_id": 3, "unknown_token_id": 1,
            "cls_token_id": 2, "token_type_count": 2}


def rwkv():
    texts, types = ["<s>"], [3]
    for b in range(256):
        c = chr(b)
        texts.append({9: "\\t", 10: "\\n", 13: "\\r", 39: "\\'", 92: "\\\\"}.get(b, c if 32 <= b < 127 else "\\x%02x" % b)), types.append(1)
    for w in words + ["\\n\\n", "\\xe6\\x97\\xa5\\xe6\\x9c\\xac", " the", " quick", "the q", "\\xff\\xfe", "\\t\\t"]:
        w = "".join(c if ord(c) < 127 else "".join("\\x%02x" % x for x in c.encode()) for c in w)
        if w not in texts:
            texts.append(w), types.append(1)
    return {"model": "rwkv", "tokens": texts, "token_type": types}


def plamo():
    texts, types, scores = ["<|plamo:unk|>", "<|plamo:bos|>", "<|plamo:eos|>", "<|plamo:pad|>"], [2, 3, 3, 3], [0.0] * 4
    for b in byte_tokens():
        texts.append(b), types.append(6), scores.append(0.0)
    for i, w in enumerate(words + ["he", "llo", "lo", " ", " the", "the ", "本語", "日本語", "jump", "s over"]):
        if w not in texts:
            texts.append(w), types.append(1), scores.append(-1.0 - (i * 53 % 97) / 10)
    return {"model": "plamo2", "tokens": texts, "token_type": types, "scores": scores}


def gemma4():
    texts, types = ["<pad>", "<eos>", "<bos>", "<unk>", "<|tool_response>", "</s>"], [3, 3, 3, 3, 3, 1]
    for b in byte_tokens():
        texts.append(b), types.append(6)
    merges = []

    def add(t):
        if t not in texts:
            texts.append(t), types.append(1)

    for c in sorted(set("".join(words)) | set("▁\n.,!")):
        add(c)
    for n in range(2, 6):
        add("\n" * n)
    for w in ["▁" + w for w in words] + words + ["▁▁", "▁▁▁▁"]:
        for i in range(1, len(w)):
            add(w[: i + 1])
            if (m := w[:i] + " " + w[i]) not in merges:
                merges.append(m)
    merges.append("▁▁ ▁▁")
    return {"model": "gemma4", "tokens": texts, "token_type": types, "merges": merges, "scores": [0.0] * len(texts), "bos_token_id": 2,
            "eos_token_id": 1, "add_bos_token": False}


def texts():
    out = ["", " ", "  ", "\n", "\n\n\n", "Hello, world!", "the quick  brown\tfox", " the quick", "unbelievable", "日本語 東京", "naïve ÉÜ über", "[user] x", "[user]",
           "\ufeffthe", "①ﬁＡ\u00a0x\u0301", "İstanbul ΑΣ", "a\u0000b\u200bc", "한국어", "e\u0301a", "😀 12", "don't", "<s></s>", "<|plamo:bos|>", "unused", "a" * 300,
           "[MASK]", "𝒳 中文abc", "\u0085x\u2028y"]
    parts = words + [" ", "  ", "\n", "\n\n", ".", "!", "q", "é", "e\u0301", "😀", "\t", "[user]", "ﬁ", "Ａ", "한", "\u00a0", "'s", "ing", "k"]
    for _ in range(150):
        out.append("".join(random.choice(parts) for _ in range(random.randrange(1, 9))))
    return [t.encode() for t in out] + [b"\xff\xfe", b"the\xc3", b"\xe6\x97 a", b"\x80\x80the"]


def write(path, meta):
    w = GGUFWriter(path, "llama")
    for key, value in {"llama.context_length": 8, "llama.embedding_length": 8, "llama.block_count": 1, "llama.attention.head_count": 1}.items():
        w.add_uint32(key, value)
    w.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    for key, value in meta.items():
        key = P + key
        if key.endswith("charsmap"):
            w.add_array(key, np.array(value, dtype=np.uint8).tobytes())
        elif isinstance(value, bool):
            w.add_bool(key, value)
        elif isinstance(value, int):
            w.add_uint32(key, value)
        elif isinstance(value, str):
            w.add_string(key, value)
        else:
            w.add_array(key, value)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()


out = []
for make in [unigram, unigram_merged, wordpiece, rwkv, plamo, gemma4]:
    meta, cases = make(), []
    with tempfile.TemporaryDirectory() as dir:
        path = os.path.join(dir, "v.gguf")
        write(path, meta)
        inputs = texts()
        got = subprocess.run(sys.argv[1:2] + [path] + sys.argv[2:], input="".join(t.hex() + "\n" for t in inputs), capture_output=True, text=True, check=True).stdout.split("\n")
        for t, line in zip(inputs, got):
            cases.append([t.hex(), [int(x) for x in line.split(",") if x]])
    out.append({"name": make.__name__, "meta": meta, "cases": cases})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinds.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(x, ensure_ascii=False, separators=(",", ":")) for x in out) + "\n]\n")
