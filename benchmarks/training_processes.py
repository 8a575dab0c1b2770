"""How training scales over processes on this machine: windows a second of 1, 2, ... of them.

python -m benchmarks.training_processes --data_root CORPUS --filelists LISTS [--processes 1 2]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def windows_per_second(args: argparse.Namespace, processes: int) -> float:
    """The median over the logged intervals, but for the first, of a short run of the expert."""
    with tempfile.TemporaryDirectory() as run_dir:
        numbers = f"log_interval=5,eval_batches=1,{args.hparams}"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc_per_node={processes}", "color_syncnet_train.py"]
        command += ["--data_root", str(args.data_root), "--filelists", str(args.filelists)]
        command += ["--checkpoint_dir", run_dir, "--max_steps", str(args.steps)]
        command += ["--hparams", numbers.rstrip(",")]
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes))}
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, **threads}, check=True, capture_output=True
        )
        lines = map(json.loads, (Path(run_dir) / "metrics.jsonl").read_text().splitlines())
        rates = sorted(line["windows_per_second"] for line in lines if line["split"] == "train")
    return rates[len(rates) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_root", type=Path, required=True)
    parser.add_argument("--filelists", type=Path, required=True)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--hparams", default="multiplier=0.25")
    args = parser.parse_args()
    one = None
    for processes in args.processes:
        rate = windows_per_second(args, processes)
        one = one or rate
        print(f"{processes} processes: {rate:.0f} windows/s, x{rate / one:.2f}")


if __name__ == "__main__":
    main()
