"""The same training step in PyTorch and PEFT, for comparison; `bench.sh` runs it.

usage: peer_lora.py MODEL_DIRECTORY {f32,bf16,nf4} ROWS LENGTH STEPS [--recompute]

LoRA r=16 on all linear layers of the blocks, on the CPU, clipping at 1, AdamW at 2e-4, loss on every
token, no dropout. nf4 is bitsandbytes with double quantisation, computing in bf16. Prints one JSON
object: the seconds of each step, the losses and the peak resident bytes.
"""

import json
import resource
import sys
import time

import peft
import torch
import transformers

directory, mode = sys.argv[1:3]
rows, length, steps = map(int, sys.argv[3:6])
torch.manual_seed(0)
options = {}
if mode == "nf4":
    options["quantization_config"] = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
base = transformers.AutoModelForCausalLM.from_pretrained(
    directory,
    dtype=torch.float32 if mode == "f32" else torch.bfloat16,
    attn_implementation="sdpa",
    **options,
)
base.config.use_cache = False
if "--recompute" in sys.argv:
    base.gradient_checkpointing_enable()
    base.enable_input_require_grads()
config = peft.LoraConfig(
    task_type="CAUSAL_LM", r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear"
)
model = peft.get_peft_model(base, config)
model.train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=2e-4)
tokens = torch.randint(5, base.config.vocab_size - 5, (rows, length))

seconds, losses = [], []
for _ in range(steps):
    start = time.perf_counter()
    loss = model(input_ids=tokens, labels=tokens).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
    seconds.append(time.perf_counter() - start)

print(
    json.dumps(
        {
            "seconds": seconds,
            "tokens": rows * length,
            "losses": losses,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "versions": f"torch {torch.__version__}, transformers {transformers.__version__}, "
            f"peft {peft.__version__}, {torch.get_num_threads()} threads",
        }
    )
)
