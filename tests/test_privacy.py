"""The driver's own image never reaches a sink, whatever fails, is lost or is asked for."""

import asyncio
import logging
import random
import threading
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise

import numpy as np
import pytest

from streamer.clock import SECOND
from streamer.config import Config, GainsConfig, PresenceConfig
from streamer.control import COMMANDS, Controls, Desk
from streamer.errors import EndOfStream
from streamer.frame import Motion, Shot
from streamer.metrics import Metrics
from streamer.pipeline import Pipeline, Stages
from streamer.retarget import open_live_retargeter
from tests.faces import FRAME_NS, driver, generator, portrait
from tests.fakes import ROOMY

MAGIC = (254, 1, 253)
"""Every pixel of the camera; no portrait, no background and no card has this colour."""
FRAMES = 150
EDITS = [command.edit for command in COMMANDS if command.name != "quit"]


@dataclass
class Story:
    """One run: what the camera sees, what fails and what is asked for, by the frame's number."""

    seed: int
    faces: dict[int, str] = field(default_factory=dict)
    edits: dict[int, list] = field(default_factory=dict)
    fails: tuple[str, int] = ("", -1)
    ready: frozenset[str] = frozenset({"ada", "mei"})
    shown: threading.Event = field(default_factory=threading.Event)
    """The frame is done with: shown, or a stage has failed on it."""
    over: bool = False

    @staticmethod
    def of(seed):
        """A random one, the same for the same seed."""
        dice = random.Random(seed)
        story = Story(seed)
        kinds = ["face"] * 6 + ["lost", "away", "nan", "far", "heap", "noise"]
        at = 0
        while at < FRAMES:
            kind, length = dice.choice(kinds), dice.choice([1, 2, 5, 12, 30])
            story.faces |= dict.fromkeys(range(at, at + length), kind)
            at += length
        for _ in range(dice.randrange(12)):
            story.edits.setdefault(dice.randrange(FRAMES), []).append(dice.choice(EDITS))
        if dice.random() < 0.4:
            stage = dice.choice(["camera", "track", "retarget", "generate", "sink"])
            story.fails = (stage, dice.randrange(FRAMES))
        story.ready = frozenset({"ada", *(n for n in ("mei", "bruno") if dice.random() < 0.6)})
        return story

    def breaks(self, stage, seq):
        """Raise where the story says so."""
        if self.fails == (stage, seq):
            self.over = True
            self.shown.set()
            raise OSError(f"{stage} failed")


class Camera:
    """Gives the next image only when the one before has been shown, so that none is dropped."""

    def __init__(self, story, world):
        self.story, self.world, self.seq = story, world, -1

    def read(self):
        world = self.world
        if self.seq >= 0 and not self.story.shown.wait(timeout=60):
            raise AssertionError("nothing was shown")
        self.story.shown.clear()
        self.seq += 1
        if self.seq == FRAMES or self.story.over:
            raise EndOfStream
        self.story.breaks("camera", self.seq)
        for edit in self.story.edits.get(self.seq, []):
            world.desk.edit(edit)
        world.at_ns += FRAME_NS
        if self.story.faces[self.seq] == "away":
            return None
        image = np.empty((48, 64, 3), np.uint8)
        image[:] = MAGIC
        world.images.append(image)
        return image


class Tracker:
    """The face that the story tells of."""

    def __init__(self, story, camera):
        self.story, self.camera = story, camera

    def track(self, image):
        seq = self.camera.seq
        self.story.breaks("track", seq)
        face = driver(
            turn=(18 * np.sin(seq / 9), 6 * np.sin(seq / 13), 0), lips=0.15 + 0.15 * np.sin(seq / 2)
        )
        match self.story.faces[seq]:
            case "lost":
                return None
            case "nan":
                return face * np.float32(np.nan)
            case "far":
                return face + np.float32(1e8)
            case "heap":
                return face * 0
            case "noise":
                return np.random.default_rng(seq).normal(300, 90, (478, 3)).astype(np.float32)
        return face


class Between:
    """A stage of the product, which fails where the story says so, and keeps what it returned."""

    def __init__(self, name, story, camera, work):
        self.name, self.story, self.camera, self.work = name, story, camera, work
        self.returned = []

    def __call__(self, *args):
        self.story.breaks(self.name, self.camera.seq)
        self.returned.append(self.work(*args))
        return self.returned[-1]

    retarget = generate = __call__


@dataclass
class World:
    """What the stages share: time, wishes, every image the camera gave, every picture shown."""

    desk: Desk
    at_ns: int = 100 * SECOND
    images: list = field(default_factory=list)
    pictures: list = field(default_factory=list)

    def clock(self):
        return self.at_ns


class Sink:
    """Keeps what it is sent."""

    def __init__(self, story, camera, world):
        self.story, self.camera, self.world = story, camera, world

    def send(self, image):
        self.story.breaks("sink", self.camera.seq)
        self.world.pictures.append(image)
        self.story.shown.set()


class Portraits:
    def __init__(self, ready):
        self.names = ready

    def ready(self, name):
        return portrait(name) if name in self.names else None


def drawn(shot):
    """The picture of a shot: the portrait's own pixels, or a plain card."""
    if shot.card is not None:
        return np.full((96, 64, 3), 40, np.uint8)
    picture = generator(shot.portrait, 96).generate(shot.motion)
    return np.array(picture)


