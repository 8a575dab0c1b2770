"""Write a checkpoint's network as ONNX, for any engine; proved against torch.

python -m export.onnx checkpoints/lip_warp.safetensors lip_warp.onnx
"""

import sys
from pathlib import Path

from torch import nn

from atomic import whole_or_absent
from export import commands


def write(graph: bytes, network: nn.Module, target: Path) -> float:
    """Write the graph if ONNX Runtime makes of it what torch does. Raises ValueError or OSError."""
    share = commands.prove_onnx(graph, network)
    with whole_or_absent(target) as partial:
        partial.write_bytes(graph)
    return share


def main(argv: list[str] | None = None) -> int:
    parser = commands.build_parser("onnx", __doc__.splitlines()[0], ".onnx")
    return commands.run(parser, argv, ".onnx", write)


if __name__ == "__main__":
    sys.exit(main())
