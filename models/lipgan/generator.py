"""LipGAN's generator: a reference, half a face and a sound -> the face that speaks the sound.

"Towards Automatic Face-to-Face Translation" (Prajwal et al., ACM Multimedia 2019). Two releases
hear different sound: MFCC (the paper's) and mel. Each has a residual and a basic model.
"""

import torch

from models.arguments import keeps_arguments
from models.blocks import scaled
from models.lipgan.layers import Layer, NumberedNetwork, Residual, bottleneck_size, check_sound

Chain = list[Layer | Residual]
MODELS = ("residual", "basic")

# (channels, residual blocks), full size first, each next stage half of the one before.
RESIDUAL_FACE = ((32, 0), (64, 2), (128, 3), (256, 2), (512, 2), (512, 0))
BASIC_FACE = ((32, 0), (64, 0), (128, 0), (256, 0), (512, 0), (512, 0))
FACE_KERNELS = {"residual": (7, 5), "basic": (11, 7, 5)}  # of the first stages; 3 from there on
UP_CHANNELS = (512, 512, 256, 128, 64, 32)  # from the code to full size
UP_RESIDUALS = (0, 2, 2, 2, 2, 0)  # the residual model's

# (channels, stride, layers or residual blocks after it)
MEL_STAGES = ((32, 1, 2), (64, 3, 2), (128, (3, 1), 2), (256, 3, 2))  # 80x27 to 3x3
RESIDUAL_MFCC_STAGES = ((128, 1, 3), (256, (1, 2), 2), (512, 2, 2), (512, 2, 1))  # to 4x5
BASIC_MFCC_STAGES = ((128, 1, 0), (256, (1, 2), 1), (256, 2, 0), (512, 2, 0))


@keeps_arguments
class LipGANGenerator(NumberedNetwork):
    """U-Net over the face with the sound's code at its bottleneck.

    At 96x96 and multiplier 1 its parameters have the shapes of the published weights, and names
    that follow from Keras's (models/keras_file.py).
    """

    def __init__(
        self,
        model: str = "residual",
        sound: str = "mel",
        height: int = 96,
        width: int = 96,
        multiplier: float = 1.0,
    ):
        super().__init__()
        check_sound(sound)
        if model not in MODELS:
            raise ValueError(f"LipGAN's models are {' and '.join(MODELS)}, not {model!r}")
        self.model, self.sound = model, sound
        self.height, self.width, self.multiplier = height, width, multiplier
        self._bottleneck = bottleneck_size(height, width)
        face_code = 512 if model == "residual" else 256
        sound_code = 256 if (model, sound) == ("basic", "mfcc") else 512
        # Layers are numbered in order of creation: face, sound, decoder.
        self._face = self._face_stages(face_code)
        self._heard = self._sound_chain(sound_code)
        self._up = self._up_stages(self._wide(face_code) + self._wide(sound_code))
        last = self._wide(16)
        self._last = [self.add_conv(2 * self._wide(32), last), self.add_conv(last, last)]
        self._last.append(self.add_conv(last, 3, kernel=1, bare=True))

    def forward(self, sound: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """sound (B, 1, 80, 27) or (B, 1, 12, 35), face (B, 6, H, W) -> (B, 3, H, W) in [0, 1].

        face: the reference first, then the frame to be spoken with its lower half at 0.
        """
        code, skips = self._encode(sound, face)
        x = code
        for stage in self._up:
            skip = skips.pop()
            grown = self.run(stage, x)[..., : skip.shape[-2], : skip.shape[-1]]  # of odd sides
            x = torch.cat((skip, grown), dim=1)
        return torch.sigmoid(self.run(self._last, x))

    def embed(self, sound: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """The code at the bottleneck, the face's and then the sound's: (B, 1024, 1, 1)."""
        return self._encode(sound, face)[0]

    def _encode(self, sound, face) -> tuple[torch.Tensor, list[torch.Tensor]]:
        skips = []
        for stage in self._face[:-1]:
            face = self.run(stage, face)
            skips.append(face)
        code = self.run(self._face[-1], face)
        return torch.cat((code, self.run(self._heard, sound)), dim=1), skips

    def _wide(self, channels: int) -> int:
        return scaled(channels, self.multiplier)

    def _face_stages(self, code: int) -> list[Chain]:
        stages, before = [], 6
        kernels = FACE_KERNELS[self.model]
        plan = RESIDUAL_FACE if self.model == "residual" else BASIC_FACE
        for number, (channels, residuals) in enumerate(plan):
            kernel = kernels[number] if number < len(kernels) else 3
            channels, stride = self._wide(channels), 2 if number else 1
            first = self.add_conv(before, channels, kernel, stride)
            stages.append([first, *self.add_residuals(channels, residuals)])
            before = channels
        return [*stages, self._code(before, self._wide(512), self._wide(code), self._bottleneck)]

    def _code(self, cin: int, middle: int, cout: int, kernel: tuple[int, int]) -> Chain:
        """What is left of a picture, to one code."""
        return [self.add_conv(cin, middle, kernel, valid=True), self.add_conv(middle, cout, 1)]

    def _sound_chain(self, code: int) -> Chain:
        chain, before = [], 1
        residual = self.model == "residual"
        plan = RESIDUAL_MFCC_STAGES if residual else BASIC_MFCC_STAGES
        for channels, stride, after in MEL_STAGES if self.sound == "mel" else plan:
            channels = self._wide(channels)
            on_top = 1 if stride == (1, 2) else 0  # 12 rows of MFCC become 13
            chain.append(self.add_conv(before, channels, stride=stride, rows_on_top=on_top))
            if residual:
                chain += self.add_residuals(channels, after)
            else:
                chain += [self.add_conv(channels, channels) for _ in range(after)]
            before = channels
        kernel = (3, 3) if self.sound == "mel" else (4, 5)
        return chain + self._code(before, self._wide(512), self._wide(code), kernel)

    def _up_stages(self, code: int) -> list[Chain]:
        stages, before = [], code
        skips = [self._wide(channels) for channels, _ in reversed(RESIDUAL_FACE)]
        for number, (channels, skip) in enumerate(zip(UP_CHANNELS, skips, strict=True)):
            channels = self._wide(channels)
            size = 2 if number else self._bottleneck
            up = self.add_up(before, channels, kernel=3 if number else size, stride=size)
            residuals = UP_RESIDUALS[number] if self.model == "residual" else 0
            stages.append([up, *self.add_residuals(channels, residuals)])
            before = channels + skip
        return stages
