"""The method of Wav2Lip and its kin: half of a face is hidden, and is invented to fit the sound."""

import numpy as np
import torch
from torch import nn

from models.generator import Arrays, Edges, Generator, Hearing, Patch, Place, Tensors
from models.inputs import generator_input, to_faces, to_levels
from models.lower_face import crop, cut_face, face_patch


class MaskedFace(Generator):
    """A network of (sound, face) -> face; the frame's own face is target and reference.

    The network has `height` and `width`, and takes what models.inputs.generator_input joins.
    """

    def __init__(self, network: nn.Module, hearing: Hearing, *, reference_first: bool = False):
        self.network, self.hearing, self.reference_first = network, hearing, reference_first

    def feed(self, frame: np.ndarray, place: Place, heard: np.ndarray) -> Arrays:
        face = cut_face(frame, place.box, self.network.width, self.network.height)
        return {"heard": heard, "face": face}

    def forward(self, inputs: Tensors) -> Tensors:
        heard = inputs["heard"]
        if heard.dim() == 3:  # windows, which the networks take as pictures of one channel
            heard = heard[:, None]
        target = to_faces(inputs["face"]).to(heard.dtype)
        face = generator_input(target, target, reference_first=self.reference_first)
        face = face.contiguous(memory_format=torch.channels_last)
        return {"face": to_levels(self.network(heard, face))}

    def patch(self, frame: np.ndarray, place: Place, made: Arrays) -> Patch:
        return face_patch(frame, made["face"], place)

    def region(self, place: Place, size: tuple[int, int]) -> Edges:
        return place.box

    def view(self, frame: np.ndarray, place: Place) -> np.ndarray:
        return crop(frame, place.box)

    def show(self, inputs: Arrays, made: Arrays) -> dict[str, np.ndarray]:
        return {"fed": inputs["face"], "generated": made["face"]}
