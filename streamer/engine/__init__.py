"""What computes the refiner's graph: OpenVINO, TensorRT or torch, behind one contract."""

import sys
from typing import Any, cast

# OpenVINO would tell its makers that it was imported, from a thread and a file of its own; where
# this module is missing it does without
cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
