"""Write a checkpoint's network as OpenVINO's IR (.xml and .bin); proved against torch.

python -m export.openvino checkpoints/lip_warp.safetensors lip_warp.xml
"""

import os
import sys
import tempfile
from pathlib import Path

from torch import nn

from export import commands
from export.engines import OpenVinoEngine
from export.graph import prove


def write(graph: bytes, network: nn.Module, target: Path) -> float:
    """Write both files if OpenVINO makes of them what torch does. Raises ValueError or OSError."""
    share = prove(network, OpenVinoEngine(graph))
    import openvino

    model = openvino.Core().read_model(graph)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        partial = Path(folder) / target.name
        openvino.save_model(model, partial, compress_to_fp16=False)
        for made in (partial.with_suffix(".bin"), partial):
            os.replace(made, target.with_name(made.name))
    return share


def main(argv: list[str] | None = None) -> int:
    parser = commands.build_parser("openvino", __doc__.splitlines()[0], ".xml")
    return commands.run(parser, argv, ".xml", write)


if __name__ == "__main__":
    sys.exit(main())
