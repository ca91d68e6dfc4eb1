"""Rendered people as items of a pack of training pictures, marked as what they are."""

from pathlib import Path

import numpy as np

from streamer.errors import MediaError
from streamer.frame import Image, Landmarks
from streamer.tracker import FaceMesh
from tools.heads.dataset import read
from tools.packing.crop import crop_of
from tools.packing.item import Item, Origin, encoded
from tools.packing.split import identity_of

LICENCE = "CC0-1.0 (rendered)"
_LEAST_FRAMES = 2
_CONFIDENCE, _STEP_MS = 0.5, 1000


def render_origin(path: Path) -> Origin:
    """Whose file it is: nobody's, which its kind says as well."""
    return Origin(path.stem, "render", identity_of(f"render {path.stem}"), LICENCE, "tools/heads")


def render_item(path: Path, origin: Origin) -> Item:
    """The item of one person; its first frame is the portrait.

    Landmarks are the detector's, so that they err on renders as they do on photos. MediaError says
    why a file cannot be used.
    """
    person = read(path)
    mesh = FaceMesh(_CONFIDENCE)
    try:
        found = [_look(mesh, person.picture(i)) for i in range(len(person.pictures))]
    finally:
        mesh.close()
    seen = [(i, face) for i, face in enumerate(found) if face is not None]
    if len(seen) < _LEAST_FRAMES or seen[0][0]:
        raise MediaError(f"{path.name}: the detector finds no face in the portrait")
    crop = crop_of([face for _, face in seen], person.picture(0).shape)
    landmarks = np.stack([crop.place(face) for _, face in seen])
    return Item(
        origin=origin,
        frames=tuple(encoded(crop.picture(person.picture(i)), "JPEG") for i, _ in seen),
        landmarks=landmarks,
        times_ms=np.array([i * _STEP_MS for i, _ in seen], np.int64),
        sources=(0,),
        mattes=(encoded(crop.picture(person.matte(0)), "PNG"),),
        enrolled=landmarks[:1],
    )


def _look(mesh: FaceMesh, picture: Image) -> Landmarks | None:
    mesh.forget()
    return mesh.settle(picture)
