"""Golden values and gradients of single operations, computed by torch in float64.

usage: make_ops.py OUT_DIR      writes OUT_DIR/ops/

Inputs are drawn in float32 and stored exactly; everything computed from them is float64 rounded to
float32 once, at the end."""

import math

import torch
from torch.nn import functional

from golden import output_directory, save_json, save_tensors, seeded


class Case:
    """Inputs, outputs and gradients of one case, stored under `<case>.<name>`."""

    def __init__(self, name: str):
        self.name, self.values, self.generator = name, {}, seeded(name)
        self.leaves = {}

    def input(self, name: str, *shape, scale: float = 1.0, shift: float = 0.0):
        value = (torch.randn(shape, generator=self.generator) * scale + shift).float()
        self.values[name] = value
        self.leaves[name] = value.double().requires_grad_()
        return self.leaves[name]

    def output(self, value, name: str = "y"):
        """Stores the output, a random gradient `d<name>` of it, and every input's gradient."""
        seed = torch.randn(value.shape, generator=self.generator).float()
        self.values |= {name: value, f"d{name}": seed}
        self.differentiate((value * seed.double()).sum())

    def differentiate(self, scalar):
        scalar.backward()
        self.values |= {f"d{name}": leaf.grad for name, leaf in self.leaves.items()}

    def tensors(self) -> dict:
        return {f"{self.name}.{name}": value for name, value in self.values.items()}


def rms_norm(name, rows, width, epsilon, scale=1.0):
    case = Case(name)
    x = case.input("x", rows, width, scale=scale)
    w = case.input("w", width, scale=0.3, shift=1.0)
    case.output(w * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))
    return case


def swiglu(name, rows, width, scale):
    case = Case(name)
    gate, up = case.input("gate", rows, width, scale=scale), case.input("up", rows, width)
    case.output(functional.silu(gate) * up)
    return case


def rope(name, heads, width, theta, positions):
    """Pairs are (j, j + width/2). x and y are [T, heads, width]."""
    case = Case(name)
    x = case.input("x", len(positions), heads, width)
    case.values["positions"] = torch.tensor(positions)
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.tensor(positions, dtype=torch.float64)[:, None, None] * frequencies
    low, high = x.chunk(2, -1)
    case.output(torch.cat([low * angle.cos() - high * angle.sin(),
                           high * angle.cos() + low * angle.sin()], -1))
    return case


def attention(name, lengths, heads, kv_heads, width, scale=1.0):
    """Causal within each segment; q and o are [T, heads, width], k and v [T, kv_heads, width]."""
    case = Case(name)
    total = sum(lengths)
    q = case.input("q", total, heads, width, scale=scale)
    k, v = case.input("k", total, kv_heads, width, scale=scale), case.input("v", total, kv_heads, width)
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    case.values["segments"] = torch.tensor(starts)
    group, outputs = heads // kv_heads, []
    for start, end in zip(starts, starts[1:]):
        keys = k[start:end].repeat_interleave(group, 1)
        scores = torch.einsum("ihd,jhd->hij", q[start:end], keys) / math.sqrt(width)
        causal = torch.ones(end - start, end - start).tril().bool()
        weights = scores.masked_fill(~causal, -math.inf).softmax(-1)
        outputs.append(torch.einsum("hij,jhd->ihd", weights, v[start:end].repeat_interleave(group, 1)))
    case.output(torch.cat(outputs), "o")
    return case


def cross_entropy(name, rows, width, vocabulary, weights):
    """loss = sum(weights * nll) / sum(weights); `row_losses` are the nll. logits = h Wᵀ."""
    case = Case(name)
    h = case.input("h", rows, width)
    w = case.input("w", vocabulary, width, scale=0.6)
    labels = torch.randint(0, vocabulary, (rows,), generator=case.generator)
    weights = torch.tensor(weights, dtype=torch.float64)
    losses = functional.cross_entropy(h @ w.T, labels, reduction="none")
    loss = (weights * losses).sum() / weights.sum()
    case.values |= {"labels": labels, "weights": weights, "row_losses": losses,
                    "loss": loss.reshape(1)}
    case.differentiate(loss)
    return case


def lora_linear(name, rows, inputs, outputs, rank, scaling, biased):
    """y = x Wᵀ + bias + scaling (x Aᵀ) Bᵀ; W and bias are frozen."""
    case = Case(name)
    x = case.input("x", rows, inputs)
    a, b = case.input("a", rank, inputs, scale=0.4), case.input("b", outputs, rank, scale=0.4)
    w = torch.randn(outputs, inputs, generator=case.generator) * 0.4
    case.values["w"] = w
    y = x @ w.double().T + scaling * (x @ a.T) @ b.T
    if biased:
        case.values["bias"] = torch.randn(outputs, generator=case.generator)
        y = y + case.values["bias"].double()
    case.output(y)
    return case


def embedding(name, tokens, vocabulary, width):
    """Repeated tokens add up in dw; rows of unused tokens are zero."""
    case = Case(name)
    w = case.input("w", vocabulary, width)
    case.values["tokens"] = torch.tensor(tokens)
    case.output(functional.embedding(torch.tensor(tokens), w))
    return case


CASES = {
    "rms_norm": [
        (rms_norm, dict(rows=1, width=1, epsilon=1e-5)),
        (rms_norm, dict(rows=5, width=33, epsilon=1e-5)),
        (rms_norm, dict(rows=3, width=64, epsilon=1e-6, scale=1e-3)),
    ],
    "swiglu": [
        (swiglu, dict(rows=3, width=17, scale=1.0)),
        (swiglu, dict(rows=2, width=40, scale=30.0)),
    ],
    "rope": [
        (rope, dict(heads=1, width=2, theta=10000.0, positions=[0, 1, 7])),
        (rope, dict(heads=3, width=8, theta=10000.0, positions=[0, 1, 2, 0, 0, 1, 2047])),
        (rope, dict(heads=2, width=64, theta=100000.0, positions=[0, 5, 1999])),
    ],
    "attention": [
        (attention, dict(lengths=[7, 1, 13], heads=4, kv_heads=2, width=8)),
        (attention, dict(lengths=[1, 35, 5], heads=3, kv_heads=1, width=16)),
        (attention, dict(lengths=[11, 1], heads=2, kv_heads=2, width=64)),
        (attention, dict(lengths=[9], heads=9, kv_heads=3, width=8, scale=6.0)),
    ],
    "cross_entropy": [
        (cross_entropy, dict(rows=1, width=3, vocabulary=5, weights=[1.0])),
        (cross_entropy, dict(rows=7, width=16, vocabulary=97, weights=[0, 1, 1, 0, 1, 0.5, 2])),
        (cross_entropy, dict(rows=45, width=33, vocabulary=131, weights=[1, 0.5, 0] * 15)),
    ],
    "lora_linear": [
        (lora_linear, dict(rows=5, inputs=17, outputs=9, rank=4, scaling=2.0, biased=False)),
        (lora_linear, dict(rows=1, inputs=32, outputs=33, rank=3, scaling=0.5, biased=True)),
    ],
    "embedding": [(embedding, dict(tokens=[3, 0, 3, 10, 3], vocabulary=11, width=6))],
}

if __name__ == "__main__":
    root = output_directory(__doc__) / "ops"
    index = {}
    for operation, cases in CASES.items():
        tensors, index[operation] = {}, {}
        for number, (make, settings) in enumerate(cases):
            name = f"{operation}{number}"
            tensors |= make(name, **settings).tensors()
            index[operation][name] = settings
        save_tensors(root / f"{operation}.safetensors", tensors)
    save_json(root / "cases.json", index)
