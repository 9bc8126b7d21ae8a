#!/usr/bin/env python3
"""Computes error rates: reads JSON [[language, reference text, recognised text], …] and prints
the word error rate in percent by language; for Chinese the character error rate. Runs with
the Python of peers/venv, which has jiwer.
"""
import json
import sys

import jiwer

NORMAL = [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveWhiteSpace(replace_by_space=True), jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
WORDS = jiwer.Compose(NORMAL + [jiwer.ReduceToListOfListOfWords()])
CHARACTERS = jiwer.Compose(NORMAL + [jiwer.RemoveWhiteSpace(), jiwer.ReduceToListOfListOfChars()])


def main():
    by_language = {}
    for language, said, heard in json.load(sys.stdin):
        by_language.setdefault(language, ([], []))
        by_language[language][0].append(said)
        by_language[language][1].append(heard)
    out = {}
    for language, (said, heard) in by_language.items():
        if language == "zh":
            out[language] = 100 * jiwer.cer(said, heard, reference_transform=CHARACTERS, hypothesis_transform=CHARACTERS)
        else:
            out[language] = 100 * jiwer.wer(said, heard, reference_transform=WORDS, hypothesis_transform=WORDS)
    print(json.dumps(out))


main()
