"""Golden values of the real model: log-probabilities, greedy generation and LoRA training.

usage: make_smollm2.py OUT_DIR MODEL_DIR CONVERSATIONS [PART …]

MODEL_DIR comes from make_smollm2_base.py. CONVERSATIONS is the JSON file alpaca_en_demo.json, whose
licence (CC BY-NC 4.0) keeps its text and token ids out of the fixtures. PART is conversations,
generation, tokens or training; all by default. Writes OUT_DIR/smollm2/"""

import json
import pathlib
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from golden import hash_of_ids, output_directory, save_json, save_tensors, symmetric
from make_smollm2_base import repair
from segments import logits_of, logprobs_of

TEXTS = json.loads((pathlib.Path(__file__).parent / "smollm2_texts.json").read_text())
CONVERSATIONS, NEW_TOKENS = 20, 64
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, ROWS_PER_STEP, RANK, ALPHA, RATE, SAMPLES = 30, 4, 16, 32, 2e-4, 8


def load(model_directory, attention="sdpa"):
    return AutoModelForCausalLM.from_pretrained(
        model_directory, dtype=torch.float32, attn_implementation=attention).eval()


def batch_of(rows) -> dict:
    """Rows one after another; every token but a row's first is trained."""
    starts = torch.tensor([0, *torch.tensor([len(row) for row in rows]).cumsum(0).tolist()])
    weights = torch.ones(int(starts[-1]))
    weights[starts[:-1]] = 0
    tokens = torch.tensor([token for row in rows for token in row])
    return {"tokens": tokens, "segments": starts, "loss_weights": weights}


def make_conversations(root, model, tokenizer, source) -> None:
    rows = []
    for row in json.loads(pathlib.Path(source).read_text())[:CONVERSATIONS]:
        content = row["instruction"] + ("\n\n" + row["input"] if row["input"] else "")
        messages = [{"role": "user", "content": content},
                    {"role": "assistant", "content": row["output"]}]
        text = tokenizer.apply_chat_template(messages, tokenize=False)
        rows.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    batch = batch_of(rows)
    parts = []
    with torch.no_grad():
        for row in rows:
            one = batch_of([row])
            parts.append(logprobs_of(logits_of(model, one), one))
    save_json(root / "conversations.json",
              [{"tokens": len(row), "hash": hash_of_ids(row)} for row in rows])
    save_tensors(root / "conversations.safetensors",
                 {"segments": batch["segments"], "logprobs": torch.cat(parts)})


def generate(model, ids, stop) -> tuple:
    """Greedy tokens up to and with the stop token, and how far each was ahead of the second."""
    output, margins, cache = [], [], None
    step = torch.tensor([ids])
    while len(output) < NEW_TOKENS and stop not in output:
        result = model(input_ids=step, past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        best = result.logits[0, -1].topk(2)
        output.append(best.indices[0].item())
        margins.append(round((best.values[0] - best.values[1]).item(), 6))
        step = best.indices[None, :1]
    return output, margins


def decode(tokenizer, ids) -> str:
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def make_tokens(root, tokenizer) -> None:
    cases = []
    for text in TEXTS["strings"]:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        cases.append({"text": text, "ids": ids, "decoded": decode(tokenizer, ids)})
    save_json(root / "tokens.json", cases)


def make_generation(root, model, tokenizer) -> None:
    cases = []
    with torch.no_grad():
        for prompt in TEXTS["prompts"]:
            text = tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            output, margins = generate(model, ids, tokenizer.eos_token_id)
            cases.append({"prompt": prompt, "prompt_ids": ids, "ids": output, "margins": margins,
                          "text": decode(tokenizer, output)})
        first = model.generate(torch.tensor([cases[0]["prompt_ids"]]), do_sample=False,
                               max_new_tokens=NEW_TOKENS)[0].tolist()
        assert first == cases[0]["prompt_ids"] + cases[0]["ids"], "differs from generate()"
    save_json(root / "generation.json", cases)


def initial_value(name: str, shape) -> torch.Tensor:
    """A: uniform within 1 / √inputs, from the tensor's PEFT name. B: zero."""
    if "lora_B" in name:
        return torch.zeros(shape)
    return symmetric(name, shape, shape[1] ** -0.5)


def adapted(model):
    config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules=LINEAR)
    model = get_peft_model(model, config)
    parameters = {name.replace(".default", ""): value
                  for name, value in model.named_parameters() if value.requires_grad}
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(initial_value(name, value.shape))
    return model, dict(sorted(parameters.items()))


