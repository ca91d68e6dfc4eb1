"""The colour of what is seen at each sample; one code for NumPy and torch.

Samples are flat lists: (n,) numbers of frame and triangle, and (n, 3) shares of its corners.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.frame import Array
from tools.heads.arrays import Library, Values, dot, floats, unit
from tools.heads.camera import Camera
from tools.heads.light import Light
from tools.heads.parts import SKINLIKE, Part
from tools.heads.posing import Posed, Puppet
from tools.heads.traits import Traits

RING = (
    (-0.94, -0.4), (0.94, -0.77), (-0.09, -0.93), (0.34, 0.29), (-0.92, 0.46), (-0.82, -0.88),
    (-0.38, 0.28), (0.97, 0.75), (0.44, -0.97), (0.54, -0.47), (-0.26, -0.42), (0.79, 0.19),
)  # fmt: skip
"""Places in a disk, for soft shadows."""
_GAMMA = 2.2
_WRAPS = {Part.TEETH: (0.3, 0.25, 0.2), Part.TONGUE: (0.3, 0.15, 0.12), Part.EYE: (0.25, 0.2, 0.2)}
_GRAZING = 3.0
"""How much more a surface mirrors at its rim; less than in truth, or thin things would sparkle."""
_SKIN_WRAP = (0.32, 0.14, 0.09)
"""Light goes round under the skin, red the farthest."""


@dataclass(frozen=True, slots=True)
class Materials:
    """(14, .) by part."""

    rough: Array
    shine: Array
    wrap: Array
    """(14, 3)"""
    mirror: Array
    """share of the environment that is reflected straight on"""
    fibre: Array
    """1 for hair, whose light does not fall from one side"""
    bounce: Array
    """share of the light that reaches a part whatever is around it"""


def materials(traits: Traits) -> Materials:
    """The surfaces of a person."""
    count = len(Part)
    rough, shine = np.full(count, 0.6, np.float32), np.full(count, 0.3, np.float32)
    wrap, mirror = np.zeros((count, 3), np.float32), np.zeros(count, np.float32)
    fibre, bounce = np.zeros(count, np.float32), np.zeros(count, np.float32)
    bounce[[Part.TEETH, Part.TONGUE, Part.EYE]] = 0.45, 0.3, 0.2
    for part in SKINLIKE:
        rough[part], shine[part], wrap[part] = traits.rough, traits.shine, _SKIN_WRAP
    for part, value in _WRAPS.items():
        wrap[part] = value
    rough[Part.LIPS], shine[Part.LIPS] = 0.75 * traits.rough, 1.2 * traits.shine
    rough[Part.MOUTH], rough[Part.TONGUE], rough[Part.TEETH] = 0.35, 0.35, 0.25
    shine[Part.TEETH], shine[Part.TONGUE], shine[Part.MOUTH] = 0.5, 0.6, 0.4
    rough[Part.EYE], shine[Part.EYE], mirror[Part.EYE] = 0.12, 1.0, 0.045
    rough[Part.GLASSES], shine[Part.GLASSES], mirror[Part.GLASSES] = 0.25, 1.0, 0.04
    rough[Part.LENS], shine[Part.LENS], mirror[Part.LENS] = 0.1, 1.0, 0.05
    rough[Part.CLOTH], shine[Part.CLOTH] = 0.9, 0.15
    fibre[[Part.HAIR, Part.BEARD, Part.BROW, Part.LASH]] = 1
    shine[[Part.BROW, Part.LASH, Part.BEARD]], shine[Part.HAIR] = 0, 0.12
    return Materials(rough, shine, wrap, mirror, fibre, bounce)


@dataclass(frozen=True, slots=True)
class Stage:
    """What shading needs, where the library computes."""

    puppet: Puppet
    atlas: Values
    """(h * w, 4) bytes"""
    width: int
    texels: Values
    texel_triangles: Values
    part: Values
    level: Values
    gain: Values
    eye: Values
    axes: Values
    camera: Camera
    harmonics: Values
    environment: Values
    """(h * w, 3)"""
    environment_size: tuple[int, int]
    lamps: Values
    colours: Values
    soft: float
    rough: Values
    shine: Values
    wrap: Values
    mirror: Values
    fibre: Values
    bounce: Values


def stage_of(
    puppet: Puppet, atlas: NDArray[np.uint8], camera: Camera, light: Light, surfaces: Materials
) -> Stage:
    """Everything of one person, put where the library computes."""
    put, rig = puppet.library.put, puppet.rig
    high, wide = light.environment.shape[:2]
    return Stage(
        puppet=puppet,
        atlas=put(np.ascontiguousarray(atlas.reshape(-1, 4))),
        width=atlas.shape[1],
        texels=put(rig.texels),
        texel_triangles=put(rig.texel_triangles.astype(np.int64)),
        part=put(rig.part.astype(np.int64)),
        level=put(np.maximum(rig.level, 0)),
        gain=put(rig.gain),
        eye=put(camera.eye),
        axes=put(camera.axes),
        camera=camera,
        harmonics=put(light.harmonics),
        environment=put(np.ascontiguousarray(light.environment.reshape(-1, 3))),
        environment_size=(high, wide),
        lamps=put(light.lamps),
        colours=put(light.colours),
        soft=light.soft,
        rough=put(surfaces.rough),
        shine=put(surfaces.shine),
        wrap=put(surfaces.wrap),
        mirror=put(surfaces.mirror),
        fibre=put(surfaces.fibre),
        bounce=put(surfaces.bounce),
    )


@dataclass(frozen=True, slots=True)
class Samples:
    """What is to be shaded."""

    frame: Values
    triangle: Values
    share: Values
    """(n, 3) of the corners, as seen in perspective"""
    lit: Values
    """(n,) share of the strong lamp's light that is not in shadow"""
    open: Values
    """(n,) share of the surrounding light that is not hidden near by"""


