"""Networks loaded and made fast once, for several processes: they map one file into memory.

Pages that nobody writes to are held once, however many processes map them.
"""

from pathlib import Path

from jobs.attempt import Task
from jobs.one_video import load

FILE_NAME = "networks.pt"


def keep(maker, tasks: list[Task], folder: Path) -> Path | None:
    """Write what load() gave into a folder, with the face detector if a task needs one.

    None where it cannot be shared: on a GPU, or with another engine than torch.
    """
    import torch

    from face_detection.detectors import resolve_name

    if maker.device.type != "cpu" or maker.backend.name != "torch":
        return None
    args = tasks[0].args
    if any(tuple(task.args.box) == (-1, -1, -1, -1) for task in tasks):
        if resolve_name(args.detector, args.s3fd_path) != "haar":  # which holds no weights
            maker.detector()
    torch.save(maker, folder / FILE_NAME)
    return folder / FILE_NAME


def take(post):
    """The same in another process, as a LipSync. post: a workers.Post"""
    if post.weights is None:
        return load(post.args)
    import torch

    return torch.load(post.weights, mmap=True, weights_only=False)  # which this run has written
