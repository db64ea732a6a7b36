"""The methods of the seq-JEPA paper's tables in PyTorch, written from docs/methods.md: what the Rust methods are compared with.

Parameter names are those of the published implementation. Every module takes a batch of `batch_by_formula` and returns the terms
of its loss by name, weights included, and the two representations.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F


def projector(inputs, widths, normalized):
    """Linear maps with batch norm and ReLU between them. `normalized`: no biases, a batch norm without affine parameters at
    the end; else biases in all but the last map, and nothing behind it."""
    layers = []
    for index, width in enumerate(widths):
        last = index + 1 == len(widths)
        layers.append(nn.Linear(inputs, width, bias=not normalized and not last))
        if not last:
            layers += [nn.BatchNorm1d(width), nn.ReLU()]
        elif normalized:
            layers.append(nn.BatchNorm1d(width, affine=False))
        inputs = width
    return nn.Sequential(*layers)


def predictor(inputs, hidden, outputs):
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


def action_embedding(action_dim, width):
    return nn.Sequential(nn.Linear(action_dim, width, bias=False), nn.BatchNorm1d(width, affine=False))


def frozen(module):
    return copy.deepcopy(module).requires_grad_(False)


def nt_xent(first, second, temperature=0.5):
    """Cross-entropy over all rows of both views but the row itself, whose right answer is the other view's row."""
    count = len(first)
    rows = F.normalize(torch.cat([first, second]), dim=1)
    logits = (rows @ rows.T / temperature).masked_fill(torch.eye(2 * count, dtype=torch.bool), -torch.inf)
    return F.cross_entropy(logits, (torch.arange(2 * count) + count) % (2 * count))


def distance(prediction, target):
    return (1 - F.cosine_similarity(prediction, target, dim=1, eps=1e-8)).mean()


def shortfall(rows):
    return F.relu(1 - torch.sqrt(rows.var(0) + 1e-4)).mean()


def penalty(rows):
    covariance = torch.cov(rows.T)
    return (covariance - torch.diag(covariance.diag())).square().sum() / rows.shape[1]


def vicreg(first, second):
    return {
        "invariance": 25 * F.mse_loss(first, second),
        "variance": 25 * (shortfall(first) + shortfall(second)) / 2,
        "covariance": penalty(first) + penalty(second),
    }