def train(model, parameters, rows) -> tuple:
    optimizer = torch.optim.AdamW(parameters.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=0)
    losses, norms = [], []
    for step in range(STEPS):
        batch = [rows[(step * ROWS_PER_STEP + j) % len(rows)] for j in range(ROWS_PER_STEP)]
        trained = sum(len(row) - 1 for row in batch)
        total = 0.0
        for row in map(lambda row: batch_of([row]), batch):
            loss = -logprobs_of(logits_of(model, row), row).sum() / trained
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0).item())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
        print(f"step {step + 1}: loss {total:.6f}, gradient norm {norms[-1]:.6f}", flush=True)
    return losses, norms


def updates(parameters) -> torch.Tensor:
    return torch.cat([(value.detach() - initial_value(name, value.shape)).flatten()
                      for name, value in parameters.items()])


def make_training(root, model_directory, tokenizer) -> None:
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS["rows"]]
    batch = batch_of(rows)
    model, parameters = adapted(load(model_directory))
    with torch.no_grad():
        before = logprobs_of(logits_of(model, batch), batch)
    losses, norms = train(model, parameters, rows)
    with torch.no_grad():
        after = logprobs_of(logits_of(model, batch), batch)

    # The same again with other roundings: how much of a difference means nothing.
    again, parameters_again = adapted(load(model_directory, attention="eager"))
    losses_again, norms_again = train(again, parameters_again, rows)
    reference = updates(parameters)
    noise = (updates(parameters_again) - reference).norm() / reference.norm()

    names, values = list(parameters), [value.detach() for value in parameters.values()]
    picks = [[j * (value.numel() - 1) // (SAMPLES - 1) for j in range(SAMPLES)] for value in values]
    moved = [value - initial_value(name, value.shape) for name, value in zip(names, values)]
    save_tensors(root / "training.safetensors", {
        "tokens": batch["tokens"], "segments": batch["segments"],
        "logprobs_before": before, "logprobs_after": after,
        "norms": torch.stack([value.norm() for value in values]),
        "update_norms": torch.stack([value.norm() for value in moved]),
        "samples": torch.stack([value.flatten()[pick] for value, pick in zip(values, picks)]),
        "initial_samples": torch.stack(
            [initial_value(name, value.shape).flatten()[pick]
             for name, value, pick in zip(names, values, picks)]),
    })
    save_json(root / "training.json", {
        "rank": RANK, "alpha": ALPHA, "learning_rate": RATE, "betas": [0.9, 0.999],
        "epsilon": 1e-8, "weight_decay": 0, "clip": 1.0, "steps": STEPS,
        "rows_per_step": ROWS_PER_STEP, "losses": losses, "gradient_norms": norms,
        "noise": {
            "update": noise.item(),
            "loss": max(abs(a - b) for a, b in zip(losses, losses_again)),
            "gradient_norm": max(abs(a / b - 1) for a, b in zip(norms, norms_again)),
        },
        "tensors": names, "rows": TEXTS["rows"],
    })


if __name__ == "__main__":
    root = output_directory(__doc__) / "smollm2"
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    directory, source = sys.argv[2:4]
    parts = sys.argv[4:] or ["conversations", "generation", "tokens", "training"]
    tokenizer = repair(AutoTokenizer.from_pretrained(directory))
    if "conversations" in parts:
        make_conversations(root, load(directory), tokenizer, source)
    if "generation" in parts:
        make_generation(root, load(directory), tokenizer)
    if "tokens" in parts:
        make_tokens(root, tokenizer)
    if "training" in parts:
        make_training(root, directory, tokenizer)
