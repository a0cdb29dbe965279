"""Training: the same bytes whether a run was stopped or not, exact loss values, config errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from worldgen.errors import ConfigError, InputError, TrainingError  # noqa: E402
from worldgen.models import texture_losses as losses  # noqa: E402
from worldgen.models.texture_batches import draw_batch, graft_mask, grafted  # noqa: E402
from worldgen.models.texture_data import Material  # noqa: E402
from worldgen.models.texture_settings import TextureTrainConfig  # noqa: E402
from worldgen.models.texture_trainer import Trainer  # noqa: E402


def material(kind: str, seed: int, *, seamless: bool = True) -> Material:
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(6, 64, 64)).astype(np.float16)
    present = np.array([True, True, True, True, True, seed % 2 == 0])
    maps[~present] = 0
    return Material(f"{kind}_{seed}", kind, maps, present, np.full(9, 0.5, np.float32), seamless)


MATERIALS = [material("rock", 0), material("rock", 1), material("sand", 2, seamless=False)]


def config(tmp_path: Path, steps: int = 4) -> TextureTrainConfig:
    return TextureTrainConfig(
        data=tmp_path, output=tmp_path / "out.safetensors", steps=steps, pairs=1, crop=64, critic_from=0.4
    )


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = Trainer(config(tmp_path), MATERIALS)
    for _ in range(4):
        whole.train_step()
    first = Trainer(config(tmp_path), MATERIALS)
    for _ in range(2):
        first.train_step()
    first.save(tmp_path / "run")
    second = Trainer(config(tmp_path), MATERIALS)
    second.restore(tmp_path / "run")
    for _ in range(2):
        second.train_step()
    assert second.step == whole.step == 4
    for part in ("net", "average", "critic"):
        wanted, found = getattr(whole, part).state_dict(), getattr(second, part).state_dict()
        for name, tensor in wanted.items():
            assert torch.equal(found[name], tensor), f"{part}/{name}"


def test_a_few_steps_lower_the_loss(tmp_path: Path) -> None:
    trainer = Trainer(replace(config(tmp_path, steps=60), critic_from=1.0), [material("rock", 0)])
    seen = [trainer.train_step()["energy"] for _ in range(60)]
    assert np.mean(seen[-10:]) < np.mean(seen[:10])


def test_batches_come_in_pairs_of_one_material_and_repeat() -> None:
    maps, present, drawn = draw_batch(MATERIALS, [0, 0, 1], seed=0, step=5, pairs=4, crop=64)
    assert maps.shape == (8, 6, 64, 64)
    assert torch.equal(drawn[::2], drawn[1::2])
    assert set(drawn.tolist()) <= {0, 1, 2}
    assert torch.equal(present[::2], present[1::2])
    again, _, _ = draw_batch(MATERIALS, [0, 0, 1], seed=0, step=5, pairs=4, crop=64)
    assert torch.equal(maps, again)


def test_a_finished_run_writes_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from worldgen.models import texture_train
    from worldgen.models.texture_vae import load_texture_vae, sample_texture

    monkeypatch.setattr(
        texture_train, "load_materials", lambda data, leave_out: (MATERIALS, [material("rock", 4)])
    )
    calls: list[float] = []
    record = texture_train.train(config(tmp_path, steps=2), lambda share, terms: calls.append(share))
    assert record["steps_done"] == 2
    assert set(record["figures"]) == {"mean", "rock_4"}
    net = load_texture_vae(tmp_path / "out.safetensors")
    assert net.classes() == ["rock", "sand"]  # the sand doesn't wrap: its samples are made to
    maps = sample_texture("rock", seed=1, size=128, net=net)
    assert maps.base_color.shape == (128, 128, 3)


def test_losses_of_equal_maps_are_zero_and_absent_maps_do_not_count() -> None:
    maps = torch.randn(2, 6, 64, 64, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(2, 6, 64, 64)
    for loss in (losses.weighted_l1, losses.pyramid_loss, losses.slope_loss):
        assert float(loss(maps, maps, weight)) == 0
    assert [float(part) for part in losses.detail_loss(maps, maps, weight)] == [0, 0]
    other = maps.clone()
    other[:, 5] += torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    weight[:, 5] = 0
    assert float(losses.weighted_l1(other, maps, weight)) == 0
    assert [float(part) for part in losses.detail_loss(other, maps, weight)] == [0, 0]
    assert float(losses.detail_loss(other, maps, torch.ones_like(weight))[1]) > 0


def test_fine_features_are_compared_wherever_they_are() -> None:
    def distance(found: torch.Tensor) -> float:
        generator = torch.Generator().manual_seed(2)
        return float(losses.sliced_wasserstein(found, maps, torch.ones(1, 6, 1, 1), generator))

    maps = torch.randn(1, 6, 96, 96, generator=torch.Generator().manual_seed(0))
    assert distance(maps) == 0
    assert distance(maps.flip(3)) < 0.1 < distance(maps * 0.5)


def test_grafts_know_whose_texels_they_show() -> None:
    maps = torch.stack([torch.zeros(6, 64, 64), torch.ones(6, 64, 64)])
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    latent, wanted, weight = grafted(maps[:, :, ::8, ::8], maps, torch.ones_like(maps), mask)
    assert torch.equal(
        wanted[0], (1 - mask.repeat_interleave(8, 2).repeat_interleave(8, 3))[0].expand(6, 64, 64)
    )
    assert torch.equal(latent[0, :, :, :4], torch.zeros(6, 8, 4))
    assert weight[0].min() == 1  # a hard seam leaves nothing in doubt
    soft = torch.linspace(1, 0, 8).expand(1, 1, 8, 8)
    _, _, weight = grafted(maps[:, :, ::8, ::8], maps, torch.ones_like(maps), soft)
    assert weight[0].max() == 0
    assert weight[1].min() == 1


def test_the_plain_autoencoder_has_no_critic(tmp_path: Path) -> None:
    trainer = Trainer(replace(config(tmp_path), objective="autoencoder", critic_from=0.0), MATERIALS)
    before = trainer.critic.judge.weight.clone()
    assert "critic" not in trainer.train_step()
    assert torch.equal(trainer.critic.judge.weight, before)


def test_the_lattice_of_cells_is_seen() -> None:
    maps = torch.randn(1, 6, 64, 64, generator=torch.Generator().manual_seed(0))
    weight = torch.ones_like(maps)
    assert float(losses.lattice_loss(maps, maps, weight, 8)) == 0
    rows = maps + 0.3 * (torch.arange(64) % 8 == 0).float()[None, None, :, None]
    assert float(losses.lattice_loss(rows, maps, weight, 8)) > 0.01


def test_a_burst_step_is_left_out_and_many_end_the_run(tmp_path: Path) -> None:
    trainer = Trainer(config(tmp_path, steps=100), MATERIALS)
    torch.nn.init.constant_(trainer.net.decoder.linear.bias, 1e4)
    before = trainer.net.decoder.linear.weight.clone()
    assert trainer.train_step() == {"burst": 1.0}
    assert torch.equal(trainer.net.decoder.linear.weight, before)
    for _ in range(18):
        trainer.train_step()
    with pytest.raises(TrainingError, match="20 steps in a row"):
        trainer.train_step()


def test_divergence_of_a_unit_normal_is_only_the_free_nats() -> None:
    zero = torch.zeros(2, 6, 4, 4)
    assert float(losses.divergence(zero, zero, 0.5)) == pytest.approx(3.0)


def test_graft_masks_have_both_sides() -> None:
    for seed in range(8):
        mask = graft_mask(32, np.random.default_rng(seed))
        assert float(mask.min()) < 0.05
        assert float(mask.max()) > 0.95


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="either steps or minutes"):
        TextureTrainConfig(tmp_path, tmp_path / "x.safetensors")
    with pytest.raises(ConfigError, match="cell must be one of"):
        TextureTrainConfig(tmp_path, tmp_path / "x.safetensors", steps=1, cell=5)
    with pytest.raises(ConfigError, match="crop"):
        TextureTrainConfig(tmp_path, tmp_path / "x.safetensors", steps=1, crop=30)
    with pytest.raises(InputError, match="no material"):
        Trainer(config(tmp_path), [])
    with pytest.raises(InputError, match="nothing to resume"):
        Trainer(config(tmp_path), MATERIALS).restore(tmp_path)
