"""Writes the fixtures of crates/model/tests: outputs of the PyTorch model for values fixed by formula.

    python scripts/goldens/model.py [--out crates/model/tests/goldens]

Parameters, buffers and inputs are never stored: the tests compute the same formula (seqjepa_torch.py,
`formula`). Everything is computed in float64 and stored in float32, so that the files do not depend on the
CPU that made them. A set of big tensors is stored as a table of summaries, one row a tensor in the order of
their names: norm, inner product with a fixed tensor, and some entries. Needs torch, torchvision, numpy, Pillow
and safetensors.
"""

import argparse
import collections
import dataclasses
import functools
import json
import pathlib

import numpy as np
import torch
from PIL import Image
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
    formula,
    spread,
    torchvision_resnet18,
    units,
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


def passes(build, name, size, batch, steps, dtype, noise=None):
    """Codes and gradients in evaluation mode, then of a few training batches, and running statistics; with `noise`, of
    images that differ by 1e-6."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    network = fill(build())
    images = [spread(f"{name}.{step}", (batch, 3, size, size), scale=2.0) for step in range(steps)]
    weights = spread(f"{name}.weights", (batch, network.width))
    if noise is not None:
        images = [image + spread(f"noise.{noise}", image.shape, scale=2e-6) for image in images]
    out = {}

    def forward(case, image):
        network.zero_grad()
        codes = network(image)
        (codes * weights).sum().backward()
        out[case] = codes.detach()

    network.eval()
    forward("eval", images[0])
    out["eval.gradients"] = {n: g.clone() for n, g in gradients(network).items()}
    network.train()
    for step, image in enumerate(images):
        forward(f"train.{step}", image)
    out["train.gradients"] = gradients(network)
    if statistics(network):
        out["statistics"] = statistics(network)
    torch.set_default_dtype(default)
    return out


def disagreement(build, name, size, batch, steps, noises):
    """How far the gradients of any tensor move, of its norm, by f32 arithmetic and by noise of its size."""
    run = functools.partial(passes, build, name, size, batch, steps)
    double = run(torch.float64)

    def distance(other, case):
        norms = {n: gradient.norm() for n, gradient in double[case].items()}
        largest = max(norms.values())
        distances = [
            (other[case][n] - gradient).norm() / (norms[n] if norms[n] > 1e-9 * largest else largest)
            for n, gradient in double[case].items()
        ]
        return max(distances).item()

    others = [run(torch.float32), *(run(torch.float64, noise) for noise in range(noises))]
    return max(distance(other, case) for other in others for case in ("eval.gradients", "train.gradients"))


def encoder_case(build, name, size, batch, number, steps=3):
    """Batch `number` of a network: where a pre-activation lies within rounding of zero, two correct implementations
    disagree about the ReLU and about the gradient of all before it. The numbers were chosen, of 0 to 13, by the least
    `disagreement`; it is printed."""
    name_of_batch = f"{name}.{number}"
    moved = disagreement(build, name_of_batch, size, batch, steps, noises=3)
    print(f"{name}: gradients move by up to {moved:.1e} of their norm", flush=True)
    out = passes(build, name_of_batch, size, batch, steps, torch.float64)
    out = {case: table(value) if isinstance(value, dict) else value for case, value in out.items()}
    return under(name, out | {"batch": torch.tensor([number])})


def encoders():
    out = {}
    for stem, size, numbers in (("cifar", 16, (8, 13)), ("imagenet", 64, (1, 10))):
        out |= encoder_case(lambda: ResNet(18, 16, stem), f"resnet18.{stem}.16", size, 8, numbers[0])
        out |= encoder_case(lambda: torchvision_resnet18(stem), f"resnet18.{stem}.64", size, 4, numbers[1], steps=2)
    out |= encoder_case(lambda: ResNet(34, 8), "resnet34.cifar.8", 16, 8, 9)
    out |= encoder_case(lambda: ResNet(50, 8), "resnet50.cifar.8", 32, 8, 3, steps=2)
    out |= encoder_case(Vit, "vit.tiny", 32, 2, 0, steps=1)
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
        ("raw_relative", 3, Settings(conditioning="raw", relative_last_action=True)),
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


def digest(model, start):
    """How far all parameters of each encoder have moved, as one vector, and all its statistics: norm, inner product and
    entries, in sorted order."""
    rows = {}
    for encoder in ("encoder", "target_encoder"):
        network = getattr(model, encoder)
        moved = {n: p - start[f"{encoder}.{n}"] for n, p in network.named_parameters()}
        for kind, tensors in (("movement", moved), ("statistics", statistics(network))):
            rows[f"{encoder}.{kind}"] = torch.cat([tensor.detach().flatten() for _, tensor in sorted(tensors.items())])
    return table(rows)


def training():
    """Twenty optimizer steps on changing batches: every loss, all tensors after one and after twenty, and after each
    how far the encoders' parameters have moved and their statistics, online and target, as one vector each.

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
        start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        losses, steps = [], []
        for step in range(20):
            optimizer.zero_grad()
            loss = model(**batch_by_formula(f"step.{step}", BATCH, 3, SIZE))["loss"]
            loss.backward()
            optimizer.step()
            model.after_step()
            losses.append(loss.detach())
            steps.append(digest(model, start))
            if step in (0, 19):
                state = {n: t for n, t in model.state_dict().items() if t.is_floating_point()}
                out[f"{name}.{step + 1}"] = table(state)
        out[f"{name}.losses"] = torch.stack(losses)
        out[f"{name}.steps"] = torch.stack(steps)
    return out