def colours(stage: Stage, posed: Posed, samples: Samples) -> tuple[Values, Values]:
    """Linear colours (n, 3) and opacities (n,)."""
    library = stage.puppet.library
    xp = library.xp
    corner = stage.puppet.triangles[samples.triangle]
    part = stage.part[samples.triangle]
    place = _mixed(posed.points, samples, corner)
    normal = unit(xp, _mixed(posed.normals, samples, corner))
    view = unit(xp, stage.eye - place)
    normal = xp.where((dot(normal, view) < 0)[:, None], -normal, normal)
    inner = posed.light[samples.frame[:, None], corner]
    reached = (inner * samples.share).sum(1)
    texel = _texture(library, stage, samples)
    albedo = texel[:, :3] ** _GAMMA
    bounce = stage.bounce[part]
    free = bounce + (1 - bounce) * samples.open
    open_ = (free * reached)[:, None]
    skin = (stage.wrap[part][:, 0] > 0.31)[:, None]
    bleed = library.put(floats([0.75, 1.0, 1.05]))
    around = xp.clip(_irradiance(xp, stage, normal), 0, 1e3)
    colour = albedo * around * xp.where(skin, open_**bleed, open_)
    colour = colour + _lamps(library, stage, samples, (part, albedo, normal, view, reached))
    colour = colour + _mirrored(library, stage, (part, normal, view)) * open_ * open_
    opacity = (texel[:, 3] - stage.level[samples.triangle]) * stage.gain[samples.triangle]
    return colour, xp.clip(opacity, 0, 1)


def _mixed(values: Values, samples: Samples, corner: Values) -> Values:
    """(n, 3) of a value (f, v, 3) at the corners."""
    found = 0
    for i in range(3):
        found = found + values[samples.frame, corner[:, i]] * samples.share[:, i : i + 1]
    return found


