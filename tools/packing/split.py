"""Who is held out: the identities of split.txt are for validation, all others for training.

The list holds hashes alone. It only ever grows: who has been held out stays so.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

LIST = Path(__file__).parent / "split.txt"
_SHARE = 0.15
_BYTES = 8


def identity_of(name: str) -> str:
    """The hash of a person's name or pseudonym."""
    return hashlib.sha256(f"identity: {name}".encode()).hexdigest()[: 2 * _BYTES]


def identity_of_file(data: bytes) -> str:
    """The hash that stands for a person of whom there is this one file."""
    return hashlib.sha256(data).hexdigest()[: 2 * _BYTES]


def held_out(path: Path = LIST) -> frozenset[str]:
    """The hashes of the identities for validation."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return frozenset(line.split()[0] for line in lines if line.strip() and line[0] != "#")


def chosen(identities: Iterable[str], share: float = _SHARE) -> list[str]:
    """Those of the identities that chance, which is the hash itself, holds out."""
    limit = int(share * 2 ** (8 * _BYTES))
    return sorted(one for one in set(identities) if int(one, 16) < limit)
