"""The losses of reading and of contrast, and the search for the likeliest words."""

from itertools import product

import numpy as np
import pytest
import torch

from models.av_hubert import LipReader
from models.av_hubert.decoder import END, PADDING
from models.av_hubert.mouths import mouth_pictures, paste_faces
from models.av_hubert.search import beam_search
from tests.deterministic import draw
from training.reading_losses import contrastive_loss, draw_negatives, reading_loss


@pytest.fixture(scope="module")
def golden(request):
    return np.load(request.path.parent / "data" / "golden_relatives_features.npz")


def test_reading_loss_is_golden(golden):
    targets = torch.from_numpy(golden["talklip_lip_loss_example.targets"])
    found = reading_loss(draw((2, 7, 40), 60) * 4, targets)
    expected = golden["talklip_lip_loss_example.loss_nll_correct_total"]
    np.testing.assert_allclose([value.item() for value in found], expected, rtol=1e-5)


def test_padding_teaches_nothing():
    logits = torch.randn(1, 4, 9, requires_grad=True)
    reading_loss(logits, torch.tensor([[5, 2, PADDING, PADDING]])).loss.backward()
    assert logits.grad[0, :2].abs().sum() > 0 and not logits.grad[0, 2:].any()


@pytest.mark.parametrize(("count", "others"), [(2, 1), (7, 3), (300, 100)])
def test_negatives_are_others_and_none_twice(count, others):
    rows = draw_negatives(count)
    assert rows.shape == (count, others)
    for own, row in enumerate(rows.tolist()):
        assert own not in row and len(set(row)) == others


def test_contrast_falls_when_sounds_come_nearer_to_their_mouths():
    mouths = torch.nn.functional.normalize(torch.randn(8, 16), dim=1)
    other = torch.nn.functional.normalize(torch.randn(8, 16), dim=1)
    negatives = draw_negatives(8)
    assert contrastive_loss(mouths, mouths, negatives) < contrastive_loss(other, mouths, negatives)


@pytest.fixture(scope="module")
def reader() -> LipReader:
    torch.manual_seed(1)
    network = LipReader(
        16, 32, 1, 2, decoder_layers=1, decoder_heads=2, vocabulary=6, position_kernel=8,
        position_groups=2, resnet_multiplier=0.03125, clusters=4,
    ).eval()  # fmt: skip
    torch.nn.init.normal_(network.decoder.embed_tokens.weight)  # no two sentences nearly alike
    return network


def every_sentence(reader, encoded, longest: int) -> dict[tuple[int, ...], float]:
    """Each sentence of up to `longest` words with its score, one by one."""
    words = [token for token in range(6) if token not in (END, PADDING)]
    scores = {}
    for length in range(1, longest + 1):
        for sentence in product(words, repeat=length):
            tokens = torch.tensor([[END, *sentence]])
            said = torch.tensor([[*sentence, END]])
            logits = reader.decoder(tokens, encoded[None])
            chances = logits.log_softmax(-1).gather(2, said[..., None])
            scores[(*sentence, END)] = chances.sum().item() / (length + 1)
    return scores


@torch.inference_mode()
def test_a_wide_beam_finds_the_best_of_all_sentences(reader):
    for clip in range(4):
        encoded = torch.randn(3, 16) * (clip + 1)
        scores = every_sentence(reader, encoded, longest=3)
        best = beam_search(reader.decoder, encoded, beam=len(scores))[0]
        assert best.score == pytest.approx(max(scores.values()), abs=1e-5)
        assert scores[tuple(best.tokens)] == pytest.approx(best.score, abs=1e-5)


@torch.inference_mode()
def test_a_beam_of_one_takes_the_likeliest_token_each_time(reader):
    encoded = torch.randn(4, 16)
    tokens = [END]
    while len(tokens) <= 4:
        logits = reader.decoder(torch.tensor([tokens]), encoded[None])[0, -1]
        logits[PADDING] = -torch.inf
        if len(tokens) == 1:
            logits[END] = -torch.inf
        tokens.append(logits.argmax().item())
        if tokens[-1] == END:
            break
    if tokens[-1] != END:
        tokens.append(END)
    (found,) = beam_search(reader.decoder, encoded)
    assert found.tokens == tokens[1:]


@torch.inference_mode()
def test_padded_frames_are_not_read(reader):
    encoded = torch.randn(5, 16)
    longer = torch.cat((encoded, torch.randn(3, 16)))
    padding = torch.arange(8) >= 5
    found = beam_search(reader.decoder, longer, padding, beam=3, longest=5)
    assert [one.tokens for one in found] == [
        one.tokens for one in beam_search(reader.decoder, encoded, beam=3)
    ]


def thinned(values: torch.Tensor) -> np.ndarray:
    return values.numpy().reshape(-1)[:: max(1, values.numel() // 4000)]


def test_what_a_lip_reader_sees_of_pasted_faces_is_golden(golden):
    clips = [(draw((n, 160, 160, 3), seed) * 255).to(torch.uint8) for n, seed in ((8, 30), (6, 31))]
    faces = draw((10, 3, 96, 96), 32)
    numbers = torch.arange(1, 6), torch.arange(5)
    # The boxes are those of the frames, not of the faces among them.
    boxes = [
        torch.tensor([(30 + i, 40, 120 + i, 150) for i in range(1, 6)]),
        torch.tensor([(50, 20 + i, 170, 165) for i in range(5)]),
    ]
    pasted = [
        paste_faces(clip, faces[5 * n : 5 * n + 5], numbers[n], boxes[n])
        for n, clip in enumerate(clips)
    ]
    expected = golden["talklip_pasted_frame1"], golden["talklip_pasted_frame0_of_2"]
    np.testing.assert_allclose(thinned(pasted[0][1]), expected[0], atol=2e-3)
    np.testing.assert_allclose(thinned(pasted[1][0]), expected[1], atol=2e-3)
    seen = torch.zeros(2, 1, 8, 88, 88)  # missing frames stay 0
    for clip, frames in enumerate(pasted):
        seen[clip, :, : len(frames)] = mouth_pictures(frames)
    np.testing.assert_allclose(thinned(seen), golden["talklip_lip_reader_input"], atol=1e-4)


def test_gradients_reach_the_pasted_faces():
    faces = torch.rand(1, 3, 32, 32, requires_grad=True)
    frames = torch.zeros(3, 100, 100, 3)
    box = torch.tensor([[30, 30, 70, 70]])
    mouth_pictures(paste_faces(frames, faces, torch.tensor([1]), box)).sum().backward()
    assert (faces.grad > 0).all()


def test_frames_that_are_too_small_to_read_are_named():
    with pytest.raises(ValueError, match="88x88 or more, not 64x96"):
        mouth_pictures(torch.zeros(1, 64, 96, 3))
