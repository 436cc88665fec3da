"""Segments of tokens, their loss, and what a causal language model says about them.

Every segment goes through the model by itself: no padding, no mask, no packing."""

import copy

import torch

from golden import seeded


def make_segments(name: str, lengths, vocabulary: int) -> dict:
    """Random tokens and loss weights of 0 or 1; the first token of a segment has weight 0."""
    generator = seeded(name)
    total = sum(lengths)
    starts = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()])
    weights = torch.randint(0, 4, (total,), generator=generator).clamp(max=1).float()
    weights[starts[:-1]] = 0
    return {
        "tokens": torch.randint(0, vocabulary, (total,), generator=generator),
        "segments": starts,
        "loss_weights": weights,
    }


def logits_of(model, batch: dict, fresh: bool = False) -> torch.Tensor:
    """[T, V]. `fresh` runs each segment in a copy, for models that remember lengths they saw."""
    starts = batch["segments"].tolist()
    rows = []
    for start, end in zip(starts, starts[1:]):
        runner = copy.deepcopy(model) if fresh else model
        output = runner(input_ids=batch["tokens"][None, start:end], use_cache=False)
        rows.append(output.logits[0])
    return torch.cat(rows)


def logprobs_of(logits: torch.Tensor, batch: dict) -> torch.Tensor:
    """[T]: log p(tokens[t] | the tokens before it in its segment); 0 for a segment's first."""
    logp = logits.log_softmax(-1)
    result = torch.zeros(len(batch["tokens"]), dtype=logp.dtype)
    starts = batch["segments"].tolist()
    for start, end in zip(starts, starts[1:]):
        if end - start > 1:
            targets = batch["tokens"][start + 1 : end]
            picked = logp[start : end - 1].gather(1, targets[:, None])[:, 0]
            result[start + 1 : end] = picked
    return result


def loss_of(logprobs: torch.Tensor, batch: dict) -> torch.Tensor:
    weights = batch["loss_weights"].to(logprobs.dtype)
    return -(weights * logprobs).sum() / weights.sum()


def expectations(model, batch: dict, fresh: bool = False):
    """What `expected.safetensors` holds, and the loss still attached to its graph."""
    logits = logits_of(model, batch, fresh)
    logprobs = logprobs_of(logits, batch)
    loss = loss_of(logprobs, batch)
    values = {**batch, "logits": logits, "logprobs": logprobs, "loss": loss.reshape(1)}
    return values, loss
