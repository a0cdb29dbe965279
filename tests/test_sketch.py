"""Sketches: what is drawn is what the land is, in any window; what is not drawn is the land's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from worldgen import LearnedTerrain, Sketch, WorldConfig
from worldgen.config import TerrainConfig
from worldgen.errors import ConfigError, InputError
from worldgen.guidance import Guide
from worldgen.hydrology import route
from worldgen.landscapes import nominal
from worldgen.learned_terrain import constant_mix
from worldgen.models.blocks import Window
from worldgen.sketch_files import read_lines, read_sketch
from worldgen.sketch_heights import Heights
from worldgen.sketch_lines import beds, downhill, led_on, lengths, nearest, segments, wandering
from worldgen.terrain import make_terrain

FloatArray = NDArray[np.float64]
CELL = 120.0  # metres: a land of such cells is macro relief alone, which is quick
RIVER = np.array([(600.0, -5500.0), (-400.0, 0.0), (500.0, 5600.0)])
RIDGE = np.array([(4200.0, -3000.0), (4000.0, 3000.0)])


def hills() -> FloatArray:
    """A valley between a cone and a plateau, 24 x 24 cells of 500 m."""
    x = (np.arange(24) - 11.5)[None, :] * 500.0
    z = (np.arange(24) - 11.5)[:, None] * 500.0
    cone = 900 - 0.3 * np.sqrt((x + 3500) ** 2 + z**2)
    return 300 + np.maximum(np.maximum(cone, 0), np.minimum(np.maximum(0.2 * (x - 500), 0), 500)) - 0.01 * z


@pytest.fixture(scope="module")
def sketch() -> Sketch:
    return Sketch(hills(), 500.0, (-5750.0, -5750.0), ridges=[RIDGE], rivers=[RIVER])


@pytest.fixture(scope="module")
def land(sketch: Sketch) -> LearnedTerrain:
    return LearnedTerrain(3, "alpine", CELL, sketch=sketch)


@pytest.fixture(scope="module")
def whole(land: LearnedTerrain) -> FloatArray:
    return land.window(-50, -50, 100, 100).elevation.astype(np.float64)


def test_the_land_has_the_sketch_as_its_means(sketch: Sketch, whole: FloatArray) -> None:
    """Over the sketch's cells, to 3 % of its relief; and it is rougher than the sketch."""
    fine = np.repeat(
        np.repeat(whole, 6, axis=0), 6, axis=1
    )  # cells of 20 m; the sketch's are 25 of them wide
    means = fine.reshape(24, 25, 24, 25).mean(axis=(1, 3))
    assert sketch.elevation is not None
    assert np.sqrt(np.mean((means - sketch.elevation) ** 2)) < 0.03 * np.ptp(sketch.elevation)
    within = fine.reshape(24, 25, 24, 25).std(axis=(1, 3))
    assert within[2:-2, 2:8].mean() > 20


def test_windows_with_a_sketch_are_exact_cuts(land: LearnedTerrain, whole: FloatArray) -> None:
    for row, column, height, width in ((-20, 30, 17, 12), (-50, -50, 2, 40)):
        part = land.window(row, column, height, width).elevation
        np.testing.assert_array_equal(part, whole[row + 50 :, column + 50 :][:height, :width])


def test_a_refined_window_with_a_sketch_is_an_exact_cut(sketch: Sketch) -> None:
    land = LearnedTerrain(3, "hills", 60.0, sketch=sketch)
    large = land.window(-31, -40, 40, 60).elevation
    np.testing.assert_array_equal(land.window(-20, -3, 9, 20).elevation, large[11:20, 37:57])


