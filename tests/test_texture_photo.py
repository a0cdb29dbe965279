"""Photographs and users' materials through the net; materials between two classes; files of materials."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from texture_examples import SIZE, made_maps, planes, same, smooth_noise, tiny_vae, wrap_ratio  # noqa: E402

from worldgen import texture_files  # noqa: E402
from worldgen.cli import app  # noqa: E402
from worldgen.errors import ConfigError, InputError  # noqa: E402
from worldgen.models import texture_photo as photo  # noqa: E402
from worldgen.models import texture_vae  # noqa: E402
from worldgen.models.texture_controls import TextureControls  # noqa: E402
from worldgen.models.texture_finish import fine_spread  # noqa: E402
from worldgen.models.texture_mixing import interpolate  # noqa: E402
from worldgen.models.texture_vae import sample_texture  # noqa: E402


def photograph(rows: int = 280, columns: int = 300) -> np.ndarray:
    """Grain under light that falls off to the right, which doesn't wrap."""
    grain = np.random.default_rng(0).uniform(0.3, 0.5, size=(rows, columns, 3))
    return (grain * np.linspace(1.2, 0.6, columns)[None, :, None]).astype(np.float32)


def test_a_photograph_becomes_a_tile_that_repeats() -> None:
    net = tiny_vae()
    maps = photo.tile_photo(photograph(), "rock", seed=1, size=SIZE, net=net)
    assert same(maps, photo.tile_photo(photograph(), "rock", seed=1, size=SIZE, net=net))
    assert not same(maps, photo.tile_photo(photograph(), "rock", seed=2, size=SIZE, net=net))
    for plane in planes(maps).values():
        assert plane.shape[:2] == (SIZE, SIZE)
        assert wrap_ratio(plane) < 1.6
    wanted = photo.even_light(photograph()).mean(axis=(0, 1))
    np.testing.assert_allclose(maps.base_color.mean(axis=(0, 1)), wanted, atol=0.03)
    rough = np.median(net.model.statistics[:2, 5].numpy())  # a photograph tells none: that of the class
    assert maps.roughness.mean() == pytest.approx(rough, abs=0.05)


def test_height_is_guessed_from_luma() -> None:
    luma = 0.5 + 0.1 * smooth_noise(3, (256, 256), cycles=60)
    guess = photo.guessed_height(luma)
    assert np.corrcoef(guess.ravel(), luma.ravel())[0, 1] > 0.5
    fine = [fine_spread(photo.guessed_height(luma, crispness)[None])[0] for crispness in (0.5, 1.0, 2.0)]
    assert fine[0] < 0.7 * fine[1] < 0.5 * fine[2]
    assert photo.guessed_height(np.full((256, 256), 0.5, np.float32)).std() < 1e-3  # nothing to go by


def test_height_is_guessed_and_the_rest_inferred_with_a_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    net = tiny_vae()
    seen = []
    encode = type(net.model.net).encode

    def spy(self, maps, kind, given, border):  # type: ignore[no-untyped-def]
        seen.append((given[0, :, 0, 0].tolist(), border))
        return encode(self, maps, kind, given, border)

    monkeypatch.setattr(type(net.model.net), "encode", spy)
    photo.tile_photo(photograph(), "rock", seed=1, size=SIZE, net=net)
    photo.vary(made_maps(1).resized(256), "rock", seed=1, size=SIZE, net=net)
    assert seen == [([1, 1, 1, 1, 0, 0], "reflect"), ([1] * 6, "circular")]


def test_light_is_evened() -> None:
    flat = photo.even_light(photograph())
    sides = [float(part[:, :60].mean() / part[:, -60:].mean()) for part in (photograph(), flat)]
    assert sides[0] > 1.6
    assert 0.9 < sides[1] < 1.25


def test_a_material_is_varied_with_its_own_statistics() -> None:
    net = tiny_vae()
    given = made_maps(1).resized(256)
    maps = photo.vary(given, "rock", seed=1, size=SIZE, net=net)
    means = [plane.base_color.mean(axis=(0, 1)) for plane in (maps, given)]
    np.testing.assert_allclose(means[0], means[1], atol=0.03)
    assert maps.roughness.mean() == pytest.approx(given.roughness.mean(), abs=0.03)
    assert wrap_ratio(maps.base_color) < 1.6
    wet = photo.vary(given, "rock", seed=1, size=SIZE, net=net, controls=TextureControls(wetness=0.3))
    assert wet.roughness.mean() < maps.roughness.mean()


def test_between_two_materials() -> None:
    net = tiny_vae()
    ends = [sample_texture(name, seed=4, size=SIZE, net=net) for name in ("rock", "snow")]
    mixes = [interpolate("rock", "snow", share, seed=4, size=SIZE, net=net) for share in (0, 0.25, 0.75, 1)]
    assert same(mixes[0], ends[0])
    assert same(mixes[3], ends[1])
    light = [float(maps.base_color.mean()) for maps in mixes]
    assert (np.diff(light) > 0.02).all()
    for plane in planes(mixes[1]).values():
        assert wrap_ratio(plane) < 1.6
    with pytest.raises(ConfigError, match="share"):
        interpolate("rock", "snow", 1.5, seed=4, net=net)