TINY = Settings(embedding=8, layers=2, hidden=8)


def tiny_state(settings=TINY):
    return fill(SeqJepa(ResNet(18, 1), settings)).state_dict()


def probes():
    """The published implementation's online probes: a linear one and an MLP with ReLUs between its layers."""
    shapes = {
        "online_linprobe.0": (10, 16),
        "online_equiprobe.0": (12, 16),
        "online_equiprobe.2": (12, 12),
        "online_equiprobe.4": (9, 12),
    }
    names = {f"{name}.weight": shape for name, shape in shapes.items()}
    names |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
    return {name: formula(name, shape) for name, shape in names.items()}


def checkpoints(folder):
    """Files as training scripts leave them, of a tiny model, for the tests of import."""
    torch.set_default_dtype(torch.float32)
    state = tiny_state()
    legacy = {"model": state, "epoch": 7}
    torch.save(legacy, folder / "legacy.pt", _use_new_zipfile_serialization=False)

    # A data-parallel run without EMA, with a probe and an optimizer beside the model.
    probe = {"online_linprobe.0.weight": spread("online_linprobe.0.weight", (10, 16))}
    without_ema = tiny_state(dataclasses.replace(TINY, ema=False)) | probe
    nested = {
        "model_state": {f"module.{name}": value for name, value in without_ema.items()},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]},
        "epoch": 7,
    }
    torch.save(nested, folder / "wrapped.pth")

    # The part of a model around its encoders, in half precision.
    outer = {n: v.half() for n, v in without_ema.items() if n.startswith(("action_proj", "agg_token"))}
    outer = {n: v.long() if n.endswith("num_batches_tracked") else v for n, v in outer.items()}
    save_file(outer, folder / "half.safetensors")

    # A state dict at top level, wrapped, with all probes; everything but the counters in bf16, as a model in that
    # precision saves itself.
    low = {f"module.{n}": v.bfloat16() if v.is_floating_point() else v for n, v in (state | probes()).items()}
    torch.save(low, folder / "bfloat16.pt")

    # Every way to store: views of one flat buffer, matrices whose columns are contiguous, f64, and what scripts put
    # beside a model.
    flat = torch.cat([value.flatten() for value in state.values() if value.is_floating_point()])
    stored, start = collections.OrderedDict(), 0
    for name, value in state.items():
        if value.is_floating_point():
            view = flat[start : start + value.numel()].view(value.shape)
            start += value.numel()
            if name.startswith("predictor"):
                value = view.double()
            elif value.ndim == 2:
                value = view.t().contiguous().t()
            else:
                value = view
        stored[name] = value
    beside = {
        "args": argparse.Namespace(lr=1e-3, path=pathlib.PurePosixPath("data"), views=(3, 5)),
        "epoch": 7,
        "best": torch.tensor(0.5),
        "history": [{"loss": 0.25}, None, True],
        "rng": torch.arange(16, dtype=torch.uint8),
        "scaler": collections.defaultdict(dict),
    }
    torch.save({"state_dict": {f"model.{n}": v for n, v in stored.items()}} | beside, folder / "storages.pth")

    # Half a kilobyte that declares eight gigabytes.
    vast = {"model": {"agg_token": torch.zeros(1).expand(1, 1, 1 << 31)}}
    torch.save(vast, folder / "vast.pt")


