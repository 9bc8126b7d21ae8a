#!/usr/bin/env python3
"""Transcribes files with faster-whisper: bench_speech_faster.py MODEL TYPE THREADS BEAM LANGUAGE FILE…

Prints JSON: the files' texts, and the seconds that they took together once the model was
loaded. Runs with the Python of peers/venv.
"""
import json
import sys
import time

from faster_whisper import WhisperModel


def main():
    folder, kind, threads, beam, language, *paths = sys.argv[1:]
    model = WhisperModel(folder, device="cpu", compute_type=kind, cpu_threads=int(threads))
    begin = time.perf_counter()
    texts = []
    for path in paths:
        segments, _ = model.transcribe(path, language=language, beam_size=int(beam))
        texts.append("".join(s.text for s in segments))
    print(json.dumps({"texts": texts, "seconds": time.perf_counter() - begin}))


main()
