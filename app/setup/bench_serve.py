#!/usr/bin/env python3
"""Measures the HTTP server with several clients at once, beside llama.cpp's: `make bench-serve`.

Both servers are asked for the same continuations, greedy, streamed, alternately in several rounds; the models are in the
same file and the threads are as many. The report has ratios of the medians.

  streams     tokens a second of all streams together, with one stream, with one for which no tokens are proposed, as none are for several, and with several; and how much the last is more than one
  long        the longest pause of a running stream while a prompt of some 3,000 tokens comes, in the time that 128 tokens of that take
  turn        time to the first token of a second turn over a history of some 2,000 tokens, in steps of one token

  bench_serve.py --models smollm2,qwen2.5-coder-0.5b --streams 8 --rounds 3

peers.sh must have built llama-server (PEER_SERVER=1); without it only ours is measured, and the report says so.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from statistics import median

sys.dont_write_bytecode = True  # leave no __pycache__ in the source tree
import bench_files as files

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULTS = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "soberano" / "defaults"
PEER = files.PEERS / "llama-server" / "llama-server"
OPENINGS = ["Once upon a time", "The history of the river", "A letter to my sister about the garden", "How to build a wooden boat", "The old lighthouse keeper said",
            "In the year 1850 the town", "My grandmother's kitchen was", "The captain looked at the map and", "Rain fell on the mountain", "The first train to the north"]


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", type=lambda s: s.split(","), default=["smollm2", "qwen2.5-coder-0.5b"], metavar="NAME,…", help="folders of the user's cache with a .gguf file")
    p.add_argument("--streams", type=int, default=8)
    p.add_argument("--tokens", type=int, default=128)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--ours", default=str(ROOT / "build" / "soberano-cli"), help="our program")
    return p.parse_args()


class Server:
    """A running server with OpenAI's routes."""

    def __init__(self, name, address, key):
        self.name, self.address, self.key = name, address, key

    def post(self, path, body):
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": "Bearer " + self.key})
        return urllib.request.urlopen(request, timeout=600)

    def stream(self, prompt, tokens, times=None, **more):
        """Returns the times at which the pieces of a continuation came, after the time of the request, and its number of tokens. The list of times may be given, and more fields of the request.

        What comes is parsed afterwards: this program shares the cores with the server."""
        times, parts, generated = [] if times is None else times, [], 0
        times.append(time.perf_counter())
        body = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True, "stream_options": {"include_usage": True}, **more}
        with self.post("/v1/completions", body) as answer:
            while part := answer.read1():  # one chunk of the encoding, which is an event or several
                parts.append(part)
                times.append(time.perf_counter())
        pieces, rest = times[:1], b""
        for part, at in zip(parts, times[1:]):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                event = json.loads(line[6:]) if line.startswith(b"data: {") else {}
                if event.get("choices") and event["choices"][0].get("text"):
                    pieces.append(at)
                if event.get("usage"):
                    generated = event["usage"]["completion_tokens"]
                    self.prompt = event["usage"]["prompt_tokens"]  # of the request that ended last
        times[:] = pieces
        return times, generated


