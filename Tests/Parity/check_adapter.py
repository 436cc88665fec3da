"""Asks PEFT whether it reads an adapter directory as Halter means it.

usage: check_adapter.py ADAPTER_DIR MODEL_DIR LOGPROBS [--tolerance 1e-3]

MODEL_DIR is the base model as a Hugging Face directory. LOGPROBS is what
`halter logprobs --model … --adapter ADAPTER_DIR --input …` printed: a JSON object a line, with
`tokens` and `logprobs`, where logprobs[t] belongs to tokens[t] (the first may be null). Exit status 1
if a name in the adapter file is not one that PEFT uses, a number differs by more than allowed, or the
adapter does so little that a difference would not show."""

import argparse
import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from golden import deterministic
from make_lora import file_name


def load_adapted(adapter, model_directory):
    base = AutoModelForCausalLM.from_pretrained(model_directory, dtype=torch.float32)
    return PeftModel.from_pretrained(base, adapter).eval()


def check_names(model, adapter) -> None:
    """PEFT ignores names that it does not know and leaves missing ones at their start value."""
    written = set(load_file(pathlib.Path(adapter) / "adapter_model.safetensors"))
    expected = {file_name(name) for name in model.state_dict() if ".lora_" in name}
    if written != expected:
        sys.exit(f"only in the file: {sorted(written - expected)}\n"
                 f"only in PEFT: {sorted(expected - written)}")
    print(f"{len(written)} tensors, every name known to PEFT")


def logprobs_of_row(model, tokens) -> torch.Tensor:
    """[T - 1]: log p(tokens[t]) for t from 1."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, :-1]
    return logits.log_softmax(-1).gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]


def check_logprobs(model, lines, tolerance: float) -> None:
    worst, compared, moved = 0.0, 0, 0.0
    for number, line in enumerate(lines, 1):
        row = json.loads(line)
        tokens, found = row["tokens"], row["logprobs"]
        if len(tokens) < 2:
            continue
        found = found[1:] if len(found) == len(tokens) else found
        if len(found) != len(tokens) - 1:
            sys.exit(f"row {number}: {len(tokens)} tokens but {len(row['logprobs'])} logprobs")
        expected = logprobs_of_row(model, tokens)
        difference = (expected - torch.tensor(found, dtype=torch.float32)).abs()
        worst, compared = max(worst, difference.max().item()), compared + len(found)
        with model.disable_adapter():
            moved = max(moved, (expected - logprobs_of_row(model, tokens)).abs().max().item())
        place = int(difference.argmax())
        print(f"row {number}: {len(tokens)} tokens, largest difference {difference[place]:.2e} at "
              f"token {place + 1}: PEFT {expected[place]:.6f}, Halter {found[place]:.6f}")
    if compared == 0:
        sys.exit("no row with two tokens or more: nothing was compared")
    if not worst < tolerance:
        sys.exit(f"differs by {worst:.2e}, allowed is {tolerance:.0e}")
    if moved < 100 * tolerance:
        sys.exit(f"the adapter moves nothing by more than {moved:.2e}: train it for longer")
    print(f"the adapter moves log-probabilities by up to {moved:.2f}")
    print(f"{compared} log-probabilities agree, largest difference {worst:.2e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("adapter")
    parser.add_argument("model")
    parser.add_argument("logprobs", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    options = parser.parse_args()
    deterministic()
    adapted = load_adapted(options.adapter, options.model)
    check_names(adapted, options.adapter)
    check_logprobs(adapted, options.logprobs.read_text().splitlines(), options.tolerance)
