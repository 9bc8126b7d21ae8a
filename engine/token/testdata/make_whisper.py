"""Makes whisper.json: python make_whisper.py FOLDER, which holds whisper-base and whisper-tiny.en,
with the tokenizers package (0.22 or later) and the strings of smollm2.json beside this file."""
import json, os, sys
from tokenizers import Tokenizer

here = os.path.dirname(os.path.abspath(__file__))
texts = [e["text"] for e in json.load(open(os.path.join(here, "smollm2.json"))) if "text" in e]
out = {}
for model in ("whisper-base", "whisper-tiny.en"):
    tok = Tokenizer.from_file(os.path.join(sys.argv[1], model, "tokenizer.json"))
    out[model] = [{"text": s, "ids": tok.encode(s, add_special_tokens=False).ids} for s in texts if "<|" not in s]
with open(os.path.join(here, "whisper.json"), "w") as f:
    json.dump(out, f, ensure_ascii=True, separators=(",", ":"))
    f.write("\n")
