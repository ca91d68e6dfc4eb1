"""From a graph to an engine that can run: the kept file where it fits, else one built anew."""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engines.contract import Contract
from streamer.engine import cache
from streamer.engine.build import Watch, build
from streamer.engine.cuda import Device
from streamer.engine.graphfile import PRECISION
from streamer.engine.library import Library
from streamer.engine.manifest import Check, Key, Misfit
from streamer.engine.program import Program, UnusableError, open_program


@dataclass(frozen=True, slots=True)
class Maker:
    """From a graph to an engine that runs, by way of the folder."""

    library: Library
    device: Device
    onnx: bytes
    contract: Contract
    folder: Path | None
    watch: Watch

    @property
    def key(self) -> Key:
        """What the engine file is kept under."""
        card = self.device.card
        return Key(
            onnx=hashlib.sha256(self.onnx).hexdigest(),
            library=self.library.name,
            version=self.library.version,
            gpu=card.name,
            capability=card.capability,
            driver=card.driver,
            precision=PRECISION,
            contract=self.contract,
        )

    def program(self, notes: list[str]) -> Program:
        """Open the kept engine file, or build it. A kept one that is refused is built again.

        `notes` gets what a person should be told.
        """
        return self._kept(notes) or self._built(notes)

    def record(self, check: Check) -> None:
        """Keep the result of the self-test with the engine file."""
        if self.folder is not None:
            cache.record(self.folder, self.key, check)

    def _kept(self, notes: list[str]) -> Program | None:
        if self.folder is None:
            return None
        try:
            engine = cache.find(self.folder, self.key)
            return self._open(engine)
        except Misfit as misfit:
            if str(misfit) != cache.ABSENT:
                notes.append(f"the kept engine {misfit}; it was built again")
        except UnusableError as error:
            notes.append(f"{error}; it was built again")
            cache.forget(self.folder, self.key)
        return None

    def _built(self, notes: list[str]) -> Program:
        begun = time.monotonic()
        capability = self.device.card.capability
        with self.device.current():
            engine = build(self.library, self.onnx, capability, self.watch)
        seconds = round(time.monotonic() - begun, 3)
        program = self._open(engine)
        if self.folder is not None:
            note = cache.keep(self.folder, self.key, engine, seconds)
            notes += [note] if note else []
        return program

    def _open(self, engine: bytes) -> Program:
        self.watch.demand_going_on()
        self.watch.progress("opening the engine", 1.0)
        compiled = None
        if self.folder is not None:
            with suppress(Misfit):  # else it is compiled again, and kept then
                compiled = cache.sealed(self.folder / f"{self.key.stem}{cache.COMPILED}")
        with self.device.current():
            return open_program(self.library, engine, self.contract, self.device, compiled)

    def keep_compiled(self, program: Program) -> None:
        """Keep what the library compiled for this GPU, if that is not kept yet."""
        path = None if self.folder is None else self.folder / f"{self.key.stem}{cache.COMPILED}"
        if path is None or path.exists() or not path.with_suffix(cache.ENGINE).exists():
            return
        compiled = program.compiled_bytes()
        if compiled:
            cache.seal(path, compiled)
