"""How aiortc is adapted: object by object, where it is one that this was written for.

Attributes are looked up by their names, as they are private; the tests fail when one of them goes
or changes its shape.
"""

import inspect
import logging
import re
from collections.abc import Callable
from typing import Any

import aiortc

LOG = logging.getLogger(__name__)

_VERSIONS = re.compile(r"1\.16\.\d+")


class MisfitError(Exception):
    """aiortc does not look as it did when this was written."""


def adapt(what: str, change: Callable[[], None], version: str = aiortc.__version__) -> bool:
    """Make a change if aiortc is one that it was written for; else warn. Whether it was made."""
    try:
        _check_version(version)
        change()
    except (MisfitError, AttributeError, TypeError) as error:
        LOG.warning("aiortc %s: no %s, calls are slower: %s", version, what, error)
        return False
    return True


def _check_version(version: str) -> None:
    if not _VERSIONS.fullmatch(version):
        raise MisfitError("this version is not known")


def get_private(owner: object, name: str) -> Any:  # noqa: ANN401  (the library's own)
    """An attribute that the library keeps to itself. MisfitError when it is not there."""
    if name not in vars(owner):
        raise MisfitError(f"{type(owner).__name__} has no {name}")
    return vars(owner)[name]


def swap_private(owner: object, name: str, value: object, kind: type) -> None:
    """Put another value in place of a private one, which must be exactly of `kind` until now."""
    present = get_private(owner, name)
    if type(present) is not kind:
        raise MisfitError(f"{name} is {type(present).__name__}, not {kind.__name__}")
    setattr(owner, name, value)


def check_signature(function: Callable[..., Any], *names: str) -> None:
    """MisfitError unless `function` takes just these parameters."""
    parameters = tuple(inspect.signature(function).parameters)
    if parameters != names:
        raise MisfitError(f"{function.__qualname__} takes {', '.join(parameters)}")
