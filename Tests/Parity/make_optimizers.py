"""Golden values of 8-bit AdamW in bitsandbytes and of LoRA+ in PEFT.

usage: make_optimizers.py OUT_DIR      writes OUT_DIR/optimizers/; reads OUT_DIR/qlora/base"""

import bitsandbytes
import bitsandbytes.functional as F
import torch
from bitsandbytes.backends.cpu import ops as cpu
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from transformers import LlamaForCausalLM

from golden import output_directory, save_json, save_tensors, symmetric
from segments import logits_of, logprobs_of, loss_of, make_segments

BLOCK = 256
# Whole blocks, a last block that is not whole, and too few elements for 8 bits.
SHAPES = {"whole": (16, 256), "odd": (61, 69), "small": (9, 7)}
STEPS = 30
UPDATES = dict(rate=1e-2, weight_decay=0.1, betas=(0.9, 0.999), epsilon=1e-8, steps=STEPS)
COURSE = dict(rate=2e-3, clip=1.0, steps=STEPS)
LORA = dict(rank=4, alpha=8, rate=2e-3, ratio=16.0, weight_decay=0.1, clip=1.0, steps=STEPS)


def quantized(values: torch.Tensor, is_signed: bool):
    """Codes and scales. The kernel of bitsandbytes for CPUs rounds numbers to 1 of 65,536 before it
    looks up their code, and is off by one in 1 of 700; what it has for any device does not."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CompositeExplicitAutograd)
    return torch.ops.bitsandbytes.quantize_blockwise.default.redispatch(
        keys, values, F.create_dynamic_map(is_signed), BLOCK)


def quantize_exactly(values, code, absmax, codes, blocksize):
    """Takes the place of the rounding kernel inside bitsandbytes' step on CPUs."""
    assert blocksize == BLOCK
    new, scales = quantized(values, bool(code[0] < 0))
    codes.copy_(new)
    absmax.copy_(scales)


def make_codes() -> dict:
    """Numbers of many magnitudes: random, zeros, tiny, huge, and bounds between two codes."""
    values = symmetric("optimizers/codes", (5 * BLOCK + 77,))
    values *= 10 ** (symmetric("optimizers/magnitudes", values.shape) * 4)
    values[BLOCK:2 * BLOCK] = 0
    values[2 * BLOCK:3 * BLOCK] *= 1e-37
    values[3 * BLOCK:4 * BLOCK] *= 1e14
    code = F.create_dynamic_map(True)
    values[4 * BLOCK:5 * BLOCK - 1] = (code[:-1] + code[1:]) / 2
    values[5 * BLOCK - 1] = -1
    first, first_scales = quantized(values, True)
    second, second_scales = quantized(values * values, False)
    return {"codes.input": values, "codes.first": first, "codes.first_scales": first_scales,
            "codes.second": second, "codes.second_scales": second_scales}


def make_updates(kind: str) -> dict:
    """The first state of each tensor, and where it is at the end."""
    parameters = {name: torch.nn.Parameter(symmetric(f"optimizers/initial/{name}", shape))
                  for name, shape in SHAPES.items()}
    optimizer = bitsandbytes.optim.AdamW8bit(
        parameters.values(), lr=UPDATES["rate"], betas=UPDATES["betas"], eps=UPDATES["epsilon"],
        weight_decay=UPDATES["weight_decay"])
    values = {}
    for step in range(1, STEPS + 1):
        for name, parameter in parameters.items():
            parameter.grad = symmetric(
                f"optimizers/gradient/{name}/{step}", parameter.shape, 2.0 ** (step % 5 - 2))
        optimizer.step()
        for name, parameter in parameters.items():
            state = optimizer.state[parameter]
            if step == 1 and state["state1"].dtype == torch.uint8:
                for key in ("state1", "state2", "absmax1", "absmax2"):
                    values[f"{kind}.{name}.{key}"] = state[key].clone()
    for name, parameter in parameters.items():
        values[f"{kind}.{name}"] = parameter.data.clone()
    return values


def run(model, parameters, optimizer, settings) -> list:
    batch = make_segments("qlora", (17, 1, 30), model.config.vocab_size)
    losses = []
    for _ in range(settings["steps"]):
        loss = loss_of(logprobs_of(logits_of(model, batch), batch), batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings["clip"])
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    print(f"loss {losses[0]:.5f} to {losses[-1]:.5f}")
    return losses


def load(directory):
    return LlamaForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager")


def train_all(directory, optimizer_of) -> list:
    model = load(directory)
    parameters = list(model.parameters())
    return run(model, parameters, optimizer_of(parameters), COURSE)


def train_lora_plus(directory) -> list:
    model = get_peft_model(load(directory), LoraConfig(
        task_type="CAUSAL_LM", r=LORA["rank"], lora_alpha=LORA["alpha"],
        target_modules="all-linear"))
    parameters = {key.replace(".default", ""): value
                  for key, value in model.named_parameters() if "lora_" in key}
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(symmetric(f"qlora/{name}", value.shape, 0.1))
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=LORA["rate"], loraplus_lr_ratio=LORA["ratio"],
        loraplus_weight_decay=LORA["weight_decay"])
    return run(model, list(parameters.values()), optimizer, LORA)


if __name__ == "__main__":
    root = output_directory(__doc__)
    base = root / "qlora" / "base"
    values = {"signed": F.create_dynamic_map(True), "unsigned": F.create_dynamic_map(False)}
    values |= make_codes() | make_updates("table")
    eight_bit = train_all(base, lambda p: bitsandbytes.optim.AdamW8bit(
        p, lr=COURSE["rate"], weight_decay=0))
    cpu._quant_blockwise_fp32_direct = quantize_exactly
    values |= make_updates("exact")
    for name in SHAPES:
        distance = (values[f"table.{name}"] - values[f"exact.{name}"]).abs().max()
        print(f"{name}: the rounding kernel moves a parameter by up to {distance:.2e}")
        for key in [key for key in values if key.startswith("table.")]:
            if "state" in key or "absmax" in key:
                del values[key]
    save_tensors(root / "optimizers" / "adamw_8bit.safetensors", values)
    save_json(root / "optimizers" / "optimizers.json", {
        "shapes": SHAPES, "updates": UPDATES, "course": COURSE, "lora": LORA,
        "losses": {
            "adamw": train_all(base, lambda p: torch.optim.AdamW(
                p, lr=COURSE["rate"], weight_decay=0)),
            "adamw_8bit": eight_bit,
            "lora_plus": train_lora_plus(base),
        }})
