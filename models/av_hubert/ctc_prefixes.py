"""What a reader's tokens frame by frame say of sentences that begin in some way.

"Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (Watanabe et al., JSTSP 2017).
"""

import torch

from models.av_hubert.decoder import BEGIN, END

CANDIDATES = 40  # tokens after each reading that are looked at, the likeliest by the decoder


class CtcPrefixes:
    """The live readings of a beam search, each with its chance to end in a frame.

    chances: (T, vocabulary), log-probabilities; blank is BEGIN.
    """

    def __init__(self, chances: torch.Tensor, share: float):
        self.chances, self.share = chances.double(), share
        # Of each reading, by frames: it has been said, and what came last was a token, or a blank.
        blanks = self.chances[:, BEGIN].cumsum(0)
        self.in_token = torch.full_like(blanks, -torch.inf)[None]
        self.in_blank = blanks[None]
        self.found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def join(self, by_words: torch.Tensor, live: torch.Tensor) -> torch.Tensor:
        """Of readings live (n, L) and the token after them: (n, vocabulary), as by_words is.

        by_words: the decoder's log-probabilities of the whole; what is no candidate gets -inf.
        """
        count = min(CANDIDATES, by_words.shape[1])
        tokens = by_words.topk(count, dim=1).indices  # (n, k)
        begun = self._extend(tokens, live[:, -1])
        ended = torch.logaddexp(self.in_token[:, -1], self.in_blank[:, -1])
        by_frames = torch.where(tokens == END, ended[:, None], begun)
        by_frames = by_frames.masked_fill(tokens == BEGIN, -torch.inf)  # a blank is no token
        joined = torch.full_like(by_words, -torch.inf)
        said = (1 - self.share) * by_words.gather(1, tokens)
        return joined.scatter(1, tokens, said + self.share * by_frames.to(by_words))

    def keep(self, rows: torch.Tensor, tokens: torch.Tensor) -> None:
        """Go on with these tokens after these of the readings, all of them candidates."""
        candidates, in_token, in_blank = self.found
        places = (candidates[rows] == tokens[:, None]).int().argmax(dim=1)
        self.in_token, self.in_blank = in_token[rows, places], in_blank[rows, places]

    def _extend(self, tokens: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """(n, k) log-probability of all sentences that begin with a reading and a token."""
        steps = self.chances.T[tokens]  # (n, k, T)
        blank = self.chances[:, BEGIN].expand_as(steps)
        both = torch.logaddexp(self.in_token, self.in_blank)[:, None]
        # A token twice in a row is two tokens only with a blank between them.
        again = (tokens == last[:, None])[..., None]
        before = _a_frame_later(torch.where(again, self.in_blank[:, None], both))
        if last[0] == END:  # nothing has been said: the first frame may begin
            before[..., 0] = 0.0
        in_token = _carried(before, steps)
        self.found = tokens, in_token, _carried(_a_frame_later(in_token), blank)
        return (before + steps).logsumexp(dim=-1)


def _a_frame_later(values: torch.Tensor) -> torch.Tensor:
    first = torch.full_like(values[..., :1], -torch.inf)
    return torch.cat((first, values[..., :-1]), dim=-1)


def _carried(entering: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Of all ways to enter a state in some frame and to stay in it, paying each frame's step.

    entering: before a frame's step is paid. y[t] = logaddexp(y[t - 1], entering[t]) + steps[t]
    """
    paid = steps.cumsum(-1)
    return (entering - (paid - steps)).logcumsumexp(-1) + paid
