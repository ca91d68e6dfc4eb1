"""What goes wrong with a loopback device, and what is done or said about it."""

import logging
import os

import pytest

from streamer.errors import DeviceError
from streamer.sink.diagnosis import find_problems
from tests.fakes import FakeClock
from tests.test_v4l2 import process
from tests.virtualcams import (
    CONFIG,
    LOAD,
    FakeDriver,
    backend,
    backends,
    failing,
    machine,
    opened,
    picture,
    refusal,
)


@pytest.fixture
def register():
    """Put a backend in the place of a real one, until the test is over."""
    with backends() as register:
        yield register


@pytest.fixture
def driver(tmp_path, register):
    driver = FakeDriver(tmp_path)
    register("v4l2loopback", backend(driver))
    return driver


def test_a_second_instance_is_told_who_was_first(driver):
    """By name and number of the process, with a way to have two."""
    driver.shows = True
    process(driver.root, "5000001", "vivant", driver.node, "0100001")
    process(driver.root, "5000002", "zoom", driver.node, "0100002")
    said = refusal(driver)
    assert "is in use by vivant (pid 5000001); close it, or load a second device" in said
    assert "devices=2 video_nr=10,11" in said


def test_a_writer_is_seen_where_the_device_is_open_to_all(driver):
    """Without exclusive_caps the driver takes a second writer, and mixes their pictures."""
    driver.open_to_all = True
    process(driver.root, "5000001", "vivant", driver.node, "0100001")
    assert "is in use by vivant (pid 5000001)" in refusal(driver)


def test_a_writer_that_came_in_between_is_told(driver, register):
    """Between our look and our opening: the driver refuses."""
    text = "could not be configured: Device or resource busy"
    register("v4l2loopback", failing(text))
    assert "is in use by another program; close it" in refusal(driver)


def test_missing_permission_is_told_with_the_group(driver, register):
    """The library's own words name no device by name."""
    register("v4l2loopback", failing("Could not access x due to missing permissions."))
    said = refusal(driver)
    assert "this user may not write to it; run: sudo usermod -aG video $USER, then log out" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_permission_is_looked_at_before_opening(driver):
    """As an ordinary user."""
    driver.node.chmod(0)
    assert "sudo usermod -aG video" in refusal(driver)


def test_other_refusals_are_passed_on(driver, register):
    """With the device, and what helps most often."""
    register("v4l2loopback", failing("Device x could not be opened: Out of memory"))
    said = refusal(driver)
    assert "cannot be opened: Device x could not be opened: Out of memory; run: sudo mod" in said


def test_a_removed_device_ends_the_run(driver):
    """The library says nothing when writing fails; sysfs is looked at once a second."""
    clock = FakeClock()
    with opened(driver, clock=clock) as sink:
        driver.folder.rename(driver.root / "gone")
        clock.advance(999)
        sink.send(picture())
        clock.advance(1)
        with pytest.raises(DeviceError, match=r"'Vivant AI portrait' was removed; run: sudo mod"):
            sink.send(picture())


def test_a_removed_node_ends_the_run(driver):
    """Nobody new can open what has no name any more."""
    clock = FakeClock()
    with opened(driver, clock=clock) as sink:
        driver.node.unlink()
        clock.advance(1000)
        with pytest.raises(DeviceError, match="was removed"):
            sink.send(picture())


def test_a_first_picture_that_does_not_arrive_is_noticed(driver):
    """The library says nothing when writing fails."""
    driver.deaf = True
    assert "took the first picture, but shows none" in refusal(driver)


def test_a_size_held_by_a_viewer_is_filled_with_borders(driver):
    """The driver keeps the size that a viewer has; the library does not look."""
    driver.held = "YU12:128x48@30"
    with opened(driver) as sink:
        assert [size[:2] for size in driver.asked] == [(64, 48), (128, 48)]
        seen = driver.image(0, 128, 48)
        assert "128 x 48 I420 as its viewers hold it, 64 x 48 inside" in sink.label
        sink.send(picture(value=200))
    assert (seen[:, 32:96] == 90).all()
    assert (seen[:, :32] == 0).all()
    assert (seen[:, 96:] == 0).all()
    assert (driver.image(1, 128, 48)[:, 32:96] == 200).all()


def test_a_pixel_format_held_by_a_viewer_is_refused(driver):
    """We send I420; who holds it is named."""
    driver.held = "YUYV:64x48@30"
    process(driver.root, "5000002", "zoom", driver.node, "0100002")
    said = refusal(driver)
    assert "is held as YUYV 64 x 48 by zoom (pid 5000002); close them and start again" in said


def test_a_size_told_only_with_the_first_picture_is_checked(driver):
    """0.12 tells none before."""
    driver.late = True
    with opened(driver):
        pass
    driver.held = "YU12:128x48@30"
    assert "is held as YU12 128 x 48 by its viewers" in refusal(driver)


def test_a_device_left_stuck_is_woken(driver):
    """0.12 with exclusive_caps takes no second writer until it is told to."""
    driver.outputs = False
    with opened(driver) as sink:
        sink.send(picture())
    assert driver.revived == 1


def test_a_device_that_stays_stuck_is_told_with_the_reload(driver):
    """Should waking fail."""
    driver.outputs = False
    driver.revive = lambda _: None
    said = refusal(driver)
    assert "takes no pictures since its last writer left, as v4l2loopback 0.12 does" in said
    assert f"run: sudo modprobe -r v4l2loopback && {LOAD}" in said


def test_the_device_is_left_as_others_can_use_it(driver):
    """OBS after us, on 0.12."""
    driver.forgets = True
    for _ in range(2):
        with opened(driver):
            pass
        assert driver.outputs
    assert driver.revived == 2


def test_a_name_that_does_not_tell_is_a_warning(tmp_path, register, caplog):
    """Viewers must be able to see that it is an AI avatar. FAIR does not say so."""
    driver = FakeDriver(tmp_path, label="FAIR camera")
    register("v4l2loopback", backend(driver))
    with caplog.at_level(logging.WARNING), opened(driver):
        pass
    assert "'FAIR camera': the name does not tell viewers that they see an AI" in caplog.text
    assert LOAD in caplog.text


def test_a_good_device_is_opened_without_a_word(driver, caplog):
    """No warning for nothing."""
    assert find_problems(CONFIG, machine(driver)) == []
    with opened(driver):
        pass
    assert caplog.records == []
