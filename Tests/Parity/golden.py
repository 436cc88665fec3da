"""Deterministic numbers and file writing shared by the scripts that make golden values.

The numbers here are meant to be made again in another language: README.md, "Generated numbers",
is their specification."""

import json
import pathlib
import re
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers.utils import logging as transformers_logging

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def fnv1a64(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return state


def hash_of_ids(ids) -> str:
    """FNV-1a-64 of the ids as little-endian int32, as 16 hexadecimal digits."""
    return f"{fnv1a64(np.asarray(ids, dtype='<i4').tobytes()):016x}"


def bits(name: str, count: int) -> np.ndarray:
    """`count` 64-bit words: splitmix64 started at FNV-1a-64 of `name`."""
    with np.errstate(over="ignore"):
        step = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
        z = np.uint64(fnv1a64(name.encode())) + step
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def symmetric(name: str, shape, bound: float = 1.0) -> torch.Tensor:
    """float32 numbers in [-bound, bound): exact multiples of 2^-23, times bound rounded once."""
    count = int(np.prod(shape))
    top = (bits(name, count) >> np.uint64(40)).astype(np.int64) - (1 << 23)
    unit = top.astype(np.float32) / np.float32(1 << 23)
    return torch.from_numpy(unit * np.float32(bound)).reshape(tuple(shape))


def seeded(name: str) -> torch.Generator:
    """A torch generator seeded from a name, for values that are stored rather than made again."""
    return torch.Generator().manual_seed(fnv1a64(name.encode()) & 0x7FFFFFFF)


def save_tensors(path: pathlib.Path, tensors: dict) -> None:
    """Write a safetensors file; float64 becomes float32, int64 becomes int32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    narrow = {torch.float64: torch.float32, torch.int64: torch.int32}
    save_file(
        {
            name: value.detach().to(narrow.get(value.dtype, value.dtype)).contiguous().clone()
            for name, value in tensors.items()
        },
        path,
        metadata={"format": "pt"},
    )


def save_json(path: pathlib.Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    # A list of numbers goes on one line.
    text = re.sub(r"\[\s[-+.,\deE\s]*\]", lambda found: " ".join(found[0].split()), text)
    path.write_text(text + "\n")


def output_directory(usage: str) -> pathlib.Path:
    """The directory named on the command line; also makes torch deterministic."""
    if len(sys.argv) < 2:
        sys.exit(usage)
    deterministic()
    return pathlib.Path(sys.argv[1])


def deterministic() -> None:
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
