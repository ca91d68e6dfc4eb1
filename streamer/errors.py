"""Errors that end a command, each with the exit code a script can test."""


class StreamerError(Exception):
    """An error a person can act on: one line that names the thing, what is wrong and what to do."""

    exit_code = 1


class ConfigError(StreamerError):
    """A setting or an argument is wrong."""

    exit_code = 2


class DeviceError(StreamerError):
    """A camera or a virtual camera is missing, busy or gone."""

    exit_code = 3


class EngineError(StreamerError):
    """A network cannot be built, opened or run."""

    exit_code = 4


class MediaError(StreamerError):
    """A picture, video or portrait file cannot be read, used or written."""

    exit_code = 6


class EndOfStream(Exception):  # noqa: N818  (an ending, not an error)
    """The source has no more frames."""
