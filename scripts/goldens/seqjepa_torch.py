"""seq-JEPA in PyTorch, written from docs/model.md: the reference that the Rust model is compared with.

Blocks come from torchvision, the transformer from torch.nn. Parameter names are those of the published
implementation's checkpoints, so `load_state_dict(strict=True)` is a test of names and shapes.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def units(name, count):
    """`count` numbers in [0, 1), 24 bits each, from FNV-1a of the name and SplitMix64 of the index."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    with np.errstate(over="ignore"):
        bits = np.uint64(seed) + np.arange(count, dtype=np.uint64) * GOLDEN_GAMMA
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits = bits ^ (bits >> np.uint64(31))
    return (bits >> np.uint64(40)).astype(np.float64) / 2**24


def spread(name, shape, centre=0.0, scale=1.0):
    """A tensor with values in [centre - scale, centre + scale), each rounded to f32."""
    values = centre + scale * (2.0 * units(name, int(np.prod(shape, dtype=np.int64))) - 1.0)
    return torch.from_numpy(values.astype(np.float32).reshape(shape)).to(torch.get_default_dtype())


def formula(name, shape):
    """The value that a parameter or buffer of this name has in every comparison."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == "running_var":
        return spread(name, shape, centre=1.0, scale=0.5)
    if leaf == "running_mean":
        return spread(name, shape, scale=0.2)
    if leaf.endswith("bias"):
        return spread(name, shape, scale=0.1)
    if len(shape) == 1:  # gains; below 1, so that rounding errors do not grow through deep residual networks
        return spread(name, shape, centre=0.4, scale=0.2)
    if leaf.endswith("weight"):
        fan_in = int(np.prod(shape[1:]))
        return spread(name, shape, scale=(3.0 / fan_in) ** 0.5)
    return spread(name, shape, scale=0.5)


def fill(module):
    """Gives every parameter and buffer its value by formula."""
    state = {name: formula(name, tuple(value.shape)) for name, value in module.state_dict().items()}
    module.load_state_dict(state, strict=True)
    return module


class ResNet(nn.Module):
    """torchvision's residual network without classifier, of any width."""

    BLOCKS = {18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)), 50: (Bottleneck, (3, 4, 6, 3))}

    def __init__(self, depth=18, width=64, stem="cifar", channels=3):
        super().__init__()
        block, counts = self.BLOCKS[depth]
        kernel, stride, padding = (3, 1, 1) if stem == "cifar" else (7, 2, 3)
        self.conv1 = nn.Conv2d(channels, width, kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.pool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, 2, 1)
        inputs = width
        for index, count in enumerate(counts):
            planes, stride = width << index, 1 if index == 0 else 2
            outputs = planes * block.expansion
            blocks = []
            for position in range(count):
                step = stride if position == 0 else 1
                downsample = None
                if step != 1 or inputs != outputs:
                    convolution = nn.Conv2d(inputs, outputs, 1, step, bias=False)
                    downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))
                blocks.append(block(inputs, planes, step, downsample))
                inputs = outputs
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))
        self.width = inputs

    def forward(self, images):
        features = self.pool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return features.mean(dim=(2, 3))


def torchvision_resnet18(stem):
    """torchvision's own resnet18 with the classifier cut off, for the width that torchvision has."""
    network = torchvision.models.resnet18(weights=None)
    network.fc = nn.Identity()
    network.width = 512
    if stem == "cifar":
        network.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    return network


class LayerStack(nn.Module):
    """Transformer layers under the name `layers`."""

    def __init__(self, layer, depth):
        super().__init__()
        self.layers = nn.ModuleList(copy.deepcopy(layer) for _ in range(depth))

    def forward(self, tokens):
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class Vit(nn.Module):
    """A vision transformer from torch's own layers: class token, learned positions, pre-norm, GELU."""

    def __init__(self, image_size=32, patch=4, width=192, depth=12, heads=3):
        super().__init__()
        patches = (image_size // patch) ** 2
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, patches + 1, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.transformer = LayerStack(layer, depth)
        self.norm = nn.LayerNorm(width)
        self.width = width

    def forward(self, images):
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.pos_embed
        return self.norm(self.transformer(tokens))[:, 0]


class Aggregator(nn.Module):
    """Post-norm transformer layers and one LayerNorm."""

    def __init__(self, width, heads, depth, dropout):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, "relu", batch_first=True)
        self.transformer_encoder = LayerStack(layer, depth)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        return self.norm(self.transformer_encoder(tokens))


