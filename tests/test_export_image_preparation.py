"""worldgen.export.image_preparation: known means, kept coverage, unit normals."""

from __future__ import annotations

import numpy as np
from image_examples import angles, normal_map, smooth_noise

from worldgen.export.image_preparation import Role, prepared, prepared_size


def test_sides_become_powers_of_two() -> None:
    for given, wanted in (
        ((300, 100), (256, 128)),
        ((48, 64), (64, 64)),
        ((1, 3), (1, 4)),
        ((64, 64), (64, 64)),
    ):
        pixels = np.full((*given, 3), 90, np.uint8)
        roles: tuple[Role, ...] = ("base_color", "orm")
        for role in roles:
            assert np.array_equal(prepared(pixels, role), np.full((*wanted, 3), 90))
    # The picture stays in its place, and a tile stays a tile.
    wave = 128 + 100 * np.sin(2 * np.pi * (np.arange(48) + 0.5) / 48)
    tile = np.broadcast_to(np.rint(wave)[None, :, None], (48, 48, 3)).astype(np.uint8)
    back = prepared(tile, "orm", repeat=True)
    expected = 128 + 100 * np.sin(2 * np.pi * (np.arange(64) + 0.5) / 64)
    assert np.abs(back[..., 0] - expected).max() < 1.5


def test_base_color_is_halved_in_linear_light_weighted_by_alpha() -> None:
    checks = np.zeros((8, 8, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    assert (prepared(checks, "base_color", maximum=4) == 188).all()  # half the light is sRGB 188, not 128
    assert (prepared(checks, "orm", maximum=4) == 128).all()
    assert prepared(checks, "orm", maximum=1).shape == (1, 1, 3)
    assert prepared(np.zeros((8, 32, 3), np.uint8), "orm", maximum=8).shape == (2, 8, 3)
    leaf = np.full((8, 8, 4), (250, 0, 250, 0), np.uint8)
    leaf[:, ::2] = (20, 160, 30, 255)
    small = prepared(leaf, "base_color", maximum=4)
    assert np.abs(small[..., :3].astype(int) - (20, 160, 30)).max() <= 2  # nothing of the clear texels' pink
    assert (small[..., 3] == 128).all()


def test_small_leaves_cover_as_much_as_large_ones() -> None:
    cutoff = 0.4
    alpha = np.clip(255 * (smooth_noise((256, 256)) * 0.8 - 0.1), 0, 255).astype(np.uint8)
    leaf = np.dstack([np.full((256, 256, 3), 90, np.uint8), alpha])
    wanted = (alpha >= np.ceil(cutoff * 255)).mean()
    for maximum in (128, 64, 32, 16):
        plain, kept = (
            prepared(leaf, "base_color", maximum=maximum, cutoff=given)[..., 3] for given in (None, cutoff)
        )
        assert abs((kept >= cutoff * 255).mean() - wanted) < 0.01 + 1 / maximum**2
        if maximum == 16:
            assert abs((plain >= cutoff * 255).mean() - wanted) > 0.05


def test_normals_are_averaged_as_vectors() -> None:
    pixels = normal_map(64)
    small = prepared(pixels, "normal", maximum=32)
    vectors = (pixels.astype(np.float64) * 2 / 255 - 1).reshape(32, 2, 32, 2, 3).sum((1, 3))
    expected = np.rint((vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) * 0.5 + 0.5) * 255)
    assert angles(small, expected.astype(np.uint8)).max() < 0.7  # a step of 8 bits is 0.45 degrees


def test_normals_of_users_are_repaired() -> None:
    good = normal_map(64)
    assert prepared(good, "normal") is good
    rng = np.random.default_rng(3)
    bad = rng.integers(0, 256, (64, 64, 4), np.uint8)
    bad[0, 0] = (128, 128, 128, 0)  # no direction at all
    bad[0, 1] = (128, 128, 0, 255)  # straight down
    for maximum in (None, 16):
        fixed = prepared(bad, "normal", maximum=maximum)
        vectors = fixed.astype(np.float64) * 2 / 255 - 1
        assert np.abs(np.linalg.norm(vectors, axis=-1) - 1).max() < 0.0101
        assert fixed[..., 2].min() >= 128  # glTF: above 0.5
    assert prepared(bad, "normal")[0, :2].tolist() == [[128, 128, 255], [128, 128, 255]]
    kept = prepared(bad, "normal")
    direction = bad[..., :3].astype(np.float64) * 2 / 255 - 1
    upwards = (direction[..., 2] > 0.2) & (np.linalg.norm(direction, axis=-1) > 0.3)
    assert angles(kept, bad[..., :3])[upwards].max() < 0.7


def test_sizes_for_ktx2_are_blocks_of_four() -> None:
    assert prepared(np.full((1, 2, 3), 7, np.uint8), "orm", minimum=4).tolist() == [[[7, 7, 7]] * 4] * 4
    assert prepared(np.full((64, 4, 3), 7, np.uint8), "orm", minimum=4, maximum=16).shape == (16, 4, 3)


def test_sizes_are_known_before() -> None:
    for shape in ((300, 100), (64, 4), (1, 1), (48, 64), (512, 512)):
        pixels = np.full((*shape, 3), 90, np.uint8)
        for maximum in (None, 100, 16, 4):
            for minimum in (1, 4):
                size = prepared_size(shape, maximum, minimum)
                assert prepared(pixels, "orm", maximum=maximum, minimum=minimum).shape[:2] == size
                assert maximum is None or max(size) <= maximum
