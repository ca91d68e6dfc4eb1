"""The evaluation's protocols, baselines and report on the bundled clip."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from streamer.bundled import clip_path
from streamer.config import LimitsConfig
from streamer.errors import MediaError
from tools.evaluate import main
from tools.evaluation import report
from tools.evaluation.baselines import DelaunayWarp, border_points
from tools.evaluation.clips import load_footage, neutral_frame
from tools.evaluation.matte import background_mask
from tools.evaluation.measure import follow, trace
from tools.evaluation.same import Bench, judge, methods
from tools.evaluation.same_sheet import hard_frames, same_block
from tools.evaluation.session import tracker


@pytest.fixture(scope="module")
def footage():
    with tracker() as own:
        return load_footage(clip_path("demo"), own, 1.2, lambda: None)


@pytest.fixture(scope="module")
def bench(footage):
    source = footage.pictures[footage.source]
    frames = frozenset(footage.spread(4))
    return Bench(footage, frames, frozenset(), background_mask(source), LimitsConfig())


def test_the_source_is_frontal_with_open_eyes_and_shut_lips(footage):
    """The most neutral frame, not the first one; it needs a face."""
    rest = trace(footage.landmarks, footage.neutral)
    assert footage.neutral is not None
    assert min(look.lids for look in rest if look) < 1.05
    assert neutral_frame([None, *footage.landmarks], (0, *footage.times_ns)) == footage.source + 1
    assert neutral_frame([None, None], [0, 40]) is None


def test_the_compared_frames_are_spread_and_exclude_the_source(footage):
    """The source would compare with itself."""
    chosen = footage.spread(4)
    assert len(chosen) == 4
    assert chosen == sorted(set(chosen))
    assert footage.source not in footage.spread(10_000)


def test_a_copy_of_a_still_has_no_motion_and_no_slope(bench):
    """The copy keeps the source's sharpness and background and follows nothing."""
    result = judge(bench, methods()["copy"], tracker, lambda: None).scores
    assert result["sharpness"] == pytest.approx(1, abs=0.03)
    assert result["background"] == 0
    assert result["background_flow"] < 0.05


def test_the_plain_warp_is_nearer_to_the_truth_than_the_copy(bench):
    """It follows the landmarks, so its face is better and its landmarks are nearly the driver's."""
    copy = judge(bench, methods()["copy"], tracker, lambda: None).scores
    warp = judge(bench, methods()["delaunay"], tracker, lambda: None).scores
    assert warp["ssim_face"] >= copy["ssim_face"]
    assert warp["landmark_error"] < copy["landmark_error"]
    assert warp["found"] == 1


def test_the_plain_warp_to_its_own_landmarks_is_the_identity(footage):
    """Nothing moves, so nothing changes beyond rounding."""
    source = footage.pictures[footage.source]
    same = DelaunayWarp(source, footage.neutral).warp(footage.neutral)
    assert np.abs(same.astype(int) - source).max() <= 2


def test_the_plain_warp_carries_what_lies_on_a_landmark(footage):
    """A spot on the tip of the nose arrives where the nose goes, and the border stays."""
    source = np.zeros_like(footage.pictures[footage.source])
    x, y = footage.neutral[4, :2]
    cv2.circle(source, (round(float(x)), round(float(y))), 3, (255, 255, 255), -1)
    moved = footage.neutral + np.float32([12, 5, 0])
    warped = DelaunayWarp(source, footage.neutral).warp(moved)
    rows, columns = np.nonzero(warped[..., 0] > 128)
    assert (columns.mean(), rows.mean()) == pytest.approx((x + 12, y + 5), abs=1)
    assert len(border_points(100, 80)) == 16


def test_a_driver_follows_itself_perfectly(footage):
    """Same track on both sides: no pose error."""
    seen = trace(footage.landmarks, footage.neutral)
    assert follow(seen, seen, LimitsConfig())["pose_deg"] == 0