def _texture(library: Library, stage: Stage, samples: Samples) -> Values:
    """(n, 4) in 0 to 1, between four texels."""
    xp = library.xp
    corner = stage.texel_triangles[samples.triangle]
    uv = 0
    for i in range(3):
        uv = uv + stage.texels[corner[:, i]] * samples.share[:, i : i + 1]
    uv = uv - 0.5
    low = xp.floor(uv)
    rest = uv - low
    x, y = rest[:, 0:1], rest[:, 1:2]
    index = library.whole(low[:, 1]) * stage.width + library.whole(low[:, 0])
    a, b, c, d = (
        library.real(stage.atlas[index + step]) for step in (0, 1, stage.width, stage.width + 1)
    )
    return ((a * (1 - x) + b * x) * (1 - y) + (c * (1 - x) + d * x) * y) / 255


def _irradiance(xp: Values, stage: Stage, normal: Values) -> Values:
    x, y, z = normal[:, 0], normal[:, 1], normal[:, 2]
    basis = xp.stack(
        [
            0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
            1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        -1,
    )  # fmt: skip
    return basis @ stage.harmonics


Surface = tuple[Values, Values, Values, Values, Values]
"""Part, albedo, normal, view and the light that reaches the inside of the mouth."""


def _lamps(library: Library, stage: Stage, samples: Samples, surface: Surface) -> Values:
    xp = library.xp
    part, albedo, normal, view, reached = surface
    wrap, rough, fibre = stage.wrap[part], stage.rough[part], stage.fibre[part][:, None]
    bounce = stage.bounce[part]
    facing = xp.clip(dot(normal, view), 1e-3, 1)
    within = (0.15 + 0.85 * reached)[:, None]
    total = 0
    for i in range(2):
        lamp, colour = stage.lamps[i], stage.colours[i]
        lit = samples.lit if i == 0 else 0.4 + 0.6 * samples.open
        lit = (bounce + (1 - bounce) * lit)[:, None]
        towards = dot(normal, lamp)
        turned = xp.clip((towards[:, None] + wrap) / (1 + wrap), 0, 1)
        smooth = turned * turned * 0.4 + turned * 0.6
        diffuse = fibre * (0.35 + 0.65 * xp.abs(towards))[:, None] + (1 - fibre) * smooth
        shine = _shine(xp, (normal, view, lamp, facing, towards), rough) * stage.shine[part]
        total = total + (albedo * diffuse + (shine * reached)[:, None]) * lit * within * colour
    return total


def _shine(xp: Values, angles: Surface, rough: Values) -> Values:
    """The highlight of a lamp (GGX), times pi as all light here."""
    normal, view, lamp, facing, towards = angles
    half = unit(xp, view + lamp)
    straight, level = xp.clip(dot(normal, half), 0, 1), xp.clip(towards, 0, 1)
    alpha = rough * rough
    square = alpha * alpha
    flat = straight * straight * (square - 1) + 1
    spread = square / (flat * flat + 1e-5)
    k = 0.5 * alpha
    masking = 1 / ((level * (1 - k) + k) * (facing * (1 - k) + k))
    fresnel = 0.035 + 0.5 * (1 - xp.clip(dot(view, half), 0, 1)) ** 5 * (1 - rough)
    return spread * masking * fresnel * 0.25 * level


def _mirrored(library: Library, stage: Stage, surface: tuple[Values, Values, Values]) -> Values:
    """(n, 3) what the environment adds where a surface mirrors it."""
    xp = library.xp
    part, normal, view = surface
    share = stage.mirror[part]
    found = xp.zeros_like(normal)
    shiny = library.where_true(share > 0)
    n, v = normal[shiny], view[shiny]
    facing = dot(n, v)
    ray = 2 * facing[:, None] * n - v
    high, wide = stage.environment_size
    across = (xp.arctan2(ray[:, 0], ray[:, 2]) / (2 * np.pi) + 0.5) * wide
    down = xp.arccos(xp.clip(ray[:, 1], -1, 1)) / np.pi * high
    x = library.whole(xp.clip(across, 0, wide - 1))
    y = library.whole(xp.clip(down, 0, high - 1))
    grazing = (1 - xp.clip(facing, 0, 1)) ** 5
    weight = share[shiny] * (1 + _GRAZING * grazing)
    found[shiny] = stage.environment[y * wide + x] * weight[:, None]
    return found
