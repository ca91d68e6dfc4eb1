"""The contracts of the five stages, in the order of the data; each is opened with `with`."""

from typing import Protocol

from streamer.frame import Image, Landmarks, Shot


class Camera(Protocol):
    """Where images come from: a webcam, a recorded clip, a WebRTC peer."""

    @property
    def name(self) -> str:
        """Its own name, the same each time it is opened: calibrations are kept under it."""
        ...

    @property
    def label(self) -> str:
        """What it is and why it was chosen, for a person."""
        ...

    @property
    def state(self) -> str:
        """What is wrong with it just now, for a person; empty when nothing is."""
        ...

    def read(self) -> Image | None:
        """The next image; None when the camera has none and nobody is seen: it is away, or stalls.

        Blocks, at most 1 s. DeviceError when it is gone for good, EndOfStream when a clip is over.
        """
        ...


class Tracker(Protocol):
    """Finds the driver's face."""

    def track(self, image: Image) -> Landmarks | None:
        """The landmarks in pixels of `image`, or None when no face is in view.

        Where images change their size, in pixels of the first one's.
        """
        ...


class Retargeter(Protocol):
    """Turns the driver's landmarks into what the picture shows; presence lives here."""

    def retarget(self, landmarks: Landmarks | None, at_ns: int) -> Shot:
        """The shot at the capture instant `at_ns`; never None, whatever the tracker saw."""
        ...


class Generator(Protocol):
    """Draws shots."""

    def generate(self, shot: Shot) -> Image:
        """One picture. The array is the caller's."""
        ...


class Sink(Protocol):
    """Where pictures go: a virtual camera, a file, a WebRTC peer."""

    @property
    def label(self) -> str:
        """What it is and why it was chosen, for a person."""
        ...

    def send(self, image: Image) -> None:
        """Show one picture. Blocks, at most 1 s. DeviceError or MediaError when it cannot."""
        ...
