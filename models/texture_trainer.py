"""One step of the texture VAE's training, and the state that a resumed run needs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldgen.errors import InputError, TrainingError
from worldgen.models import texture_losses as losses
from worldgen.models.texture_batches import draw_batch, graft_mask, grafted, noise_maps
from worldgen.models.texture_critic import PatchCritic
from worldgen.models.texture_data import CHANNELS, HEIGHT, Material, linear_code
from worldgen.models.texture_net import TextureNet, TextureNetConfig
from worldgen.models.texture_settings import CELLS, DEPTHS, WIDTHS, TextureTrainConfig

BURST = 50.0  # normalised maps are within 6; a step whose maps pass this is left out
MOST_BURSTS = 20  # in a row


class Trainer:
    """Nets, optimisers and the state that a resumed run needs."""

    def __init__(self, config: TextureTrainConfig, materials: list[Material]) -> None:
        if not materials:
            raise InputError(f"no material to train on in {config.data}")
        torch.manual_seed(config.seed)  # only for the nets' first weights
        self.config = config
        self.materials = materials
        self.classes = tuple(sorted({material.kind for material in materials}))
        self.kinds = [self.classes.index(material.kind) for material in materials]
        levels = CELLS.index(config.cell) + 3  # resolutions of the decoder
        self.net = TextureNet(
            TextureNetConfig(
                self.classes, latent=config.latent, widths=WIDTHS[-levels:], depths=DEPTHS[-levels:]
            )
        )
        filters = linear_code(materials, self.net.config.latent, self.net.config.cell)
        self.net.start_from(*(torch.from_numpy(part) for part in filters))
        self.average = TextureNet(self.net.config)
        self.average.load_state_dict(self.net.state_dict())
        self.critic = PatchCritic(CHANNELS + 2, len(materials))
        for part in (self.net, self.critic):  # a quarter faster than the default layout in bfloat16
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learned = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(learned, lr=config.learning_rate, betas=(0.9, 0.99))
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=4e-4, betas=(0.5, 0.99))
        self.step = 0
        self.seconds = 0.0
        self.bursts = 0  # steps left out in a row

    def share_done(self) -> float:
        """From 0 to 1: how much of the run is over."""
        if self.config.steps is not None:
            return min(1.0, self.step / self.config.steps)
        assert self.config.minutes is not None
        return min(1.0, self.seconds / (60 * self.config.minutes))

    def train_step(self) -> dict[str, float]:
        """One update of the net, and of the critic once it works; returns the terms of the loss."""
        config, done = self.config, self.share_done()
        maps, present, material = draw_batch(
            self.materials, self.kinds, seed=config.seed, step=self.step, pairs=config.pairs, crop=config.crop
        )
        kind = torch.tensor(self.kinds)[material]
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        warm = min(1.0, (self.step + 1) / 50)
        rate = config.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
            given = present * self._shown(len(maps), generator)
            mean, spread, style_mean, style_spread = (
                x.float() for x in self.net.encode(maps, kind, given, "reflect")
            )
            latent, style = mean, style_mean
            if config.objective == "vae":
                latent = mean + torch.exp(0.5 * spread) * torch.randn(mean.shape, generator=generator)
                random = torch.randn(style_mean.shape, generator=generator)
                style = style_mean + torch.exp(0.5 * style_spread) * random
            mask = graft_mask(latent.shape[-1], np.random.default_rng([config.seed, self.step, 1]))
            weight = present.expand_as(maps)
            latent, wanted, weight = grafted(latent, maps, weight, mask)
            noise = noise_maps(len(maps), latent.shape[-1], len(self.net.config.widths), generator)
            found = self.net.decode(latent, style, kind, noise, "reflect").float()
        if not float(found.detach().abs().max()) < BURST:
            return self._skipped()
        self.bursts = 0
        local, whole = losses.detail_loss(found, wanted, weight)
        terms = {
            "l1": losses.weighted_l1(found, wanted, weight),
            "pyramid": losses.pyramid_loss(found, wanted, weight),
            "slope": losses.slope_loss(found, wanted, weight),
            "detail": local,
            "energy": whole,
            "lattice": losses.lattice_loss(found, wanted, weight, self.net.config.cell),
            "wasserstein": losses.sliced_wasserstein(found, wanted, present, generator),
            "kl": losses.divergence(mean, spread, config.free_nats) / (CHANNELS * self.net.config.cell**2),
            "style_kl": losses.divergence(style_mean, style_spread, 0.1) / 1000,
        }
        shown = torch.stack([terms[name] * value for name, value in self._weights(done).items()]).sum()
        hidden = config.kl_weight * terms["kl"] + terms["style_kl"]
        if config.objective == "autoencoder":
            hidden = 0 * hidden
        self.optimiser.zero_grad(set_to_none=True)
        gradient = torch.autograd.grad(shown, found, retain_graph=True)[0]
        if done >= config.critic_from and config.objective == "vae":
            ramp = min(1.0, (done - config.critic_from) / 0.1)
            extra, critic_terms = self._critic_terms(maps, found, present, material)
            push = torch.autograd.grad(extra, found)[0]
            # In units of the others' gradient: with a fixed weight the critic was drowned, the detail weak.
            # By its skill (its loss is 2 at chance): a critic that the net has outrun pushes anywhere, and
            # once drove the error up by a third in a thousand steps.
            skill = float((2 - critic_terms["critic"].detach()).clamp(0, 1))
            scale = config.critic_share * ramp * skill * gradient.norm() / push.norm().clamp_min(1e-9)
            gradient = gradient + scale * push
            terms |= critic_terms
        torch.autograd.backward([found, hidden], [gradient, torch.ones(())])
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self._average(min(0.998, (1 + self.step) / (10 + self.step)))
        self.step += 1
        return {"rate": float(rate)} | {name: float(term.detach()) for name, term in terms.items()}

    def _skipped(self) -> dict[str, float]:
        """Leave out a step whose maps burst: a few do, and one is enough to blind the critic for long."""
        self.bursts += 1
        if self.bursts >= MOST_BURSTS:
            raise TrainingError(
                f"training diverged at step {self.step + 1}: maps of {self.bursts} steps in a row are beyond "
                f"{BURST:g} or not finite; a learning rate below {self.config.learning_rate:.2g} may help"
            )
        self.step += 1
        return {"burst": 1.0}

    def _weights(self, done: float) -> dict[str, float]:
        """Weights of the loss's terms on the maps: from texels early in a run to statistics of detail."""
        config = self.config
        if config.objective == "autoencoder":
            return {"l1": 1.0, "pyramid": 0.5, "slope": 0.4}
        part = (done - config.statistics_from) / max(config.critic_from - config.statistics_from, 1e-9)
        late = min(1.0, max(0.0, part))
        texels = 1 - (1 - config.texels_kept) * late
        return {
            "l1": texels,
            "pyramid": 0.5 + 0.5 * late,
            "slope": 0.4 * texels,
            "detail": 0.15 + 0.15 * late,
            "lattice": 6 * late,
            "energy": 0.02 + 0.08 * late,
            "wasserstein": 0.05 + 0.25 * late,
        }

    def _shown(self, count: int, generator: torch.Generator) -> Tensor:
        """(B, 6, 1, 1): which channels the encoder is given.

        A roughness or occlusion map in five is hidden, and in one pair of crops in four all but colour, so
        that the net learns to infer what a photograph doesn't tell.
        """
        dice = torch.rand(count, CHANNELS, 1, 1, generator=generator)
        shown = (dice > 0.2).float()
        shown[:, :HEIGHT] = 1
        photograph = (torch.rand(count // 2, 1, 1, 1, generator=generator) < 1 / 4).repeat_interleave(
            2, dim=0
        )
        shown[:, HEIGHT:] *= 1 - photograph.float()
        shown[:, HEIGHT : HEIGHT + 1] = 1 - photograph.float()
        return shown

    def _critic_terms(
        self, maps: Tensor, found: Tensor, present: Tensor, material: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Update the critic; the net's adversarial and feature terms.

        Half of what the critic judges are *grafts*, as sampling makes them, which teaches the decoder to hide
        the seams; features are matched on the other half.
        """
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            # Where the source lacks a map, the critic sees the net's own: absence must not give a real away.
            real = losses.critic_view(maps * present + found.detach() * (1 - present))
            fake = losses.critic_view(found)
            for parameter in self.critic.parameters():
                parameter.requires_grad_(True)
            real_score, wanted = self.critic(real, material)
            fake_score, _ = self.critic(fake.detach(), material)
            critic_loss = F.relu(1 - real_score.float()).mean() + F.relu(1 + fake_score.float()).mean()
            self.critic_optimiser.zero_grad(set_to_none=True)
            critic_loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.critic.parameters(), 5.0)
            self.critic_optimiser.step()
            for parameter in self.critic.parameters():
                parameter.requires_grad_(False)
            score, features = self.critic(fake, material)
        matching = losses.feature_loss([f[1::2].float() for f in features], [f[1::2].float() for f in wanted])
        adversarial = -score.float().mean()
        return adversarial + 2 * matching, {
            "adversarial": adversarial, "features": matching, "critic": critic_loss
        }  # fmt: skip

    @torch.no_grad()
    def _average(self, keep: float) -> None:
        for mine, theirs in zip(self.average.parameters(), self.net.parameters(), strict=True):
            mine.lerp_(theirs, 1 - keep)

    def _tensors(self) -> dict[str, Tensor]:
        """All state as named tensors (safetensors holds no pickles, so optimiser state is flattened)."""
        out: dict[str, Tensor] = {}
        for part in ("net", "average", "critic"):
            for name, tensor in getattr(self, part).state_dict().items():
                out[f"{part}/{name}"] = tensor.detach().clone()
        for part in ("optimiser", "critic_optimiser"):
            for index, state in getattr(self, part).state_dict()["state"].items():
                for name, value in state.items():
                    out[f"{part}/{index}/{name}"] = torch.as_tensor(value).clone()
        return out

    def save(self, folder: Path) -> None:
        """Write the run's state, under temporary names first."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        record = {"step": self.step, "seconds": self.seconds, "classes": list(self.classes)}
        save_file(
            {name: tensor.contiguous() for name, tensor in self._tensors().items()},
            str(folder / "state.part"),
            metadata={"record": json.dumps(record)},
        )
        os.replace(folder / "state.part", folder / "state.safetensors")

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote."""
        from safetensors import safe_open

        path = folder / "state.safetensors"
        if not path.is_file():
            raise InputError(f"nothing to resume in {folder}")
        with safe_open(str(path), framework="pt") as file:
            record = json.loads(file.metadata()["record"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if tuple(record["classes"]) != self.classes:
            raise InputError(f"{path} was trained on other classes: {', '.join(record['classes'])}")
        self.step, self.seconds = record["step"], record["seconds"]
        for part in ("net", "average", "critic"):
            prefix = part + "/"
            state = {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
            getattr(self, part).load_state_dict(state)
        for part in ("optimiser", "critic_optimiser"):
            state_dict: dict[str, Any] = getattr(self, part).state_dict()
            for name, tensor in tensors.items():
                if name.startswith(part + "/"):
                    _, index, key = name.split("/")
                    state_dict["state"].setdefault(int(index), {})[key] = tensor
            getattr(self, part).load_state_dict(state_dict)
