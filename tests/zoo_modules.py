"""The modules of the zoo, each written as some user writes it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

P, SIDE, LENGTH, WORDS = 6, 8, 7, 20  # columns of a table; size of an image; tokens of a text; size of a vocabulary
H = 8  # units of a hidden layer


# ---------------------------------------------------------------------- perceptrons
def mlp(activation=nn.ReLU, n_outputs=1):
    return nn.Sequential(
        nn.Linear(P, H), activation(), nn.Linear(H, H), activation(), nn.Linear(H, n_outputs)
    )  # fmt: skip


class Perceptron(nn.Module):
    """Two hidden layers, with ``act`` between them as a subclass spells it."""

    def __init__(self, n_outputs=1):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(P, H), nn.Linear(H, H), nn.Linear(H, n_outputs)

    def forward(self, x):
        return self.last(self.act(self.second(self.act(self.first(x)))))


class Functional(Perceptron):
    def act(self, x):
        return F.relu(x)


class Methods(Perceptron):
    def forward(self, x):
        return self.last(self.second(self.first(x).relu()).clamp(min=0))


class Operators(Perceptron):
    """Non-linearities written as arithmetic."""

    def act(self, x):
        return torch.where(x > 0, x, 0.1 * x) + torch.maximum(x, torch.zeros_like(x))


class InPlace(Perceptron):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.relu(self.first(x))
        h = self.second(h)
        h.relu_()
        return self.last(h)


class Reused(Perceptron):
    """One activation module for both layers."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def act(self, x):
        return self.relu(x)


class SharedWeights(Perceptron):
    """The same linear layer twice."""

    def forward(self, x):
        return self.last(torch.relu(self.second(torch.relu(self.second(torch.relu(self.first(x)))))))


class Residual(Perceptron):
    def forward(self, x):
        h = F.relu(self.first(x))
        return self.last(h + F.relu(self.second(h))) + x.sum(dim=1, keepdim=True)


class TwoAnswers(Functional):
    """Returns a tuple, of which the first is the output."""

    def forward(self, x):
        h = self.act(self.second(self.act(self.first(x))))
        return self.last(h), h


class Gated(Perceptron):
    """A product of two functions of the input."""

    def forward(self, x):
        return self.last(self.first(x) * torch.sigmoid(self.second(self.first(x).tanh())))


class Experts(nn.Module):
    """A softmax of the input says how much each of three perceptrons counts."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(P, 3)
        self.experts = nn.ModuleList(mlp() for _ in range(3))

    def forward(self, x):
        answers = torch.cat([expert(x) for expert in self.experts], dim=1)
        return (self.gate(x).softmax(dim=-1) * answers).sum(dim=1, keepdim=True)


class Maxout(Perceptron):
    def forward(self, x):
        return self.last(self.second(self.first(x)).unflatten(1, (H // 2, 2)).amax(dim=2).repeat(1, 2))


class Distances(nn.Module):
    """Radial basis functions."""

    def __init__(self):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(H, P))
        self.last = nn.Linear(H, 1)

    def forward(self, x):
        return self.last(torch.exp(-0.1 * (x[:, None] - self.centres).square().sum(dim=-1)))


class OneNumber(Functional):
    """Returns (n,) instead of (n, 1)."""

    def forward(self, x):
        return super().forward(x).squeeze(-1)


def normalised(norm):
    return nn.Sequential(nn.Linear(P, H), norm(H), nn.ReLU(), nn.Linear(H, H), norm(H), nn.ReLU(), nn.Linear(H, 1))


def dropped():
    return nn.Sequential(nn.Dropout(0.3), nn.Linear(P, H), nn.ReLU(), nn.Dropout(0.5), nn.Linear(H, 1))


def weight_normed():
    norm = nn.utils.parametrizations.weight_norm
    return nn.Sequential(norm(nn.Linear(P, H)), nn.ReLU(), norm(nn.Linear(H, 1)))


def scripted():
    return torch.jit.script(mlp())


def traced():
    return torch.jit.trace(Functional(), torch.zeros(2, P))


def compiled():
    return torch.compile(mlp(), backend="eager")


# ---------------------------------------------------------------------- columns as a sequence
class Recurrent(nn.Module):
    """Reads the columns one after the other."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell(1, H, batch_first=True)
        self.last = nn.Linear(H, 1)

    def forward(self, x):
        return self.last(self.cell(x[..., None])[0][:, -1])


class SelfAttention(nn.Module):
    """Attention between columns, written out."""

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.randn(P, H))
        self.embed, self.qkv, self.last = nn.Linear(1, H), nn.Linear(H, 3 * H), nn.Linear(H, 3)

    def forward(self, x):
        h = self.embed(x[..., None]) + self.place
        q, k, v = self.qkv(h).chunk(3, dim=-1)
        weights = torch.softmax(q @ k.transpose(1, 2) / H**0.5, dim=-1)
        return self.last((h + weights @ v).mean(dim=1))


