"""Formats the measurements of bench.py as a report: tables with our value, the peer's, their ratio and the goal."""
from statistics import median

# The goal for the share of the read bandwidth in generation, by model.
SHARES = {"F16": 0.9, "large": 0.85}


def goal(row):
    """Returns the goal for the ratio, or None."""
    part, model, what, threads, peer = row["key"]
    one = threads == 1
    if part == "start":
        return 2.0 if "prompt of 30" in what else 1.0
    if part == "whisper":
        if what.startswith("decoder"):
            return 2.0
        return {"whisper.cpp": 3.0, "faster-whisper int8": 1.8}.get(peer if "faster" in peer else peer.split()[0])
    if "," in peer:  # both sides with the instructions of a level
        return {"Q4_1": (4.0, 2.0), "Q4_0": (2.5, 1.8)}.get(model, (2.5, 1.5))[what.startswith("generate")] if not one else None
    if what.startswith("generate"):
        return None if model in SHARES else (2.5 if one else 2.2) if model == "Q4_1" else 1.5
    return {"Q4_1": 6.0 if one else 5.5, "F16": 1.6}.get(model, 2.5)


NAMES = {"gemma": "Gemma 3 270M Q4_K_M", "large": "3B, random, Q4_0", "mixture": "3B, mixture, random, Q4_0"}
TITLES = {"generation": "Generation and prompts", "start": "From start to first token", "whisper": "Speech"}
NOTES = {
    "generation": "llama-bench's definitions: random tokens, nothing sampled. SmolLM2 135M in Q4_1 as shipped, the others requantized from it by "
                  "llama-quantize; 576 columns do not divide by 256, so its K types are mostly Q8_0, Q5_0 and the like.",
    "start": "A new process each time, files in the page cache, a context of 4096; time until the first byte of the answer. llama-completion runs "
             "without its warm-up. A prompt of one word takes little more than loading. Memory is the largest resident size, including mapped files.",
    "whisper": "Our program uses the float16 file and multiplies in 8 bits, and in bfloat16 if the CPU supports it. whisper.cpp: encoder from whisper-bench, decoder from whisper-cli on the same clip of 11 s, greedy. "
               "faster-whisper: its encoder time is without the keys and values of cross-attention, which ours and whisper.cpp's include; a step is "
               "the difference between a complete and a short answer.",
}


def name(model):
    return NAMES.get(model, model if model.startswith("Whisper") else "SmolLM2 " + model)


def ratios(row):
    """Returns the ratio of the medians, and the smallest and largest ratio of a round; above one ours is faster."""
    pairs = list(zip(row["ours"], row["peer"])) if row["higher"] else list(zip(row["peer"], row["ours"]))
    each = [a / b for a, b in pairs]
    return median(a for a, _ in pairs) / median(b for _, b in pairs), min(each), max(each)


def figure(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def met(value, wanted):
    return "—" if wanted is None else "yes" if value >= wanted else "**no**"


def line(row):
    part, model, what, threads, peer = row["key"]
    return f"{name(model)}, {what}, {threads} threads: {figure(median(row['ours']))} {row['unit']}, {peer} {figure(median(row['peer']))}: {ratios(row)[0]:.2f}"


def cells(*texts):
    return "| " + " | ".join(texts) + " |"


def comparison(part, rows):
    out = [f"## {TITLES[part]}", "", NOTES[part], "",
           cells("model", "what", "threads", "unit", "ours", "peer", "", "ratio", "single rounds", "goal", "met"), "|---" * 11 + "|"]
    for r in rows:
        _, model, what, threads, peer = r["key"]
        ratio, least, most = ratios(r)
        wanted = goal(r)
        mark = " ¹" if r["others"] > 0.1 else ""
        out.append(cells(name(model), what, str(threads), r["unit"], figure(median(r["ours"])), figure(median(r["peer"])), peer,
                         f"**{ratio:.2f}**{mark}", f"{least:.2f} – {most:.2f}", "—" if wanted is None else f"{wanted:.1f}", met(ratio, wanted)))
    return out + [""]


def shares(rows):
    """Returns a table of the rate at which generation reads large weights, relative to the read bandwidth."""
    out = []
    for r in rows:
        _, model, what, threads, _ = r["key"]
        if "memory" not in r or not what.startswith("generate"):
            continue
        limit = median(r["memory"])
        ours, peer = (median(r[side]) * r["bytes"] / 1e9 for side in ("ours", "peer"))
        out.append(cells(name(model), what, str(threads), f"{r['bytes'] / 1e6:.0f}", figure(ours), figure(limit), f"{figure(min(r['memory']))} – {figure(max(r['memory']))}",
                         f"**{100 * ours / limit:.0f} %**", f"{100 * peer / limit:.0f} %", f"{100 * SHARES[model]:.0f} %", met(ours / limit, SHARES[model])))
    if not out:
        return []
    return ["## Share of the read bandwidth", "",
            "Tokens a second times the bytes of the file's weights, against the rate at which this machine reads memory (`soberano bench --limits`, "
            "in the same rounds; medians).", "",
            cells("model", "what", "threads", "MB", "GB/s", "limit", "single rounds", "share", "llama.cpp's", "goal", "met"), "|---" * 11 + "|", *out, ""]


def roofline(k):
    out = ["## Kernels", "", "`soberano bench --kernels`: the best of many calls, relative to the resource that limits the kernel.", "",
           cells("limit", "threads", "rate"), "|---" * 3 + "|"]
    out += [cells(p["resource"], str(p["threads"]), f"{figure(p['rate'])} {p['unit']}") for p in k["peaks"]]
    out += ["", cells("kernel", "shape", "threads", "achieved", "limit", "share"), "|---" * 6 + "|"]
    for s in k["kernels"]:
        out.append(cells(s["kernel"], s["shape"], str(s["threads"]), figure(s["achieved"]), f"{figure(s['limit'])} {s['unit']} ({s['bound']})",
                         f"{100 * s['achieved'] / s['limit']:.0f} %"))
    return out + [""]


def write(data):
    rows, k = data["rows"], data["kernels"]
    dates = sorted({r["date"] for r in rows} | ({k["date"]} if k else set()))
    out = ["# Speed", "", f"{data['cpu']}, {data['cores']} cores" + (f", level {k['level']}" if k else "") + (f"; {' to '.join(dict.fromkeys([dates[0], dates[-1]]))}." if dates else "."), "",
           "Made by `make bench` (`app/setup/bench.py`; it says what it runs). Ours and the peer run alternately on the same file with the same threads; "
           "a ratio is that of the medians, above one where ours is faster or smaller. Peers: llama.cpp from llama-cpp-python 0.3.36, whisper.cpp from "
           "pywhispercpp 1.5.1, both built for this machine with all their fast paths; faster-whisper 1.2.1.", ""]
    if any(r["others"] > 0.1 for r in rows):
        out += ["¹ Other programs took more than a tenth of a core during one of the runs: do not trust it.", ""]
    for part in TITLES:
        mine = [r for r in rows if r["key"][0] == part]
        if mine:
            out += comparison(part, mine)
        if part == "generation":
            out += shares(mine)
    if k:
        out += roofline(k)
    return "\n".join(out).rstrip() + "\n"
