"""Mouths wider than any that photos and talking people show: what the warp draws is to stay.

There is no truth for them. Refiners that saw teeth in each open mouth filled these with teeth, too.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from engines.contract import Bytes
from engines.geometry import from_euler_deg
from streamer.frame import Array, Motion
from streamer.portrait import Portrait
from streamer.tuning.people import Moment, moved_landmarks
from streamer.tuning.view import View
from tools.training.cache import Sample
from tools.training.teacher import flow_left

_WIDTH, _MOST = (0.35, 0.95), 3.0
"""Of the gap, in mouth widths, and by how much at most what a face of a clip does is enlarged."""
_TURN_DEG = (8, 5, 4)
"""Of yaw, pitch and roll: their deviation."""


def gaping(
    view: View, identity: str, count: int, bank: Sequence[Array], rng: np.random.Generator
) -> Iterator[Sample]:
    """So many samples of a still. `bank` holds what faces do, as deltas (468, 3) from shut lips."""
    for _ in range(count if len(bank) else 0):
        motion = wide_mouth(view.portrait, bank, rng)
        now = Moment(view.portrait.picture, moved_landmarks(view.portrait, motion))
        frame, _, landmarks = view.drawn(motion, now)
        drawn = cast("Bytes", frame.picture)
        yield Sample(
            frame=frame,
            still=view.still,
            truth=drawn,
            left=flow_left(drawn, drawn),
            known=view.known,
            landmarks=landmarks,
            identity=identity,
            kind="gape",
            weight=1.0,
        )


def wide_mouth(portrait: Portrait, bank: Sequence[Array], rng: np.random.Generator) -> Motion:
    """One of the widest mouths of the bank, wider still, the head somewhat turned."""
    widest = sorted(bank, key=lambda deltas: float(deltas[13, 1] - deltas[14, 1]))
    deltas = widest[int(rng.random() * max(1, len(widest) // 4))]
    width = float(np.linalg.norm(portrait.shut[61] - portrait.shut[291]))
    own = float(deltas[14, 1] - deltas[13, 1]) / width
    more = np.float32(np.clip(rng.uniform(*_WIDTH) / max(own, 1e-6), 1, _MOST))
    return Motion(
        rotation=from_euler_deg(*(float(angle) for angle in rng.normal(0, _TURN_DEG))),
        translation=np.zeros(2, np.float32),
        scale=1.0,
        deltas=deltas * more,
        openness=np.ones(2, np.float32),
        gaze=np.zeros(2, np.float32),
        aperture=own * float(more),
        jaw=max(0.0, float(deltas[152, 1] - deltas[2, 1])) * float(more),
    )
