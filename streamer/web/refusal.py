"""What cannot be done, as the client is told it."""

from dataclasses import dataclass


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818  (an answer, not an error of ours)
    """An answer of its own: a code for programs, and one sentence for a person."""

    status: int
    """Of HTTP."""
    code: str
    message: str
    after_s: int = 0
    """Seconds after which it may be tried again; 0: that would not help, or nobody knows."""

    def __str__(self) -> str:
        return self.message
