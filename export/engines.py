"""Programs that run an ONNX graph: ONNX Runtime and OpenVINO."""

from collections.abc import Sequence

import numpy as np

# By the names of --provider: ONNX Runtime's own, the first that is there is taken.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class EngineError(ValueError):
    """An engine is not there, or can't run a graph; the message says what to install."""


class OnnxEngine:
    """A graph in ONNX Runtime, in float32."""

    def __init__(self, graph: bytes, *, provider: str = "cpu", threads: int = 0) -> None:
        """threads: 0 is as many as there are cores. Raises EngineError."""
        runtime = _import("onnxruntime")
        name = PROVIDERS[provider]
        if name not in runtime.get_available_providers():
            raise EngineError(
                f"this onnxruntime has no {name}, only "
                f"{', '.join(runtime.get_available_providers())}; install the build that has it"
            )
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(graph, options, providers=[name])
        self._names = [given.name for given in self._session.get_inputs()]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self._session.run(None, dict(zip(self._names, inputs, strict=True)))


class OpenVinoEngine:
    """A graph in OpenVINO, on the CPU."""

    def __init__(self, graph: bytes, *, precision: str = "f32", threads: int = 0) -> None:
        """precision: f32 or bf16, in which it computes; what goes in and out is float32."""
        openvino = _import("openvino")
        settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        self._compiled = core.compile_model(core.read_model(graph), "CPU", settings)
        self._request = self._compiled.create_infer_request()

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        made = self._request.infer(list(inputs), share_inputs=True)
        return [np.array(part) for part in made.values()]


def _import(name: str):
    try:
        return __import__(name)
    except ImportError as error:
        raise EngineError(f"{name} is not installed: pip install {name}") from error