@contextlib.contextmanager
def ours(o, model):
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, SOBERANO_HOME=home)
        key = subprocess.run([o.ours, "serve", "--show-key"], env=env, check=True, capture_output=True, text=True).stdout.strip()
        process = subprocess.Popen([o.ours, "serve", "--address", "127.0.0.1:0", "--threads", str(o.threads), "--gpu", "off", "-m", str(model)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for line in process.stdout:
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    yield Server("ours", found[0], key)
                    break
            else:
                raise SystemExit("our server did not say where it listens")
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def peer(o, model):
    port = 18080
    command = [str(PEER), "-m", str(model), "--port", str(port), "-t", str(o.threads), "-np", str(o.streams), "-c", str(o.streams * 4096), "--no-webui"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            time.sleep(0.1)
        yield Server("llama-server", f"http://127.0.0.1:{port}", "none")
    finally:
        process.terminate()
        process.wait()


def prompt(n, seed):
    """A text of some n tokens that no other prompt begins with."""
    return f"Chapter {seed}. " + " ".join(f"The {OPENINGS[(i * 7 + seed) % len(OPENINGS)].lower()} number {i * seed % 997}." for i in range(n // 12)) + " And then"


def together(server, n, tokens, seed, **more):
    """Returns the tokens a second of n streams while they run side by side: from the first piece of the last one to begin, until one has all its tokens. Some texts end before, which
    makes it less."""
    prompts = [OPENINGS[i % len(OPENINGS)] + f" {seed}," for i in range(n)]
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        results = list(pool.map(lambda p: server.stream(p, tokens, **more), prompts))
    begin, end = max(times[1] for times, _ in results), min(times[-1] for times, generated in results if generated == tokens)
    pieces = sum(begin < t <= end for times, _ in results for t in times[1:])
    return pieces / (end - begin)


def pause(server, seed):
    """Returns the longest pause of a stream while a long prompt comes, divided by the time that 128 tokens of the prompt take."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        times = []
        running = pool.submit(server.stream, ", ".join(str(i) for i in range(seed, seed + 20)) + ",", 400, times)  # a text that does not end by itself
        while len(times) < 12:
            time.sleep(0.001)
        began = time.perf_counter()
        long, tokens = pool.submit(server.stream, prompt(3000, seed), 2).result(), server.prompt
        running.result()
    chunk = (long[0][1] - long[0][0]) * 128 / tokens
    return max(b - a for a, b in zip(times[1:], times[2:]) if b >= began) / chunk


def turn(server, seed):
    """Returns the time to the first token of a second turn, divided by the time of a token, each of which is a step: proposals that are accepted would make tokens cheaper than steps."""
    history = prompt(2000, seed)
    server.stream(history, 8)
    times, generated = server.stream(history + " the end. Next", 64, propose="off")
    return (times[1] - times[0]) / ((times[-1] - times[1]) / max(1, generated - 1))


def measure(o, model):
    """Returns the values of both servers, by what was measured."""
    out = {}
    for round in range(o.rounds):
        for start in [ours] + ([peer] if PEER.exists() else []):
            with start(o, model) as server:
                server.stream("Warm up", 8)
                values = {
                    "one stream, tokens/s": together(server, 1, o.tokens, 10 * round + 1),
                    "one stream without proposals, tokens/s": together(server, 1, o.tokens, 10 * round + 1, propose="off"),
                    f"{o.streams} streams, tokens/s": together(server, o.streams, o.tokens, 10 * round + 2),
                    "longest pause for a long prompt, chunks of 128": pause(server, 10 * round + 3),
                    "second turn of 2,000 tokens, steps": turn(server, 10 * round + 4),
                }
            for what, value in values.items():
                out.setdefault(what, {}).setdefault(server.name, []).append(value)
                print(f"  {model.parent.name}, {server.name}: {what} {value:.1f}", file=sys.stderr, flush=True)
    return out


def main():
    o = options()
    if not PEER.exists():
        print("llama-server is not built (PEER_SERVER=1 app/setup/peers.sh): only ours is measured", file=sys.stderr)
    print("| model | measured | ours | llama-server | ratio |\n|---|---|---|---|---|")
    for name in o.models:
        model = next((DEFAULTS / name).glob("*.gguf"))
        results = measure(o, model)
        for what, by in results.items():
            mine, its = median(by["ours"]), median(by["llama-server"]) if "llama-server" in by else None
            ratio = "" if its is None else f"{mine / its if 'tokens/s' in what else its / mine:.2f}"
            print(f"| {name} | {what} | {mine:.1f} | {'' if its is None else f'{its:.1f}'} | {ratio} |")
        one, plain, many = (median(results[w]["ours"]) for w in list(results)[:3])
        print(f"| {name} | several streams : one | {many / one:.2f} | | |")
        print(f"| {name} | several streams : one without proposals | {many / plain:.2f} | | |", flush=True)


main()
