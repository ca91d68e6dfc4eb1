"""What is known about the files to be packed: licence, source and person, from a table."""

import csv
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import MediaError
from tools.packing.item import Kind, Origin
from tools.packing.split import identity_of, identity_of_file


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    licence: str
    source: str
    identity: str
    """who it is, if files are to be joined; empty: the file is its own person"""


def read_table(path: Path) -> dict[str, Row]:
    """By file name. The columns are file, licence, and any of source, repository, path, identity.

    MediaError when the file or a column it cannot do without is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MediaError(f"{path}: the table of sources cannot be read ({error})") from error
    if not rows or not {"file", "licence"} <= set(rows[0]):
        raise MediaError(f"{path}: a table of sources has the columns file and licence at least")
    return {row["file"]: _row(row) for row in rows}


def _row(row: dict[str, str]) -> Row:
    source = row.get("source") or "/".join(
        part for part in (row.get("repository"), row.get("path")) if part
    )
    return Row(row["licence"].strip(), source, (row.get("identity") or "").strip())


def table_beside(files: list[Path]) -> Path | None:
    """The index.csv in the folder of the files, if there is one."""
    found = files[0].parent / "index.csv" if files else None
    return found if found is not None and found.exists() else None


def origin(path: Path, kind: Kind, table: dict[str, Row]) -> Origin:
    """MediaError unless the table names a licence for the file: unknown rights are not used."""
    row = table.get(path.name)
    if row is None or not row.licence:
        raise MediaError(f"{path.name}: no licence is stated in the table of sources")
    try:
        own = identity_of(row.identity) if row.identity else identity_of_file(path.read_bytes())
    except OSError as error:
        raise MediaError(f"{path.name}: cannot be read ({error.strerror})") from error
    return Origin(path.stem, kind, own, row.licence, row.source)
