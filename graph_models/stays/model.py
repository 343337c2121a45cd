"""The model of claims: train it in the order of time, score a window of claims, or one beside a memory."""

from __future__ import annotations

import copy
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from domain.errors import SentinelError
from domain.tables import Tables
from graph_models.catalog import CHECK
from graph_models.head import raw, sigmoid, snap
from graph_models.packed import Packed, Scored
from graph_models.peers import EVERYONE
from graph_models.stays import card, naming
from graph_models.stays.fitting import Learnt, run, surprise
from graph_models.stays.ground import COLUMNS, UNKNOWN, Graph, Known, Scaling, inputs, number
from graph_models.stays.memory import Beside, Memory
from graph_models.stays.network import Guess, StayNetwork
from graph_models.stays.reading import (
    OWN,
    RELATIONS,
    SMALL,
    Habits,
    Journey,
    Stays,
    day_number,
    day_of,
    read,
)
from graph_models.training import choose_device

Numbers = NDArray[np.float64]

OF_JOURNEY: Final = ("gap_days", "chain", "returned")
"""Own numbers that a claim has from the same patient's others."""
NOT_LOOKED_AT: Final = (torch.empty(0), torch.empty(0))
"""What all stays said, where a memory holds the sums."""


@dataclass(frozen=True)
class StayModel(Packed):
    """A trained model of claims. ``score`` takes a window, ``remember`` makes one that answers claim by claim."""

    LEVEL: ClassVar[str] = "claim"
    FILES: ClassVar[tuple[str, ...]] = (
        "background.parquet", "card.md", "entities.parquet", "model.txt", "network.pt",
    )  # fmt: skip
    describe = staticmethod(naming.describe)
    write_card = staticmethod(card.write_card)

    @cached_property
    def learnt(self) -> tuple[StayNetwork, Learnt, Scaling]:
        """The network, the one that learned without labels, and the scale of the numbers."""
        # weights_only: the file is data; a pickle could run code.
        stored = torch.load(io.BytesIO(self.files["network.pt"]), weights_only=True)
        scaling = Scaling(stored["mean"].numpy(), stored["spread"].numpy())
        network = StayNetwork(stored["kind"], scaling.width)
        before = Learnt(StayNetwork(stored["kind"], scaling.width), Guess(scaling.width))
        network.load_state_dict(stored["network"])
        before.network.load_state_dict(stored["before"])
        before.guess.load_state_dict(stored["guess"])
        before.guess.eval()
        before.network.eval()
        return network.eval(), before, scaling

    @property
    def checks(self) -> list[str]:
        """The checks whose verdicts are columns."""
        return [n.removeprefix(CHECK) for n in self.feature_names if n.startswith(CHECK)]

    @property
    def habits(self) -> Habits:
        """What was usual among the claims of the training."""
        return Habits(**self.manifest["habits"])

    @property
    def headline(self) -> str:
        """One line for a person: how well it judged months that it had not learned from."""
        metrics, labels = self.manifest["metrics"]["whole"], self.manifest["labels"]
        return (
            f"later in time: PR-AUC {metrics['pr_auc']:.3f}, ROC-AUC {metrics['roc_auc']:.3f}, "
            f"{metrics['recall_1']:.0%} of the fraud in the first 1%; "
            f"{labels['positive']} fraudulent of {labels['used']:,} labelled claims"
        )

    def score(
        self,
        tables: Tables,
        verdicts: pl.DataFrame | None = None,
        *,
        upto: date,
        labels: pl.DataFrame | None = None,
        again: bool = True,
        device: str = "auto",
    ) -> Scored:
        """Score every claim complete before ``upto``, in the order in which they became known.

        ``again``: as all others are known on that day; without it each as it was when it came.
        ``labels`` (``stay_id, label, known_on``) are what investigators have found until then.
        """
        survey = self.survey(tables, verdicts, upto=upto, labels=labels, device=device)
        return survey.again() if again else survey.then()

    def remember(
        self,
        tables: Tables,
        verdicts: pl.DataFrame | None = None,
        *,
        upto: date,
        labels: pl.DataFrame | None = None,
        device: str = "auto",
    ) -> Desk:
        """What answers for one claim more beside those complete before ``upto``."""
        return self.survey(tables, verdicts, upto=upto, labels=labels, device=device).desk()

    def survey(
        self,
        tables: Tables,
        verdicts: pl.DataFrame | None = None,
        *,
        upto: date,
        labels: pl.DataFrame | None = None,
        device: str = "auto",
    ) -> Survey:
        """One pass over the claims, for whoever wants scores and a desk of them. As ``score``."""
        chosen = choose_device(device)
        journeys: dict[str, Journey] = {}
        stays = read(tables, verdicts, upto=upto, habits=self.habits, journeys=journeys)
        books, codes = number(stays)
        known = Known.of(stays, days(labels)).before(day_number(upto))
        graph = Graph(codes, stays, known, device=chosen)
        network, before, scaling = self.on(chosen)
        links = graph.links()
        x = scaling.apply(inputs(stays.own, links)).to(chosen)
        margin, said = run(network, graph, x)
        said_before = run(before.network, graph, x)[1]
        return Survey(
            self, upto, stays, books, graph, journeys,
            x=x, margin=margin, said=said, said_before=said_before, links=links,
        )  # fmt: skip

    def on(self, device: torch.device) -> tuple[StayNetwork, Learnt, Scaling]:
        """``learnt`` on a device: a copy of its own, since others may be at work with theirs."""
        if device.type == "cpu":
            return self.learnt
        if device not in self._copies:
            network, before, scaling = copy.deepcopy(self.learnt)
            network.to(device)
            before.network.to(device)
            before.guess.to(device)
            self._copies[device] = (network, before, scaling)
        return self._copies[device]

    @cached_property
    def _copies(self) -> dict[torch.device, tuple[StayNetwork, Learnt, Scaling]]:
        return {}

    def finish(
        self, rows: Rows, linked: Numbers, *, margin: Numbers, odd: Numbers, upto: date
    ) -> Scored:
        """The booster's word on claims whose columns are known."""
        absent = np.full(len(rows.ids), np.nan)
        given = [rows.checks.get(c, absent) for c in self.checks]
        full = assemble(rows.own, linked, given, sigmoid(margin), odd)
        # Of one row Polars makes a frame from a list in a quarter of the time.
        values = full.tolist() if len(full) == 1 else full
        names = dict.fromkeys(self.feature_names, pl.Float64)
        features = pl.DataFrame(values, schema=names, orient="row").insert_column(
            0, pl.Series("stay_id", rows.ids, dtype=pl.String)
        )
        matrix = snap(full)
        margins = raw(self.booster, matrix) if len(matrix) else np.empty(0)
        return Scored(
            upto,
            features,
            matrix,
            margins,
            sigmoid(margins),
            (EVERYONE,) * len(rows.ids),
            self.LEVEL,
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Claims by themselves: their numbers, and what checks said of them."""

    ids: list[str]
    own: Numbers
    checks: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class Survey:
    """All claims before a day as a model sees them: each at its own time, and what it then said."""

    model: StayModel
    upto: date
    stays: Stays
    books: dict[str, dict[str, int]]
    graph: Graph
    journeys: dict[str, Journey]
    x: torch.Tensor
    margin: Numbers
    said: list[torch.Tensor]
    said_before: list[torch.Tensor]
    links: Numbers

    def then(self) -> Scored:
        """The score of each claim as it was when it came."""
        return self._scored(self.graph, self.x, self.links, self.margin)

    def again(self) -> Scored:
        """The score of each claim as all others are known on the day."""
        network, _, scaling = self.model.on(self.x.device)
        graph = self.graph.again(day_number(self.upto))
        links = graph.links()
        x = scaling.apply(inputs(self.stays.own, links)).to(self.x.device)
        return self._scored(graph, x, links, run(network, graph, x, self.said)[0])

    def desk(self) -> Desk:
        """What answers for one claim more beside these."""
        entities = {r: len(book) for r, book in self.books.items()}
        memory, first = (
            Memory.of(self.graph, entities, [s.cpu() for s in said], self.links)
            for said in (self.said, self.said_before)
        )
        return Desk(self.model, self.stays, self.books, memory, first, self.journeys)

    def _scored(self, graph: Graph, x: torch.Tensor, links: Numbers, margin: Numbers) -> Scored:
        before = self.model.on(self.x.device)[1]
        odd = surprise(before, graph, x, self.said_before)
        linked = np.hstack([links, graph.heard(self.links)])
        rows = Rows(self.stays.ids, self.stays.own, self.stays.checks)
        return self.model.finish(rows, linked, margin=margin, odd=odd, upto=self.upto)


@dataclass(frozen=True)
class Desk:
    """A model with all that it knows on a day: scores one claim more, or one that it knows again.

    It remembers no claim that it scores.
    """

    model: StayModel
    stays: Stays
    books: Mapping[str, Mapping[str, int]]
    memory: Memory
    first: Memory
    journeys: Mapping[str, Journey]
    _nothing: Journey = field(default_factory=Journey, repr=False)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {stay: n for n, stay in enumerate(self.stays.ids)}

    def knows(self, stay_id: str) -> bool:
        """Whether the claim is one of those remembered."""
        return stay_id in self._place

    def again(self, stay_id: str, *, without: Collection[str] = ()) -> Scored:
        """The score of a claim that is known, as ``StayModel.score`` gives it with ``again``.

        ``without`` names relations through which it shall hear nothing. KeyError for a claim that is not known.
        Where more than ``links.MOST`` claims share a thing, the days since its first are those of the first.
        """
        at = self._place[stay_id]
        codes = self.memory.codes
        asked = {r: UNKNOWN if r in without else int(codes[r][at]) for r in RELATIONS}
        own = self.stays.own[at : at + 1]
        if "patient" in without:
            own = own.copy()
            own[:, [OWN.index(n) for n in OF_JOURNEY]] = np.nan
        checks = {c: v[at : at + 1] for c, v in self.stays.checks.items()}
        links = self.memory.links_again(at, asked)
        return self._judge(Rows([stay_id], own, checks), links, asked, at=at)

    def company(self, stay_id: str, relation: str) -> list[str]:
        """The other claims that share this of a claim that is known, in order."""
        at = self._place[stay_id]
        sharing = self._sharing(relation, int(self.memory.codes[relation][at]))
        return [s for s in sharing if s != stay_id]

    def shares(self, claim: Tables) -> dict[str, list[str]]:
        """Of one claim more: the known claims that share each small thing with it, in order."""
        _, asked = self._read(claim, None)
        return {relation: self._sharing(relation, asked[relation]) for relation in SMALL}

    def _sharing(self, relation: str, code: int) -> list[str]:
        """The known claims of an entity, in order; none of -1."""
        rows = np.flatnonzero(self.memory.codes[relation] == code) if code >= 0 else ()
        return [self.stays.ids[i] for i in rows]

    def score(self, claim: Tables, verdicts: pl.DataFrame | None = None) -> Scored:
        """The score of a batch of one claim, as the whole graph gives it with the claim as its last.

        SentinelError for any other number of claims, or one without a day of discharge or settlement.
        """
        stays, asked = self._read(claim, verdicts)
        fresh = {r: UNKNOWN if stays.keys[r][0] is None else len(self.books[r]) for r in RELATIONS}
        day = int(stays.known[0])
        links = self.memory.links(asked, fresh, day)
        return self._judge(Rows(stays.ids, stays.own, stays.checks), links, asked, day=day)

    def _read(self, claim: Tables, verdicts: pl.DataFrame | None) -> tuple[Stays, dict[str, int]]:
        """The claim as arrays, and the known entities that it touches."""
        if len(claim) != 1:
            raise SentinelError(
                f"{len(claim)} claims were given",
                where="Desk.score",
                cure="Give one claim; StayModel.score takes many.",
            )
        patient = claim.stays["patient_id"][0].as_py()
        past = copy.copy(self.journeys.get(patient, self._nothing))
        stays = read(
            claim, verdicts, upto=date.max, habits=self.model.habits, journeys={patient: past}
        )
        if not len(stays):
            raise SentinelError(
                "the claim has no day of discharge or settlement",
                where=f"claim {claim.stays['stay_id'][0].as_py()}",
                cure="Score it when the patient has left.",
            )
        asked = {}
        for relation in RELATIONS:
            key = stays.keys[relation][0]
            asked[relation] = UNKNOWN if key is None else self.books[relation].get(key, UNKNOWN)
        return stays, asked

    def _judge(
        self,
        rows: Rows,
        links: Numbers,
        asked: Mapping[str, int],
        *,
        at: int | None = None,
        day: int | None = None,
    ) -> Scored:
        network, before, scaling = self.model.learnt
        x = scaling.apply(inputs(rows.own, links))
        with torch.no_grad():
            heard = Beside(self.memory, asked, at)
            margin = network(x, heard, NOT_LOOKED_AT)[0].double().numpy()
        odd = surprise(before, Beside(self.first, asked, at), x, NOT_LOOKED_AT)
        linked = np.hstack([links, self.memory.heard(asked, at)])
        known = int(self.memory.known.max(initial=0)) if day is None else day
        upto = day_of(known + 1)
        return self.model.finish(rows, linked, margin=margin, odd=odd, upto=upto)


def assemble(
    own: Numbers, linked: Numbers, checks: list[Numbers], network: Numbers, odd: Numbers
) -> Numbers:
    """The booster's columns: ``names`` says which."""
    return np.hstack([own, linked, *(c[:, None] for c in checks), network[:, None], odd])


def names(checks: list[str]) -> tuple[str, ...]:
    """Of ``assemble``."""
    return (*COLUMNS, *(CHECK + c for c in checks), naming.NETWORK, naming.SURPRISE, *naming.FITS)


def days(labels: pl.DataFrame | None) -> dict[str, tuple[bool, int]]:
    """``stay_id, label, known_on`` as what ``Known.of`` takes."""
    if labels is None:
        return {}
    return {
        stay: (label, day_number(day))
        for stay, label, day in labels.select("stay_id", "label", "known_on").iter_rows()
    }
