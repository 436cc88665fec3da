"""The same training step in PyTorch and PEFT, for comparison; `bench.sh` runs it.

usage: peer_lora.py MODEL_DIRECTORY ROWS LENGTH STEPS

LoRA r=16 on all linear layers of the blocks, float32 on the CPU, clipping at 1, AdamW at 2e-4, loss on
every token, no dropout. Prints one JSON object: the seconds of each step, the loss of the first and the
peak resident bytes.
"""

import json
import resource
import sys
import time

import peft
import torch
import transformers

directory, rows, length, steps = sys.argv[1], *map(int, sys.argv[2:5])
torch.manual_seed(0)
base = transformers.AutoModelForCausalLM.from_pretrained(
    directory, dtype=torch.float32, attn_implementation="sdpa"
)
base.config.use_cache = False
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