def test_errors_name_what_was_found() -> None:
    net = tiny_vae()
    with pytest.raises(InputError, match="did you mean 'rock'"):
        photo.tile_photo(photograph(), "rok", seed=1, net=net)
    with pytest.raises(InputError, match="photograph: found 300x90"):
        photo.tile_photo(photograph(90, 300), "rock", seed=1, net=net)
    with pytest.raises(InputError, match=r"\(H, W, 3\)"):
        photo.tile_photo(np.zeros((300, 300), np.float32), "rock", seed=1, net=net)
    with pytest.raises(InputError, match="at least 256"):
        photo.vary(made_maps(1), "rock", seed=1, net=net)


def test_written_maps_are_read_back(tmp_path: Path) -> None:
    maps = made_maps(3)
    paths = texture_files.write_material(maps, tmp_path / "rock")
    assert [path.stem for path in paths] == list(texture_files.FILES)
    with Image.open(tmp_path / "rock" / "height.png") as image:
        assert image.mode.startswith("I;16")
        height = np.asarray(image)
    np.testing.assert_allclose(height / 65535, maps.height, atol=1e-5)
    for name in ("base_color", "roughness", "occlusion"):
        with Image.open(tmp_path / "rock" / f"{name}.png") as image:
            np.testing.assert_allclose(np.asarray(image) / 255, planes(maps)[name], atol=0.003)
    with Image.open(tmp_path / "rock" / "normal.png") as image:
        normal = np.asarray(image) / 127.5 - 1
    np.testing.assert_allclose(normal, maps.normal, atol=0.006)
    # Rows go down and green points up: on a slope that rises towards the top of the tile green is dark.
    rises = np.diff(maps.height[:, 0])[40] < 0  # the row below is lower
    assert (normal[40, 0, 1] < 0) == rises
    found = texture_files.read_material_maps(tmp_path / "rock", SIZE)
    assert np.corrcoef(found.height.ravel(), maps.height.ravel())[0, 1] > 0.99
    assert found.normal_strength == pytest.approx(maps.normal_strength, rel=0.1)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(texture_vae, "load_texture_vae", lambda path=None: tiny_vae())

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["sample", "texture", "--size", str(SIZE), *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_shell_writes_folders_and_an_index(tmp_path: Path, shell) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out"
    shell("--class", "all", "--count", "2", "--seed", "5", "-o", str(out))
    with (out / "index.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == [f"{k}_{i:03d}" for k in ("moss", "rock", "snow") for i in (0, 1)]
    assert [row["seed"] for row in rows[:2]] == ["5", "6"]
    wanted = sample_texture("rock", seed=6, size=SIZE, net=tiny_vae())
    row = rows[3]
    assert row["exemplar"] in ("rock_0", "rock_1")
    assert float(row["height_texels"]) == pytest.approx(wanted.normal_strength, abs=1e-3)
    with Image.open(out / "rock_001" / "base_color.png") as image:
        np.testing.assert_allclose(np.asarray(image) / 255, wanted.base_color, atol=0.003)
    assert {path.stem for path in (out / "rock_001").iterdir()} == set(texture_files.FILES)


def test_the_shell_takes_controls_pictures_and_folders(tmp_path: Path, shell) -> None:  # type: ignore[no-untyped-def]
    picture = tmp_path / "photo.png"
    Image.fromarray((photograph() * 255).astype(np.uint8)).save(picture)
    shell(
        *("--from", str(picture), "--class", "rock", "--count", "1", "--moss", "0.3"),
        *("--palette", "#203040", "--palette", "#b0a090", "-o", str(tmp_path / "a")),
    )
    index = (tmp_path / "a" / "index.csv").read_text(encoding="utf-8")
    assert "photo.png" in index
    assert "moss=0.3" in index
    texture_files.write_material(made_maps(1).resized(256), tmp_path / "mine")
    shell("--from", str(tmp_path / "mine"), "--class", "rock", "--count", "1", "-o", str(tmp_path / "b"))
    shell(
        *("--class", "rock", "--mix", "snow", "--share", "0.3", "--count", "1"),
        *("--palette", str(picture), "-o", str(tmp_path / "c")),
    )
    assert "0.3 of snow" in (tmp_path / "c" / "index.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--class", "rok"], "did you mean 'rock'"),
        (["--class", "rock", "--wetness", "2"], "wetness"),
        (["--class", "rock", "--from", "absent.png"], "absent.png"),
        (["--mix", "snow"], "one class"),
        (["--class", "rock", "--mix", "snow", "--exemplar", "rock_0"], "one of"),
        (["--class", "rock", "--count", "0"], "count 0"),
        (["--class", "rock", "--palette", "red.png"], "red.png"),
    ],
)
def test_wrong_options_are_named(arguments, part, tmp_path, shell) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((ConfigError, InputError), match=part):
        shell(*arguments, "-o", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