def test_water_follows_the_river(land: LearnedTerrain, whole: FloatArray) -> None:
    drained = land.drained(-50, -50, 100, 100).elevation
    area = route(drained, CELL).accumulation / 1e6
    along = np.linspace(0.25, 0.95, 40)[:, None]
    points = np.where(along < 0.5, RIVER[0] + 2 * along * (RIVER[1] - RIVER[0]), 0.0)
    points += np.where(along >= 0.5, RIVER[1] + (2 * along - 1) * (RIVER[2] - RIVER[1]), 0.0)
    levels, areas = [], []
    for x, z in points:
        row, column = int(z // CELL) + 50, int(x // CELL) + 50
        around = np.s_[row - 4 : row + 5, column - 4 : column + 5]
        levels.append(drained[around].min())
        areas.append(area[around].max())
    assert min(areas) > 2
    assert areas[-1] > 20
    assert (np.diff(levels) < 0.5).all()


def test_ground_beside_a_river_rises_from_it() -> None:
    """By more than what the nets add to a valley's floor, also where it was lower than the bed."""
    plain = lambda window: 100 - 0.002 * np.sum(np.broadcast_arrays(*window.centres(CELL)), axis=0)  # noqa: E731
    river = np.array([(0.0, -4000.0), (0.0, 4000.0)])
    given = Sketch(rivers=[river]), CELL, constant_mix("mountains"), lambda weights: (1.0, 0.0), plain
    guide = Guide(*given, seed=3)
    window = Window(-12, -12, 24, 24)
    bed = guide.corrected(np.full((24, 24), 1e4), window).min(axis=1)
    land = guide.corrected(np.broadcast_to(bed[:, None] - 3, (24, 24)), window)
    line = wandering(river, seed=3)
    x, z = np.meshgrid(*(places.ravel() for places in window.centres(CELL)))
    distance, _, _ = nearest(segments([line], [0 * line]), x, z, 2000.0)
    above = land - bed[:, None]
    assert np.abs(above[distance < 60]).max() < 1
    assert above[(distance > 240) & (distance < 500)].min() > 5


def test_land_falls_to_both_sides_of_a_ridge() -> None:
    land = LearnedTerrain(5, "mountains", CELL, sketch=Sketch(ridges=[RIDGE]))
    elevation = land.window(-30, 15, 60, 40).elevation
    rows = np.arange(8, 52)
    columns = ((RIDGE[0, 0] + (rows - 5) / 50 * (RIDGE[1, 0] - RIDGE[0, 0])) // CELL).astype(int) - 15
    sides = np.maximum(elevation[rows, columns - 9], elevation[rows, columns + 9])
    assert (elevation[rows, columns] > sides).mean() > 0.9


def test_land_far_away_is_as_it_is_without_a_sketch() -> None:
    lines = LearnedTerrain(5, "hills", CELL, sketch=Sketch(ridges=[RIDGE]))
    alone = LearnedTerrain(5, "hills", CELL)
    far = (900, -2000, 6, 7)
    np.testing.assert_array_equal(lines.window(*far).elevation, alone.window(*far).elevation)


def test_mean_elevation_and_relief_scale_the_land() -> None:
    plain = LearnedTerrain(5, "hills", CELL).window(0, 0, 40, 50).elevation.astype(np.float64)
    asked = LearnedTerrain(5, "hills", CELL, mean_elevation=1500.0, relief=170.0)
    scaled = asked.window(0, 0, 40, 50).elevation
    mean, deviation = (float(np.mean(figure)) for figure in nominal({"hills": 1.0}))
    np.testing.assert_allclose(scaled, (plain - mean) * 170 / deviation + 1500, atol=0.01)
    raised = LearnedTerrain(5, "hills", CELL, mean_elevation=1500.0).window(0, 0, 40, 50).elevation
    np.testing.assert_allclose(raised, plain + 1500 - mean, atol=0.01)


def test_what_styles_are_said_to_be_like_is_what_they_are_like() -> None:
    """One square of 20 km is not all land, so within a factor."""
    elevation = LearnedTerrain(11, "mountains", CELL).window(300, 300, 167, 167).elevation
    mean, deviation = nominal({"mountains": 1.0})
    assert 0.5 * mean < elevation.mean() < 1.7 * mean
    assert 0.5 * deviation < elevation.std() < 1.7 * deviation


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing drawn"),
        ({"elevation": np.zeros(4)}, r"shape \(4,\)"),
        ({"elevation": np.full((3, 3), np.nan)}, "NaN"),
        ({"elevation": np.full((3, 3), np.inf)}, "finite"),
        ({"elevation": np.zeros((3, 3)), "spacing": 0.0}, "spacing"),
        ({"elevation": np.zeros((3, 3)), "origin": (0.0, np.nan)}, "origin"),
        ({"rivers": [[(0, 0)]]}, r"rivers\[0\]"),
        ({"ridges": [[(0, 0), (1, 1)], [(0, 0), (0, 0)]]}, r"ridges\[1\]"),
    ],
)
def test_bad_sketches_are_one_clear_error(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Sketch(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"relief": 0.0}, {"mean_elevation": np.inf}])
def test_bad_conditions_are_one_clear_error(given: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        LearnedTerrain(**given)  # type: ignore[arg-type]


def test_a_sketch_finer_than_the_macro_relief_is_averaged() -> None:
    fine = np.arange(36.0).reshape(6, 6)
    fine[:2, :2] = np.nan
    fine[4, 4] = np.nan
    coarse = Sketch(fine, 50.0, (10.0, 20.0)).coarsened(85.0)
    assert coarse.spacing == 100.0
    assert coarse.origin == (35.0, 45.0)
    assert coarse.elevation is not None
    assert np.isnan(coarse.elevation[0, 0])
    assert coarse.elevation[0, 1] == np.mean([2, 3, 8, 9])
    assert coarse.elevation[2, 2] == np.mean([29, 34, 35])
    with pytest.raises(InputError, match="two"):
        LearnedTerrain(sketch=Sketch(np.zeros((3, 3)), 20.0))


def test_the_correction_leaves_what_it_may_and_no_more() -> None:
    """A flat land under a sketch becomes the sketch; one that differs by little stays as it is."""
    given = hills()
    heights = Heights(given, 500.0, (0.0, 0.0), CELL, 5, seed=1)
    frame = heights.frame(CELL)
    wide = Window(0, 0, 96, 96).framed(frame)
    flat = np.full((wide.height, wide.width), 400.0)
    asked = lambda x, z, heights: heights  # noqa: E731
    result = 400 + heights.lacking(flat, wide, CELL, asked)
    x, z = (coordinates.ravel() for coordinates in Window(0, 0, 96, 96).centres(CELL))
    rows, columns = np.rint(z / 500).astype(int), np.rint(x / 500).astype(int)
    error = result - given[rows][:, columns]
    assert abs(error[12:-12, 12:-12].mean()) < 3
    assert np.sqrt((error[12:-12, 12:-12] ** 2).mean()) < 0.08 * heights.relief  # cells have slopes inside
    cut = Window(30, 41, 20, 30).framed(frame)
    part = heights.lacking(cut.cut(flat, (wide.row, wide.column)), cut, CELL, asked)
    np.testing.assert_array_equal(400 + part, result[30:50, 41:71])


def test_beds_fall_and_tributaries_meet_their_rivers() -> None:
    river = wandering(np.array([(0.0, 0.0), (0.0, 9000.0)]), seed=4)
    side = wandering(np.array([(5000.0, 2000.0), (0.0, 5000.0)]), seed=4)
    unknown = lambda line: np.full(len(line), np.nan)  # noqa: E731
    steep = lambda line: np.full(len(line), 0.2)  # noqa: E731
    main, tributary = beds([river, side], [250.0, np.nan], unknown, steep)
    assert main[-1] == 250
    assert (np.diff(main) < 0).all()
    assert (np.diff(tributary) < 0).all()
    meeting = int(np.argmin(((river - side[-1]) ** 2).sum(axis=1)))
    assert tributary[-1] == pytest.approx(main[meeting], abs=1)
    rough = lambda line: 500 - 0.02 * line[:, 1] + 30 * np.sin(line[:, 1] / 500)  # noqa: E731
    carved = beds([river], [np.nan], rough, steep)[0]
    assert (np.diff(carved) < 0).all()
    assert (carved <= rough(river) + 1e-6).all()


def test_a_river_is_led_on_to_a_lower_river_ahead() -> None:
    """A valley runs to the east 5 km south of the mouth, on land that falls to the south."""
    x, z = np.arange(-60, 61)[None, :] * 200.0, np.arange(-60, 61)[:, None] * 200.0
    land = 400 - 0.02 * z + 0.1 * np.abs(z - 5000) - 0.01 * x
    line = np.array([(0.0, -4000.0), (0.0, 0.0)])
    free = np.ones(land.shape, bool)
    longer, end, short = led_on(line, np.nan, x, z, land, free)
    assert longer[-1, 1] == pytest.approx(5000, abs=400)
    assert end == pytest.approx(300 - 0.01 * longer[-1, 0], abs=15)
    np.testing.assert_array_equal(longer[:2], line)
    assert short == 0
    same, unknown, short = led_on(line, 150.0, x, z, land, free)  # lower than all rivers ahead
    np.testing.assert_array_equal(same, line)
    assert np.isnan(unknown)
    assert 0 < short < 200
    longer, _, _ = led_on(line, 151.0 + short, x, z, land, free)
    assert len(longer) > len(line)


def test_rivers_run_downhill_where_heights_say_so() -> None:
    line = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)])
    np.testing.assert_array_equal(downhill(line, np.array([1.0, 2.0, 3.0])), line[::-1])
    np.testing.assert_array_equal(downhill(line, np.array([3.0, np.nan, np.nan])), line)


