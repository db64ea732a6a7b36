"""Golden values of torch.optim for crates/nn/tests/optimizer.rs.

Run with torch installed: python scripts/goldens/optimizer.py
Writes crates/nn/tests/fixtures/optimizer.json.
"""

import json
from pathlib import Path

import torch

STEPS = 20
SHAPES = {"weight": (3, 4), "bias": (4,)}
# A learning rate of its own for each step, as a schedule gives.
RATES = [0.05 * (1 - step / (2 * STEPS)) for step in range(STEPS)]
CASES = {
    "adam": (torch.optim.Adam, {}, {"name": "adam"}),
    "adam_decay": (
        torch.optim.Adam,
        {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1},
        {"name": "adam", "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "weight_decay": 0.1},
    ),
    "adam_fast": (
        torch.optim.Adam,
        {"betas": (0.3, 0.5)},
        {"name": "adam", "beta1": 0.3, "beta2": 0.5},
    ),
    "adamw": (torch.optim.AdamW, {}, {"name": "adamw"}),
    "adamw_decay": (
        torch.optim.AdamW,
        {"weight_decay": 0.3},
        {"name": "adamw", "weight_decay": 0.3},
    ),
    "sgd": (torch.optim.SGD, {}, {"name": "sgd"}),
    "sgd_momentum": (
        torch.optim.SGD,
        {"momentum": 0.9, "weight_decay": 0.05},
        {"name": "sgd", "momentum": 0.9, "weight_decay": 0.05},
    ),
    "sgd_dampening": (
        torch.optim.SGD,
        {"momentum": 0.9, "dampening": 0.4},
        {"name": "sgd", "momentum": 0.9, "dampening": 0.4},
    ),
    "sgd_nesterov": (
        torch.optim.SGD,
        {"momentum": 0.7, "nesterov": True, "weight_decay": 0.01},
        {"name": "sgd", "momentum": 0.7, "nesterov": True, "weight_decay": 0.01},
    ),
}


def flat(tensors):
    return {name: tensor.detach().flatten().tolist() for name, tensor in tensors.items()}


def main():
    generator = torch.Generator().manual_seed(11)
    initial = {n: torch.randn(s, generator=generator) for n, s in SHAPES.items()}
    gradients = [
        # Gradients from 1e-4 to 1 in size, so that eps and the moments' roots both matter.
        {n: torch.randn(s, generator=generator) * 10 ** -(step % 5) for n, s in SHAPES.items()}
        for step in range(STEPS)
    ]

    cases = []
    for name, (optimizer_class, arguments, config) in CASES.items():
        parameters = {n: t.clone().requires_grad_() for n, t in initial.items()}
        optimizer = optimizer_class(parameters.values(), lr=RATES[0], foreach=False, **arguments)
        after = {}
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = RATES[step]
            for n, parameter in parameters.items():
                parameter.grad = gradients[step][n].clone()
            optimizer.step()
            if step + 1 in (1, STEPS):
                after[str(step + 1)] = flat(parameters)
        cases.append({"case": name, "config": config, "after": after})

    clipped = [torch.nn.Parameter(t.clone()) for t in initial.values()]
    for parameter, n in zip(clipped, SHAPES):
        parameter.grad = gradients[0][n].clone()
    norm = torch.nn.utils.clip_grad_norm_(clipped, 0.5).item()
    clip = {
        "max_norm": 0.5,
        "norm": norm,
        "gradients": {n: p.grad.flatten().tolist() for n, p in zip(SHAPES, clipped)},
    }

    fixture = {
        "torch": torch.__version__,
        "rates": RATES,
        "initial": flat(initial),
        "gradients": [flat(g) for g in gradients],
        "cases": cases,
        "clip": clip,
    }
    target = Path(__file__).parents[2] / "crates/nn/tests/fixtures/optimizer.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(fixture, indent=1) + "\n")


if __name__ == "__main__":
    main()
