#!/usr/bin/env python3
"""Compares our transcription with other programs on this machine: `make bench-speech`.

All use the same weights (Whisper base), files, languages, threads and beams, and run
alternately in several rounds. A run is a process that loads the model and transcribes all
files; the time of starting and loading is subtracted. The medians are written to
build/speech.json, and as ratios, with error rates and resident memory, to build/SPEECH.md.

  clips  the short clips of asr/testdata/audio, English and Chinese
  long   the English clips, joined and repeated up to three minutes
  soft, telephone, two sides, noisy, very noisy
         English clips from -6 to -55 dBFS, with 300 to 3400 Hz, as a loud and a soft
         side in turn, with noise 20 to 5 and 0 dB below them
  no speech
         noise, hum, rain, typing, applause, breath, music, tones: counted is how many
         words are heard

The last six are written by asr's TestWriteConditions; one round of them is enough, for
the error rates.

  bench_speech.py --threads 1,2 --beams 1,5 --rounds 3

Errors are counted in words, for Chinese in characters, after normalisation by jiwer (lower
case, no punctuation, single spaces).
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from statistics import median

sys.dont_write_bytecode = True  # leave no __pycache__ in the source tree
import bench
import bench_files as files

AUDIO = bench.ROOT / "asr" / "testdata" / "audio"
RATE = 16000
CONDITIONS = ["soft", "telephone", "two sides", "noisy", "very noisy", "no speech"]


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda s: [int(n) for n in s.split(",")]
    p.add_argument("--threads", type=numbers, default=[1, 2], metavar="N,…")
    p.add_argument("--beams", type=numbers, default=[1, 5], metavar="N,…")
    p.add_argument("--sets", type=lambda s: s.split(","), default=["clips", "long", *CONDITIONS], metavar="SET,…", help=",".join(["clips", "long", *CONDITIONS]))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--ours", default=str(bench.ROOT / "build" / "soberano-cli"), help="our program")
    p.add_argument("--wait", type=float, default=60, help="seconds to wait, before each run, for other programs to be quiet")
    p.add_argument("--data", default=str(bench.ROOT / "build" / "speech.json"))
    p.add_argument("--out", default=str(bench.ROOT / "build" / "SPEECH.md"))
    o = p.parse_args()
    if o.rounds < 1 or not o.threads or not o.beams or set(o.sets) - {"clips", "long", *CONDITIONS}:
        p.error(f"sets are clips, long, {', '.join(CONDITIONS)}; rounds, threads and beams are at least 1")
    return o


def clips():
    """Returns path, language, text and seconds of each clip with English or Chinese speech."""
    out = []
    for line in (AUDIO / "index.tsv").read_text().splitlines()[1:]:
        name, seconds, language, _, _, text = line.split("\t")[:6]
        if language in ("en", "zh") and text and (AUDIO / name).exists():
            out.append((AUDIO / name, language, text, float(seconds)))
    return out


def join(clips, path, seconds=180):
    """Writes English clips with half a second of silence after each until the file has the given length in
    seconds. Returns the text and the length."""
    said, length = [], 0
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(RATE)
        while True:
            for clip, language, text, _ in clips:
                if language != "en":
                    continue
                with wave.open(str(clip)) as r:
                    assert (r.getnchannels(), r.getsampwidth(), r.getframerate()) == (1, 2, RATE), clip
                    frames = r.readframes(r.getnframes())
                w.writeframes(frames + bytes(RATE))
                said.append(text)
                length += len(frames) // 2 + RATE // 2
                if length >= seconds * RATE:
                    return " ".join(said), length / RATE


def conditions(folder):
    """Writes the clips in difficult conditions, and sounds without speech. Returns, by set, what clips returns."""
    subprocess.run(["go", "test", "./asr", "-count", "1", "-run", "^TestWriteConditions$"], cwd=bench.ROOT, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "SOBERANO_WRITE_CONDITIONS": str(folder)})
    sets = {}
    for line in (folder / "index.tsv").read_text().splitlines():
        name, kind, text = line.split("\t")
        with wave.open(str(folder / name)) as r:
            sets.setdefault(kind, []).append((folder / name, "en", text, r.getnframes() / RATE))
    return sets


# Each of the following functions returns a function that transcribes the files of one language. That one
# returns the texts, the seconds without loading, the seconds of loading, and the Run.

def ours(o, threads, beam):
    def run(paths, language):
        command = [o.ours, "transcribe", "-m", files.path("whisper"), "-t", threads, "--beam", beam, "-l", language, "--json"]
        load = bench.Run(*command, AUDIO / "silence_10s.wav", wait=o.wait)
        r = bench.Run(*command, *paths, wait=o.wait)
        return [t["text"] for t in json.loads(r.out)], r.seconds - load.seconds, load.seconds, r
    return run


def cpp(o, model, threads, beam):
    def run(paths, language):
        with tempfile.TemporaryDirectory() as folder:
            names = [f"{folder}/{i}" for i in range(len(paths))]
            each = [x for path, name in zip(paths, names) for x in ("-f", path, "-of", name)]
            r = bench.Run(bench.WHISPER / "whisper-cli", "-m", files.path(model), "-t", threads, "-bs", beam, "-bo", beam, "-l", language,
                          "-otxt", "-nt", *each, wait=o.wait)
            texts = [pathlib.Path(name + ".txt").read_text() for name in names]
        took = lambda what: float(re.search(what + r" time =\s*([\d.]+) ms", r.err).group(1)) / 1000
        return texts, took("total") - took("load"), r.seconds - took("total") + took("load"), r
    return run


def faster(o, kind, threads, beam):
    def run(paths, language):
        r = bench.Run(bench.PYTHON, bench.ROOT / "app/setup/bench_speech_faster.py", files.path("whisper"), kind, threads, beam, language, *paths, wait=o.wait)
        b = json.loads(r.out)
        return b["texts"], b["seconds"], r.seconds - b["seconds"], r
    return run


def sides(o, threads, beam):
    return {"ours": ours(o, threads, beam), "whisper.cpp f16": cpp(o, "whisper-f16", threads, beam), "whisper.cpp q8_0": cpp(o, "whisper-q8_0", threads, beam),
            "faster-whisper int8": faster(o, "int8", threads, beam), "faster-whisper float32": faster(o, "float32", threads, beam), "faster-whisper int8, batched": faster(o, "int8-batched", threads, beam)}


def once(run, audio):
    """Transcribes all files of a set with one program. Returns seconds, memory and the text of each file."""
    seconds, loading, memory, heard, others = 0, [], 0, {}, 0
    for language in sorted({a[1] for a in audio}):
        paths = [a[0] for a in audio if a[1] == language]
        texts, took, load, r = run(paths, language)
        loading.append(load)
        seconds, memory, others = seconds + took, max(memory, r.memory), max(others, r.others)
        heard.update(zip(map(str, paths), texts))
    return {"seconds": seconds, "load": median(loading), "memory": memory, "heard": heard, "others": others}


def errors(audio, heard):
    """Returns the word or character error rate in percent by language; of sounds without speech the number of words."""
    if not any(a[2] for a in audio):
        return {"words": sum(len(text.split()) for text in heard.values())}
    pairs = [(a[1], a[2], heard[str(a[0])]) for a in audio]
    done = subprocess.run([bench.PYTHON, bench.ROOT / "app/setup/bench_speech_errors.py"], input=json.dumps(pairs), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def measure(o, audio_sets, keep):
    rows = []
    for threads in o.threads:
        for beam in o.beams:
            for name in o.sets:
                audio = audio_sets[name]
                programs, got = sides(o, threads, beam), {}
                if name != "long":  # batching has no effect: each clip is one window
                    del programs["faster-whisper int8, batched"]
                for n in range(1 if name in CONDITIONS else o.rounds):
                    for program in list(programs)[::1 if n % 2 == 0 else -1]:
                        got.setdefault(program, []).append(once(programs[program], audio))
                for program, runs in got.items():
                    rows.append({"set": name, "threads": threads, "beam": beam, "program": program, "seconds": [r["seconds"] for r in runs], "load": [r["load"] for r in runs],
                                 "memory": max(r["memory"] for r in runs), "others": max(r["others"] for r in runs), "errors": errors(audio, runs[-1]["heard"]),
                                 "audio": sum(a[3] for a in audio), "heard": runs[-1]["heard"]})
                    bench.say(f"{name}, {threads} threads, beam {beam}, {program}: {median(rows[-1]['seconds']):.2f} s, {rows[-1]['memory'] / 1e6:.0f} MB, {rows[-1]['errors']}")
                keep(rows)


# The goal for the ratio to each peer.
GOALS = {"whisper.cpp f16": 3.0, "whisper.cpp q8_0": 3.0, "faster-whisper int8": 2.0}
COLUMNS = ["audio", "threads", "beam", "program", "seconds", "times real time", "ours is faster", "goal", "WER %", "CER % (zh)", "MB resident", "start and load, s"]


def page(data):
    out = ["# Speech", "", f"{data['cpu']}, {data['cores']} cores; {data['date']}.", "",
           "Made by `make bench-speech` (described in `app/setup/bench_speech.py`). Whisper base, seconds without loading, medians of "
           f"{data['rounds']} rounds. Ours uses the float16 file and multiplies in 8 bits; the peers use the type that is named and otherwise their defaults.", "",
           bench.report.cells(*COLUMNS), "|---" * len(COLUMNS) + "|"]
    for r in data["rows"]:
        mine = next(x for x in data["rows"] if all(x[k] == r[k] for k in ("set", "threads", "beam")) and x["program"] == "ours")
        seconds, rate = median(r["seconds"]), lambda k: f"{r['errors'][k]:.1f}" if k in r["errors"] else "—"
        english = f"{r['errors']['words']} words" if "words" in r["errors"] else rate("en")
        ratio = seconds / median(mine["seconds"])
        goal = GOALS.get(r["program"])
        mark = " ¹" if r["others"] > 0.1 else ""
        out.append(bench.report.cells(r["set"], str(r["threads"]), str(r["beam"]), r["program"], f"{seconds:.2f}{mark}", f"{r['audio'] / seconds:.0f}",
                                      "" if r is mine else f"**{ratio:.2f}**", "" if goal is None else f"{goal:.1f}, " + bench.report.met(ratio, goal),
                                      english, rate("zh"), f"{r['memory'] / 1e6:.0f}", f"{median(r['load']):.2f}"))
    if any(r["others"] > 0.1 for r in data["rows"]):
        out += ["", "¹ Other programs took more than a tenth of a core meanwhile: do not trust it."]
    return "\n".join(out) + "\n"


def write(o, rows):
    """Writes the measurements so far."""
    data = {**bench.machine(), "date": time.strftime("%Y-%m-%d"), "rounds": o.rounds, "rows": rows}
    for path, text in [(o.data, json.dumps(data, indent=1, ensure_ascii=False)), (o.out, page(data))]:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_text(text)


def main():
    o = options()
    os.environ["SOBERANO_HOME"] = tempfile.mkdtemp(prefix="soberano-bench-")  # an empty library, not the user's
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soberano-bench-"))
    try:
        needed = [m for m in ("whisper-f16", "whisper-q8_0") if not files.path(m).exists()]
        if needed:
            subprocess.run([bench.PYTHON, bench.ROOT / "app/setup/bench_files.py", *needed], check=True)
        short = clips()
        said, seconds = join(short, folder / "long.wav")
        sets = {"clips": short, "long": [(folder / "long.wav", "en", said, seconds)]}
        if set(o.sets) & set(CONDITIONS):
            sets.update(conditions(folder))
        measure(o, sets, lambda rows: write(o, rows))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(os.environ["SOBERANO_HOME"], ignore_errors=True)
    print(o.out)


if __name__ == "__main__":
    main()
