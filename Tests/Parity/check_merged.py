"""Asks transformers whether a merged model that Halter exported is base plus adapter.

usage: check_merged.py MERGED_DIR MODEL_DIR ADAPTER_DIR [--tolerance 1e-3] [--tokens FILE]

Compares the logits of a few texts with those of MODEL_DIR plus ADAPTER_DIR in PEFT, the tokenizer's
ids with FILE (`smollm2/tokens.json` of the fixtures; without it with MODEL_DIR's tokenizer), the chat
template and the stop tokens, and generates. Exit status 1 at the first disagreement."""

import argparse
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from check_adapter import check_names, load_adapted
from golden import deterministic

TEXTS = json.loads((pathlib.Path(__file__).parent / "smollm2_texts.json").read_text())


def ids_of(tokenizer, text) -> list:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def check_tokenizer(merged, base, tokens_file) -> None:
    cases = (json.loads(tokens_file.read_text()) if tokens_file else
             [{"text": text, "ids": ids_of(base, text)} for text in TEXTS["strings"]])
    for case in cases:
        found = ids_of(merged, case["text"])
        if found != case["ids"]:
            sys.exit(f"tokens of {case['text']!r}: {found}, expected {case['ids']}")
    messages = [{"role": "user", "content": TEXTS["prompts"][0]},
                {"role": "assistant", "content": TEXTS["rows"][0]}]
    for prompt in (False, True):
        texts = [tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
                 for tokenizer in (merged, base)]
        if texts[0] != texts[1]:
            sys.exit(f"chat template renders {texts[0]!r}, expected {texts[1]!r}")
    for name in ("bos_token_id", "eos_token_id", "unk_token_id"):
        if getattr(merged, name) != getattr(base, name):
            sys.exit(f"{name} is {getattr(merged, name)}, expected {getattr(base, name)}")
    print(f"tokenizer: {len(cases)} texts, the chat template and the special tokens agree")


def check_logits(merged, adapted, tokenizer, tolerance: float) -> None:
    worst = 0.0
    for text in TEXTS["rows"]:
        ids = torch.tensor([ids_of(tokenizer, text)])
        with torch.no_grad():
            difference = merged(input_ids=ids).logits - adapted(input_ids=ids).logits
        worst = max(worst, difference.abs().max().item())
    if not worst < tolerance:
        sys.exit(f"logits differ by {worst:.2e}, allowed is {tolerance:.0e}")
    print(f"logits: largest difference {worst:.2e} over {len(TEXTS['rows'])} texts")


def stops(model) -> set:
    value = model.generation_config.eos_token_id
    return set(value) if isinstance(value, list) else {value}


def check_generation(merged, adapted, tokenizer) -> None:
    if not stops(adapted) <= stops(merged):
        sys.exit(f"generation stops at {stops(merged)}, the base at {stops(adapted)}")
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": TEXTS["prompts"][0]}], add_generation_prompt=True,
        return_tensors="pt", return_dict=True)["input_ids"]
    outputs = [model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                              max_new_tokens=16)[0, ids.shape[1]:].tolist()
               for model in (merged, adapted)]
    if not outputs[0]:
        sys.exit("generated nothing")
    print(f"merged  generates {tokenizer.decode(outputs[0])!r}")
    print(f"adapter generates {tokenizer.decode(outputs[1])!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("merged")
    parser.add_argument("model")
    parser.add_argument("adapter")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--tokens", type=pathlib.Path)
    options = parser.parse_args()
    deterministic()
    merged_tokenizer = AutoTokenizer.from_pretrained(options.merged)
    check_tokenizer(merged_tokenizer, AutoTokenizer.from_pretrained(options.model), options.tokens)
    merged_model, report = AutoModelForCausalLM.from_pretrained(
        options.merged, dtype=torch.float32, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[kind]:
            sys.exit(f"{kind.replace('_', ' ')}: {sorted(report[kind])}")
    adapted_model = load_adapted(options.adapter, options.model)
    check_names(adapted_model, options.adapter)
    check_logits(merged_model.eval(), adapted_model, merged_tokenizer, options.tolerance)
    check_generation(merged_model, adapted_model, merged_tokenizer)
