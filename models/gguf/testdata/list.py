# Lists a GGUF file as PyPI's gguf package reads it: one line for each key
# (a list: its count and the sha256 of its values, one a line) and each tensor.
import hashlib
import sys
import zlib

import gguf

r = gguf.GGUFReader(sys.argv[1])
for f in r.fields.values():
    if f.name.startswith("GGUF."):
        continue
    v = f.contents()
    if isinstance(v, list):
        h = hashlib.sha256()
        for x in v:
            h.update((x if isinstance(x, str) else "%.9g" % x).encode() + b"\n")
        print("list", f.name, len(v), h.hexdigest(), sep="\t")
    elif isinstance(v, str):
        print("text", f.name, len(v.encode()), hashlib.sha256(v.encode()).hexdigest(), sep="\t")
    elif isinstance(v, bool):
        print("bool", f.name, str(v).lower(), sep="\t")
    else:
        print("number", f.name, "%.9g" % v, sep="\t")
for t in r.tensors:
    shape = "x".join(str(int(n)) for n in reversed(t.shape))
    print("tensor", t.name, t.tensor_type.name, shape, t.n_bytes, "%08x" % zlib.crc32(t.data.tobytes()), sep="\t")
