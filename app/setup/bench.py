#!/usr/bin/env python3
"""Compares the speed of our program with other programs on this machine: `make bench`.

In each of several rounds our program and another one (the peer) run alternately on the same
file with the same number of threads. The report compares the medians as ratios. The
measurements are added to build/bench.json, which keeps those of earlier runs on the same CPU;
the report on all of them is build/SPEED.md.

  generation  single tokens after 0, 1024 and 4096 others, and a prompt of 512: llama-bench
  start       time from starting a process to its first token, and its memory: llama-completion
  whisper     encoder and one decoder step of Whisper base: whisper.cpp, faster-whisper
  kernels     speed of our kernels relative to this machine's limits (soberano bench --kernels)

  bench.py --only generation --models Q4_1,gemma --threads 1,2 --rounds 3

  bench.py --only generation --level avx2     our kernels of a level against a llama-bench with the same instructions

peers.sh must have built the peers (that of a level with PEER_LEVEL=avx2); bench_files.py creates the files.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from statistics import median

sys.dont_write_bytecode = True  # leave no __pycache__ in the source tree
import bench_files as files
import bench_report as report

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIP = ROOT / "asr" / "testdata" / "audio" / "jfk.wav"
LLAMA, WHISPER, PYTHON = files.PEERS / "llama", files.PEERS / "whisper", files.PEERS / "venv" / "bin" / "python"
MODELS = ["Q4_1", "Q4_0", "Q5_0", "Q5_1", "Q8_0", "Q4_K_M", "Q6_K", "F16", "gemma", "large", "mixture"]
PARTS = ["generation", "start", "whisper", "kernels"]
TEXT = ("Once upon a time, in a small village by the sea, there lived an old fisherman who told the children of the village "
         "stories about storms and whales every evening until the lamps went out and all of them fell asleep").split()


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda s: s.split(",")
    numbers = lambda s: [int(n) for n in s.split(",")]
    p.add_argument("--only", type=words, default=PARTS, metavar="PART,…", help=",".join(PARTS))
    p.add_argument("--models", type=words, default=MODELS, metavar="NAME,…", help=",".join(MODELS))
    p.add_argument("--threads", type=numbers, default=[1, 2], metavar="N,…")
    p.add_argument("--depths", type=numbers, default=[0, 1024, 4096], metavar="N,…")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--prompt", type=int, default=512, help="tokens of the prompt")
    p.add_argument("--tokens", type=int, default=128, help="tokens to generate")
    p.add_argument("--ours", default=str(ROOT / "build" / "soberano-cli"), help="our program")
    p.add_argument("--level", choices=["avx2", "avxvnni"], help="instruction level of both sides; only generation and prompts are measured")
    p.add_argument("--wait", type=float, default=60, help="longest time in seconds to wait before each run until other programs are idle")
    p.add_argument("--data", default=str(ROOT / "build" / "bench.json"))
    p.add_argument("--out", default=str(ROOT / "build" / "SPEED.md"))
    o = p.parse_args()
    unknown = [x for x in o.only if x not in PARTS] + [x for x in o.models if x not in MODELS]
    if unknown or o.rounds < 1 or not o.threads:
        p.error(f"unknown: {', '.join(unknown)}" if unknown else "--rounds and --threads are at least 1")
    if o.level and o.only != ["generation"]:
        p.error("--level goes with --only generation")
    return o


class Run:
    """Runs a process to its end and holds its output, times and memory."""

    def __init__(self, *command, wait=0):
        quiet(wait)
        busy = busy_seconds()
        with tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            p = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err)
            out = [os.read(p.stdout.fileno(), 1 << 16)]
            self.first = time.perf_counter() - start  # seconds to the first byte of output
            while chunk := os.read(p.stdout.fileno(), 1 << 16):
                out.append(chunk)
            _, status, usage = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
            self.seconds = seconds = time.perf_counter() - start
            err.seek(0)
            self.err = err.read().decode(errors="replace")
        p.stdout.close()
        self.out = b"".join(out).decode(errors="replace")
        self.memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self.others = max(0, busy_seconds() - busy - usage.ru_utime - usage.ru_stime) / seconds
        if p.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}: exit code {p.returncode}\n{self.err[-2000:]}")


def busy_seconds():
    """Returns the processor seconds of all programs since the machine started; 0 if /proc/stat does not exist."""
    try:
        v = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    except OSError:
        return 0
    return (sum(v[:8]) - v[3] - v[4]) / os.sysconf("SC_CLK_TCK")


def quiet(wait):
    """Waits until other programs use less than a tenth of a core, but at most wait seconds."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        busy = busy_seconds()
        time.sleep(0.5)
        if busy_seconds() - busy < 0.05:
            return


