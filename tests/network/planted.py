"""Convolutional networks of which it is known which units of which layer detect which concept."""

from __future__ import annotations

import numpy as np
import torch

from sklearn_xai.datasets._concept_shapes import COLOURS, DARK

COLOUR_CONCEPTS = [f"colour: {name}" for name in COLOURS]
TEXTURE_CONCEPTS = ["texture: rows", "texture: columns", "texture: diagonal", "texture: checked"]


class PlantedUnits(torch.nn.Module):
    """Images (n, 3, h, w) to the maps of a detector of each colour, of four textures, and of random 3 x 3 filters.

    A colour's unit is ``relu(1 - 20 * |pixel - colour|^2)``, of the bright or the dark colour, whichever is nearer; a
    texture's unit is high where brightness changes in its directions and not in others. Each of these is more
    sensitive in some places than in others, smoothly, by up to ``uneven``: few of its activations are alike. Units come
    in random order: ``concepts[u]`` is what unit u was made to detect, None for random filters (which may well detect
    a colour). With ``scrambled=True`` the maps' pixels are in random order, another one for each unit, so that no unit
    detects anything. With ``stride=2`` or more the maps are smaller than the images; at 4
    the highest 0.5 % of a map still lie on its concept, but with intersections over unions around 0.04.
    """

    def __init__(self, n_random=8, stride=1, uneven=0.5, scrambled=False, size=32, seed=0):
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        bright = torch.tensor(list(COLOURS.values()))
        self.register_buffer("colours", torch.stack([bright, DARK * bright])[..., None, None])
        planted = COLOUR_CONCEPTS + TEXTURE_CONCEPTS
        n_units = len(planted) + n_random
        self.filters = torch.nn.Conv2d(3, n_units, 3, padding=1, bias=False)
        with torch.no_grad():
            self.filters.weight.normal_(0, 0.2, generator=rng)
        coarse = torch.rand(1, len(planted), 5, 5, generator=rng)
        field = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=True)
        self.register_buffer("sensitivity", 1 - uneven * field)
        self.stride = stride
        self.register_buffer("order", torch.randperm(n_units, generator=rng))
        self.concepts = [planted[u] if u < len(planted) else None for u in self.order.tolist()]
        pixels = (size // stride) ** 2
        places = torch.stack([torch.randperm(pixels, generator=rng) for _ in range(n_units)])
        self.register_buffer("places", places if scrambled else None)

    def forward(self, x):
        random = self.filters(x).relu()
        detectors = torch.cat([self.coloured(x), self.textured(x)], dim=1) * self.sensitivity
        maps = torch.cat([detectors, random[:, detectors.shape[1] :]], dim=1)
        maps = torch.nn.functional.avg_pool2d(maps[:, self.order], self.stride)
        if self.places is None:
            return maps
        flat = maps.flatten(2)
        return flat.gather(2, self.places.expand(len(x), -1, -1)).reshape(maps.shape)

    def coloured(self, x):
        squared = ((x[:, None, None] - self.colours) ** 2).sum(dim=3)  # n, bright or dark, colour, h, w
        return (1 - 20 * squared.amin(dim=1)).relu()

    def textured(self, x):
        """Return how much more brightness changes around a pixel where each texture changes than where it does not."""
        brightness = x.amax(dim=1, keepdim=True)
        step = max(1, round(min(x.shape[2:]) / 16))
        down, right, falling, rising = (
            self.changes(brightness, shift) for shift in [(step, 0), (0, step), (step, step), (step, -step)]
        )
        return torch.cat(
            [
                (down - 3 * right).relu(),
                (right - 3 * down).relu(),
                (falling - 3 * rising).relu() * (down > falling / 4),
                (torch.minimum(down, right) - 3 * torch.maximum(falling, rising)).relu(),
            ],
            dim=1,
        )

    @staticmethod
    def changes(brightness, shift):
        """Return by how much pixels differ from those shifted either way, averaged over a window."""
        width = 2 * max(1, round(min(brightness.shape[2:]) / 16)) + 1
        change = torch.zeros_like(brightness)
        for way in (1, -1):
            change = change + (brightness - brightness.roll((way * shift[0], way * shift[1]), (2, 3))).abs() / 2
        return torch.nn.functional.avg_pool2d(change, width, stride=1, padding=width // 2)


class ConceptDetectors(torch.nn.Sequential):
    """A classifier of images with such a layer, named "units"; its output is a linear function of the units' means."""

    def __init__(self, n_classes=6, seed=0, **units):
        layer = PlantedUnits(seed=seed, **units)
        head = torch.nn.Linear(len(layer.concepts), n_classes)
        rng = torch.Generator().manual_seed(seed + 1)
        with torch.no_grad():
            head.weight.normal_(generator=rng)
            head.bias.zero_()
        super().__init__()
        self.add_module("units", layer)
        self.add_module("pool", torch.nn.AdaptiveAvgPool2d(1))
        self.add_module("flat", torch.nn.Flatten())
        self.add_module("head", head)

    @property
    def concepts(self):
        return list(self.units.concepts)


def brute_force_iou(maps, masks, quantile=0.995):
    """Return intersection over union of units (n, n_units, h, w) and concepts (n, n_concepts, H, W), all kept at once.

    The threshold of a unit is the exact quantile of its activations at the layer's own resolution.
    """
    maps, masks = np.asarray(maps), np.asarray(masks)
    n_units = maps.shape[1]
    thresholds = np.quantile(maps.swapaxes(0, 1).reshape(n_units, -1), quantile, axis=1, method="inverted_cdf")
    large = torch.nn.functional.interpolate(
        torch.as_tensor(maps), size=masks.shape[2:], mode="bilinear", align_corners=False
    ).numpy()
    on = (large > thresholds[:, None, None]).swapaxes(0, 1).reshape(n_units, -1).astype(np.float64)
    concepts = masks.swapaxes(0, 1).reshape(masks.shape[1], -1).astype(np.float64)
    both = on @ concepts.T
    either = on.sum(axis=1)[:, None] + concepts.sum(axis=1) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)
