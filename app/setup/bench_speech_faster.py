#!/usr/bin/env python3
"""Transcribes files with faster-whisper: bench_speech_faster.py MODEL TYPE THREADS BEAM LANGUAGE FILE…

TYPE is int8 or float32, or int8-batched to process eight windows of a file at a time. Prints
JSON: the texts of the files, and the seconds for all of them without loading the model. Runs
with the Python of peers/venv.
"""
import json
import sys
import time

from faster_whisper import BatchedInferencePipeline, WhisperModel


def main():
    folder, kind, threads, beam, language, *paths = sys.argv[1:]
    kind, _, batched = kind.partition("-")
    model, more = WhisperModel(folder, device="cpu", compute_type=kind, cpu_threads=int(threads)), {}
    if batched:
        model, more = BatchedInferencePipeline(model), {"batch_size": 8}
    begin = time.perf_counter()
    texts = []
    for path in paths:
        segments, _ = model.transcribe(path, language=language, beam_size=int(beam), **more)
        texts.append("".join(s.text for s in segments))
    print(json.dumps({"texts": texts, "seconds": time.perf_counter() - begin}))


main()
