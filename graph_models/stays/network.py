"""The network of stays: a heterogeneous GraphSAGE whose edges lead from earlier stays to later ones.

A stay hears, through each party or thing that it touches, the mean of what the stays before it
said there, twice over; so it knows what lies four edges away and nothing that came later. What
a stay has said never changes: sums over the stays of an entity are all that the next one needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

import torch
from torch import Tensor, nn

from graph_models.stays.reading import RELATIONS

KINDS: Final = ("sage", "partition")
"""``sage`` hears means; ``partition`` hears stays known as fraudulent and as honest apart as well."""
WIDTH: Final = 16
"""Small: a few hundred labels must train it."""
DROPOUT: Final = 0.2
STEPS: Final = 2
_TYPICAL: Final = 3.0
"""log(1 + 19): brings how many there are near 1."""


class Heard(Protocol):
    """What stays hear: means over the stays before them and how many those are."""

    def mean(self, step: int, relation: str, said: Tensor) -> tuple[Tensor, Tensor] | None:
        """(stays, width) and (stays,) for what the stays ``said`` at a step; None if nobody hears any."""

    def labelled(self, relation: str, said: Tensor) -> Sequence[tuple[Tensor, Tensor] | None]:
        """The same of stays known as fraudulent and of those known as honest."""


class Hear(nn.Module):
    """own W + sum over relations of (mean, how many) W_r, normed, and back into the stay."""

    def __init__(self, kind: str, *, labels: bool) -> None:
        """``labels``: whether this step hears labelled stays apart (of kind ``partition``)."""
        super().__init__()
        self.labels = labels and kind == "partition"
        self.own = nn.Linear(WIDTH, WIDTH)
        self.through = nn.ModuleDict(
            {r: nn.Linear(WIDTH + 2, WIDTH, bias=False) for r in RELATIONS}
        )
        if self.labels:
            self.apart = nn.ModuleDict(
                {
                    f"{r}_{k}": nn.Linear(WIDTH + 2, WIDTH, bias=False)
                    for r in RELATIONS
                    for k in ("fraud", "honest")
                }
            )
        self.norm = nn.LayerNorm(WIDTH)
        self.out = nn.Sequential(nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH))

    def messages(self, step: int, said: Tensor, heard: Heard) -> Tensor:
        """What all relations say, without the stay itself."""
        # A map has no bias: who hears nothing gets exactly 0, so it need not be worked out.
        total = said.new_zeros(1, WIDTH)
        for relation in RELATIONS:
            heard_here = heard.mean(step, relation, said)
            if heard_here is not None:
                total = total + self.through[relation](_sized(*heard_here))
            if self.labels:
                kinds = zip(("fraud", "honest"), heard.labelled(relation, said), strict=True)
                for kind, apart in kinds:
                    if apart is not None:
                        total = total + self.apart[f"{relation}_{kind}"](_sized(*apart))
        return total

    def forward(self, step: int, x: Tensor, said: Tensor, heard: Heard) -> Tensor:
        """``x`` of the stays that hear, ``said`` of all that were ever heard."""
        mixed = self.norm(self.own(x) + self.messages(step, said, heard))
        return x + self.out(mixed)  # type: ignore[no-any-return]


class StayNetwork(nn.Module):
    """Own numbers -> what a stay says at each step -> log-odds."""

    def __init__(self, kind: str, columns: int) -> None:
        """``kind`` is one of ``KINDS``; ``columns`` numbers a stay (``Scaling``)."""
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"no network of kind {kind!r}: take one of {KINDS}")
        self.kind = kind
        self.encode = nn.Sequential(nn.Linear(columns, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH))
        self.steps = nn.ModuleList(Hear(kind, labels=n == 0) for n in range(STEPS))
        self.judge = nn.Sequential(nn.LayerNorm(WIDTH), nn.Dropout(DROPOUT), nn.Linear(WIDTH, 1))

    def forward(
        self, x: Tensor, heard: Heard, frozen: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Log-odds (stays,) and what each stay says at each step: its own code first.

        With ``frozen`` stays hear what was said then instead of what this pass makes of it: the
        answer for a later instant, or for one stay beside those that are known.
        """
        said = [self.encode(x)]
        for number, step in enumerate(self.steps):
            source = said[number] if frozen is None else frozen[number]
            said.append(step(number, said[number], source, heard))
        return self.judge(said[-1]).squeeze(1), said


class Guess(nn.Module):
    """For learning without labels: tells a stay's numbers, and its company, from what it hears."""

    def __init__(self, columns: int) -> None:
        """``columns`` numbers a stay (``Scaling``)."""
        super().__init__()
        self.numbers = nn.Sequential(
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 2 * WIDTH),
            nn.GELU(),
            nn.Linear(2 * WIDTH, columns),
        )
        self.match = nn.ModuleDict({r: nn.Bilinear(WIDTH, WIDTH, 1) for r in RELATIONS})

    def forward(self, network: StayNetwork, said: Sequence[Tensor], heard: Heard) -> Tensor:
        """What the numbers would be (stays, columns), from what others ``said`` alone."""
        last = cast("Hear", network.steps[-1])
        step = len(network.steps) - 1
        return self.numbers(last.messages(step, said[step], heard))  # type: ignore[no-any-return]

    def fits(
        self,
        network: StayNetwork,
        x: Tensor,
        said: Sequence[Tensor],
        heard: Heard,
        order: Tensor | None = None,
    ) -> Mapping[str, tuple[Tensor, Tensor, Tensor]]:
        """A relation: log-odds that a stay belongs to its company, and to that of ``order``; and who has any.

        A relation in which nobody has any company is absent.
        """
        mine = network.encode(x)
        found = {}
        for relation, match in self.match.items():
            heard_here = heard.mean(0, relation, said[0])
            if heard_here is None:
                continue
            mean, count = heard_here
            fit = match(mine, mean)[:, 0]
            misfit = fit if order is None else match(mine, mean[order])[:, 0]
            found[relation] = (fit, misfit, count)
        return found


def _sized(mean: Tensor, count: Tensor) -> Tensor:
    size = count.float().log1p()[:, None] / _TYPICAL
    return torch.cat([mean, size, (count > 0).float()[:, None]], dim=1)
