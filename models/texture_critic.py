"""The patch critic that trains the texture VAE to be sharp."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class PatchCritic(nn.Module):
    """Judges patches of about 46 texels of maps and their slopes, given the material (projection, Miyato
    2018): that it looks like this one, not only like any."""

    def __init__(self, channels: int, materials: int) -> None:
        super().__init__()
        normed = nn.utils.parametrizations.spectral_norm
        self.layers = nn.ModuleList(
            normed(layer)
            for layer in (
                nn.Conv2d(channels, 32, 4, 2),
                nn.Conv2d(32, 64, 4, 2),
                nn.Conv2d(64, 96, 4, 2),
                nn.Conv2d(96, 96, 3),
            )
        )
        self.judge = normed(nn.Conv2d(96, 1, 1))
        self.material = nn.Embedding(materials, 96)
        nn.init.normal_(self.material.weight, std=0.02)

    def forward(self, maps: Tensor, material: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores (B, h, w), higher is more real, and the features of each layer."""
        features = []
        h = maps
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
            features.append(h)
        score = self.judge(h)[:, 0] + (h * self.material(material)[:, :, None, None]).mean(dim=1)
        return score, features
