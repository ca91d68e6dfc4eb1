"""What the texture shows at each place: how much of the person, and which way their surface faces.

Made once for a portrait; the graph looks it up where the texture is seen.
"""

import numpy as np

from engines.contract import GUIDE, Bytes
from engines.geometry import Array, Index
from engines.raster import rasterise
from engines.vision import resized

_TO_VIEWER = np.array([0, 0, -1], np.float32)


def normals(vertices: Array, triangles: Index, skin: int) -> Array:
    """(V, 3) outer normals of a mesh that the viewer sees along z.

    The last `skin` triangles are one surface, most of which faces the viewer; each of the others
    does, whichever way its corners run. A vertex of none faces the viewer, too.
    """
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    away = np.sign(face[:, 2:])
    away[len(face) - skin :] = np.sign(face[len(face) - skin :, 2].sum())
    face *= -away
    out = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(out, triangles[:, i], face)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.where(length > 1e-9, out / np.maximum(length, 1e-9), _TO_VIEWER).astype(np.float32)


def guide(texture: Bytes, places: Array, triangles: Index, holes: int, facing: Array) -> Bytes:
    """(GUIDE, GUIDE, 4) over a whole premultiplied texture (H, W, 4): matte, normal.

    `places` (V, 2) are those of the vertices in the texture, px, `facing` (V, 3) their normals; the
    first `holes` triangles count where no other is.
    """
    scale = np.array([GUIDE / texture.shape[1], GUIDE / texture.shape[0]], np.float32)
    flat = np.zeros((1, len(places), 3), np.float32)
    flat[0, :, :2] = (places + 0.5) * scale - 0.5
    depth = np.zeros((GUIDE, GUIDE), np.float32)
    matte = resized(np.ascontiguousarray(texture[..., 3]), (GUIDE, GUIDE))
    layers = [matte.astype(np.float32)[..., None]]
    for pair in ((0, 1), (2, 2)):
        out = np.empty((1, GUIDE, GUIDE, 2), np.float32)
        out[:] = _TO_VIEWER[list(pair)]
        rasterise(flat, triangles, np.ascontiguousarray(facing[:, pair]), holes, out, depth)
        layers.append(127.5 + 127.5 * (out[0] if pair == (0, 1) else out[0, ..., :1]))
    return np.clip(np.concatenate(layers, 2) + 0.5, 0, 255).astype(np.uint8)
