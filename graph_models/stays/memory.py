"""What all known stays have said, as sums an entity: all that one more stay needs to be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graph_models.stays import links
from graph_models.stays.ground import CARRIED, Graph, members, sign_columns
from graph_models.stays.network import STEPS
from graph_models.stays.reading import RELATIONS, SMALL

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Memory:
    """Sums at an instant. ``said[step][relation]`` is (entities, width) in float64.

    ``labelled`` holds the same of the first step for stays known as fraudulent (1) and honest (0)
    before that instant; ``signs`` what is carried through people. ``each``, ``each_signs`` and ``label`` are
    what each stay put into the sums: one that hears the others takes its own out.
    """

    count: Mapping[str, Codes]
    said: Sequence[Mapping[str, Tensor]]
    labels: Mapping[tuple[str, int], Codes]
    labelled: Mapping[tuple[str, int], Tensor]
    signs: Mapping[str, Numbers]
    codes: Mapping[str, Codes]
    known: Codes
    members: Mapping[str, tuple[Codes, Codes]]
    each: Sequence[Tensor]
    each_signs: Numbers
    label: Codes

    @classmethod
    def of(
        cls,
        graph: Graph,
        entities: Mapping[str, int],
        said: Sequence[Tensor],
        first: Numbers,
    ) -> Memory:
        """From a pass over all stays: what they ``said`` at each step, and their links then."""
        stays, codes, known = graph.stays, graph.codes, graph.known
        signs = sign_columns(first, stays.own)
        count: dict[str, Codes] = {}
        labels: dict[tuple[str, int], Codes] = {}
        labelled: dict[tuple[str, int], Tensor] = {}
        carried: dict[str, Numbers] = {}
        sums: list[dict[str, Tensor]] = [{} for _ in range(STEPS)]
        for relation in RELATIONS:
            size = entities[relation]
            rows = np.flatnonzero(codes[relation] >= 0)
            at = codes[relation][rows]
            count[relation] = np.bincount(at, minlength=size)
            for step in range(STEPS):
                sums[step][relation] = _summed(said[step][rows], at, size)
            for value in (1, 0):
                some = rows[known.label[rows] == value]
                at_some = codes[relation][some]
                labels[relation, value] = np.bincount(at_some, minlength=size)
                labelled[relation, value] = _summed(said[0][some], at_some, size)
            if relation in CARRIED:
                carried[relation] = np.column_stack(
                    [np.bincount(at, column[rows], minlength=size) for column in signs.T]
                )
        return cls(
            count, sums, labels, labelled, carried, codes, stays.known, members(codes, entities),
            said[:STEPS], signs, known.label,
        )  # fmt: skip

    def links(self, asked: Mapping[str, int], fresh: Mapping[str, int], day: int) -> Numbers:
        """(1, ``links.NAMES``) of a stay with these entities, which became known on a day.

        ``asked`` has -1 for an entity that was never seen; ``fresh`` a number for it that no other has.
        """
        around = links.near(self.members, asked, self.codes["joint"])
        codes = {
            r: np.append(self.codes[r][around], fresh[r] if asked[r] < 0 else asked[r])
            for r in (*SMALL, "physician", "provider")
        }
        return links.columns(codes, np.append(self.known[around], day), again=False)[-1:]

    def links_again(self, at: int, asked: Mapping[str, int]) -> Numbers:
        """The same of a stay that is known, which looks at all others; ``asked`` may leave entities out."""
        around = np.union1d(links.near(self.members, asked, self.codes["joint"]), [at])
        codes = {r: self.codes[r][around] for r in (*SMALL, "physician", "provider")}
        place = int(np.searchsorted(around, at))
        for relation in SMALL:
            if asked[relation] < 0:
                codes[relation][place] = -1
        return links.columns(codes, self.known[around], again=True)[place : place + 1]

    def heard(self, asked: Mapping[str, int], itself: int | None = None) -> Numbers:
        """(1, ``ground.HEARD``); ``itself`` is the stay, if it is known."""
        made = []
        for relation in CARRIED:
            signs, code = self.signs[relation], asked[relation]
            many = int(self.count[relation][code]) if code >= 0 else 0
            total = signs[code] if code >= 0 else signs[:0].sum(0)
            if itself is not None and code >= 0:
                many, total = many - 1, total - self.each_signs[itself]
            mean = (total / many).astype(np.float32) if many else np.nan
            made.append(np.full((1, signs.shape[1]), mean, dtype=np.float64))
        return np.hstack(made)


@dataclass(frozen=True, slots=True)
class Beside:
    """One stay beside a memory: what it hears (``network.Heard``)."""

    memory: Memory
    asked: Mapping[str, int]
    itself: int | None = None

    def mean(self, step: int, relation: str, said: Tensor) -> tuple[Tensor, Tensor] | None:
        """See ``network.Heard``; ``said`` is not looked at, the memory holds it."""
        memory = self.memory
        own = None if self.itself is None else memory.each[step][self.itself]
        return _mean(memory.said[step][relation], memory.count[relation], self.asked[relation], own)

    def labelled(self, relation: str, said: Tensor) -> Sequence[tuple[Tensor, Tensor] | None]:
        """See ``network.Heard``."""
        memory, found = self.memory, []
        for value in (1, 0):
            mine = self.itself is not None and memory.label[self.itself] == value
            found.append(
                _mean(
                    memory.labelled[relation, value],
                    memory.labels[relation, value],
                    self.asked[relation],
                    memory.each[0][self.itself] if mine else None,
                )
            )
        return found


def _mean(
    sums: Tensor, counts: Codes, code: int, own: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    many = int(counts[code]) if code >= 0 else 0
    if many and own is not None:
        many -= 1
    if not many:
        return None
    total = sums[code] if own is None else sums[code] - own.double()
    return (total / many).float()[None], torch.tensor([many])


def _summed(said: Tensor, at: Codes, size: int) -> Tensor:
    total = torch.zeros(size, said.shape[1], dtype=torch.float64)
    return total.index_add_(0, torch.from_numpy(at), said.double())
