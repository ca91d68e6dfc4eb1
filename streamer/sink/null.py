"""A sink that keeps nothing, for benchmarks."""

from streamer.frame import Image


class NullSink:
    """Counts pictures and forgets them."""

    def __init__(self) -> None:
        self.sent = 0

    def send(self, image: Image) -> None:  # noqa: ARG002  (the contract's name)
        """Count one picture."""
        self.sent += 1
