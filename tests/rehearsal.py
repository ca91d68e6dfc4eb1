"""A live retargeter to play with: its desk, its portraits, and a clock that goes by frames."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np

from engines.geometry import euler_deg
from streamer.clock import SECOND
from streamer.config import Config
from streamer.control import Controls, Desk
from streamer.retarget import open_live_retargeter
from tests.faces import FRAME_NS, driver, portrait

CALM = {"lips": 0.0}


class Cast:
    """Portraits that are ready, or not yet."""

    def __init__(self, *names):
        self.there = {name: portrait(name) for name in names}

    def ready(self, name):
        return self.there.get(name)


class Stage:
    """A live retargeter, its desk, and a clock that goes from frame to frame."""

    def __init__(self, config=None, store=None, camera="HD Webcam", cast=None):
        self.config = config or Config(driver="ada")
        self.cast = cast or Cast("ada", "mei")
        self.camera = camera
        self.desk = Desk(
            Controls(
                ("ada", "mei", "bruno"),
                "ada",
                self.config.retarget.gains,
                mirror=self.config.retarget.mirror,
            )
        )
        self.at_ns = 100 * SECOND
        self.open = open_live_retargeter(
            self.config, self.desk, self.cast, store, lambda: self.camera
        )

    def __enter__(self):
        self.live = self.open.__enter__()
        return self

    def __exit__(self, *exc):
        return self.open.__exit__(*exc)

    def set(self, **values):
        self.desk.edit(lambda controls: replace(controls, **values))

    def see(self, face, seconds=FRAME_NS / SECOND):
        """The shots of some seconds of a face, or of a function of the frame's number."""
        shots = []
        for i in range(round(seconds * SECOND / FRAME_NS)):
            shots.append(self.live.retarget(face(i) if callable(face) else face, self.at_ns))
            self.at_ns += FRAME_NS
        return shots

    def settle(self, seconds=6.0):
        """A calm driver, until the learnt neutral is theirs."""
        return self.see(driver(**CALM), seconds)


def yaw(shot):
    return euler_deg(shot.motion.rotation)[0]


def step(a, b):
    """The largest change of any number between two motions; the turn in radians."""
    turn = np.arccos(np.clip((np.trace(a.rotation.T @ b.rotation) - 1) / 2, -1, 1))
    rest = [f.name for f in fields(a) if f.name != "rotation"]
    parts = [float(np.abs(getattr(a, name) - getattr(b, name)).max()) for name in rest]
    return max(float(turn), *parts)


def steps(shots):
    return [step(a.motion, b.motion) for a, b in pairwise(shots)]
