"""Samples to train on, for tests."""

import numpy as np

from streamer.tuning.people import Moment, motion_between, seen
from streamer.tuning.view import View
from tests.faces import portrait
from tools.training import make
from tools.training.cache import (
    write_shard,
)
from tools.training.make import shaken
from tools.training.teacher import flow_left

SIDE = 128


def rng(seed=0):
    return np.random.default_rng(seed)


def samples_of(name="ada", side=SIDE, count=3):
    """A portrait moved a little, its own picture standing in for the truth."""
    person = portrait(name)
    view, rest = View.of(person, side, rng()), seen(person.landmarks)
    found = []
    for i in range(count):
        now = Moment(person.picture, shaken(person.landmarks, rng(i)))
        motion = motion_between(person, rest, seen(now.landmarks))
        frame, truth, landmarks = view.drawn(motion, now)
        left = flow_left(frame.picture, truth)
        about = (left, view.known, landmarks, name, "clip", 1.0 + i)
        found.append(make.Sample(frame, view.still, truth, *about))
    return found


def filled(folder):
    """A cache of samples of one person to train on, and of another to check."""
    write_shard(folder / "train" / f"{SIDE}-a", samples_of("ada"), {})
    write_shard(folder / "validation" / f"{SIDE}-b", samples_of("bruno", count=2), {})
    return folder
