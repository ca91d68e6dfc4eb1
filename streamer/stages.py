"""The contracts of the five stages, in the order of the data; each is opened with `with`."""

from typing import Protocol

from streamer.frame import Image, Landmarks, Motion


class Camera(Protocol):
    """Where images come from: a webcam, a recorded clip, a WebRTC peer."""

    def read(self) -> Image:
        """The next image. Blocks, at most 1 s.

        DeviceError when the device is gone, EndOfStream when a clip is over.
        """
        ...


class Tracker(Protocol):
    """Finds the driver's face."""

    def track(self, image: Image) -> Landmarks | None:
        """The landmarks in pixels of `image`, or None when no face is in view."""
        ...


class Retargeter(Protocol):
    """Turns the driver's landmarks into the portrait's motion; presence lives here."""

    def retarget(self, landmarks: Landmarks | None, at_ns: int) -> Motion:
        """The motion at the capture instant `at_ns`; never None, whatever the tracker saw."""
        ...


class Generator(Protocol):
    """Draws the portrait in motion."""

    def generate(self, motion: Motion) -> Image:
        """One picture. The array is the caller's."""
        ...


class Sink(Protocol):
    """Where pictures go: a virtual camera, a file, a WebRTC peer."""

    def send(self, image: Image) -> None:
        """Show one picture. Blocks, at most 1 s."""
        ...
