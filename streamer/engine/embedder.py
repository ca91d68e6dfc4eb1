"""What a portrait's photos say about its face: FiLM numbers for the refiner, once per portrait.

By OpenVINO on the processor, in f32, whatever computes the pictures: it takes as long as one or two
of those.
"""

from collections.abc import Callable, Sequence

import numpy as np

from engines.contract import Bytes, Floats
from engines.weights import Weights
from streamer.errors import EngineError

Embed = Callable[[Sequence[Bytes]], Floats]
"""From one photo or more, as `engines.photo` makes them, to FiLM numbers (F,). EngineError when the
device fails. Any thread may call it."""


def embedder_of(weights: Weights) -> Embed | None:
    """The embedder of these weights, compiled; None when they have none. EngineError says why not.

    A refiner that was trained without one has only ever seen FiLM numbers of 0.
    """
    if not weights.embedder:
        return None
    try:
        return _compiled(weights)
    except (ImportError, OSError) as error:
        raise EngineError(
            f"the weights have an embedder, which OpenVINO computes, and that cannot be loaded: "
            f"{error}; run: python -m pip install --force-reinstall openvino"
        ) from error


def _compiled(weights: Weights) -> Embed:
    from streamer.engine.openvino import core, last_line, processor_settings  # noqa: PLC0415
    from streamer.engine.skeleton import embedder_model  # noqa: PLC0415

    settings = processor_settings() | {"INFERENCE_PRECISION_HINT": "f32"}
    try:
        compiled = core().compile_model(embedder_model(core(), weights), "CPU", settings)
    except RuntimeError as error:
        raise EngineError(f"OpenVINO cannot compile the embedder: {last_line(error)}") from error

    def embed(photos: Sequence[Bytes]) -> Floats:
        """The last layer is linear: the numbers of all are the mean of those of each."""
        request = compiled.create_infer_request()  # one for each call: threads do not meet
        try:
            found = [request.infer({"photos": photo[None, None]})["film"][0] for photo in photos]
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed to embed a portrait: {last_line(error)}") from error
        return np.mean(found, 0, dtype=np.float32)

    return embed
