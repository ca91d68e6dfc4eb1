"""What computes the refiner's graph: OpenVINO, TensorRT or torch, behind one contract."""
