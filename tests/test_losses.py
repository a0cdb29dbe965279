"""Losses: known values, which way they pull, the score's optimum."""

from __future__ import annotations

from math import log
from typing import get_args

import pytest
import torch

from worldgen.models.losses import LOSSES, energy_score, gradient_penalty, ponding
from worldgen.models.run_settings import Loss


def logits(value: float) -> torch.Tensor:
    return torch.full((2, 1, 3, 3), value)


def test_every_loss_that_settings_allow_is_there() -> None:
    assert set(LOSSES) == set(get_args(Loss))


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [("relativistic", log(2), log(2)), ("non-saturating", 2 * log(2), log(2)), ("hinge", 2.0, 0.0)],
)
def test_losses_at_chance(name: str, discriminator: float, generator: float) -> None:
    real, fake = logits(0.0), logits(0.0)
    assert float(LOSSES[name].discriminator(real, fake)) == pytest.approx(discriminator)
    assert float(LOSSES[name].generator(real, fake)) == pytest.approx(generator)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        # log(1 + exp(x)): 0.048587 at -3, 3.048587 at 3, 0.126928 at -2, 0.313262 at -1, 1.313262 at 1
        ("relativistic", 0.048587, 3.048587),
        ("non-saturating", 0.126928 + 0.313262, 1.313262),
        ("hinge", 0.0, 1.0),
    ],
)
def test_losses_where_the_fake_is_found_out(name: str, discriminator: float, generator: float) -> None:
    real, fake = logits(2.0), logits(-1.0)
    assert float(LOSSES[name].discriminator(real, fake)) == pytest.approx(discriminator, abs=1e-5)
    assert float(LOSSES[name].generator(real, fake)) == pytest.approx(generator, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_pull_apart(name: str) -> None:
    """The discriminator wants real logits up and fake ones down, the generator fake ones up."""
    real, fake = (torch.zeros(2, 1, 3, 3, requires_grad=True) for _ in range(2))
    up, down = torch.autograd.grad(LOSSES[name].discriminator(real, fake), (real, fake))
    assert (up < 0).all()
    assert (down > 0).all()
    (pull,) = torch.autograd.grad(LOSSES[name].generator(real, fake), fake)
    assert (pull < 0).all()


def test_penalty_is_the_squared_gradient() -> None:
    view = torch.randn(2, 3, 4, 4, requires_grad=True)
    torch.testing.assert_close(
        gradient_penalty((3 * view).sum(dim=1, keepdim=True), view), torch.tensor(27.0)
    )


def test_standing_water_is_a_bowl_filled_to_its_outlet() -> None:
    bowl = torch.full((2, 1, 9, 9), 10.0)
    bowl[0, 0, 3:6, 3:6] = 4.0
    bowl[0, 0, 4, 6:] = 8.0  # the outlet
    bowl.requires_grad_()
    depth = ponding(bowl)
    torch.testing.assert_close(depth, torch.tensor([9 * 4 / 81, 0.0]))
    (gradient,) = torch.autograd.grad(depth.sum(), bowl)
    torch.testing.assert_close(gradient[0, 0, 4, 4], torch.tensor(-1 / 81))  # a step raises the floor
    torch.testing.assert_close(gradient[0].clamp(min=0).sum(), torch.tensor(9 / 81))  # and lowers the outlet
    assert not gradient[1].any()


def test_energy_score_is_least_for_the_real_distribution() -> None:
    """Samples that follow the real spread beat both certain and too varied ones."""
    torch.manual_seed(0)
    real, first, second = torch.randn(3, 64, 2, 16, 16)
    scores = [
        float(energy_score(real, spread * first, spread * second, 4)) for spread in (0.0, 0.5, 1.0, 2.0)
    ]
    assert scores[2] == min(scores)