@dataclass
class Settings:
    """What the comparisons vary; the defaults are those of the small model they use."""

    conditioning: str = "learned"  # or "raw", "none"
    embedding: int = 32
    relative_last_action: bool = False
    heads: int = 4
    layers: int = 3
    hidden: int = 64  # 0: the linear predictor
    ema: bool = True
    decay: float = 0.996
    dropout: float = 0.0
    action_dim: int = 9


class SeqJepa(nn.Module):
    """The model of docs/model.md."""

    def __init__(self, encoder, settings):
        super().__init__()
        self.settings = settings
        self.encoder = encoder
        code = encoder.width
        self.action_width = {
            "learned": settings.embedding,
            "raw": -(-(code + settings.action_dim) // settings.heads) * settings.heads - code,
            "none": 0,
        }[settings.conditioning]
        width = code + self.action_width
        if settings.ema:
            self.target_encoder = copy.deepcopy(encoder).requires_grad_(False)
        if settings.conditioning == "learned":
            self.action_proj = nn.Sequential(
                nn.Linear(settings.action_dim, settings.embedding, bias=False),
                nn.BatchNorm1d(settings.embedding, affine=False),
            )
        self.agg_token = nn.Parameter(torch.zeros(1, 1, width))
        self.transformer_encoder = Aggregator(width, settings.heads, settings.layers, settings.dropout)
        inputs = width + self.action_width
        if settings.hidden > 0:
            self.predictor = nn.Sequential(
                nn.Linear(inputs, settings.hidden, bias=False),
                nn.BatchNorm1d(settings.hidden),
                nn.ReLU(),
                nn.Linear(settings.hidden, code),
            )
        else:
            self.predictor = nn.Sequential(nn.Linear(inputs, code, bias=False), nn.BatchNorm1d(code))

    def padded(self, actions):
        return nn.functional.pad(actions, (0, self.action_width - self.settings.action_dim))

    def forward(self, observed, target, actions, relative):
        batch, views = observed.shape[:2]
        # The observed views first, as published: without EMA the order shows in the running statistics.
        codes = self.encoder(observed.flatten(0, 1)).unflatten(0, (batch, views))
        with torch.no_grad():
            goal = (self.target_encoder if self.settings.ema else self.encoder)(target)

        # The target's action goes through the embedding first, as published: the order shows in its running statistics.
        condition = None
        if self.settings.conditioning == "learned":
            condition = self.action_proj(relative[:, -1])
        elif self.settings.conditioning == "raw" and self.settings.relative_last_action:
            condition = self.padded(relative[:, -1])
        elif self.settings.conditioning == "raw":
            condition = self.padded(actions[:, -1])
        tokens = codes
        if self.settings.conditioning == "learned":
            rows = relative.clone()
            if not self.settings.relative_last_action:
                rows[:, -1] = 0
            embedded = self.action_proj(rows.flatten(0, 1)).unflatten(0, (batch, views))
            embedded = torch.cat([embedded[:, :-1], torch.zeros_like(embedded[:, -1:])], 1)
            tokens = torch.cat([codes, embedded], -1)
        elif self.settings.conditioning == "raw":
            rows = actions[:, :-1]
            if self.settings.relative_last_action:
                rows = torch.cat([relative[:, :-1], torch.zeros_like(relative[:, -1:])], 1)
            tokens = torch.cat([codes, self.padded(rows)], -1)
        sequence = torch.cat([self.agg_token.expand(batch, -1, -1), tokens], 1)
        aggregate = self.transformer_encoder(sequence)[:, 0]

        joint = aggregate if condition is None else torch.cat([aggregate, condition], -1)
        prediction = self.predictor(joint)
        loss = (1 - nn.functional.cosine_similarity(prediction, goal, dim=1, eps=1e-8)).mean()
        return {
            "loss": loss,
            "aggregate": aggregate,
            "first": codes[:, 0],
            "second": codes[:, 1] if views > 1 else goal,
            "prediction": prediction,
            "target": goal,
        }

    @torch.no_grad()
    def after_step(self):
        """The moving average: parameters only, the target's running statistics are its own."""
        for target, online in zip(self.target_encoder.parameters(), self.encoder.parameters()):
            target.mul_(self.settings.decay).add_((1 - self.settings.decay) * online)


def batch_by_formula(name, batch, views, size, action_dim=9):
    """Observed views, target view, absolute and relative actions of one batch."""
    return {
        "observed": spread(f"{name}.observed", (batch, views, 3, size, size), scale=2.0),
        "target": spread(f"{name}.target", (batch, 3, size, size), scale=2.0),
        "actions": spread(f"{name}.actions", (batch, views + 1, action_dim)),
        "relative": spread(f"{name}.relative", (batch, views, action_dim)),
    }
