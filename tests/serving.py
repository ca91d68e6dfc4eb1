"""`vivant serve` as a person starts it: a process of its own, found by what it prints."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parent.parent
_ADDRESS = re.compile(r"https?://[^\s/]+(?:/[^\s]*)?")
PATIENCE_S = 120


class Server:
    """One server. `port` 0: any free one; the same again after `restart`."""

    def __init__(self, home: Path, *options: str, port: int = 0) -> None:
        self.url = ""
        self.lines: list[str] = []
        self._home = home
        self._options = options
        self._port = port
        self._child: subprocess.Popen[str] | None = None
        self._told = threading.Event()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Return when it listens."""
        self._told.clear()
        command = [sys.executable, "-X", "dev", "-m", "streamer", "serve"]
        command += ["--port", str(self._port), *self._options]
        environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "XDG_CONFIG_HOME": str(self._home),
            "XDG_DATA_HOME": str(self._home),
        }
        self._child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()
        assert self._told.wait(PATIENCE_S), self._lines()
        assert self.url, self._lines()
        self._port = int(self.url.rpartition(":")[2])

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        child, self._child = self._child, None
        if child is None:
            return 0
        child.send_signal(kind)
        try:
            return child.wait(PATIENCE_S)
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                self.lines.append(line.rstrip())
                if not self._told.is_set() and (found := _ADDRESS.search(line)):
                    self.url = found[0].partition("#")[0].rstrip("/.")
                    self._told.set()
        except ValueError:  # closed by stop
            return
        finally:
            self._told.set()

    def _lines(self) -> str:
        return "\n".join(self.lines) or "nothing was printed"