class Table:
    """Holds the measurements by key."""

    def __init__(self, o):
        self.o, self.rows, self.kernels = o, {}, None
        try:
            old = json.loads(pathlib.Path(o.data).read_text())
        except (OSError, ValueError):
            old = {}
        if old.get("cpu") == machine()["cpu"]:
            self.rows = {tuple(r["key"]): r for r in old["rows"]}
            self.kernels = old.get("kernels")

    def alternate(self, sides, measured):
        """Runs every side once a round, in alternating order. A side is a function that returns values by
        name and the Run; measured lists (key, unit, whether higher is better, (our side, value), (peer, value))."""
        got = {name: [] for name in sides}
        others = 0
        for n in range(self.o.rounds):
            for name in list(sides)[::1 if n % 2 == 0 else -1]:
                values, run = sides[name]()
                got[name].append(values)
                others = max(others, run.others)
        for key, unit, higher, (side, value), (peer, other), extra in measured:
            row = {"key": list(key), "unit": unit, "higher": higher, "ours": [v[value] for v in got[side]],
                   "peer": [v[other] for v in got[peer]], "others": others, "date": time.strftime("%Y-%m-%d"), **extra}
            if "limit" in got:
                row["memory"] = [v["memory"] for v in got["limit"]]
            self.rows[tuple(key)] = row
            print("  " + report.line(row), file=sys.stderr, flush=True)
        self.save()

    def save(self):
        data = {**machine(), "rows": list(self.rows.values()), "kernels": self.kernels}
        for path, text in [(self.o.data, json.dumps(data, indent=1, ensure_ascii=False)), (self.o.out, report.write(data))]:
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_text(text)


def machine():
    try:
        cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read()).group(1)
    except (OSError, AttributeError):
        import platform
        cpu = platform.processor() or platform.machine()
    return {"cpu": cpu, "cores": os.cpu_count()}


def say(text):
    print(text, file=sys.stderr, flush=True)


def generation(o, table):
    for model in o.models:
        file = files.path(model)
        size = files.weight_bytes(file)
        for threads in o.threads:
            for depth in o.depths:
                bench, peer = LLAMA / "llama-bench", "llama.cpp"
                if o.level:
                    bench, peer = files.PEERS / f"llama-{o.level}" / "llama-bench", f"llama.cpp, {o.level}"
                say(f"generation {model}, {threads} threads, after {depth}")
                prompt = o.prompt if depth == 0 else 0

                def ours():
                    r = Run(o.ours, "bench", "-m", file, "-t", threads, "-d", depth, "-p", max(1, prompt), "-n", o.tokens, "-r", 1, "--json", wait=o.wait)
                    b = json.loads(r.out)
                    return {"prompt": b["prompt"]["tokens_per_second"][0], "generation": b["generation"]["tokens_per_second"][0]}, r

                def llama():
                    r = Run(bench, "-m", file, "-t", threads, "-d", depth, "-p", prompt, "-n", o.tokens, "-r", 1, "-o", "json", wait=o.wait)
                    return {"generation" if b["n_gen"] else "prompt": b["avg_ts"] for b in json.loads(r.out)}, r

                wanted = [(f"generate {o.tokens} after {depth}", "generation")] + ([(f"prompt of {prompt}", "prompt")] if prompt else [])
                sides, extra = {"ours": ours, peer: llama}, {}
                if model in report.SHARES and depth == 0:
                    sides["limit"] = limit(o, threads)
                    extra["bytes"] = size
                table.alternate(sides, [(("generation", model, what, threads, peer), "tokens/s", True, ("ours", value), (peer, value), extra)
                                        for what, value in wanted])


def limit(o, threads):
    """Returns a side that measures the rate, in GB/s, at which this machine reads memory."""
    def run():
        r = Run(o.ours, "bench", "--limits", "-t", threads, "--json", wait=o.wait)
        return {"memory": next(p["rate"] for p in json.loads(r.out)["peaks"] if p["resource"] == "memory")}, r
    return run


def sentence(o, file, tokens):
    """Returns the shortest beginning of TEXT, in whole words, with at least the given number of tokens."""
    for n in range(1, len(TEXT) + 1):
        text = " ".join(TEXT[:n])
        if len(json.loads(Run(o.ours, "tokenize", "-m", file, "--json", text).out)["ids"]) >= tokens:
            return text
    raise SystemExit("TEXT is too short")


