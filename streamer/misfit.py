"""What is wrong with a setting, in a person's words: the key, what it may be, what was meant."""

import reprlib
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_NAMED = ("camera.device", "sink.device", "record.microphone", "record.speaker")
"""Keys that hold a device's name or number."""
_SHAPES = {
    "portraits": "must be a list, as in [me.jpg, mona.portrait]",
    "web.token": "must have 16 to 256 letters, digits or signs, without spaces",
    "web.stun": "must be as in stun:stun.example.org:3478",
    "web.turn": "must be as in turn:turn.example.org:3478",
    "web.names": "must be a list of host names, as in [vivant.example.org], at most 16",
    "model_type": "must be a section with keys of its own",
}
"""What a key, or else a kind of error, asks for."""


def first_problem(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """The dotted key of the first thing that does not fit `model`, and the sentence about it."""
    first = error.errors()[0]
    key = _key(first["loc"], model)
    return key, _problem(key, first, model)


def keys(section: type[BaseModel]) -> Iterator[str]:
    """Every key there is, dotted, in order."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (f"{name}.{key}" for key in keys(kind))
        else:
            yield name


def _key(place: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The dotted key of an error's place, without the member of a union that pydantic tried."""
    words = [part for part in place if isinstance(part, str)]
    dotted, known = ".".join(words), set(keys(model))
    shorter = dotted.rpartition(".")[0]
    return shorter if dotted not in known and shorter in known else dotted


def _problem(key: str, error: ErrorDetails, model: type[BaseModel]) -> str:
    kind = error["type"]
    match kind:
        case "extra_forbidden":
            return f"no such key; {_advice(key, model)}"
        case "invalid_key":
            return f"keys are words, not {error['input']!r}"
        case "model_type" | "missing" | "tuple_type" | "too_long" | "string_pattern_mismatch":
            return _SHAPES.get(key) or _SHAPES.get(kind, "must be two figures, as in [20, 30]")
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
        case _:
            text = error["msg"].replace("Input should be", "must be")
            if key in _NAMED and kind in ("string_type", "int_type", "bool_type"):
                text = "must be a name or a number"
            secret = key.endswith(("token", "secret", "password"))
            return text if secret else f"{text}, not {reprlib.repr(error['input'])}"


def _advice(key: str, top: type[BaseModel]) -> str:
    """What was meant by an unknown key: the nearest beside it, or its namesake elsewhere."""
    section, dot, name = key.rpartition(".")
    model: Any = top
    for part in section.split(".") if section else ():
        model = model.model_fields[part].annotation
    beside = list(model.model_fields)
    if near := get_close_matches(name, beside, 1):
        return f"did you mean {section}{dot}{near[0]}?"
    if elsewhere := [known for known in keys(top) if known.rpartition(".")[2] == name]:
        return f"did you mean {elsewhere[0]}?"
    return f"{section or 'the top level'} has {', '.join(beside)}"
