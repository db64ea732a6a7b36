"""Writes crates/model/tests/goldens/methods.safetensors: the methods of the paper's tables for values fixed by formula.

    python scripts/goldens/methods.py [--out crates/model/tests/goldens]

As scripts/goldens/model.py: nothing but results is stored, computed in float64 and kept in float32, big tensors as tables of
summaries. Needs torch, torchvision, numpy and safetensors.
"""

import argparse
import pathlib

import torch
from torch import nn

from methods_torch import (
    Byol,
    ConditionalByol,
    ConvIJepa,
    EquiMod,
    Sen,
    Sie,
    SimClr,
    VicReg,
    VicRegTraj,
    coding_rate,
    sigreg,
)
from model import gradients, statistics, table, under, write
from seqjepa_torch import ResNet, SeqJepa, Settings, batch_by_formula, fill, spread

BATCH, VIEWS, SIZE, WIDTH = 8, 3, 16, 4
WIDTHS, SHORT = (24, 20, 16), (24, 16)
HIDDEN, EMBEDDING = 20, 12
STEPS = 20

class Regularized(SeqJepa):
    """seq-JEPA without target encoder, with minus the coding rate of its aggregates beside the prediction loss."""

    WEIGHT = 0.02

    def forward(self, observed, target, actions, relative):
        out = super().forward(observed, target, actions, relative)
        terms = {"prediction": out["loss"], "coding_rate": -self.WEIGHT * coding_rate(out["aggregate"], 1.0)}
        return terms, out["first"], out["second"]

    def after_step(self):
        pass


METHODS = {
    "simclr": lambda encoder: SimClr(encoder, WIDTHS),
    "byol": lambda encoder: Byol(encoder, SHORT, HIDDEN),
    "vicreg": lambda encoder: VicReg(encoder, WIDTHS),
    "conditional_byol": lambda encoder: ConditionalByol(encoder, SHORT, HIDDEN, EMBEDDING),
    "simclr_equimod": lambda encoder: EquiMod(encoder, WIDTHS, EMBEDDING),
    "sen": lambda encoder: Sen(encoder, WIDTHS, EMBEDDING),
    "sie": lambda encoder: Sie(encoder, WIDTHS),
    "vicreg_traj": lambda encoder: VicRegTraj(encoder, WIDTHS),
    "conv_ijepa": lambda encoder: ConvIJepa(encoder, SHORT, HIDDEN, EMBEDDING),
    "seqjepa": lambda encoder: Regularized(encoder, Settings(embedding=16, layers=1, hidden=HIDDEN, ema=False)),
}


def build(name):
    return fill(METHODS[name](ResNet(18, WIDTH)))


def batch(name, number):
    return batch_by_formula(f"{name}.{number}", BATCH, VIEWS, SIZE)


def clearance(name, number):
    """How near any input of a ReLU comes to zero, in deviations of its layer, where two correct implementations would
    disagree about the gradient."""
    model, nearest = build(name).train(), []

    def watch(_, inputs):
        values = inputs[0].detach()
        nearest.append((values.abs().min() / values.std()).item())

    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(watch)
    with torch.no_grad():
        model(**batch(name, number))
    return min(nearest)


def passes(name, number):
    """A pass in evaluation mode, one in training mode with its gradients and statistics."""
    model, inputs = build(name), batch(name, number)
    with torch.no_grad():
        terms, first, second = model.eval()(**inputs)
    out = under("eval", terms) | {"eval.outputs": table({"first": first, "second": second})}
    terms, first, second = model.train()(**inputs)
    sum(terms.values()).backward()
    out |= under("train", terms) | {"train.outputs": table({"first": first, "second": second})}
    return out | {"gradients": table(gradients(model)), "statistics": table(statistics(model))}


def training(name, number, rule, dtype=torch.float64):
    """The loss at each of twenty steps on one batch, and all tensors after them. The rates are small enough that f32 stays near:
    what is printed says how near. The tensors of Adam are not kept: a gradient that is zero but for rounding, as of a bias
    before a batch norm, moves by the rate in a random direction."""
    torch.set_default_dtype(dtype)
    model, inputs, losses = build(name).train(), batch(name, number), []
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = {
        "adam": lambda: torch.optim.Adam(parameters, lr=5e-5),
        "sgd": lambda: torch.optim.SGD(parameters, lr=2e-5, momentum=0.9),
    }[rule]()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sum(model(**inputs)[0].values())
        loss.backward()
        optimizer.step()
        model.after_step()
        losses.append(loss.detach().double())
    state = {n: t.double() for n, t in model.state_dict().items() if t.is_floating_point()}
    torch.set_default_dtype(torch.float64)
    return torch.stack(losses), state


def method(name):
    number = max(range(40), key=lambda number: clearance(name, number))
    out = passes(name, number) | {"batch": torch.tensor([number])}
    for rule in ("adam", "sgd"):
        losses, state = training(name, number, rule)
        single, single_state = training(name, number, rule, torch.float32)
        apart = max((single_state[n] - t).norm() / t.norm() for n, t in state.items() if t.norm() > 0)
        print(
            f"{name}: {rule} from {losses[0]:.4f} to {losses[-1]:.4f}; f32 is {((single - losses) / losses).abs().max():.0e} "
            f"apart in a loss, {apart:.0e} in a tensor",
            flush=True,
        )
        out[f"{rule}.losses"] = losses
    out["sgd.state"] = table(state)
    return under(name, out)


def regularizers():
    """Coding rate and SIGReg of rows, more and fewer than their features, with the gradient of each."""
    out = {}
    for name, shape in {"few": (6, 10), "many": (12, 5)}.items():
        rows = spread(f"rows.{name}", shape, centre=0.3, scale=2.0)
        directions = spread(f"directions.{name}", (shape[1], 7))
        for case, value in {
            "coding_rate": lambda rows: coding_rate(rows, 0.5),
            "sigreg": lambda rows: sigreg(rows, directions),
        }.items():
            given = rows.clone().requires_grad_()
            found = value(given)
            found.backward()
            out |= {f"{case}.{name}": found, f"{case}.{name}.gradient": given.grad}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = pathlib.Path(__file__).parents[2] / "crates/model/tests/goldens"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    arguments = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    out = {}
    for name in METHODS:
        out |= method(name)
    out |= regularizers()
    write(arguments.out, "methods", out)


if __name__ == "__main__":
    main()