def test_distance_to_the_nearest_line_is_that_of_all_its_points() -> None:
    line = np.array([(0.0, 0.0), (900.0, 300.0), (500.0, 1200.0)])
    dense = np.stack(
        [np.interp(np.linspace(0, lengths(line)[-1], 4000), lengths(line), a) for a in line.T], 1
    )
    x, z = np.meshgrid(np.arange(-500.0, 1500, 130), np.arange(-400.0, 1500, 170))
    pieces = segments([line], [np.column_stack([lengths(line), np.zeros(3)])])
    distance, along, _ = nearest(pieces, x, z, 700.0)
    true = np.sqrt((x[..., None] - dense[:, 0]) ** 2 + (z[..., None] - dense[:, 1]) ** 2)
    np.testing.assert_allclose(distance, np.minimum(true.min(axis=-1), 700.0), atol=1)
    near = distance < 300
    places = np.linspace(0, lengths(line)[-1], 4000)[true.argmin(axis=-1)]
    assert np.median(np.abs(along - places)[near]) < 1


def _write_lines(file: Path, kind: str = "river", shape: str = "LineString") -> Path:
    geometry = {"type": shape, "coordinates": [[-500, 300, 7], [400, -200, 8]]}
    feature = {"type": "Feature", "properties": {"kind": kind}, "geometry": geometry}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    return file


