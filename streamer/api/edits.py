"""Changes of the controls that come from outside: typed and bounded as the settings are."""

from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from streamer.config import GainsConfig
from streamer.control import Controls, Desk

_SETTABLE = ("portrait", "background", "mirror", "idle", "panic", "recording")
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_LONGEST_NAME = 4096


class EditError(Exception):
    """A change that is refused; its text says why, and what would do."""

    def __init__(self, text: str, *, readable: bool = True) -> None:
        super().__init__(text)
        self.readable = readable
        """Whether it was JSON at all."""


def _gains_model() -> type[BaseModel]:
    """The settings' gains, each of which may be left out."""
    fields: dict[str, Any] = {
        name: (Annotated[field.annotation, *field.metadata], None)
        for name, field in GainsConfig.model_fields.items()
    }
    return create_model("GainsEdit", __config__=_STRICT, __doc__=GainsConfig.__doc__, **fields)


def _edit_model() -> type[BaseModel]:
    hints = get_type_hints(Controls)
    fields: dict[str, Any] = {name: (hints[name], None) for name in _SETTABLE}
    fields["portrait"] = (Annotated[str, Field(max_length=_LONGEST_NAME)], None)
    fields["gains"] = (GAINS_EDIT, None)
    doc = "What of the controls is to change; the rest stays."
    return create_model("ControlsEdit", __config__=_STRICT, __doc__=doc, **fields)


GAINS_EDIT = _gains_model()
CONTROLS_EDIT = _edit_model()
"""What PATCH takes. Only the fields that are set count."""


def apply(desk: Desk, body: bytes) -> Controls:
    """Change the controls as a JSON object says, all of it or nothing; EditError when it cannot."""
    try:
        wish = CONTROLS_EDIT.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from None
    values = wish.model_dump(exclude_unset=True)
    gains: dict[str, float] = values.pop("gains", {})

    def edit(controls: Controls) -> Controls:
        if "portrait" in values and values["portrait"] not in controls.portraits:
            raise EditError(f"portrait: {advice(values['portrait'], controls.portraits)}")
        return replace(controls, **values, gains=controls.gains.model_copy(update=gains))

    return desk.edit(edit)


def advice(name: str, known: tuple[str, ...]) -> str:
    """What was probably meant by an unknown name."""
    if near := get_close_matches(name, known, 1):
        return f"no {name!r}; did you mean {near[0]}?"
    return f"no {name!r}; there is {', '.join(known)}"


def _refusal(error: ErrorDetails) -> EditError:
    *path, name = (str(part) for part in error["loc"] or ("",))
    key = ".".join((*path, name))
    match error["type"]:
        case "json_invalid":
            return EditError(error["msg"], readable=False)
        case "model_type" | "model_attributes_type" if not key:
            return EditError('must be a JSON object, as in {"mirror": true}')
        case "extra_forbidden":
            model = GAINS_EDIT if path else CONTROLS_EDIT
            return EditError(": ".join((*path, advice(name, tuple(model.model_fields)))))
        case _:
            return EditError(f"{key}: {error['msg'].replace('Input should be', 'must be')}")
