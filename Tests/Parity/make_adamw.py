"""Golden values of torch.optim.AdamW, clip_grad_norm_ and the learning-rate schedules.

usage: make_adamw.py OUT_DIR      writes OUT_DIR/adamw/"""

import torch
from transformers import get_scheduler
from transformers.optimization import get_wsd_schedule

from golden import output_directory, save_json, save_tensors, symmetric

SHAPES = {"matrix": (5, 3), "vector": (7,), "odd": (3, 11)}
DECAYED = ("matrix", "odd")
STEPS = 50
# beta1, beta2, epsilon, learning rate, weight decay of DECAYED, clip (0: none)
CASES = {
    "default": dict(betas=(0.9, 0.999), epsilon=1e-8, learning_rate=1e-3, weight_decay=0.01, clip=0),
    "llama": dict(betas=(0.9, 0.95), epsilon=1e-5, learning_rate=3e-4, weight_decay=0.1, clip=1.0),
    "large_epsilon": dict(betas=(0.8, 0.99), epsilon=1e-2, learning_rate=5e-2, weight_decay=0.0,
                          clip=0),
    "no_momentum": dict(betas=(0.0, 0.9), epsilon=1e-8, learning_rate=1e-2, weight_decay=0.5,
                        clip=0.5),
}


def gradient(name: str, step: int) -> torch.Tensor:
    """Step counts from 1. The bound is a power of two, so the numbers are exact."""
    return symmetric(f"adamw/gradient/{name}/{step}", SHAPES[name], 2.0 ** (step % 5 - 2))


def make_case(case: str, settings: dict) -> dict:
    """Parameters and both moments after every tenth step; lr doubles after step 25."""
    parameters = {name: torch.nn.Parameter(symmetric(f"adamw/initial/{name}", shape))
                  for name, shape in SHAPES.items()}
    groups = [
        {"params": [parameters[n] for n in DECAYED], "weight_decay": settings["weight_decay"]},
        {"params": [p for n, p in parameters.items() if n not in DECAYED], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=settings["betas"],
                                  eps=settings["epsilon"])
    values, norms = {}, []
    for step in range(1, STEPS + 1):
        for name, parameter in parameters.items():
            parameter.grad = gradient(name, step)
        limit = settings["clip"] if settings["clip"] else float("inf")
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), limit))
        for group in optimizer.param_groups:
            group["lr"] = settings["learning_rate"] * (2 if step > 25 else 1)
        optimizer.step()
        if step % 10 == 0:
            for name, parameter in parameters.items():
                state = optimizer.state[parameter]
                values[f"{case}.{step}.{name}"] = parameter.data.clone()
                values[f"{case}.{step}.{name}.first_moment"] = state["exp_avg"].clone()
                values[f"{case}.{step}.{name}.second_moment"] = state["exp_avg_sq"].clone()
    values[f"{case}.norms"] = torch.stack(norms)
    return values


def make_clip() -> dict:
    """Norm and clipped gradients for limits below, near and above the norm, and for zeros."""
    values = {}
    for case, scale, limit in (("below", 1.0, 0.5), ("above", 1.0, 100.0), ("tiny", 1e-6, 1e-7),
                               ("zero", 0.0, 1.0)):
        tensors = {name: torch.nn.Parameter(torch.zeros(shape)) for name, shape in SHAPES.items()}
        for name, tensor in tensors.items():
            tensor.grad = symmetric(f"adamw/clip/{name}", SHAPES[name], scale)
            values[f"{case}.before.{name}"] = tensor.grad.clone()
        norm = torch.nn.utils.clip_grad_norm_(tensors.values(), limit)
        values[f"{case}.limit"] = torch.tensor([limit])
        values[f"{case}.norm"] = norm.reshape(1)
        for name, tensor in tensors.items():
            values[f"{case}.after.{name}"] = tensor.grad
    return values


def rates(schedule_of, peak: float, steps: int) -> list:
    """The rate that the optimizer uses at each of `steps` steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = schedule_of(optimizer)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


def make_schedules() -> list:
    cases = []
    for kind, name, extra in (
        ("constant", "constant_with_warmup", {}),
        ("linear", "linear", {}),
        ("cosine", "cosine", {}),
        ("cosine_with_minimum", "cosine_with_min_lr", {"min_lr_rate": 0.1}),
    ):
        for steps, warmup in ((1, 0), (10, 0), (40, 4), (37, 7), (12, 12)):
            lrs = rates(lambda o: get_scheduler(name, o, num_warmup_steps=warmup,
                        num_training_steps=steps, scheduler_specific_kwargs=extra), 2e-4, steps)
            cases.append({"kind": kind, "steps": steps, "warmup": warmup, "decay": 0, "peak": 2e-4,
                          "minimum_ratio": extra.get("min_lr_rate", 0), "rates": lrs})
    for steps, warmup, decay, floor in ((40, 4, 8, 0.0), (37, 0, 11, 0.1), (20, 5, 15, 0.0)):
        lrs = rates(lambda o: get_wsd_schedule(
            o, num_warmup_steps=warmup, num_decay_steps=decay, num_training_steps=steps,
            warmup_type="linear", decay_type="linear", min_lr_ratio=floor), 2e-4, steps)
        cases.append({"kind": "warmup_stable_decay", "steps": steps, "warmup": warmup,
                      "decay": decay, "peak": 2e-4, "minimum_ratio": floor, "rates": lrs})
    return cases


if __name__ == "__main__":
    root = output_directory(__doc__) / "adamw"
    values = {f"initial.{n}": symmetric(f"adamw/initial/{n}", s) for n, s in SHAPES.items()}
    values |= {f"gradient.{step}.{name}": gradient(name, step)
               for name in SHAPES for step in (1, 50)}
    for case, settings in CASES.items():
        values |= make_case(case, settings)
    save_tensors(root / "adamw.safetensors", values)
    save_tensors(root / "clip.safetensors", make_clip())
    save_json(root / "adamw.json", {"cases": CASES, "decayed": DECAYED, "shapes": SHAPES,
                                    "steps": STEPS})
    save_json(root / "schedules.json", make_schedules())
