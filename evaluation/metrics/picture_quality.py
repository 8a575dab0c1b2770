"""Numbers of single pictures: PSNR and SSIM against the truth, sharpness without it."""

import cv2
import numpy as np

PSNR_OF_EQUALS = 100.0  # dB, where the formula has no value
SIGMA, RADIUS = 1.5, 5  # of the Gaussian window of SSIM: 11 x 11
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """10 log10(255^2 / mean squared error) in dB; 100 for equal pictures. Both uint8, one shape."""
    error = float(((picture.astype(float) - truth.astype(float)) ** 2).mean())
    return 10 * np.log10(255**2 / error) if error else PSNR_OF_EQUALS


def talklip_psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """PSNR as TalkLip's table has it: differences and squares of 8 bits wrap round at 256.

    Too high wherever a level is off by more than 15. Only for comparing with that table.
    """
    difference = picture.astype(np.uint8) - truth.astype(np.uint8)
    error = float((difference * difference).mean())
    return 10 * np.log10(255**2 / error) if error else PSNR_OF_EQUALS


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity, at most 1: the mean over channels and over whole windows.

    Both uint8 (H, W, C), one shape, 11 x 11 or larger; ValueError below.
    """
    if min(picture.shape[:2]) < 2 * RADIUS + 1:
        raise ValueError(f"SSIM needs 11x11 pixels or more, got {picture.shape[:2]}")
    a, b = picture.astype(float), truth.astype(float)
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a**2
    variance_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variance_a + variance_b + C2)
    return float((luminance * structure).mean())


def _blur(image: np.ndarray) -> np.ndarray:
    """Weighted means of the windows that lie wholly in the picture."""
    side = 2 * RADIUS + 1
    whole = cv2.GaussianBlur(image, (side, side), SIGMA)
    return whole[RADIUS:-RADIUS, RADIUS:-RADIUS]


def sharpness(picture: np.ndarray) -> float:
    """The variance of the Laplacian of the grey picture, in squared grey levels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())
