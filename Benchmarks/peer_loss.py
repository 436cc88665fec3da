"""Seconds of PyTorch's linear head with cross-entropy, forward and backward to the hidden states.

    python peer_loss.py ROWS VOCABULARY COLUMNS THREADS ROUNDS [f32|bf16]

The head is frozen. Prints one line of JSON: the wall and processor seconds of each round.
"""

import json
import sys
import time

import torch
from torch.nn import functional


def main() -> None:
    rows, vocabulary, columns, threads, rounds = map(int, sys.argv[1:6])
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[(sys.argv[6:] or ["bf16"])[0]]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    hidden = torch.randn(rows, columns).to(dtype).requires_grad_()
    head = (torch.randn(vocabulary, columns) * 0.05).to(dtype)
    labels = torch.randint(0, vocabulary, (rows,))
    wall, cpu = [], []
    for _ in range(rounds + 1):
        hidden.grad = None
        start, used = time.perf_counter(), time.process_time()
        functional.cross_entropy(functional.linear(hidden, head), labels).backward()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    # The first round is not counted.
    print(
        json.dumps({"version": torch.__version__, "seconds": wall[1:], "cpu_seconds": cpu[1:]})
    )


if __name__ == "__main__":
    main()
