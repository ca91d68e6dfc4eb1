"""What one call of `vivant animate` makes: which inputs are faces, which drivers, and where to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamer.bundled import CLIPS, PORTRAITS, clip_path, portrait_path
from streamer.errors import ConfigError

Phases = Callable[[str, int | None], Callable[[], None]]
"""Is told what begins and how many frames it has; gives what is called after each of them."""

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".pgm"),
    *(".mpo", ".heic", ".heif", ".portrait"),
)
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*", b"PK\3\4")
"""How pictures and portrait files begin, for names that do not tell."""
_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".ts", ".mpg")


@dataclass(frozen=True, slots=True)
class Job:
    """One portrait driven by one clip into one or more files."""

    portrait: str
    clip: Path
    outputs: tuple[Path, ...]


def is_portrait(name: str) -> bool:
    """Whether an input is the face to be moved rather than the clip that moves it."""
    if name in PORTRAITS or name in CLIPS:
        return name in PORTRAITS
    suffix = Path(name).suffix.lower()
    if suffix in PICTURE_SUFFIXES or suffix in _VIDEO_SUFFIXES:
        return suffix in PICTURE_SUFFIXES
    return _begins_like_a_picture(Path(name))


def plan(
    inputs: Sequence[str],
    output: Path | None,
    loops: Sequence[str] = (),
    portrait: str = PORTRAITS[0],
    clip: str = CLIPS[0],
) -> list[Job]:
    """Every portrait with every clip; `portrait` and `clip` stand in where none is named.

    Several results go into the folder `output`; one goes into the file or folder of that name.
    `loops` are endings of further files beside each.
    """
    portraits = [name for name in inputs if is_portrait(name)] or [portrait]
    clips = [name for name in inputs if not is_portrait(name)] or [clip]
    several = len(portraits) * len(clips) > 1
    if several and output is not None and output.suffix and not output.is_dir():
        raise ConfigError(
            f"-o {output}: {len(portraits) * len(clips)} results need a folder, not one file"
        )
    folder = output if output is not None and (several or _is_folder(output)) else None
    jobs: list[Job] = []
    taken: set[Path] = set()
    for one_clip in clips:
        for one_portrait in portraits:
            target = output
            if target is None or folder is not None:
                name = f"{Path(one_portrait).stem}_{Path(one_clip).stem}"
                target = _free((folder or Path()) / f"{name}.mp4", taken)
            taken.add(target)
            extra = [target.with_suffix(ending) for ending in loops]
            outputs = tuple(dict.fromkeys([target, *extra]))
            jobs.append(Job(one_portrait, clip_path(one_clip), outputs))
    return jobs


def inputs_of(job: Job) -> tuple[Path, Path]:
    """The files that must not be overwritten."""
    return portrait_path(job.portrait), job.clip


def _begins_like_a_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def _is_folder(path: Path) -> bool:
    return path.is_dir() or not path.suffix


def _free(path: Path, taken: set[Path]) -> Path:
    """`path`, or with a number where two inputs have the same name."""
    number = 2
    free = path
    while free in taken:
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free
