"""A sink that keeps nothing: for measurements, and for runs of which only a recording is kept."""

from streamer.frame import Image


class NullSink:
    """Counts pictures and forgets them."""

    def __init__(self) -> None:
        self.sent = 0

    @property
    def label(self) -> str:
        """Where pictures go."""
        return "nowhere"

    def send(self, image: Image) -> None:  # noqa: ARG002  (the contract's name)
        """Count one picture."""
        self.sent += 1
