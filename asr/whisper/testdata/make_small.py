"""Makes small.json and small_*.f32: what CTranslate2 computes for small Whisper networks
of the shapes that can't be had here. Their weights follow from a formula that small_shapes_test.go
has too. Needs faster-whisper (its CTranslate2 and numpy); run in this folder with the path of
the vocabulary.json of Whisper base: CTranslate2 tells by its texts whether a model is multilingual."""
import json
import sys
import tempfile

import ctranslate2
import numpy as np

# As small_shapes_test.go: mels, state, heads, encoder layers, decoder layers, vocabulary.
SHAPES = {
    "large-v3": (128, 128, 2, 3, 3, 51866),
    "turbo": (128, 64, 2, 6, 4, 51866),
    "multilingual": (80, 64, 1, 2, 2, 51865),
    "distilled.en": (80, 96, 4, 4, 1, 51864),
}
LANGUAGES = """en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da
hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa
si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue""".split()

with open(sys.argv[1]) as f:
    TEXTS = json.load(f)[:50257]


def values(name, shape, scale):
    """Numbers from -scale/2 to scale/2: FNV-1a of the name, then SplitMix64."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    v = (z >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5
    return (v * scale).astype(np.float32).reshape(shape)


def tokens(vocab):
    languages = LANGUAGES[: 100 if vocab > 51865 else 99]
    special = ["<|endoftext|>", "<|startoftranscript|>"] + [f"<|{x}|>" for x in languages]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    special += ["<|%.2f|>" % (i / 50) for i in range(1501)]
    return TEXTS[: vocab - len(special)] + special


def fill(spec, shape):
    mels, state, _, enc, dec, vocab = shape

    def weight(at, name, *size):
        at.weight = values(name + "/weight", size, 0.25)
        at.bias = values(name + "/bias", size[:1], 0.25)

    def norm(at, name):
        at.gamma = 1 + values(name + "/gamma", (state,), 0.25)
        at.beta = values(name + "/beta", (state,), 0.25)

    def layer(at, name, cross):
        a, f = at.self_attention, at.ffn
        norm(a.layer_norm, name + "self_attention/layer_norm")
        weight(a.linear[0], name + "self_attention/linear_0", 3 * state, state)
        weight(a.linear[1], name + "self_attention/linear_1", state, state)
        norm(f.layer_norm, name + "ffn/layer_norm")
        weight(f.linear_0, name + "ffn/linear_0", 4 * state, state)
        weight(f.linear_1, name + "ffn/linear_1", state, 4 * state)
        if cross:
            c = at.attention
            norm(c.layer_norm, name + "attention/layer_norm")
            weight(c.linear[0], name + "attention/linear_0", state, state)
            weight(c.linear[1], name + "attention/linear_1", 2 * state, state)
            weight(c.linear[2], name + "attention/linear_2", state, state)

    e, d = spec.encoder, spec.decoder
    weight(e.conv1, "encoder/conv1", state, mels, 3)
    weight(e.conv2, "encoder/conv2", state, state, 3)
    e.position_encodings.encodings = values("encoder/position_encodings/encodings", (1500, state), 0.25)
    d.position_encodings.encodings = values("decoder/position_encodings/encodings", (448, state), 0.25)
    d.embeddings.weight = values("decoder/embeddings/weight", (vocab, state), 0.25)
    d.projection.weight = d.embeddings.weight
    norm(e.layer_norm, "encoder/layer_norm")
    norm(d.layer_norm, "decoder/layer_norm")
    for n in range(enc):
        layer(e.layer[n], f"encoder/layer_{n}/", False)
    for n in range(dec):
        layer(d.layer[n], f"decoder/layer_{n}/", True)
    d.scale_embeddings = False


def make(name, shape):
    mels, _, heads, enc, dec, vocab = shape
    spec = ctranslate2.specs.WhisperSpec(enc, heads, dec, heads)
    fill(spec, shape)
    spec.register_vocabulary(tokens(vocab))
    english = vocab < 51865
    start = tokens(vocab).index("<|startoftranscript|>")
    languages = 100 if vocab > 51865 else 99
    spec.config.lang_ids = list(range(start + 1, start + 1 + languages))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = []
    spec.validate()
    with tempfile.TemporaryDirectory() as dir:
        spec.save(dir)
        model = ctranslate2.models.Whisper(dir, compute_type="float32")
        audio = ctranslate2.StorageView.from_array(values("mel", (1, mels, 3000), 2.0))
        features = np.array(model.encode(audio))[0]
        features[::100].astype("<f4").tofile(f"small_{name}.f32")
        out = {}
        if not english:
            out["languages"] = {t[2:-2]: p for t, p in model.detect_language(audio)[0]}
        prompt = [start] if english else [start, start + 3, start + 1 + languages + 1]  # de, transcribe
        prompt.append(vocab - 1502)  # no times
        r = model.generate(audio, [prompt], beam_size=1, max_length=len(prompt) + 8, suppress_blank=False, suppress_tokens=None,
                           return_logits_vocab=True)[0]
        out["prompt"], out["tokens"] = prompt, r.sequences_ids[0]
        out["logits"] = [[round(float(x), 6) for x in np.array(step).reshape(-1)[13::811]] for step in r.logits[0]]
        return out


result = {name: make(name, shape) for name, shape in SHAPES.items()}
with open("small.json", "w") as f:
    json.dump(result, f)
    f.write("\n")
for name, r in result.items():
    print(name, r["prompt"], r["tokens"], len(r["logits"]), r["logits"][0][:4], sorted(r.get("languages", {}).items(), key=lambda x: -x[1])[:3])
