"""Writes json.json: small tokenizer.json files of each kind, texts, and the tokens that PyPI's tokenizers makes of them.

Needs PyPI's tokenizers. The tokenizers are trained here, on the sentences below.
"""
import json, os, random
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers as pre, processors, trainers

random.seed(11)
corpus = [
    "The old bridge over the river was closed for repair last winter.", "She keeps the silver coin in the pocket of her winter coat.",
    "Nobody noticed that the window had been left open, and it's raining.", "In 2024, 12345 people visited the 3 museums; 67 wrote letters!",
    "def main():\n    print('hello')\n\n    return {\"a\": 1}\n", "Die Überquerung der alten Brücke war schön. ÄÖÜ ß",
    "Мост через реку был закрыт на ремонт прошлой зимой.", "日本語のテキストです。東京は大きい。", "中文文本，标点。", "नमस्ते दुनिया", "한국어 텍스트", "café naïve résumé", "CamelCase iOS HTTPServer don't WE'LL",
] * 3
short = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
blank = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
llama3 = short + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + blank
qwen2 = short + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + blank
up, low = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
lead = r"[^\r\n\p{L}\p{N}]?"
gpt4o = lead + up + "*" + low + "+" + short + "?|" + lead + up + "+" + low + "*" + short + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + blank
marked = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
special = [AddedToken("<s>", special=True, normalized=False), AddedToken("<|end|>", special=True, normalized=False)]
alphabet = pre.ByteLevel.alphabet()


def bpe(split, normalizer=None, post=None, **options):
    t = Tokenizer(models.BPE(**options))
    t.pre_tokenizer, t.decoder = split, decoders.ByteLevel()
    if normalizer:
        t.normalizer = normalizer
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, special_tokens=special, show_progress=False))
    t.add_tokens([AddedToken("[word]", single_word=True, normalized=False), AddedToken("[left]", lstrip=True, normalized=False), AddedToken("[right]", rstrip=True, normalized=False)])
    if post:
        t.post_processor = post(t)
    return t


def template(t):
    return processors.TemplateProcessing(single="<s> $A <|end|>", special_tokens=[("<s>", t.token_to_id("<s>")), ("<|end|>", t.token_to_id("<|end|>"))])


def by_split(*patterns, behavior="isolated", invert=False):
    return pre.Sequence([pre.Split(Regex(p), behavior, invert) for p in patterns] + [pre.ByteLevel(add_prefix_space=False, use_regex=False)])


def chars(split=None, normalizer=None, prefix=False):
    """BPE of characters with bytes for what is unknown, as Llama 2's and Gemma's."""
    t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if split:
        t.pre_tokenizer = split
    if normalizer:
        t.normalizer = normalizer
    first = [AddedToken("<unk>", special=True, normalized=False)] + special
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=420, special_tokens=first + ["<0x%02X>" % b for b in range(256)][:0], show_progress=False))
    j = json.loads(t.to_str())
    for b in range(256):
        j["model"]["vocab"].setdefault("<0x%02X>" % b, len(j["model"]["vocab"]))
    t = Tokenizer.from_str(json.dumps(j))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()] + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    return t


def unigram(split, normalizer=None):
    t = Tokenizer(models.Unigram())
    t.pre_tokenizer = split
    if normalizer:
        t.normalizer = normalizer
    t.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "<|end|>"], unk_token="<unk>", show_progress=False))
    t.decoder = decoders.Metaspace()
    t.post_processor = template(t)
    return t


def wordpiece(**options):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(**options), pre.BertPreTokenizer()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    return t


everything = {
    "gpt-2": bpe(pre.ByteLevel(add_prefix_space=False)),
    "gpt-2 with a space": bpe(pre.ByteLevel(add_prefix_space=True)),
    "llama 3": bpe(by_split(llama3), post=template, ignore_merges=True),
    "qwen 2": bpe(by_split(qwen2), normalizers.NFC()),
    "gpt-4o": bpe(by_split(gpt4o, behavior="removed", invert=True)),
    "deepseek 3": bpe(by_split(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", marked)),
    "digits": bpe(pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])),
    "starcoder": bpe(pre.Sequence([pre.Punctuation(), pre.Digits(individual_digits=False), pre.ByteLevel(add_prefix_space=False, use_regex=False)])),
    "bloom": bpe(by_split(r" ?[^(\s|[.,!?…。，、।۔،])]+")),
    "possessive": bpe(by_split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")),
    "llama 2": chars(normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), prefix=True),
    "metaspace first": chars(pre.Metaspace(prepend_scheme="first", split=False)),
    "metaspace always": chars(pre.Metaspace(prepend_scheme="always", split=True)),
    "gemma": chars(pre.Split(" ", "merged_with_previous"), normalizers.Replace(" ", "▁")),
    "merged with next": chars(pre.Split("e", "merged_with_next")),
    "contiguous": chars(pre.Split(Regex("[aeiou]"), "contiguous")),
    "unigram": unigram(pre.Metaspace(), normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])),
    "unigram of words": unigram(pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace()]), normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])),
    "bert uncased": wordpiece(lowercase=True),
    "bert cased": wordpiece(lowercase=False, strip_accents=False),
    "bert kept accents": wordpiece(lowercase=True, strip_accents=False, handle_chinese_chars=False),
}

parts = ["the ", " bridge", "Brücke", "e\u0301", "é", "日本", "語。", "한국", "नम", "12", "34567", "\n", "\n\n", "  ", " ", "\t", "!", "...", "'s", "'LL", "<s>", "<|end|>", "[word]", "[left]", "[right]", "[MASK]",
         "😀", "\u00a0", "ﬁ", "x", "K", "İ", "ς", "()", "_", "\r\n", "\u200b", "Camel", "iOS", "Ǆ", "𝒳", "٣", "Ⅷ", "don't", "▁"]
texts = ["", " ", "Hello, world!", "a" * 120, "x" * 101] + corpus[:13]
for _ in range(120):
    texts.append("".join(random.choice(parts) for _ in range(random.randrange(1, 9))))
out = []
for name, t in everything.items():
    cases = [[s, t.encode(s).ids, t.encode(s, add_special_tokens=False).ids] for s in texts]
    out.append({"name": name, "tokenizer": json.loads(t.to_str()), "cases": cases})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "json.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(x, ensure_ascii=False, separators=(",", ":")) for x in out) + "\n]\n")
