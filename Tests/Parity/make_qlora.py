"""Golden values of QLoRA and DoRA: a tiny checkpoint, in 4 bits and not, trained with PEFT.

usage: make_qlora.py OUT_DIR      writes OUT_DIR/qlora/"""

import bitsandbytes
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from golden import output_directory, save_json, save_tensors, seeded, symmetric
from make_lora import lora_parameters
from segments import logits_of, logprobs_of, loss_of, make_segments

# Rows are whole blocks: bitsandbytes 0.50.2 on AVX-512 dequantises others with wrong scales.
CONFIG = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, vocab_size=97, max_position_embeddings=64,
              tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
STEPS, RATE, RANK, ALPHA, CLIP = 30, 2e-2, 4, 8, 1.0
SETTINGS = dict(rank=RANK, alpha=ALPHA, rate=RATE, clip=CLIP, steps=STEPS)


def quantised(model, double):
    """The model with its linear layers in NF4, computing in float32; the head stays as it is."""
    for path, module in list(model.named_modules()):
        if not isinstance(module, torch.nn.Linear) or path == "lm_head":
            continue
        layer = bitsandbytes.nn.Linear4bit(
            module.in_features, module.out_features, bias=module.bias is not None,
            compute_dtype=torch.float32, quant_type="nf4", compress_statistics=double)
        layer.weight = bitsandbytes.nn.Params4bit(
            module.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=double)
        model.set_submodule(path, layer.to("cpu"))
        assert layer.weight.dtype == torch.uint8
    return model


def make_base(directory):
    model = LlamaForCausalLM(LlamaConfig(**CONFIG))
    generator = seeded("qlora/base")
    with torch.no_grad():
        for value in model.parameters():
            if value.dim() == 2:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.2)
    model.to(torch.bfloat16).save_pretrained(directory)
    (directory / "generation_config.json").unlink()


def train(directory, quantise, **options):
    """The batch, the course of the training, and what was trained. `quantise` prepares the base."""
    base = LlamaForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(quantise(base), LoraConfig(
        task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules="all-linear", **options))
    parameters = lora_parameters(model)
    with torch.no_grad():
        for name, value in parameters.items():
            if value.dim() == 2:  # magnitudes stay the norms that PEFT starts with
                value.copy_(symmetric(f"qlora/{name}", value.shape, 0.1))
    batch = make_segments("qlora", (17, 1, 30), model.config.vocab_size)
    optimizer = torch.optim.AdamW(parameters.values(), lr=RATE, weight_decay=0)
    losses, norms = [], []
    for step in range(STEPS):
        loss = loss_of(logprobs_of(logits_of(model, batch), batch), batch)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP).item())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    print(f"{options}: loss {losses[0]:.5f} to {losses[-1]:.5f}")
    course = {"losses": losses, "gradient_norms": norms, "tensors": sorted(parameters)}
    return batch, course, parameters


if __name__ == "__main__":
    root = output_directory(__doc__)
    base = root / "qlora" / "base"
    make_base(base)
    nf4, nf4_double = (lambda model: quantised(model, False)), (lambda model: quantised(model, True))
    batch, plain, _ = train(base, nf4)
    _, double, _ = train(base, nf4_double)
    _, dora, weights = train(base, lambda model: model, use_dora=True)
    _, dora_nf4, _ = train(base, nf4, use_dora=True, use_rslora=True)
    save_tensors(root / "qlora" / "batch.safetensors", batch)
    save_tensors(root / "qlora" / "dora.safetensors",
                 {name: value.detach() for name, value in weights.items() if "layers.1.self" in name})
    save_json(root / "qlora" / "qlora.json",
              SETTINGS | {"plain": plain, "double": double, "dora": dora, "dora_nf4": dora_nf4})
