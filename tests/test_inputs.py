"""What the networks are fed: against versions written out pixel by pixel."""

import numpy as np
import torch

from models.inputs import fit_face, generator_input, lip_window, lower_half, to_faces, to_images


def test_images_go_there_and_back():
    images = np.random.RandomState(0).randint(0, 256, (2, 8, 6, 3), dtype=np.uint8)
    faces = to_faces(images)
    assert faces.shape == (2, 3, 8, 6)
    assert faces[1, 2, 3, 4] == images[1, 3, 4, 2] / np.float32(255)
    np.testing.assert_array_equal(to_images(faces), images)


def test_images_are_rounded_and_clamped():
    assert to_images(torch.full((3, 1, 1), 100.6 / 255)).tolist() == [[[101, 101, 101]]]
    assert to_images(torch.tensor([-0.5, 1.5, 0.5]).view(3, 1, 1)).tolist() == [[[0, 255, 128]]]


def test_the_target_s_lower_half_is_hidden_and_the_reference_is_whole():
    targets, references = torch.rand(2, 3, 96, 96), torch.rand(2, 3, 96, 96)
    kept = targets.clone()
    face = generator_input(targets, references)
    assert face.shape == (2, 6, 96, 96)
    assert (face[:, :3, 48:] == 0).all()
    assert (face[:, :3, :48] == targets[:, :, :48]).all()
    assert (face[:, 3:] == references).all()
    assert (targets == kept).all()


def test_the_same_with_time():
    targets, references = torch.rand(2, 3, 5, 32, 32), torch.rand(2, 3, 5, 32, 32)
    face = generator_input(targets, references)
    for frame in range(5):
        alone = generator_input(targets[:, :, frame], references[:, :, frame])
        assert (face[:, :, frame] == alone).all()


def test_the_expert_sees_lower_halves_frame_after_frame():
    faces = torch.rand(2, 3, 5, 96, 96)
    window = lip_window(faces)
    assert window.shape == (2, 15, 48, 96)
    for frame in range(5):
        assert (window[:, 3 * frame : 3 * frame + 3] == faces[:, :, frame, 48:]).all()


def test_an_odd_height_gives_the_lower_half_the_middle_row():
    assert lower_half(torch.zeros(1, 3, 33, 8)).shape == (1, 3, 17, 8)


def test_faces_of_any_size_are_fitted():
    face = np.random.RandomState(0).randint(0, 256, (96, 96, 3), dtype=np.uint8)
    assert fit_face(face, 96, 96) is face
    assert fit_face(face, 288, 192).shape == (288, 192, 3)
    checks = np.indices((480, 480)).sum(0) % 2 * 255
    fitted = fit_face(np.dstack([checks] * 3).astype(np.uint8), 96, 96)
    assert abs(fitted.astype(int) - 127).max() < 16  # the mean of black and white, not a sample
