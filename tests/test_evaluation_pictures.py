"""PSNR, SSIM, CPBD, sharpness, LMD and FID on inputs whose answer is known."""

import builtins

import cv2
import numpy as np
import pytest
import torch

from evaluation.metrics.cpbd import cpbd, edge_widths, just_noticeable_width
from evaluation.metrics.fid import gather_features, load_inception, measure_fid
from evaluation.metrics.frechet import RunningGaussian, frechet_distance
from evaluation.metrics.landmarks import (
    OURS,
    choose_finder,
    landmark_distances,
    load_face_alignment,
)
from evaluation.metrics.picture_quality import psnr, sharpness, ssim
from models.inception import FEATURES, Inception
from models.pretrained import LANDMARKS, PUBLISHED, AbsentError
from tests.deterministic import draw, filled
from video import VideoWriter

# Regenerate: print these of filled(Inception())(draw((1, 3, 48, 48), seed=1)).
GOLDEN_MEAN = 0.073693
GOLDEN_FIRST = [0.003987, 0.166491, 0.179740]


def plain(level: int, side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), level, np.uint8)


def noise(seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def test_psnr_of_a_known_error():
    assert psnr(plain(100), plain(110)) == pytest.approx(10 * np.log10(255**2 / 100))
    assert psnr(noise(0), noise(0)) == 100
    assert psnr(plain(0), plain(255)) == pytest.approx(0)


def test_ssim_of_plain_pictures_is_the_luminance_term():
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(plain(100), plain(150)) == pytest.approx(expected)
    assert ssim(noise(0), noise(0)) == pytest.approx(1)


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """By the definition, window by window, one channel."""
    offsets = np.arange(-5, 6)
    bell = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / np.outer(bell, bell).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = []
    for row in range(5, a.shape[0] - 5):
        for column in range(5, a.shape[1] - 5):
            window = np.s_[row - 5 : row + 6, column - 5 : column + 6]
            x, y = a[window].astype(float), b[window].astype(float)
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            cov = (weights * (x - mx) * (y - my)).sum()
            scores.append(
                (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
            )
    return float(np.mean(scores))


def test_ssim_equals_the_slow_definition():
    a = noise(1, 20)
    b = cv2.GaussianBlur(a, (3, 3), 1)
    expected = np.mean([slow_ssim(a[..., channel], b[..., channel]) for channel in range(3)])
    assert ssim(a, b) == pytest.approx(expected, abs=1e-6)


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="11x11"):
        ssim(plain(1, 10), plain(1, 10))


def stripes(width: int, contrast: int = 200, side: int = 128) -> np.ndarray:
    """Upright bars whose edges rise and fall over `width` pixels, 32 pixels apart."""
    cycle = np.interp(np.arange(64) % 64, [0, 32 - width, 32, 64 - width, 64], [0, 0, 1, 1, 0])
    row = np.roll(np.tile(cycle, side // 64), 16) * contrast + 20
    return np.repeat(np.repeat(np.round(row).astype(np.uint8)[None], side, 0)[..., None], 3, 2)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_edge_widths_are_those_of_the_ramps(width):
    widths = edge_widths(stripes(width)[..., 0])
    assert set(widths[widths > 0]) == {width}
    assert (widths[64] > 0).sum() >= 2


def test_cpbd_is_one_for_steps_and_none_for_slopes():
    assert cpbd(stripes(1)) == 1.0
    assert cpbd(stripes(8)) == 0.0


def test_cpbd_falls_with_blur():
    picture = noise(3, 128)
    picture = cv2.resize(picture[::8, ::8], (128, 128), interpolation=cv2.INTER_NEAREST)
    scores = [cpbd(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (0.5, 0.7, 1.2)]
    assert scores[0] > scores[1] > scores[2]


def test_cpbd_of_a_plain_picture_is_absent():
    assert cpbd(plain(80, 64)) is None


def test_a_wider_edge_goes_unnoticed_at_low_contrast():
    assert just_noticeable_width(np.array([[0, 50]], np.uint8)) == 5
    assert just_noticeable_width(np.array([[0, 51]], np.uint8)) == 3
    assert cpbd(stripes(4, contrast=200)) == 0.0
    assert cpbd(stripes(4, contrast=40)) == 1.0


def test_sharpness_is_the_variance_of_the_laplacian():
    picture = plain(0, 9)
    picture[4, 4] = 100
    laplacian = np.zeros((9, 9))
    laplacian[4, 4] = -400
    laplacian[[3, 5, 4, 4], [4, 4, 3, 5]] = 100
    assert sharpness(picture) == pytest.approx(laplacian.var())
    assert sharpness(plain(50)) == 0


def test_landmark_distance_as_sum_and_as_mean():
    truth = np.zeros((68, 2))
    points = truth.copy()
    points[:34] = [3, 4]
    assert landmark_distances(points, truth) == (34 * 5.0, 2.5)


def test_landmarks_without_their_package_are_absent(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "face_alignment":
            raise ImportError("No module named 'face_alignment'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AbsentError, match="pip install face-alignment"):
        load_face_alignment()


@pytest.mark.skipif(not LANDMARKS.is_file(), reason="no weights of the landmark network")
def test_without_that_package_our_own_network_finds_the_points(monkeypatch):
    monkeypatch.setattr("evaluation.metrics.landmarks.load_face_alignment", refuse)
    name, find = choose_finder()
    points = find(np.full((120, 160, 3), 90, np.uint8), np.array([40.0, 20, 100, 100]))
    assert name == OURS and points.shape == (68, 2) and np.isfinite(points).all()


def refuse(device: str):
    raise AbsentError("not here")


def gaussian(values: np.ndarray, pieces: int = 1) -> RunningGaussian:
    cloud = RunningGaussian()
    for piece in np.array_split(values, pieces):
        cloud.add(piece)
    return cloud


def with_moments(mean: np.ndarray, covariance: np.ndarray) -> RunningGaussian:
    """A cloud of exactly these moments."""
    values = np.random.default_rng(0).normal(size=(60, len(mean)))
    values -= values.mean(axis=0)
    white = values @ np.linalg.inv(np.linalg.cholesky(np.cov(values.T))).T
    return gaussian(white @ np.linalg.cholesky(covariance).T + mean)


def test_moments_do_not_depend_on_how_the_features_came():
    values = np.random.default_rng(0).normal(3, 2, (50, 4))
    whole, pieces = gaussian(values), gaussian(values, 7)
    np.testing.assert_allclose(pieces.mean, values.mean(axis=0))
    np.testing.assert_allclose(pieces.covariance, np.cov(values.T))
    np.testing.assert_allclose(whole.covariance, pieces.covariance)


def test_frechet_distance_of_gaussians_with_a_known_answer():
    eye = np.eye(3)
    one = with_moments(np.zeros(3), eye)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, with_moments(np.array([3.0, 4, 0]), eye)) == pytest.approx(25)
    # Between N(0, a^2) and N(0, b^2) it is (a - b)^2, in each direction.
    assert frechet_distance(one, with_moments(np.zeros(3), 9 * eye)) == pytest.approx(3 * 4)


def test_frechet_distance_of_covariances_that_do_not_commute():
    first, second = np.array([[2.0, 1], [1, 3]]), np.array([[4.0, -1], [-1, 1]])
    # The trace of the root of C1 C2 (2x2) is the root of trace + 2 root of determinant.
    product = first @ second
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(first) + np.trace(second) - 2 * root
    clouds = [with_moments(np.zeros(2), covariance) for covariance in (first, second)]
    assert frechet_distance(*clouds) == pytest.approx(expected)


def test_fewer_features_than_dimensions_are_no_error():
    cloud = gaussian(np.random.default_rng(0).normal(size=(3, 10)))
    assert frechet_distance(cloud, cloud) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="two features"):
        frechet_distance(gaussian(np.zeros((1, 2))), cloud)


def test_inception_has_the_published_parameters():
    network = Inception()
    # torchvision's inception_v3 of 1008 classes without its auxiliary head has 23,850,960, of
    # which 1008 x 2049 are its last layer's.
    assert sum(weight.numel() for weight in network.parameters()) == 23_850_960 - 1008 * 2049
    names = network.state_dict().keys()
    assert "Mixed_7c.branch3x3dbl_3b.conv.weight" in names
    assert "Mixed_6e.branch7x7dbl_5.bn.running_var" in names


def test_inception_is_golden():
    """Compared once with torchvision 0.28's network, FID's pooling put in: no difference."""
    with torch.inference_mode():
        features = filled(Inception())(draw((1, 3, 48, 48), seed=1))
    assert features.shape == (1, FEATURES)
    assert features.mean().item() == pytest.approx(GOLDEN_MEAN, rel=1e-3)
    assert features[0, :3].tolist() == pytest.approx(GOLDEN_FIRST, rel=2e-3, abs=1e-5)


def test_another_inception_file_is_refused(tmp_path):
    path = tmp_path / "inception.pth"
    torch.save(Inception().state_dict(), path)
    with pytest.raises(AbsentError, match="not the published file"):
        load_inception(path)
    with pytest.raises(AbsentError, match="models.pretrained inception"):
        load_inception(tmp_path / "none.pth")


@pytest.mark.weights
def test_published_inception_loads():
    if not PUBLISHED["inception"].path.is_file():
        pytest.skip("no published weights: python -m models.pretrained inception")
    assert load_inception()(draw((1, 3, 64, 64), seed=0)).shape == (1, FEATURES)


class MeanColour(torch.nn.Module):
    """Stands for Inception: the means of R, G and B."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, pictures):
        return pictures.mean(dim=(2, 3))


def test_fid_reads_all_frames_as_rgb_and_skips_broken_files(tmp_path):
    paths = [tmp_path / name for name in ("red.mp4", "blue.mp4", "broken.mp4")]
    for path, colour in zip(paths, ((0, 0, 250), (250, 0, 0)), strict=False):
        with VideoWriter(path, 32, 32, 25) as writer:
            for _ in range(40):
                writer.write(np.full((32, 32, 3), colour, np.uint8))
    paths[2].write_bytes(b"no video")
    red, blue, broken = paths
    cloud = gather_features([red, broken], MeanColour())
    assert cloud.count == 40
    assert cloud.mean[0] == pytest.approx(250 / 255, abs=0.02)
    fid, frames = measure_fid([red, blue], [red, blue], MeanColour())
    assert (round(fid, 6), frames) == (0, 80)
    assert measure_fid([red], [blue], MeanColour())[0] == pytest.approx(2 * 0.98**2, abs=0.05)
