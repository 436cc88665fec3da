"""Asks transformers and PEFT whether they score as Halter does with what it wrote.

usage: check_reward.py ADAPTER_DIR MODEL_DIR MERGED_DIR PAIRS SCORES [--tolerance 1e-3]

MODEL_DIR is the base model as a Hugging Face directory, MERGED_DIR what `halter export --merge` wrote.
PAIRS are rows with prompt, chosen and rejected as lists of messages, and SCORES what
`halter score … --input PAIRS` printed. The tokenizer, the template and the pad token are those of
MERGED_DIR: rows are scored by themselves and in padded batches. Exit status 1 if a score differs by
more than allowed, or all scores are about the same, so that a difference would not show."""

import argparse
import json
import pathlib
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from golden import deterministic


def texts_of(pairs, tokenizer) -> list:
    texts = []
    for line in pairs:
        row = json.loads(line)
        for side in ("chosen", "rejected"):
            texts.append(tokenizer.apply_chat_template(
                row["prompt"] + row[side], tokenize=True, return_dict=False))
    return texts


def scores_of(model, texts, pad: int, batch: int) -> list:
    scores = []
    for start in range(0, len(texts), batch):
        rows = texts[start : start + batch]
        width = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        with torch.no_grad():
            scores += model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0].tolist()
    return scores


def check(name: str, found, expected, tolerance: float) -> None:
    worst = max(abs(a - b) for a, b in zip(found, expected))
    if len(found) != len(expected) or not worst < tolerance:
        sys.exit(f"{name}: {len(found)} scores differ from {len(expected)} by up to {worst:.2e}")
    print(f"{name}: {len(found)} scores agree, largest difference {worst:.2e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("adapter")
    parser.add_argument("model")
    parser.add_argument("merged")
    parser.add_argument("pairs", type=pathlib.Path)
    parser.add_argument("scores", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    options = parser.parse_args()
    deterministic()
    halter = [s for line in options.scores.read_text().splitlines() for s in json.loads(line)["scores"]]
    if max(halter) - min(halter) < 100 * options.tolerance:
        sys.exit("the scores are all about the same: train for longer")
    tokenizer = AutoTokenizer.from_pretrained(options.merged)
    texts = texts_of(options.pairs.read_text().splitlines(), tokenizer)

    merged = AutoModelForSequenceClassification.from_pretrained(options.merged, dtype=torch.float32).eval()
    pad = merged.config.pad_token_id
    if merged.config.num_labels != 1 or tokenizer.pad_token_id != pad:
        sys.exit(f"{merged.config.num_labels} labels, pad {pad}, the tokenizer's {tokenizer.pad_token_id}")
    check("merged, alone", scores_of(merged, texts, pad, 1), halter, options.tolerance)
    check("merged, padded", scores_of(merged, texts, pad, 8), halter, options.tolerance)

    base = AutoModelForSequenceClassification.from_pretrained(
        options.model, num_labels=1, dtype=torch.float32)
    base.config.pad_token_id = pad
    adapted = PeftModel.from_pretrained(base, options.adapter).eval()
    check("adapter, padded", scores_of(adapted, texts, pad, 8), halter, options.tolerance)
