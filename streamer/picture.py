"""A picture file as an upright RGB image, whatever its kind; and a PNG written whole."""

import logging
import re
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, UnidentifiedImageError

from streamer.errors import MediaError
from streamer.frame import Image
from streamer.output import cannot_write, replacing

_LOG = logging.getLogger(__name__)

MAX_SIDE = 10_000
"""Longest side of a picture that is read, in pixels."""
MAX_PIXELS = 80_000_000

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""What is opened. Kinds that need another program, as EPS does, are not."""
_NEUTRAL = (128, 128, 128)
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError),
    *(struct.error, zlib.error, MemoryError),
)
"""What Pillow raises on damaged files."""


def read_picture(path: Path, long_side: int = 2048) -> Image:
    """The first picture in the file, upright, at most `long_side` px, grey where transparent.

    MediaError when it is missing, damaged, too large or no picture.
    """
    if not path.exists():
        raise MediaError(f"{path}: there is no such file")
    if not path.is_file():
        raise MediaError(f"{path}: this is not a file; name a picture")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; size is checked below
        try:
            with _open(path) as opened:
                _check_size(path, *opened.size)
                return _read(opened, long_side)
        except UnidentifiedImageError as error:
            raise MediaError(f"{path}: this is not a picture{_hint(path)}") from error
        except Pillow.DecompressionBombError as error:
            raise MediaError(_too_large(path, _megapixels(str(error)))) from error
        except PermissionError as error:
            raise MediaError(f"{path}: no permission to read it") from error
        except _BROKEN as error:
            raise MediaError(f"{path}: the picture is damaged or cut off ({error})") from error


def write_png(path: Path, image: Image) -> None:
    """Write the picture; `path` changes only when all of it is there."""
    with replacing(path) as part:
        try:
            Pillow.fromarray(image).save(part, format="PNG")
        except OSError as error:
            raise cannot_write(path, error) from error


def _open(path: Path) -> Pillow.Image:
    Pillow.init()
    return Pillow.open(path, formats=[kind for kind in _FORMATS if kind in Pillow.OPEN])


def _check_size(path: Path, width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise MediaError(_too_large(path, f" of {width} x {height} px"))


def _too_large(path: Path, size: str) -> str:
    limit = f"{MAX_SIDE} px a side and {MAX_PIXELS // 1_000_000} megapixels"
    return f"{path}: a picture{size} is too large; reduce it to at most {limit}"


def _megapixels(remark: str) -> str:
    """The size as Pillow's own refusal tells it: in pixels, before the file is read."""
    found = re.search(r"(\d+) pixels", remark)
    return f" of {int(found[1]) // 1_000_000} megapixels" if found else ""


def _hint(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        return ", the file is empty"
    if head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return " that is read: it is HEIC; export it as JPEG"
    return "; use a JPEG, PNG or WebP file"


def _read(opened: Pillow.Image, long_side: int) -> Image:
    turn = _UPRIGHT.get(_orientation(opened))
    scale = min(1.0, long_side / max(opened.size))
    size = max(1, round(opened.width * scale)), max(1, round(opened.height * scale))
    if opened.format in ("JPEG", "MPO"):
        opened.draft(None, size)  # decode a half or less, where that is enough
    opened.load()
    profile = cast("bytes | None", opened.info.get("icc_profile"))
    picture = _eight_bits(opened)
    if picture.size != size:
        picture = picture.resize(size, Pillow.Resampling.LANCZOS)
    picture = _opaque(picture)
    picture = _srgb(picture, profile)
    if turn is not None:
        picture = picture.transpose(turn)
    return np.array(picture)


def _orientation(opened: Pillow.Image) -> int:
    try:
        return cast("int", opened.getexif().get(_ORIENTATION, 1))
    except _BROKEN as error:
        _LOG.info("unreadable EXIF data: %s", error)
        return 1


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """The picture in a kind that can be resized well: L, RGB, RGBA or CMYK."""
    if picture.mode in ("L", "RGB", "RGBA", "CMYK"):
        return picture if "transparency" not in picture.info else picture.convert("RGBA")
    if picture.mode in ("LA", "La", "PA", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode.startswith("I") or picture.mode == "F":
        return Pillow.fromarray(_scaled(np.asarray(picture)))
    return picture.convert("RGB")


def _scaled(values: NDArray[np.generic]) -> Image:
    """Numbers of 16 or more bits as bytes, by the range their kind of file uses."""
    real = np.nan_to_num(values.astype(np.float32))
    top = 255.0 if real.max(initial=0) <= 255 else max(65535.0, float(real.max()))
    if values.dtype.kind == "f" and real.max(initial=0) <= 1.0:
        top = 1.0
    if values.dtype == np.uint16:
        top = 65535.0
    return (np.clip(real / top, 0, 1) * 255 + 0.5).astype(np.uint8)


def _opaque(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode != "RGBA":
        return picture
    backdrop = Pillow.new("RGB", picture.size, _NEUTRAL)
    backdrop.paste(picture, mask=picture.getchannel("A"))
    return backdrop


def _srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """The picture in sRGB, by its colour profile where it has one that fits."""
    if profile and picture.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target = cast("Any", ImageCms).createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, *_BROKEN) as error:
            _LOG.info("colour profile not used: %s", error)
        else:
            return converted if converted is not None else picture
    return picture.convert("RGB")
