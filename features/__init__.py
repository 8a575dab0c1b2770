"""What a method hears: features of sound by name, and the window of one that a frame is given."""

from features.registry import FEATURES, WINDOWS, Feature, Window

__all__ = ["FEATURES", "WINDOWS", "Feature", "Window"]
