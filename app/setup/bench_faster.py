#!/usr/bin/env python3
"""Times faster-whisper on one clip: bench_faster.py MODEL CLIP TYPE THREADS ROUNDS

Prints JSON: encoder_ms, the time for a window of 30 s (without the keys and values of
cross-attention, which CTranslate2 computes in the decoder's first step), and decoder_ms, the
time for one greedy step. The latter is computed from the difference between a complete and a
short answer, so the first step does not count.
Runs with the Python of peers/venv.
"""
import json
import sys
import time

from faster_whisper import WhisperModel, decode_audio
from faster_whisper.audio import pad_or_trim

START = [50258, 50259, 50359, 50363]  # start of transcript, English, transcribe, no timestamps


def main():
    folder, clip, kind, threads, rounds = sys.argv[1:]
    model = WhisperModel(folder, device="cpu", compute_type=kind, cpu_threads=int(threads))
    features = pad_or_trim(model.feature_extractor(decode_audio(clip)))

    def answer(encoded, length):
        begin = time.perf_counter()
        got = model.model.generate(encoded, [START], beam_size=1, max_length=length)
        return time.perf_counter() - begin, len(got[0].sequences_ids[0])

    out = {"encoder_ms": [], "decoder_ms": []}
    for n in range(int(rounds) + 1):
        begin = time.perf_counter()
        encoded = model.encode(features)
        encoder = time.perf_counter() - begin
        short, few = answer(encoded, 8)
        whole, many = answer(encoded, 448)
        if n > 0:  # the first round is the warm-up
            out["encoder_ms"].append(1000 * encoder)
            out["decoder_ms"].append(1000 * (whole - short) / (many - few))
    out["tokens"] = [few, many]
    print(json.dumps(out))


main()