def start(o, table):
    for model in [m for m in o.models if m in ("Q4_1", "gemma", "large")]:
        file = files.path(model)
        texts = {30: sentence(o, file, 30), 1: TEXT[0]}
        for threads in o.threads:
            say(f"start {model}, {threads} threads")
            # Both with a context of 4096 and eight tokens; the peer without its warm-up run.
            ours = ["chat", "-m", file, "-t", threads, "--ctx", 4096, "-n", 8, "--temp", 0, "--raw", "-p"]
            llama = ["-m", file, "-t", threads, "-c", 4096, "-n", 8, "--temp", 0, "-no-cnv", "--no-display-prompt", "--no-warmup", "-p"]

            def side(*command):
                def run():
                    r, short = (Run(*command, texts[n], wait=o.wait) for n in (30, 1))
                    r.others = max(r.others, short.others)
                    return {"first": r.first, "load": short.first, "memory": r.memory / 1e6}, r
                return run

            table.alternate({"ours": side(o.ours, *ours), "llama.cpp": side(LLAMA / "llama-completion", *llama)}, [
                (("start", model, what, threads, "llama.cpp"), unit, False, ("ours", value), ("llama.cpp", value), {})
                for what, unit, value in [("start to first token, prompt of 30", "s", "first"), ("start to first token, prompt of one word", "s", "load"),
                                          ("most memory resident", "MB", "memory")]])


def whisper(o, table):
    for threads in o.threads:
        say(f"Whisper base, {threads} threads")

        def ours():
            r = Run(o.ours, "bench", "-m", files.path("whisper"), "-t", threads, "-r", 3, "--json", wait=o.wait)
            b = json.loads(r.out)
            return {"encoder": median(b["encoder_ms"]), "decoder": median(b["decoder_ms_per_token"])}, r

        def cpp(model):
            def run():
                file = files.path(model)
                clip = Run(WHISPER / "whisper-cli", "-m", file, "-t", threads, "-f", CLIP, "-l", "en", "-bs", 1, "-bo", 1, "-nf", wait=o.wait)
                bench = Run(WHISPER / "whisper-bench", "-m", file, "-t", threads, wait=o.wait)
                bench.others = max(bench.others, clip.others)
                per_run = lambda r, what: float(re.search(what + r" time =.*\(\s*([\d.]+) ms per run", r.err).group(1))
                return {"encoder": per_run(bench, "encode"), "decoder": per_run(clip, "decode")}, bench
            return run

        def faster(kind):
            def run():
                r = Run(PYTHON, ROOT / "app/setup/bench_faster.py", files.path("whisper"), CLIP, kind, threads, 1, wait=o.wait)
                b = json.loads(r.out)
                return {"encoder": b["encoder_ms"][0], "decoder": b["decoder_ms"][0]}, r
            return run

        peers = {"whisper.cpp f16": cpp("whisper-f16"), "whisper.cpp q8_0": cpp("whisper-q8_0"),
                 "faster-whisper int8": faster("int8"), "faster-whisper float32": faster("float32")}
        table.alternate({"ours": ours, **peers}, [
            (("whisper", "Whisper base", what, threads, peer), "ms", False, ("ours", value), (peer, value), {})
            for what, value in [("encoder, 30 s", "encoder"), ("decoder, a step", "decoder")] for peer in peers])


def kernels(o, table):
    say("kernels (a minute or two)")
    r = Run(o.ours, "bench", "--kernels", "-t", max(o.threads), "--json", wait=o.wait)
    table.kernels = {**json.loads(r.out), "others": r.others, "date": time.strftime("%Y-%m-%d")}
    table.save()


def main():
    o = options()
    if o.level:
        os.environ["SOBERANO_CPU"] = o.level
    os.environ["SOBERANO_HOME"] = tempfile.mkdtemp(prefix="soberano-bench-")  # an empty library, not the user's
    try:
        needed = set()
        if {"generation", "start"} & set(o.only):
            needed |= {m for m in o.models if not files.path(m).exists()}
        if "whisper" in o.only:
            needed |= {"whisper-f16", "whisper-q8_0"}
        if needed:
            subprocess.run([PYTHON, ROOT / "app/setup/bench_files.py", *sorted(needed)], check=True)
        table = Table(o)
        for part in o.only:
            {"generation": generation, "start": start, "whisper": whisper, "kernels": kernels}[part](o, table)
        table.save()
    finally:
        import shutil
        shutil.rmtree(os.environ["SOBERANO_HOME"], ignore_errors=True)
    print(o.out)


if __name__ == "__main__":
    main()
