"""A whole training epoch on the CPU: this project's `train`, and the same work in PyTorch with a DataLoader.

    python -m pip install -r benches/peers/requirements.txt
    python benches/peers/epoch.py

Both read one CIFAR-100 folder, of pictures that this script draws, and do what the published pipeline does in an epoch: augmented
sequences of 3 observed views and a target for every training picture, the model of scripts/goldens/seqjepa_torch.py with dropout
and Adam, the moving average, four online probes each with its own Adam, loss, accuracy and R2 of the epoch, then the same figures
on augmented views of the test pictures in evaluation mode. PyTorch: torchvision's transforms on PIL images, a DataLoader with one
worker a core that stay from epoch to epoch, in both memory formats; losses and scores are gathered without waiting in every step.
This project: the example `train` as anyone runs it (checkpoints and metrics written too; `--skip-evaluation`).

The least time of the epochs after the first counts. Prints a Markdown table: seconds an epoch, and how much faster this project is.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measure import ROOT, built
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ColorJitter, InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as F

sys.path.insert(0, str(ROOT / "scripts" / "goldens"))

from seqjepa_torch import ResNet, SeqJepa, Settings  # noqa: E402

VIEWS, CLASSES, ACTIONS, HIDDEN, RATE = 3, 100, 9, 1024, 1e-3
MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
CASES = {"width_16/batch_32": (16, 32), "width_64/batch_32": (64, 32)}


def draw(folder, counts):
    """A CIFAR-100 folder of smooth random scenes."""
    rng = np.random.default_rng(42)
    folder = folder / "cifar-100-binary"
    folder.mkdir()
    y, x = np.mgrid[0:32, 0:32] / 32
    for name, count in counts.items():
        with open(folder / f"{name}.bin", "wb") as file:
            for index in range(count):
                waves = sum(
                    np.sin((rng.normal(0, 4) * x + rng.normal(0, 4) * y) + rng.uniform(0, 7, (3, 1, 1))) for _ in range(5)
                )
                pixels = np.clip(128 + 30 * waves + rng.normal(0, 3, (3, 32, 32)), 0, 255).astype(np.uint8)
                file.write(bytes([index % 20, index % CLASSES]) + pixels.tobytes())
    for name, count in (("fine_label_names.txt", CLASSES), ("coarse_label_names.txt", 20)):
        (folder / name).write_text("".join(f"class {index}\n" for index in range(count)))


class Sequences(Dataset):
    """Augmented sequences with their actions, by the published distributions (docs/augmentation.md)."""

    def __init__(self, file):
        records = np.fromfile(file, np.uint8).reshape(-1, 3074)
        self.labels = records[:, 1].astype(np.int64)
        self.images = [Image.fromarray(pixels) for pixels in records[:, 2:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)]
        self.jitter = ColorJitter(0.4, 0.4, 0.2, 0.1)

    def __len__(self):
        return len(self.images)

    def view(self, image, target):
        top, left, height, width = RandomResizedCrop.get_params(image, (0.2, 1.0), (3 / 4, 4 / 3))
        image = F.resized_crop(image, top, left, height, width, [32, 32], InterpolationMode.BICUBIC)
        if torch.rand(()) < 0.5:
            image = F.hflip(image)
        brightness, contrast, saturation, hue, sigma = 1.0, 1.0, 1.0, 0.0, 0.0
        if torch.rand(()) < 0.8:
            jitter = self.jitter
            order, brightness, contrast, saturation, hue = jitter.get_params(
                jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
            )
            for step in order:
                if step == 0:
                    image = F.adjust_brightness(image, brightness)
                elif step == 1:
                    image = F.adjust_contrast(image, contrast)
                elif step == 2:
                    image = F.adjust_saturation(image, saturation)
                else:
                    image = F.adjust_hue(image, hue)
        if torch.rand(()) < 0.2:
            image = F.rgb_to_grayscale(image, 3)
        if torch.rand(()) < (0.1 if target else 1.0):
            sigma = float(torch.empty(()).uniform_(0.1, 2.0))
            image = F.gaussian_blur(image, [3, 3], [sigma, sigma])
        if target and torch.rand(()) < 0.2:
            image = F.solarize(image, 128)
        action = (top, left, height, width, brightness, contrast, saturation, hue, sigma)
        return F.normalize(F.to_tensor(image), MEAN, STD), action

    def __getitem__(self, index):
        drawn = [self.view(self.images[index], view == VIEWS) for view in range(VIEWS + 1)]
        actions = nn.functional.normalize(torch.tensor([action for _, action in drawn]), dim=0)
        views = torch.stack([view for view, _ in drawn])
        return views[:VIEWS], views[VIEWS], actions, actions[1:] - actions[:-1], self.labels[index]


class Probes:
    """The four online probes, each with its own optimizer, and the figures of an epoch."""

    def __init__(self, joint, code):
        linear, mlp = nn.Linear, nn.Sequential(
            nn.Linear(2 * code, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, ACTIONS)
        )
        self.networks = {
            "online_lin": linear(joint, CLASSES), "leakage_lin": linear(code, CLASSES),
            "online_equi": mlp, "leakage_act": linear(joint, ACTIONS),
        }
        self.optimizers = {name: torch.optim.Adam(probe.parameters(), lr=RATE) for name, probe in self.networks.items()}

    def outputs(self, found, labels, action):
        """Output, target and loss of every probe."""
        joint, first, second = (found[name].detach() for name in ("aggregate", "first", "second"))
        inputs = {"online_lin": joint, "leakage_lin": first, "online_equi": torch.cat([first, second], 1), "leakage_act": joint}
        for name, probe in self.networks.items():
            output, target = probe(inputs[name]), labels if name.endswith("_lin") else action
            loss = nn.functional.cross_entropy(output, target) if name.endswith("_lin") else nn.functional.mse_loss(output, target)
            yield name, output.detach(), target, loss

    def step(self, name, loss):
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[name].step()


def r2(outputs, targets):
    """Uniform mean over outputs of 1 - SS_res / SS_tot."""
    residual, total = ((targets - outputs) ** 2).sum(0), ((targets - targets.mean(0)) ** 2).sum(0)
    return float((1 - residual / total).mean())


class Figures:
    """Losses, accuracies and R2 of a pass over the data, read at its end."""

    def __init__(self):
        self.losses, self.outputs, self.targets = {}, {}, {}

    def add(self, name, loss, output=None, target=None):
        self.losses.setdefault(name, []).append(loss.detach())
        if output is not None:
            self.outputs.setdefault(name, []).append(output if target.dtype != torch.int64 else output.argmax(1))
            self.targets.setdefault(name, []).append(target)

    def read(self):
        figures = {f"{name}_loss": float(torch.stack(losses).mean()) for name, losses in self.losses.items()}
        for name, outputs in self.outputs.items():
            outputs, targets = torch.cat(outputs), torch.cat(self.targets[name])
            figures[name] = float((outputs == targets).float().mean()) if name.endswith("_lin") else r2(outputs, targets)
        return figures


def peer(data, width, batch, channels_last, epochs):
    """Seconds of every epoch of PyTorch, the first left out."""
    torch.manual_seed(42)
    model = SeqJepa(ResNet(18, width), Settings(embedding=128, heads=4, layers=3, hidden=1024, dropout=0.1)).train()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    probes = Probes(model.encoder.width + model.action_width, model.encoder.width)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=RATE)
    workers = {"batch_size": batch, "num_workers": os.cpu_count(), "persistent_workers": True}
    train = DataLoader(Sequences(data / "cifar-100-binary/train.bin"), shuffle=True, drop_last=True, **workers)
    test = DataLoader(Sequences(data / "cifar-100-binary/test.bin"), **workers)

    def prepared(observed, target):
        return observed, target.contiguous(memory_format=torch.channels_last) if channels_last else target

    times = []
    for _ in range(epochs):
        start, figures = time.perf_counter(), Figures()
        model.train()
        for observed, target, actions, relative, labels in train:
            optimizer.zero_grad(set_to_none=True)
            found = model(*prepared(observed, target), actions, relative)
            found["loss"].backward()
            optimizer.step()
            model.after_step()
            figures.add("prediction", found["loss"])
            for name, output, goal, loss in probes.outputs(found, labels, relative[:, 0]):
                probes.step(name, loss)
                figures.add(name, loss, output, goal)
        figures.read()
        model.eval()
        figures = Figures()
        with torch.inference_mode():
            for observed, target, actions, relative, labels in test:
                found = model(*prepared(observed, target), actions, relative)
                figures.add("prediction", found["loss"])
                for name, output, goal, loss in probes.outputs(found, labels, relative[:, 0]):
                    figures.add(name, loss, output, goal)
        figures.read()
        times.append(time.perf_counter() - start)
    return times[1:]


def own(program, data, width, batch, epochs):
    """Seconds of every epoch of this project, the first left out."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {
            "run.epochs": epochs, "run.output_dir": f"{folder}/run", "run.drop_last": "true", "dataset.name": "cifar100_aug",
            "dataset.data_root": data, "dataset.batch_size": batch, "model.width": width, "optim.lr": RATE, "run.device": "flex",
        }
        config = Path(folder) / "config.yaml"
        config.write_text("run:\n  name: epoch\n")
        sets = [argument for key, value in keys.items() for argument in ("--set", f"{key}={value}")]
        subprocess.run([program, "--config", config, *sets, "--skip-evaluation", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        lines = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["ep_time"] for line in lines][1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=1024, help="training pictures; a quarter as many test pictures")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    program = built("--release", "--example", "train")
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {arguments.images} + {arguments.images // 4} pictures\n")
    print("| epoch | s | seqjepa is faster by |")
    print("|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        draw(data, {"train": arguments.images, "test": arguments.images // 4})
        for name, (width, batch) in CASES.items():
            seconds = min(own(program, data, width, batch, arguments.epochs))
            print(f"| {name}, seqjepa | {seconds:.2f} | 1 |", flush=True)
            for title, channels_last in (("PyTorch", False), ("PyTorch, channels last", True)):
                found = min(peer(data, width, batch, channels_last, arguments.epochs))
                print(f"| {name}, {title} | {found:.2f} | {found / seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