def test_half_of_every_aperture_has_half_the_slope(footage):
    """Slopes are those of the output on the driver; gaps are taken where the driver is shut."""
    rest = trace(footage.landmarks, footage.neutral)[footage.source]
    driver = [replace(rest, lids=a, lips=b) for a, b in ((1, 0), (0.2, 0.4), (0.8, 0.2))]
    output = [replace(look, lids=look.lids / 2, lips=look.lips / 2) for look in driver]
    result = follow(driver, output, LimitsConfig())
    assert (result["lip_slope"], result["eye_slope"]) == pytest.approx((0.5, 0.5))
    assert (result["lid_gap"], result["lip_gap"]) == pytest.approx((0.1, 0))


def test_turns_outside_the_limits_do_not_count(footage):
    """The error of a pose that must not be followed is no error."""
    rest = trace(footage.landmarks, footage.neutral)[footage.source]
    far = replace(rest, turn=cv2.Rodrigues(np.radians([0, 40.0, 0]))[0].astype(np.float32))
    assert np.isnan(follow([far], [rest], LimitsConfig())["pose_deg"])


def test_the_report_compares_with_the_plain_warp():
    """SSIM as a difference, L1 as a ratio, over the clips that have both."""
    one = {"ssim_crop": 0.8, "l1_eyes": 6.0, "jitter": 1.0}
    two = {"ssim_crop": 0.7, "l1_eyes": 8.0, "jitter": float("nan")}
    results = {"a": {"warp": one, "delaunay": two}, "b": {"delaunay": two}}
    ratios = report.against(results, "warp", "delaunay")
    assert ratios["ssim_crop"] == pytest.approx(0.1)
    assert ratios["l1_eyes"] == 0.75
    assert np.isnan(ratios["jitter"])
    assert report.means(results)["delaunay"]["l1_eyes"] == 8


def test_the_sheet_has_a_row_for_each_kind_and_a_column_for_each_frame(footage):
    """Source, driver, the plain warp and its difference, five hard frames."""
    frames = hard_frames(footage)
    kept = {"delaunay": {i: footage.pictures[i] for i in frames.values()}}
    height, width, _ = same_block(footage, frames, kept).shape
    assert len(frames) == 5
    assert height > 4 * 224
    assert width > 5 * 224


def test_the_command_writes_numbers_and_a_sheet(tmp_path, capsys):
    """The baselines on four frames, from the command line to valid JSON."""
    numbers, sheet = tmp_path / "out" / "scores.json", tmp_path / "out" / "sheet.png"
    options = ["--clips", "demo", "--frames", "4", "--seconds", "1", "--no-cross"]
    files = ["--json", str(numbers), "--sheet", str(sheet)]
    assert main([*options, "--methods", "copy", "delaunay", *files]) == 0
    content = json.loads(numbers.read_text())
    assert content["same"]["clips"]["demo"]["copy"]["background"] == 0
    assert sheet.stat().st_size > 10_000
    assert "SSIM" in capsys.readouterr().out


def test_the_whole_protocol_runs_on_the_bundled_clip(tmp_path):
    """Same and cross identity and the frozen driver with the project's own warp."""
    numbers = tmp_path / "scores.json"
    options = ["--clips", "demo", "--frames", "3", "--seconds", "0.6", "--portraits", "mei"]
    methods = ["--methods", "copy", "delaunay", "warp"]
    assert main([*options, *methods, "--frozen", "--json", str(numbers)]) == 0
    content = json.loads(numbers.read_text())
    assert content["same"]["mean"]["warp"]["landmark_error"] < 0.05
    assert content["cross"]["clips"]["mei < demo"]["warp"]["found"] == 1
    assert content["frozen"]["mean"]["warp"]["frame_difference"] < 3


def test_a_clip_without_a_face_is_named(tmp_path, capsys):
    """Nothing to evaluate is an error with its exit code, not an empty table."""
    missing = tmp_path / "none.mp4"
    assert main(["--clips", str(missing), "--no-cross"]) == MediaError.exit_code
    assert "none.mp4" in capsys.readouterr().err
