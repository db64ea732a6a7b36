"""Writes the fixtures of crates/model/tests: outputs of the PyTorch model for values fixed by formula.

    python scripts/goldens/model.py [--out crates/model/tests/goldens]

Parameters, buffers and inputs are never stored: the tests compute the same formula (seqjepa_torch.py,
`formula`). Everything is computed in float64 and stored in float32, so that the files do not depend on the
CPU that made them. A set of big tensors is stored as a table of summaries, one row a tensor in the order of
their names: norm, inner product with a fixed tensor, and some entries. Needs torch, torchvision, numpy and
safetensors.
"""

import argparse
import dataclasses
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

from seqjepa_torch import (
    Aggregator,
    ResNet,
    SeqJepa,
    Settings,
    Vit,
    batch_by_formula,
    fill,
    spread,
    torchvision_resnet18,
)

SAMPLES = 8
BATCH, SIZE = 8, 16


def summary(name, tensor):
    """Norm, inner product with `spread("probe.<name>")`, and entries at even distances."""
    flat = tensor.detach().flatten()
    count = len(flat)
    probe = spread(f"probe.{name}", (count,))
    entries = flat[[index * count // SAMPLES for index in range(SAMPLES)]]
    return torch.cat([flat.norm()[None], (flat @ probe)[None], entries])


def table(tensors):
    """The summaries of named tensors, sorted by name."""
    return torch.stack([summary(name, tensor) for name, tensor in sorted(tensors.items())])


def gradients(module):
    return {n: p.grad for n, p in module.named_parameters() if p.grad is not None}


def statistics(module):
    return {n: b for n, b in module.named_buffers() if not n.endswith("num_batches_tracked")}


def under(prefix, tensors):
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def write(folder, name, tensors):
    contiguous = {key: value.detach().float().reshape(value.shape or (1,)).contiguous().clone() for key, value in tensors.items()}
    save_file(contiguous, folder / f"{name}.safetensors")


def encoder_case(network, name, size, batch, steps=3):
    """Codes and gradients in evaluation mode, then of a few training batches, and running statistics."""
    fill(network)
    images = [spread(f"{name}.{step}", (batch, 3, size, size), scale=2.0) for step in range(steps)]
    weights = spread(f"{name}.weights", (batch, network.width))
    out = {}

    def forward(case, image):
        network.zero_grad()
        codes = network(image)
        (codes * weights).sum().backward()
        out[case] = codes

    network.eval()
    forward("eval", images[0])
    out["eval.gradients"] = table(gradients(network))
    network.train()
    for step, image in enumerate(images):
        forward(f"train.{step}", image)
    out["train.gradients"] = table(gradients(network))
    if statistics(network):
        out["statistics"] = table(statistics(network))
    return under(name, out)


def encoders():
    out = {}
    for stem, size in (("cifar", 16), ("imagenet", 64)):
        out |= encoder_case(ResNet(18, 16, stem), f"resnet18.{stem}.16", size, 8)
        out |= encoder_case(torchvision_resnet18(stem), f"resnet18.{stem}.64", size, 4, steps=2)
    out |= encoder_case(ResNet(34, 8), "resnet34.cifar.8", 16, 8)
    out |= encoder_case(ResNet(50, 8), "resnet50.cifar.8", 16, 8, steps=2)
    out |= encoder_case(Vit(), "vit.tiny", 32, 2, steps=1)
    return out


def parts():
    """Transformer stack, action embedding and predictor alone."""
    out = {}
    aggregator = fill(Aggregator(48, 4, 3, 0.0))
    tokens = spread("tokens", (3, 5, 48), scale=2.0).requires_grad_()
    mixed = aggregator(tokens)
    (mixed * spread("tokens.weights", (3, 5, 48))).sum().backward()
    out |= {"aggregator.output": mixed, "aggregator.input_gradient": tokens.grad}
    out["aggregator.gradients"] = table(gradients(aggregator))

    embedding = nn.Sequential(nn.Linear(9, 32, bias=False), nn.BatchNorm1d(32, affine=False))
    fill(embedding)
    actions = spread("actions", (12, 9))
    out["embedding.eval"] = embedding.eval()(actions)
    out["embedding.train"] = embedding.train()(actions)
    out |= under("embedding", statistics(embedding))

    for name, layers in {
        "mlp": (nn.Linear(40, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 16)),
        "linear": (nn.Linear(40, 16, bias=False), nn.BatchNorm1d(16)),
    }.items():
        predictor = fill(nn.Sequential(*layers))
        joint = spread("joint", (6, 40), scale=2.0)
        out[f"predictor.{name}.eval"] = predictor.eval()(joint)
        out[f"predictor.{name}.train"] = predictor.train()(joint)
        out |= under(f"predictor.{name}", statistics(predictor))
    return out


def margin(model, batch):
    """How near any pre-activation of a ReLU comes to zero, in standard deviations of its layer."""
    nearest = []

    def watch(values):
        nearest.append((values.detach().abs().min() / values.detach().std()).item())

    handles = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            handles.append(module.register_forward_pre_hook(lambda _, inputs: watch(inputs[0])))
        elif isinstance(module, nn.TransformerEncoderLayer):
            handles.append(module.linear1.register_forward_hook(lambda _, __, output: watch(output)))
    with torch.no_grad():
        model(**batch)
    for handle in handles:
        handle.remove()
    return min(nearest)


def clear_batch(settings, views, tries=60):
    """Number of the batch whose pre-activations stay clear of zero best: where one lies within f32 rounding
    of zero, two correct implementations disagree about the ReLU, and about the gradient of all before it."""

    def clearance(number):
        model = fill(SeqJepa(ResNet(18, 16), settings)).train()
        return margin(model, batch_by_formula(f"variant.{number}", 4, views, SIZE))

    return max(range(tries), key=clearance)


def variants():
    """One pass of the whole model in each configuration, in training and in evaluation mode."""
    out = {}
    for name, views, settings in (
        ("learned", 3, Settings()),
        ("one_view", 1, Settings()),
        ("relative_last", 3, Settings(relative_last_action=True)),
        ("raw", 3, Settings(conditioning="raw")),
        ("none", 2, Settings(conditioning="none")),
        ("stop_gradient", 3, Settings(ema=False)),
        ("linear_predictor", 3, Settings(hidden=0)),
    ):
        model = fill(SeqJepa(ResNet(18, 16), settings))
        number = clear_batch(settings, views)
        out[f"{name}.batch"] = torch.tensor([number])
        batch = batch_by_formula(f"variant.{number}", 4, views, SIZE)

        def outputs(result):
            if name == "learned":
                return result
            return {"loss": result.pop("loss"), "outputs": table(result)}

        out |= under(f"{name}.eval", outputs(model.eval()(**batch)))
        result = model.train()(**batch)
        result["loss"].backward()
        out |= under(f"{name}.train", outputs(result))
        out[f"{name}.gradients"] = table(gradients(model))
        out[f"{name}.statistics"] = table(statistics(model))
    return out


def training():
    """Twenty optimizer steps on changing batches: every loss, and all tensors after one and after twenty.

    The learning rates are small enough that twenty steps do not amplify rounding errors beyond 1e-4 of the
    loss; with 1e-3, PyTorch's own f32 and f64 runs are 1e-2 apart by then.
    """
    out = {}
    for name, build in {
        "adam": lambda parameters: torch.optim.Adam(parameters, lr=3e-5),
        "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=3e-5, weight_decay=1e-3),
        "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.005, momentum=0.9),
    }.items():
        model = fill(SeqJepa(ResNet(18, 16), Settings()))
        optimizer = build([p for p in model.parameters() if p.requires_grad])
        losses = []
        for step in range(20):
            optimizer.zero_grad()
            loss = model(**batch_by_formula(f"step.{step}", BATCH, 3, SIZE))["loss"]
            loss.backward()
            optimizer.step()
            model.after_step()
            losses.append(loss.detach())
            if step in (0, 19):
                state = {n: t for n, t in model.state_dict().items() if t.is_floating_point()}
                out[f"{name}.{step + 1}"] = table(state)
        out[f"{name}.losses"] = torch.stack(losses)
    return out


def checkpoints(folder):
    """Files as training scripts leave them, of a tiny model, for the tests of import."""
    torch.set_default_dtype(torch.float32)
    settings = Settings(embedding=8, layers=2, hidden=8)
    state = fill(SeqJepa(ResNet(18, 1), settings)).state_dict()
    legacy = {"model": state, "epoch": 7}
    torch.save(legacy, folder / "legacy.pt", _use_new_zipfile_serialization=False)

    # A data-parallel run without EMA, with a probe and an optimizer beside the model.
    probe = {"online_linprobe.0.weight": spread("online_linprobe.0.weight", (10, 16))}
    state = fill(SeqJepa(ResNet(18, 1), dataclasses.replace(settings, ema=False))).state_dict() | probe
    nested = {
        "model_state": {f"module.{name}": value for name, value in state.items()},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]},
        "epoch": 7,
    }
    torch.save(nested, folder / "wrapped.pth")

    # The part of a model around its encoders, in half precision.
    outer = {n: v.half() for n, v in state.items() if n.startswith(("action_proj", "agg_token"))}
    outer = {n: v.long() if n.endswith("num_batches_tracked") else v for n, v in outer.items()}
    save_file(outer, folder / "half.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = pathlib.Path(__file__).parents[2] / "crates/model/tests/goldens"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    parser.add_argument("--only", nargs="*", help="write only these files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_default_dtype(torch.float64)
    for case in (encoders, parts, variants, training):
        if not arguments.only or case.__name__ in arguments.only:
            write(arguments.out, case.__name__, case())
    if not arguments.only or "checkpoints" in arguments.only:
        checkpoints(arguments.out)


if __name__ == "__main__":
    main()