def test_lines_are_read_with_north_up(tmp_path: Path) -> None:
    ridges, rivers = read_lines(_write_lines(tmp_path / "lines.geojson"))
    assert ridges == []
    np.testing.assert_array_equal(rivers[0], [(-500, -300), (400, 200)])


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [("rivr", "LineString", "did you mean 'river'"), ("river", "Point", "Point")],
)
def test_wrong_lines_are_one_clear_error(tmp_path: Path, kind: str, shape: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_lines(_write_lines(tmp_path / "lines.geojson", kind, shape))
    (tmp_path / "none.json").write_text("[1]", encoding="utf-8")
    for file in ("none.json", "absent.json"):
        with pytest.raises(InputError, match=file):
            read_lines(tmp_path / file)


def test_heights_are_read_over_the_given_width(tmp_path: Path) -> None:
    values = np.zeros((4, 6), np.uint16)
    values[0, 0] = 65535
    Image.fromarray(values).save(tmp_path / "sketch.png")
    sketch = read_sketch(tmp_path / "sketch.png", None, width=800.0, levels=(-50.0, 700.0), base=10.0)
    assert sketch.elevation is not None
    assert sketch.spacing == 200.0
    assert sketch.origin == (-500.0, -300.0)
    assert sketch.elevation[0, 0] == pytest.approx(690, abs=0.01)
    assert sketch.elevation[3, 3] == pytest.approx(-60, abs=0.01)
    np.save(tmp_path / "sketch.npy", np.array([[1.0, np.nan], [3.0, 4.0]]))
    free = read_sketch(tmp_path / "sketch.npy", None, width=800.0).elevation
    np.testing.assert_array_equal(free, [[1.0, np.nan], [3.0, 4.0]])


def test_a_world_of_a_sketch(tmp_path: Path) -> None:
    rows = np.arange(16)[:, None] * 20.0 + 700 + 0 * np.arange(16)[None, :]
    np.save(tmp_path / "heights.npy", rows)
    _write_lines(tmp_path / "lines.geojson")
    (tmp_path / "world.toml").write_text(
        "size = 65\nspacing = 60.0\n[terrain]\nstyle = 'hills'\nbase = 100.0\n[terrain.sketch]\n"
        "elevation = 'heights.npy'\nlines = 'lines.geojson'\n",
        encoding="utf-8",
    )
    config = WorldConfig.from_toml(tmp_path / "world.toml")
    assert WorldConfig(**config.values()) == config
    elevation = make_terrain(config).elevation
    halves = elevation[:16].mean(), elevation[-16:].mean()
    assert halves[0] == pytest.approx(735, abs=15)
    assert halves[1] == pytest.approx(965, abs=15)


@pytest.mark.parametrize(
    ("terrain", "message"),
    [
        ({"sketch": {"elevation": "a.png"}}, "style"),
        ({"style_relief": 100.0}, "style"),
        ({"style": "hills", "sketch": {}}, "elevation"),
        ({"style": "hills", "sketch": {"elevation": "a.png", "minimum": 5, "maximum": 5}}, "minimum"),
        ({"style": "hills", "sketch": {"elevaton": "a.png"}}, "did you mean 'elevation'"),
    ],
)
def test_wrong_sketches_in_a_config(terrain: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WorldConfig(terrain=terrain)
    assert TerrainConfig().sketch is None
