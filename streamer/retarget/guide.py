"""The guided calibration: eight seconds in which the driver does what the words ask."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engines.geometry import euler_deg
from streamer.clock import SECOND
from streamer.frame import Array
from streamer.retarget.calibration import SHUT, Calibration, at_rest
from streamer.retarget.look import Look
from streamer.retarget.still import Outcome, clarity, settled, shake_px

_STRAIGHT, _BLINK, _SPEAK, _AROUND = range(4)
_STEPS = (
    ("look straight at the camera, lips closed", 2.5),
    ("blink twice", 2.0),
    ('say "mm-ah"', 1.5),
    ("look left, right, up and down", 2.0),
)
"""What the driver is asked to do, and for how many seconds."""
_SETTLE_S = 0.4
"""Of the first step: the hand comes back from the key."""

_DOWN, _UP = 0.6, 0.75
"""Parts of the open eye's ratio below which a blink begins and above which it has ended."""
_OPENED = 0.08
"""Lips that part by this much of the mouth's width have said "ah"."""
_CLOSED_BELOW = 0.06
_TOUCH = (0.012, 0.045)
"""Bounds of the gap that closed lips are believed to keep."""
_SLACK = 1.2
_TURNED_DEG = 8.0
"""A smaller range of yaw is not looking around."""
_WELL_TURNED_DEG = 30.0
_SHUT_WELL = 0.35
"""Lids that come down to this part of the open eye's ratio are seen as clearly as can be."""


@dataclass(slots=True)
class _Step:
    looks: list[Look] = field(default_factory=list[Look])
    frames: int = 0


class Guide:
    """Fed with looks and instants; tells what to do and, once, what came of it."""

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._now_ns = started_ns
        self._steps = [_Step() for _ in _STEPS]

    @property
    def prompt(self) -> str:
        """What the driver is to do now."""
        at, left_s = self._place()
        if at == len(_STEPS):
            return ""
        return f"step {at + 1} of {len(_STEPS)}: {_STEPS[at][0]} ({left_s:.0f} s)"

    def see(self, seen: Look | None, at_ns: int) -> Outcome | None:
        """The next frame, None without a face; the outcome when the eight seconds are over."""
        self._now_ns = max(at_ns, self._now_ns)
        at, left_s = self._place()
        if at == len(_STEPS):
            return _outcome(self._steps)
        if at == _STRAIGHT and left_s > _STEPS[at][1] - _SETTLE_S:
            return None
        self._steps[at].frames += 1
        if seen is not None:
            self._steps[at].looks.append(seen)
        return None

    def _place(self) -> tuple[int, float]:
        """The step, and the seconds left of it, rounded up."""
        gone = (self._now_ns - self._started_ns) / SECOND
        for at, (_, seconds) in enumerate(_STEPS):
            if gone < seconds:
                return at, float(np.ceil(seconds - gone))
            gone -= seconds
        return len(_STEPS), 0.0


def _outcome(steps: Sequence[_Step]) -> Outcome:
    straight = steps[_STRAIGHT]
    if trouble := settled(straight.looks, straight.frames):
        return Outcome(None, 0, f"{trouble}: nothing is changed; press g to begin again")
    calibration = at_rest(straight.looks)
    shake = shake_px(straight.looks)
    shut, blinks, contrast = _blinks(calibration, steps[_BLINK].looks)
    touch = _touch([one.lips for one in steps[_SPEAK].looks])
    turned = _turned_deg(steps[_AROUND].looks)
    if shut is not None:
        calibration = replace(calibration, eye_shut=shut)
    if touch is not None:
        calibration = replace(calibration, lips_touch=touch)
    quality = 40 * clarity(shake) + 30 * contrast + 15 * (touch is not None)
    quality += 15 * min(turned / _WELL_TURNED_DEG, 1)
    words = [
        f"shake {shake:.1f} px",
        _counted(blinks),
        '"mm-ah" seen' if touch is not None else 'no "mm-ah" seen, usual lips assumed',
        f"turned {turned:.0f} degrees" if turned >= _TURNED_DEG else "no looking around seen",
    ]
    return Outcome(calibration, round(quality), ", ".join(words))


def _counted(blinks: int) -> str:
    if not blinks:
        return "no blink seen, usual lids assumed"
    return f"{blinks} blink{'s' if blinks > 1 else ''} seen"


def _blinks(calibration: Calibration, looks: Sequence[Look]) -> tuple[Array | None, int, float]:
    """The ratio of the shut eyes, how many blinks, and how clear they were (0 to 1)."""
    if not looks:
        return None, 0, 0.0
    opened = calibration.eye_open
    ratios = np.stack([one.eyes for one in looks])
    course = ratios.mean(1) / float(opened.mean())
    count, down = 0, False
    for part in course:
        if not down and part < _DOWN:
            count, down = count + 1, True
        down = down and part < _UP
    if not count:
        return None, 0, 0.0
    lowest = np.sort(ratios, axis=0)[: max(1, count)].mean(0)
    shut = np.clip(lowest * 1.1, SHUT[0] * opened, SHUT[1] * opened).astype(np.float32)
    contrast = (1 - float(course.min())) / (1 - _SHUT_WELL)
    return shut, count, float(min(max(contrast, 0.0), 1.0))


def _touch(gaps: Sequence[float]) -> float | None:
    """The gap below which this driver's lips touch, in mouth widths; None without "mm" and "ah"."""
    if not gaps:
        return None
    ordered = np.sort(np.array(gaps))
    closed = float(np.median(ordered[: max(1, len(ordered) // 4)]))
    if closed > _CLOSED_BELOW or float(ordered[-1]) - closed < _OPENED:
        return None
    return float(np.clip(closed * _SLACK + 0.005, *_TOUCH))


def _turned_deg(looks: Sequence[Look]) -> float:
    """From the furthest left to the furthest right."""
    yaws = [euler_deg(one.pose.rotation)[0] for one in looks]
    return max(yaws) - min(yaws) if yaws else 0.0
