"""What a triangle is made of."""

from enum import IntEnum


class Material(IntEnum):
    """What a triangle is made of; the shading looks its texture, gloss and wrap up by this."""

    SKIN = 0
    SCALP = 1
    GUMS = 2
    TONGUE = 3
    TEETH = 4
    EYE = 5
    SOCKET = 6
    CLOTH = 7
    FRAME = 8
    LENS = 9
