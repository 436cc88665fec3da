"""Golden values of checkpoints that bitsandbytes has quantised, as transformers saves them, and of
the blocks of GGUF files.

usage: make_bitsandbytes.py OUT_DIR      writes OUT_DIR/bitsandbytes/ and OUT_DIR/gguf_blocks/"""

import pathlib
import tempfile

import bitsandbytes
import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from golden import output_directory, save_tensors, seeded, symmetric
from segments import logits_of, make_segments

# Rows are whole blocks: bitsandbytes 0.50.2 on AVX-512 dequantises others with wrong scales.
CONFIG = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4,
              num_key_value_heads=2, vocab_size=97, max_position_embeddings=64,
              tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)


def four_bits(kind, double):
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=torch.float32)


CASES = {
    "nf4": four_bits("nf4", False),
    "nf4_double": four_bits("nf4", True),
    "fp4_double": four_bits("fp4", True),
    "int8": BitsAndBytesConfig(load_in_8bit=True),
}


def make_base(directory):
    model = LlamaForCausalLM(LlamaConfig(**CONFIG))
    generator = seeded("bitsandbytes")
    with torch.no_grad():
        for value in model.parameters():
            if value.dim() == 2:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.2)
    model.to(torch.bfloat16).save_pretrained(directory)


def dequantised(module):
    """The weight of a quantised layer as bitsandbytes gives it back, in float32."""
    if isinstance(module, bitsandbytes.nn.Linear4bit):
        return bitsandbytes.functional.dequantize_4bit(
            module.weight.data, module.weight.quant_state).float()
    return module.weight.data.float() * module.weight.SCB[:, None] / 127


def save(directory, base, config, batch):
    model = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=config, dtype=torch.float32, device_map="cpu",
        attn_implementation="eager")
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    plain = LlamaForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="eager")
    expected = {}
    for path, module in model.named_modules():
        if isinstance(module, (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)):
            weight = dequantised(module)
            plain.get_submodule(path).weight.data.copy_(weight)
            if path.endswith(("down_proj", "k_proj")):
                expected[path] = weight
    assert expected, "nothing was quantised"
    with torch.no_grad():
        logits = logits_of(plain, batch)
    save_tensors(directory / "expected.safetensors", batch | expected | {"logits": logits})
    print(directory.name, sum(f.stat().st_size for f in directory.iterdir()), "bytes")


def make_blocks(path):
    """Numbers and the blocks that the gguf package makes of them."""
    x = symmetric("gguf_blocks", (8, 256), 1.0)
    x[1] = 0
    x[2] *= 1e-6
    x[3] *= 1e4
    x[4, ::3] = 0.5
    tensors = {"input": x}
    for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
        blocks = gguf.quants.quantize(x.numpy(), gguf.GGMLQuantizationType[name])
        tensors[name.lower()] = torch.from_numpy(np.ascontiguousarray(blocks))
    save_tensors(path, tensors)


if __name__ == "__main__":
    root = output_directory(__doc__)
    make_blocks(root / "gguf_blocks" / "blocks.safetensors")
    batch = make_segments("bitsandbytes", (9, 1, 14), CONFIG["vocab_size"])
    with tempfile.TemporaryDirectory() as base:
        make_base(pathlib.Path(base))
        for case, config in CASES.items():
            save(root / "bitsandbytes" / case, base, config, batch)
