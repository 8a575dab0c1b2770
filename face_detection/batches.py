"""A network over pictures: those of one size together, in batches that fit into the memory."""

import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from models.devices import is_out_of_memory

Found = TypeVar("Found")

log = logging.getLogger(__name__)


class Batches:
    """How many pictures a network is given at a time; fewer from where memory ran out on."""

    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self, images: list[np.ndarray], detect: Callable[[list[np.ndarray]], list[Found]]
    ) -> list[Found]:
        """What detect finds in each image, in their order; it gets images of one size only."""
        by_shape: dict[tuple, list[int]] = {}
        for at, image in enumerate(images):
            by_shape.setdefault(image.shape, []).append(at)
        found: dict[int, Found] = {}
        for places in by_shape.values():
            results = self._run_equal([images[at] for at in places], detect)
            found.update(zip(places, results, strict=True))
        return [found[at] for at in range(len(images))]

    def _run_equal(
        self, images: list[np.ndarray], detect: Callable[[list[np.ndarray]], list[Found]]
    ) -> list[Found]:
        found: list[Found] = []
        while len(found) < len(images):
            batch = images[len(found) : len(found) + self.size]
            try:
                found += detect(batch)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    height, width = batch[0].shape[:2]
                    raise ValueError(
                        f"face detection has no memory left for even one picture of {width}x"
                        f"{height}; make it smaller, close what else uses the device, or take "
                        "--device cpu"
                    ) from error
                self.size = len(batch) // 2
                log.warning("face detection ran out of memory; batch size %d", self.size)
        return found