def names(folder):
    """Names, shapes and types of the state dicts of full-size models, which the Rust models must have too."""
    torch.set_default_dtype(torch.float32)
    settings = Settings(embedding=128, hidden=1024)
    models = {
        "cifar": lambda: SeqJepa(torchvision_resnet18("cifar"), settings),
        "imagenet": lambda: SeqJepa(torchvision_resnet18("imagenet"), settings),
        "resnet34": lambda: SeqJepa(ResNet(34), settings),
        "resnet50": lambda: SeqJepa(ResNet(50), settings),
        "vit": lambda: SeqJepa(Vit(), settings),
    }
    lists = {}
    with torch.device("meta"):
        for name, build in models.items():
            state = build().state_dict()
            lists[name] = [[n, list(t.shape), str(t.dtype).removeprefix("torch.")] for n, t in sorted(state.items())]
    text = json.dumps(lists, separators=(",", ":")).replace("]],", "]],\n").replace('],["', '],\n["')
    (folder / "names.json").write_text(text + "\n")


def embedding(folder):
    """Representations and aggregates of images in evaluation mode, by the model of legacy.pt, for the tests of seqjepa-run.

    The images are bytes by formula; the centre square is resized by PIL's bicubic filter to 32 pixels, then
    normalised as CIFAR-100. An image alone is a sequence of one view: its token carries no action.
    """
    torch.set_default_dtype(torch.float64)
    model = fill(SeqJepa(ResNet(18, 1), TINY)).eval()
    mean, std = np.float32([0.5071, 0.4867, 0.4408]), np.float32([0.2675, 0.2565, 0.2761])
    pictures = []
    for name, height, width in (("a", 32, 32), ("b", 48, 80), ("c", 33, 21), ("d", 32, 32)):
        noise = (units(f"image.{name}", height * width * 3) * 256).astype(np.uint8).reshape(height, width, 3)
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = Image.fromarray(noise[top : top + side, left : left + side])
        square = np.asarray(square.resize((32, 32), Image.Resampling.BICUBIC))
        pictures.append((square.astype(np.float32) / np.float32(255) - mean) / std)
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).double()
    with torch.no_grad():
        codes = model.encoder(images)
        none = torch.zeros(len(images), 1, TINY.embedding)
        token = torch.cat([codes[:, None], none], -1)
        sequence = torch.cat([model.agg_token.expand(len(images), -1, -1), token], 1)
        aggregate = model.transformer_encoder(sequence)[:, 0]
    write(folder, "embedding", {"codes": codes, "aggregate": aggregate})


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
    for case in (checkpoints, names, embedding):
        if not arguments.only or case.__name__ in arguments.only:
            case(arguments.out)


if __name__ == "__main__":
    main()
