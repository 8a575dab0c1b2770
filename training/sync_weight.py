"""When the generator begins to listen to the expert, and how loudly."""

import logging
import math

from hparams import HParams

log = logging.getLogger(__name__)


class SyncWeight:
    """The weight of the sync loss: decided at validations, kept in checkpoints.

    Before pictures are right there is nothing to sync, and an expert that outweighs the pictures
    is fooled: stripes of colour in the place of a mouth please it.
    """

    def __init__(self, hp: HParams, full: float):
        self.hp, self.full = hp, full
        self.value = hp.syncnet_wt  # until it is on, and never less but for being held back
        self.is_on = False
        self.held_back = 1.0  # share of the weight that is left to it
        self._last_l1: float | None = None

    def decide(self, l1: float, sync: float, other_terms: float, *, fooled: bool = False) -> None:
        """From validation: mean L1, mean sync loss, and the rest of the loss without it.

        fooled: whether the expert prefers generated faces to true ones.
        """
        before = math.inf if self._last_l1 is None else self._last_l1
        flat = self.hp.syncnet_wt_flat >= 1 or l1 > (1 - self.hp.syncnet_wt_flat) * before
        self._last_l1 = l1
        if not self.is_on and sync < self.hp.syncnet_wt_threshold and flat:
            self.is_on = True
            log.info("sync loss %.3f: from now on the expert has a say", sync)
        if self.is_on:
            share = self.hp.syncnet_max_share
            most = share / max(1e-9, 1 - share) * other_terms / max(sync, 1e-9)
            if self.hp.syncnet_back_off:
                self.held_back = self.held_back / 2 if fooled else min(1.0, 1.25 * self.held_back)
            self.value = self.held_back * max(self.hp.syncnet_wt, min(self.full, most))

    def state_dict(self) -> dict:
        return {
            "value": self.value,
            "is_on": self.is_on,
            "held_back": self.held_back,
            "last_l1": self._last_l1,
        }

    def restore(self, extra: dict) -> None:
        """From what a checkpoint holds beside weights; without it the rule begins anew."""
        if "sync_weight" not in extra:
            return
        state = extra["sync_weight"]
        self.is_on, self.held_back = state["is_on"], state.get("held_back", 1.0)
        self._last_l1 = state["last_l1"]
        least = self.hp.syncnet_wt  # which the command line may have changed
        self.value = max(self.held_back * least, state["value"]) if self.is_on else least
