"""What was there before: sums over the earlier events of an entity, as two reads of one running sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Codes = NDArray[np.int64]

_SPAN: Final = 2**33
"""More than any day or place in the order."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """For each asking row the events of its entity that it may hear of.

    ``rows`` are the rows of the events in the order of their entity and time; row i hears of
    ``rows[low[i]:high[i]]``, and if ``own[i]`` also lies there, it does not hear of itself.
    """

    rows: Tensor
    low: Tensor
    high: Tensor
    own: Tensor
    count: Tensor
    hears_itself: bool

    @property
    def silent(self) -> bool:
        """There is no event at all."""
        return len(self.rows) == 0

    @classmethod
    def of(
        cls,
        asking: Codes,
        when: Codes,
        events: Codes,
        *,
        times: Codes,
        rows: Codes,
        device: torch.device | None = None,
    ) -> Prefix:
        """Row i asks of entity ``asking[i]`` (-1: none) what happened strictly before ``when[i]``.

        Event j is of entity ``events[j]`` at ``times[j]`` and says what row ``rows[j]`` says.
        """
        there = np.flatnonzero(events >= 0)
        key = events[there] * _SPAN + times[there]
        order = np.argsort(key, kind="stable")
        key, rows = key[order], rows[there][order]
        asked = asking >= 0
        low = np.searchsorted(key, np.where(asked, asking, 0) * _SPAN)
        high = np.searchsorted(key, np.where(asked, asking * _SPAN + when, 0))
        high = np.where(asked, np.maximum(low, high), low)
        place = np.full(max(len(asking), int(rows.max(initial=-1)) + 1), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        mine = place[: len(asking)]
        own = (mine >= low) & (mine < high)
        # Counted here: PyTorch's threads would wait for each other over so little.
        made = (rows, low, high, own, high - low - own)
        said, begin, end, itself, count = (
            torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in made
        )
        return cls(said, begin, end, itself, count, bool(own.any()))

    def total(self, x: Tensor) -> Tensor:
        """Sum over the events, (asking rows, width) in float64."""
        said = x[self.rows].double()
        running = torch.cat([said.new_zeros(1, x.shape[1]), said.cumsum(0)])
        summed = running[self.high] - running[self.low]
        if self.hears_itself:
            mine = x[: len(self.own)].double()
            summed = summed - torch.where(self.own[:, None], mine, 0.0)
        return summed

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the events as float32, 0 where there are none."""
        many = self.count.clamp(min=1).double()[:, None]
        averaged = (self.total(x) / many).float()
        return torch.where(self.count[:, None] > 0, averaged, 0.0)