class TwoViews(nn.Module):
    """An encoder and the first two observed views, each a batch of its own."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def codes(self, observed):
        return self.encoder(observed[:, 0]), self.encoder(observed[:, 1])

    def after_step(self):
        pass


class SimClr(TwoViews):
    def __init__(self, encoder, widths):
        super().__init__(encoder)
        self.projector = projector(encoder.width, widths, True)

    def forward(self, observed, target, actions, relative):
        first, second = self.codes(observed)
        return {"contrast": nt_xent(self.projector(first), self.projector(second))}, first, second


class MovingAverage(TwoViews):
    """Two views with a moving average of encoder and projector."""

    DECAY = 0.9

    def __init__(self, encoder, widths):
        super().__init__(encoder)
        self.projector = projector(encoder.width, widths, True)
        self.target_encoder, self.target_projector = frozen(self.encoder), frozen(self.projector)

    def target(self, images):
        with torch.no_grad():
            codes = self.target_encoder(images)
            return codes, self.target_projector(codes)

    @torch.no_grad()
    def after_step(self):
        for name in ("encoder", "projector"):
            pairs = zip(getattr(self, f"target_{name}").parameters(), getattr(self, name).parameters())
            for target, online in pairs:
                target.mul_(self.DECAY).add_((1 - self.DECAY) * online)


class Byol(MovingAverage):
    def __init__(self, encoder, widths, hidden):
        super().__init__(encoder, widths)
        self.predictor = predictor(widths[-1], hidden, widths[-1])

    def forward(self, observed, target, actions, relative):
        first, second = self.codes(observed)
        left, right = (self.predictor(rows) for rows in (self.projector(first), self.projector(second)))
        targets = [self.target(observed[:, index])[1] for index in (0, 1)]
        return {"prediction": 2 * distance(left, targets[1]) + 2 * distance(right, targets[0])}, first, second


class ConditionalByol(MovingAverage):
    def __init__(self, encoder, widths, hidden, embedding, action_dim=9):
        super().__init__(encoder, widths)
        self.action_proj = action_embedding(action_dim, embedding)
        self.predictor = predictor(embedding + widths[-1], hidden, widths[-1])

    def forward(self, observed, target, actions, relative):
        first = self.encoder(observed[:, 0])
        joint = torch.cat([self.action_proj(relative[:, 0]), self.projector(first)], 1)
        second, goal = self.target(observed[:, 1])
        return {"prediction": 2 * distance(self.predictor(joint), goal)}, first, second


class VicReg(TwoViews):
    def __init__(self, encoder, widths):
        super().__init__(encoder)
        self.projector = projector(encoder.width, widths, False)

    def forward(self, observed, target, actions, relative):
        first, second = self.codes(observed)
        return vicreg(self.projector(first), self.projector(second)), first, second


class EquiMod(TwoViews):
    def __init__(self, encoder, widths, embedding, action_dim=9):
        super().__init__(encoder)
        self.projector_inv = projector(encoder.width, widths, True)
        self.projector_equi = projector(encoder.width, widths, True)
        self.action_proj = action_embedding(action_dim, embedding)
        self.predictor = projector(embedding + widths[-1], widths[-1:], True)

    def forward(self, observed, target, actions, relative):
        first, second = self.codes(observed)
        invariance = nt_xent(self.projector_inv(first), self.projector_inv(second))
        left, right = self.projector_equi(first), self.projector_equi(second)
        prediction = self.predictor(torch.cat([self.action_proj(relative[:, 0]), left], 1))
        return {"invariance": invariance, "equivariance": nt_xent(prediction, right)}, first, second


class Sen(TwoViews):
    def __init__(self, encoder, widths, embedding, action_dim=9):
        super().__init__(encoder)
        self.projector_equi = projector(encoder.width, widths, True)
        self.action_proj = action_embedding(action_dim, embedding)
        self.predictor = projector(embedding + widths[-1], widths[-1:], True)

    def forward(self, observed, target, actions, relative):
        first, second = self.codes(observed)
        left, right = self.projector_equi(first), self.projector_equi(second)
        prediction = self.predictor(torch.cat([self.action_proj(relative[:, 0]), left], 1))
        return {"contrast": nt_xent(prediction, right)}, first, second


class HyperNetwork(nn.Module):
    def __init__(self, action_dim, width):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(action_dim, width * width, bias=False))


class ActionPredictor(nn.Module):
    """A matrix for every sample, made of its action."""

    def __init__(self, action_dim, width):
        super().__init__()
        self.hypernet = HyperNetwork(action_dim, width)

    def forward(self, rows, actions):
        count, width = rows.shape
        matrices = self.hypernet.net(actions).view(count, width, width)
        return torch.bmm(matrices, rows[:, :, None])[:, :, 0]


class Sie(TwoViews):
    def __init__(self, encoder, widths, action_dim=9):
        super().__init__(encoder)
        self.half = encoder.width // 2
        self.projector_inv = projector(self.half, widths, False)
        self.projector_equi = projector(encoder.width - self.half, widths, False)
        self.predictor = ActionPredictor(action_dim, widths[-1])

    def forward(self, observed, target, actions, relative):
        codes = first, second = self.codes(observed)
        invariant = [self.projector_inv(code[:, : self.half]) for code in codes]
        equivariant = [self.projector_equi(code[:, self.half :]) for code in codes]
        prediction = self.predictor(equivariant[0], relative[:, 0])
        both = [torch.cat(pair, 1) for pair in zip(invariant, equivariant)]
        terms = {
            "invariance": 25 * F.mse_loss(*invariant),
            "equivariance": 25 * F.mse_loss(prediction, equivariant[1]),
            "variance": 25 * sum(shortfall(rows) for rows in (*both, prediction)) / 2,
            "covariance": penalty(both[0]) + penalty(both[1]),
        }
        return terms, first, second


class VicRegTraj(TwoViews):
    def __init__(self, encoder, widths):
        super().__init__(encoder)
        self.projector = projector(encoder.width, widths, False)

    def forward(self, observed, target, actions, relative):
        batch = len(observed)
        codes = self.encoder(observed[:, :3].flatten(0, 1))
        left, centre, right = self.projector(codes).unflatten(0, (batch, 3)).unbind(1)
        steps = [centre - left, right - centre]
        steps = [step - (step * centre).sum(1, keepdim=True) * centre for step in steps]
        terms = vicreg(left, centre)
        terms["trajectory"] = -F.cosine_similarity(*steps, dim=1, eps=1e-8).mean()
        codes = codes.unflatten(0, (batch, 3))
        return terms, codes[:, 0], codes[:, 1]


class ConvIJepa(MovingAverage):
    def __init__(self, encoder, widths, hidden, embedding, action_dim=9):
        super().__init__(encoder, widths)
        self.action_proj = action_embedding(action_dim, embedding)
        self.predictor = predictor(embedding + widths[-1], hidden, widths[-1])

    def forward(self, observed, target, actions, relative):
        batch, views = observed.shape[:2]
        codes = self.encoder(observed.flatten(0, 1))
        rows = self.projector(codes).unflatten(0, (batch, views))
        codes = codes.unflatten(0, (batch, views))
        _, goal = self.target(target)
        distances = []
        for index in range(views):
            displacement = self.action_proj(actions[:, -1] - actions[:, index])
            distances.append(distance(self.predictor(torch.cat([displacement, rows[:, index]], 1)), goal))
        return {"prediction": sum(distances) / views}, codes[:, 0], codes[:, 1]


def coding_rate(rows, alpha):
    """log det((1 + 1e-4) I + alpha C) of the covariance of the centred rows, divided by their number."""
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / len(rows)
    return torch.logdet((1 + 1e-4) * torch.eye(rows.shape[1]) + alpha * covariance)


def sigreg(rows, directions, knots=17):
    """The mean over directions of the Epps-Pulley statistic: an integral over [-3, 3] by the trapezoidal rule."""
    points = torch.linspace(-3, 3, 2 * knots - 1)
    gaussian = torch.exp(-points.square() / 2)
    along = rows @ F.normalize(directions, dim=0)
    characteristic = torch.exp(1j * along[:, :, None] * points).mean(0)
    distance = (characteristic - gaussian).abs().square() * gaussian
    return len(rows) * torch.trapezoid(distance, points, dim=-1).mean()