def played(story, draw=drawn):
    """Run the pipeline through a story; what there was to see."""
    config = Config(presence=PresenceConfig(card_after_s=1.0))
    world = World(Desk(Controls(("ada", "mei", "bruno"), "ada", GainsConfig())))
    portraits = Portraits(story.ready)
    with open_live_retargeter(config, world.desk, portraits, None, lambda: "cam") as live:
        camera = Camera(story, world)
        wishes = []

        def retarget(landmarks, at_ns):
            wishes.append(world.desk.controls)
            return live.retarget(landmarks, at_ns)

        retargeter = Between("retarget", story, camera, retarget)
        draws = Between("generate", story, camera, draw)
        stages = Stages(
            camera, Tracker(story, camera), retargeter, draws, Sink(story, camera, world)
        )
        pipeline = Pipeline(stages, ROOMY, Metrics(), 3600 * SECOND, world.clock)
        failed = None
        try:
            asyncio.run(pipeline.run())
        except OSError as error:
            failed = error
    return world, wishes, retargeter.returned, failed


def simple(shot):
    """Any picture of the shot, at no cost."""
    return np.full((8, 8, 3), 40 if shot.card is not None else 90, np.uint8)


def step(a, b):
    """Turn in radians, and every other change of a motion but that of the lids."""
    turn = float(np.arccos(np.clip((np.trace(a.rotation.T @ b.rotation) - 1) / 2, -1, 1)))
    names = ["translation", "scale", "deltas", "gaze"]
    return turn, max(float(np.abs(getattr(a, n) - getattr(b, n)).max()) for n in names)


def check(story, world, wishes, shots, failed):
    """What holds in every run."""
    stage, at = story.fails
    assert (failed is not None) == (0 <= at < FRAMES)
    assert failed is None or str(failed) == f"{stage} failed"
    assert len(world.pictures) >= (at if at >= 0 else FRAMES)
    for picture in world.pictures:
        assert not (picture == MAGIC).all(-1).any()
        assert not any(np.may_share_memory(picture, image) for image in world.images)
    for wish, shot in zip(wishes, shots, strict=False):
        assert shot.portrait in story.ready
        assert not wish.panic or shot.card is not None
        assert all(np.isfinite(getattr(shot.motion, f.name)).all() for f in fields(Motion))


def check_steps(shots):
    """Between two shots of a portrait that follow each other nothing jumps."""
    for a, b in pairwise(shots):
        if a.card is None and b.card is None:
            turn, rest = step(a.motion, b.motion)
            assert turn < np.radians(12)  # the mirror turns 36 degrees within 200 ms
            assert rest < 0.2


@pytest.mark.parametrize("seed", range(30))
def test_no_pixel_of_the_camera_reaches_the_sink(seed, caplog):
    """Random losses, failures and wishes: only the portrait or a card, in every frame, no jump."""
    caplog.set_level(logging.CRITICAL)
    story = Story.of(seed)
    world, wishes, shots, failed = played(story, simple)
    check(story, world, wishes, shots, failed)
    check_steps(shots)


@pytest.mark.parametrize("seed", range(100, 104))
def test_no_pixel_of_the_camera_reaches_the_sink_through_the_real_warp(seed, caplog):
    """The same with pictures as they are drawn."""
    caplog.set_level(logging.CRITICAL)
    story = Story.of(seed)
    check(story, *played(story))


@pytest.mark.parametrize("kind", ["lost", "away", "nan", "far", "heap", "noise"])
def test_a_driver_who_is_never_there_is_idle_life_and_then_a_card(kind):
    """Whatever the reason; and always a picture."""
    story = Story(0, dict.fromkeys(range(FRAMES), kind))
    world, wishes, shots, failed = played(story, simple)
    check(story, world, wishes, shots, failed)
    assert shots[0].card is None
    assert shots[-1].card == "Back soon"


def test_in_panic_only_cards_are_shown():
    """From the first frame that is retargeted after it, to the last before its end."""
    panic = [lambda c: replace(c, panic=not c.panic)]
    story = Story(0, dict.fromkeys(range(FRAMES), "face"), {40: panic, 90: panic})
    world, _, shots, _ = played(story, simple)
    assert [shot.card is not None for shot in shots] == [40 <= i < 90 for i in range(FRAMES)]
    assert [int(picture[0, 0, 0]) for picture in world.pictures] == [
        40 if 40 <= i < 90 else 90 for i in range(FRAMES)
    ]


def test_the_test_would_see_a_leak():
    """A generator that gave the camera's pixels back would be caught."""
    story = Story(0, dict.fromkeys(range(FRAMES), "face"))
    world, wishes, shots, failed = played(story, lambda _: np.full((8, 8, 3), MAGIC, np.uint8))
    with pytest.raises(AssertionError):
        check(story, world, wishes, shots, failed)


def test_what_the_generator_is_given_cannot_hold_a_picture():
    """Shots and motions are made of names, numbers and small arrays, none of the shape of one."""
    assert {f.name for f in fields(Shot)} == {"portrait", "motion", "card"}
    story = Story(0, dict.fromkeys(range(20), "face") | dict.fromkeys(range(20, FRAMES), "lost"))
    _, _, shots, _ = played(story, simple)
    for shot in shots:
        for f in fields(Motion):
            value = np.asarray(getattr(shot.motion, f.name))
            assert value.dtype != np.uint8
            assert value.size <= 468 * 3
            assert value.shape in {(), (2,), (3, 3), (468, 3)}
            assert value.base is None or value.base.size <= 478 * 3
