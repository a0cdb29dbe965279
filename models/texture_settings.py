"""All that decides a training run of the texture VAE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from worldgen.errors import ConfigError

CELLS = (4, 8, 16)
WIDTHS, DEPTHS = (128, 96, 64, 32, 16), (2, 2, 2, 2, 1)  # of the decoder, from cells of 16 texels to texels


@dataclass(frozen=True)
class TextureTrainConfig:
    """All that decides a run.

    `data` is a folder of materials, `output` the ``.safetensors`` to write; the run's state lives beside it
    in ``output.stem + "_run"``. One of `steps` and `minutes` must be given. `pairs` is half the batch: two
    crops of the same material are drawn together. The first part of a run is carried by texels; from
    `statistics_from` to `critic_from` (shares of the run) their weight falls to `texels_kept` and statistics
    of detail take over, then the critic joins, whose gradient on the maps is up to `critic_share` of the
    others', less where it is hardly better than chance. `cell` is the texels per latent cell, 4, 8 or 16, and
    `latent` its channels. The objective ``autoencoder`` is the plain baseline: texels alone, no noise on the
    latent, no critic.
    """

    data: Path
    output: Path
    leave_out: tuple[str, ...] = ()
    seed: int = 0
    steps: int | None = None
    minutes: float | None = None
    pairs: int = 6
    crop: int = 96
    objective: Literal["vae", "autoencoder"] = "vae"
    cell: int = 8
    latent: int = 24
    learning_rate: float = 1e-3
    statistics_from: float = 0.1
    texels_kept: float = 0.15
    critic_from: float = 0.2
    critic_share: float = 0.2
    kl_weight: float = 0.03
    free_nats: float = 0.5
    threads: int = 1
    bfloat16: bool = False  # 1.4 times as fast with AMX, twenty times slower without AVX-512
    checkpoint_minutes: float = 4.0
    resume: bool = False

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ConfigError("give either steps or minutes for a training run")
        if self.objective not in ("vae", "autoencoder"):
            raise ConfigError(f"objective must be vae or autoencoder, found '{self.objective}'")
        if self.cell not in CELLS:
            raise ConfigError(f"cell must be one of {CELLS}, found {self.cell}")
        if self.crop % 16 or self.crop < 64:
            raise ConfigError(f"crop must be a multiple of 16 and at least 64, found {self.crop}")
