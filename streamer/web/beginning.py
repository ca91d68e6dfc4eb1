"""How a visitor's session begins, and what they may change of it."""

import json
from dataclasses import replace
from typing import cast

from streamer.api.edits import EditError, apply
from streamer.app import controls_of
from streamer.config import Config
from streamer.control import Controls, Desk
from streamer.web.portraits import Catalogue
from streamer.web.refusal import Refusal
from streamer.web.visitors import Visitor


class Beginning:
    """The controls of sessions: the usual ones, those remembered, and those wished."""

    def __init__(self, config: Config, catalogue: Catalogue) -> None:
        self._config = config
        self._catalogue = catalogue

    def controls(self, visitor: Visitor | None) -> Controls:
        """With which this visitor's next session begins: as their last one ended."""
        names = self._catalogue.ready(None if visitor is None else visitor.name)
        usual = replace(controls_of(self._config), portraits=names, portrait=names[0])
        last = None if visitor is None else visitor.controls
        if last is None:
            return usual
        portrait = last.portrait if last.portrait in names else usual.portrait
        return replace(
            *(usual,),
            portrait=portrait,
            gains=last.gains,
            mirror=last.mirror,
            background=last.background,
        )

    def edit(self, desk: Desk, body: bytes) -> Controls:
        """Change controls as a page may; Refusal when it cannot be."""
        try:
            wish: object = json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal(400, "json", "the request is not JSON") from None
        if isinstance(wish, dict):
            self._check(cast("dict[str, object]", wish))
        try:
            return apply(desk, body)
        except EditError as error:
            raise Refusal(422 if error.readable else 400, "value", str(error)[:300]) from None

    def _check(self, wish: dict[str, object]) -> None:
        if "recording" in wish:
            raise Refusal(422, "value", "recording: the page records, not the server")
        if wish.get("background") == "image" and self._config.generator.image is None:
            raise Refusal(422, "value", "background: this server has no picture for it")
