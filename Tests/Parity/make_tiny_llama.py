"""Golden values of tiny random Llama checkpoints, from transformers.

usage: make_tiny_llama.py OUT_DIR      writes OUT_DIR/tiny_llama/<case>/"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from golden import output_directory, save_tensors, seeded
from segments import expectations, make_segments

SHAPE = dict(
    vocab_size=97, hidden_size=32, intermediate_size=36, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64,
    rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
SMALL = dict(SHAPE, num_attention_heads=2, num_key_value_heads=1, intermediate_size=28,
             tie_word_embeddings=True)


def rope(kind: str, **extra) -> dict:
    return dict(SMALL, rope_parameters={"rope_type": kind, "rope_theta": 10000.0, **extra})


# case: configuration, storage type, segment lengths, whether gradients are stored
CASES = {
    "mha_untied": (SHAPE, "float32", (7, 1, 13), True),
    "gqa_tied": (dict(SHAPE, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-6),
                 "float32", (11, 1, 5), True),
    "mqa_bias": (dict(SHAPE, num_key_value_heads=1, intermediate_size=28, attention_bias=True,
                      mlp_bias=True), "float32", (1, 9, 7), True),
    "head_dim_override": (dict(SHAPE, num_key_value_heads=2, head_dim=12, intermediate_size=28,
                               tie_word_embeddings=True), "float32", (5, 13, 1), False),
    "rope_linear": (rope("linear", factor=4.0), "float32", (37, 1, 11), False),
    "rope_dynamic": (dict(rope("dynamic", factor=2.0), max_position_embeddings=16),
                     "float32", (37, 1, 11), False),
    "rope_llama3": (rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                         original_max_position_embeddings=32), "float32", (37, 1, 11), False),
    "rope_yarn": (rope("yarn", factor=4.0, original_max_position_embeddings=16),
                  "float32", (37, 1, 11), False),
    "bfloat16": (SMALL, "bfloat16", (9, 1, 3), False),
    "float16": (SMALL, "float16", (9, 1, 3), False),
}


def randomise(model, name: str) -> None:
    """Weights large enough that every part of the network shows in the logits."""
    generator = seeded(name)
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() == 2:
                fan_in = 1 if "embed_tokens" in key else value.shape[1]
                value.copy_(noise * (0.3 if fan_in == 1 else 1.4 * fan_in**-0.5))
            elif key.endswith("bias"):
                value.copy_(noise * 0.3)
            else:
                value.copy_(1 + noise * 0.2)


def make(name: str, directory) -> None:
    settings, storage, lengths, with_gradients = CASES[name]
    model = LlamaForCausalLM(LlamaConfig(**settings))
    randomise(model, name)
    model.to(getattr(torch, storage)).save_pretrained(directory)
    (directory / "generation_config.json").unlink()

    model = LlamaForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager").eval()
    batch = make_segments(name, lengths, settings["vocab_size"])
    values, loss = expectations(model, batch, fresh=name == "rope_dynamic")
    save_tensors(directory / "expected.safetensors", values)
    if with_gradients:
        loss.backward()
        save_tensors(directory / "gradients.safetensors",
                     {key: value.grad for key, value in model.named_parameters()})
    print(f"{name}: loss {loss.item():.6f}, logits in "
          f"[{values['logits'].min():.2f}, {values['logits'].max():.2f}]")


if __name__ == "__main__":
    root = output_directory(__doc__) / "tiny_llama"
    for case in CASES:
        make(case, root / case)