class MultiHead(SelfAttention):
    """The same with torch's own layer."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(H, 2, batch_first=True)

    def forward(self, x):
        h = self.embed(x[..., None]) + self.place
        return self.last((h + self.attention(h, h, h, need_weights=False)[0]).mean(dim=1))


def encoder(n_layers=1):
    layer = nn.TransformerEncoderLayer(H, 2, dim_feedforward=H, dropout=0.1, batch_first=True)
    return nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)


class ColumnTransformer(SelfAttention):
    def __init__(self):
        super().__init__()
        self.encoder = encoder()

    def forward(self, x):
        return self.last(self.encoder(self.embed(x[..., None]) + self.place).mean(dim=1))


class ReshapingCNN(nn.Module):
    """Takes flat rows and makes images of them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 2)
        self.last = nn.Linear(8, 1)

    def forward(self, x):
        return self.last(F.relu(self.conv(x.view(-1, 1, 2, 3))).flatten(1))


def sequence_cnn():
    return nn.Sequential(
        nn.Unflatten(1, (1, P)), nn.Conv1d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
        nn.Linear(12, 1),
    )  # fmt: skip


# ---------------------------------------------------------------------- images
def cnn(pool=nn.MaxPool2d, norm=nn.Identity, channels_last=False):
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), norm(4), nn.ReLU(), pool(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(16, 3),
    )  # fmt: skip
    return module.to(memory_format=torch.channels_last) if channels_last else module


class FunctionalCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, stride=2), nn.Linear(4, 1)

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.first(x)), 2)
        return self.last(F.adaptive_avg_pool2d(F.elu(self.second(h)), 1).flatten(1))


class ResBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm1, self.norm2, self.relu = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        x = self.relu(self.stem(x))
        h = self.norm2(self.second(self.relu(self.norm1(self.first(x)))))
        h += x
        return self.last(self.relu(h).mean(dim=(2, 3)))


def group_normed_cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv2d(4, 4, 3, groups=4), nn.Dropout2d(0.2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1),
    )  # fmt: skip


def autoencoder_cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 2, stride=2), nn.LeakyReLU(), nn.Upsample(scale_factor=2), nn.ConvTranspose2d(4, 2, 3),
        nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(50, 2),
    )  # fmt: skip


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(2, H, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, H))
        self.encoder = encoder()
        self.last = nn.Linear(H, 3)

    def forward(self, x):
        h = self.patches(x).flatten(2).transpose(1, 2)
        return self.last(self.encoder(torch.cat([self.token.expand(len(x), 1, H), h], dim=1))[:, 0])


# ---------------------------------------------------------------------- tokens
class Texts(nn.Module):
    """Looks tokens up in an embedding; a subclass says what becomes of their vectors."""

    def __init__(self, n_outputs=3):
        super().__init__()
        self.embed = nn.Embedding(WORDS, H, padding_idx=0)
        self.last = nn.Linear(H, n_outputs)


class MeanOfWords(Texts):
    def forward(self, ids):
        words = (ids != 0).sum(dim=1, keepdim=True)
        return self.last(F.relu(self.embed(ids).sum(dim=1) / words))


class TextCNN(Texts):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(H, H, 3, padding=1)

    def forward(self, ids):
        return self.last(F.relu(self.conv(self.embed(ids).transpose(1, 2))).amax(dim=2))


class TextGRU(Texts):
    def __init__(self):
        super().__init__(n_outputs=1)
        self.cell = nn.GRU(H, H, batch_first=True, bidirectional=True)
        self.last = nn.Linear(2 * H, 1)

    def forward(self, ids):
        return self.last(self.cell(self.embed(ids))[0].mean(dim=1))


class TextTransformer(Texts):
    """Attention passes over the padding."""

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.randn(LENGTH, H))
        self.encoder = encoder()

    def forward(self, ids):
        padding = ids == 0
        h = self.encoder(self.embed(ids) + self.place, src_key_padding_mask=padding)
        kept = h.masked_fill(padding[..., None], 0.0).sum(dim=1)
        return self.last(kept / (~padding).sum(dim=1, keepdim=True))


class BagOfWords(nn.Module):
    """Sums the vectors of the words without ever showing them."""

    def __init__(self):
        super().__init__()
        self.embed = nn.EmbeddingBag(WORDS, H, mode="sum", padding_idx=0)
        self.hidden, self.last = nn.Linear(H, H), nn.Linear(H, 1)

    def forward(self, ids):
        return self.last(F.relu(self.hidden(self.embed(ids))))


# ---------------------------------------------------------------------- several inputs
class Entities(nn.Module):
    """Numbers, and one embedding for each categorical column."""

    def __init__(self, n_outputs=3):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(4, 3) for _ in range(2))
        self.hidden, self.last = nn.Linear(3 + 2 * 3, H), nn.Linear(H, n_outputs)

    def forward(self, num, cat):
        vectors = [embed(cat[:, j]) for j, embed in enumerate(self.embeddings)]
        return self.last(F.relu(self.hidden(torch.cat([num, *vectors], dim=1))))


class OneEmbedding(Entities):
    """All categorical columns look up one table, at places of their own."""

    def __init__(self):
        super().__init__(n_outputs=1)
        self.embeddings = nn.Embedding(8, 3)

    def forward(self, num, cat):
        vectors = self.embeddings(cat + torch.tensor([0, 4])).flatten(1)
        return self.last(F.relu(self.hidden(torch.cat([num, vectors], dim=1))))


class TwoTowers(nn.Module):
    """Two tables of numbers, each with a layer of its own, that meet late."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = nn.Linear(3, H), nn.Linear(2, H), nn.Linear(2 * H, 1)

    def forward(self, left, right):
        return self.last(torch.cat([F.relu(self.one(left)), torch.tanh(self.two(right))], dim=1))
