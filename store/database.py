"""The store: one open database, written in whole batches and read in pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from types import TracebackType
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from domain.feedback import Conclusion
from domain.registry import PROVIDER, Appointment, Registered
from domain.results import Results
from domain.review import Review, Reviewed
from domain.tables import Tables
from domain.withdrawal import Withdrawn
from store import (
    alert_pages,
    dead_letters,
    engine,
    history,
    months,
    registry,
    reviews,
    states,
    writing,
)
from store import alerts as alert_queries
from store import findings as finding_queries
from store.access import Access
from store.agreement import Agreement
from store.alert_filters import After, AlertFilter, AlertSort
from store.alert_pages import Page
from store.alerts import AlertRecord
from store.backtests import Backtests
from store.cards import Cards
from store.cases import Cases
from store.check_history import CheckHistory
from store.dead_letters import DeadLetter
from store.errors import StoreError, translate
from store.events import WorkEvents
from store.findings import FindingFilter, FindingPage, Scope
from store.graph.address import Address
from store.graph.entity_graph import EntityGraph
from store.idempotency import Idempotency
from store.indicators import Indicators
from store.journal import Journal
from store.measured import MeasuredStays
from store.months import Change
from store.open_stays import OpenStays
from store.proposals import Proposals
from store.queue import Queue
from store.quiet_checks import QuietChecks
from store.replays import Replays
from store.state_tables import SHADOW_FINDINGS_SQL
from store.tables import ALERTS_SQL, FINDINGS_SQL, METADATA, RULESETS_SQL
from store.ward import WardStays
from store.webhooks import Webhooks
from store.wordings import Wordings
from store.writing import Model, Ruleset, Written


def open(url: str) -> Store:
    """Open the database at ``url``, creating and migrating it as needed; StoreError if it cannot be.

    ``sqlite:///file.db`` (relative), ``sqlite:////abs/file.db`` or
    ``postgresql+psycopg://user@host/name``. Several processes may open one database at once.
    """
    # Alembic tells each step at INFO through the standard logger; a service wants its own lines only.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    connected = engine.connect(url)
    try:
        engine.migrate(connected)
    except BaseException:
        connected.dispose()
        raise
    return Store(connected)


class Store:
    """Claims, decisions and alerts in one database; safe to share between threads.

    Use as a context manager, or call ``close``.
    """

    def __init__(self, connected: sa.Engine) -> None:
        self.engine = connected
        self._writer = engine.writer(connected)
        self._where = connected.url.render_as_string(hide_password=True)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def write(
        self,
        *,
        claims: Tables,
        results: Results,
        fingerprints: Mapping[str, str] | None = None,
        ruleset: Ruleset | None,
        model: Model | None = None,
        taken: Sequence[tuple[str, datetime]] = (),
        documents: Sequence[bytes] | None = None,
    ) -> Written:
        """Store one batch in one transaction: all of it or, on StoreError, nothing.

        ``fingerprints`` maps stay_id to the digest of its codes, where it has one.
        ``taken`` are the entries of ``to_judge`` that the batch settles. ``documents`` are the
        claims' canonical texts in the order of ``claims.stays``, which are made here if they are
        not given. Writing the same batch again stores nothing and changes nothing.
        """
        with translate(self._where), self._writer.begin() as connection:
            return writing.write(
                connection,
                claims=claims,
                results=results,
                fingerprints=fingerprints,
                ruleset=ruleset,
                model=model,
                now=datetime.now(UTC),
                taken=taken,
                documents=documents,
            )

    def withdraw(self, given: Sequence[Withdrawn]) -> list[str]:
        """Take claims back in one transaction; the stays whose decision no longer counts, sorted."""
        with translate(self._where), self._writer.begin() as connection:
            return states.withdraw(connection, given, datetime.now(UTC))

    def to_judge(self, limit: int = 1_000) -> list[Mapping[str, Any]]:
        """Stays whose look-back changed since they were judged, longest waiting first.

        A claim of the patient came late, was corrected or withdrawn. Rows have ``stay_id``,
        ``reason``, ``because_of`` (the claim that changed) and ``since``.
        """
        with translate(self._where), self.engine.connect() as connection:
            return states.to_judge(connection, limit)

    def stays(self, stay_ids: Sequence[str]) -> Tables:
        """These stays as they count now, by id; one that is unknown or withdrawn is left out."""
        with translate(self._where), self.engine.connect() as connection:
            return history.read_stays(connection, stay_ids)

    def provider_months(self, provider_id: str | None = None) -> list[dict[str, Any]]:
        """Claims, stays and sums of hospitals' months: of the claims that count and ended in them."""
        with translate(self._where), self.engine.connect() as connection:
            return months.read(connection, provider_id)

    def ended(self, first: date, before: date) -> Tables:
        """The claims that count and ended from ``first`` on and before ``before``, with all parties."""
        with translate(self._where), self.engine.connect() as connection:
            return history.read_ended(connection, first, before)

    def last_end(self) -> date | None:
        """The last day on which a claim that counts ended; None if none has."""
        with translate(self._where), self.engine.connect() as connection:
            return history.last_end(connection)

    def keep_findings(
        self,
        found: pa.Table,
        shadow: pa.Table,
        *,
        ruleset: Ruleset,
        scope: Scope,
        shadow_scope: Scope,
    ) -> int:
        """Store what a judgement of months and days found, and close what it did not find again.

        One transaction; how many findings in force are new.
        """
        with translate(self._where), self._writer.begin() as connection:
            now = datetime.now(UTC)
            writing.keep_rulesets(connection, ruleset, now)
            new = finding_queries.keep(connection, FINDINGS_SQL, found, now, scope)
            finding_queries.keep(connection, SHADOW_FINDINGS_SQL, shadow, now, shadow_scope)
            return new

    def mark_judged(self, judged: Sequence[Change], upto: date) -> None:
        """Note that months were judged; one that changed again meanwhile stays marked."""
        with translate(self._where), self._writer.begin() as connection:
            months.mark_judged(connection, judged, upto, datetime.now(UTC))

    def finding_versions(self, finding_id: str) -> list[Mapping[str, Any]]:
        """How a finding stood before it was judged otherwise, oldest first, each with ``ended_at``."""
        with translate(self._where), self.engine.connect() as connection:
            return finding_queries.read_versions(connection, finding_id)

    def changed_months(self) -> list[Change]:
        """The months of hospitals that changed since they were judged, oldest first."""
        with translate(self._where), self.engine.connect() as connection:
            return months.changed(connection)

    def journal(self, group: str) -> Journal:
        """The offsets, outbox and transactions of one consumer group's stream workers."""
        return Journal(group, readers=self.engine, writers=self._writer, where=self._where)

    @property
    def open_stays(self) -> OpenStays:
        """The patients in hospital: their stays so far, and what was told about them."""
        return OpenStays(self.engine, self._writer, self._where)

    @property
    def ward(self) -> WardStays:
        """The list of patients in hospital."""
        return WardStays(self.engine, self._where)

    @property
    def idempotency(self) -> Idempotency:
        """The answers kept under the keys of requests."""
        return Idempotency(self.engine, self._writer, self._where)

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of events, and what became of each message."""
        return Webhooks(self.engine, self._writer, self._where)

    @property
    def work_events(self) -> WorkEvents:
        """What happened to work."""
        return WorkEvents(self.engine, self._where)

    @property
    def access(self) -> Access:
        """Who may use the service and what they did: accounts, sessions, tokens, audit log."""
        return Access(self.engine, self._writer, self._where)

    @property
    def cases(self) -> Cases:
        """The cases that officers work on."""
        return Cases(self.engine, self._writer, self._where)

    @property
    def cards(self) -> Cards:
        """The cards that physicians are shown, and their answers."""
        return Cards(self.engine, self._writer, self._where)

    @property
    def quiet_checks(self) -> QuietChecks:
        """The checks that are quiet for physicians."""
        return QuietChecks(self.engine, self._writer, self._where)

    @property
    def measured(self) -> MeasuredStays:
        """What stays measured."""
        return MeasuredStays(self.engine, self._writer, self._where)

    @cached_property
    def indicators(self) -> Indicators:
        """The sums behind the cockpit, and the stays behind its numbers."""
        return Indicators(self.engine, self._writer, self._where)

    @property
    def proposals(self) -> Proposals:
        """The proposed values of checks' parameters, and how the proposals ended."""
        return Proposals(self.engine, self._writer, self._where)

    @property
    def backtests(self) -> Backtests:
        """The backtests of checks with other values."""
        return Backtests(self.engine, self._writer, self._where)

    @property
    def check_history(self) -> CheckHistory:
        """How the checks did, a month at a time."""
        return CheckHistory(self.engine, self._writer, self._where)

    @property
    def wordings(self) -> Wordings:
        """What language models said about cards, and how people judged it."""
        return Wordings(self.engine, self._writer, self._where)

    @property
    def agreement(self) -> Agreement:
        """Checks on trial beside those that decide."""
        return Agreement(self.engine, self._where)

    def graph(self, address: Address | None = None) -> EntityGraph:
        """The entity graph at that address, or without one the graph kept in this database."""
        return EntityGraph(address, self.engine, self._writer, self._where)

    def replays(self) -> Replays:
        """The replays of stored claims by other checks or another model."""
        return Replays(readers=self.engine, writers=self._writer, where=self._where)

    def dead_letters(
        self,
        *,
        topic: str | None = None,
        replayed: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[DeadLetter]:
        """Messages set aside, oldest first; ``after`` is the id of the last one of the page before."""
        with translate(self._where), self.engine.connect() as connection:
            return dead_letters.letters(
                connection, topic=topic, replayed=replayed, after=after, limit=limit
            )

    def dead_letter(self, dead_letter_id: str) -> DeadLetter | None:
        """One message that was set aside; None if there is none of that id."""
        with translate(self._where), self.engine.connect() as connection:
            return dead_letters.letter(connection, dead_letter_id)

    def mark_replayed(self, dead_letter_id: str) -> None:
        """Note that a dead letter was sent to its topic again."""
        with translate(self._where), self._writer.begin() as connection:
            dead_letters.mark_replayed(connection, dead_letter_id, datetime.now(UTC))

    def history(
        self,
        patient_ids: Sequence[str],
        fingerprints: Sequence[str] = (),
        *,
        excluding: Sequence[str] = (),
        newest_per_fingerprint: int = history.NEWEST_PER_FINGERPRINT,
        admitted_to: date | None = None,
    ) -> Tables:
        """Stored claims of these patients, and the newest with one of these code vectors.

        Each stay once, in the version that counts, and none that is withdrawn; those in
        ``excluding`` are left out (give the stays of the batch at hand, so that none is
        compared with itself). With ``admitted_to`` only claims that began by that day.
        """
        with translate(self._where), self.engine.connect() as connection:
            return history.read(
                connection,
                patient_ids,
                fingerprints,
                excluding=excluding,
                newest_per_fingerprint=newest_per_fingerprint,
                admitted_to=admitted_to,
            )

    def period(self, first: date, last: date) -> Tables:
        """Stored claims served (discharged, else admitted) from ``first`` to ``last``, each stay once."""
        with translate(self._where), self.engine.connect() as connection:
            return history.read_period(connection, first, last)

    def stored_hits(self, stay_ids: Sequence[str]) -> list[tuple[str, str]]:
        """(stay_id, rule_id) of every hit of the decisions of these stays that count, sorted."""
        with translate(self._where), self.engine.connect() as connection:
            return history.read_hits(connection, stay_ids)

    def stored_findings(self, first: date, last: date) -> list[tuple[str, str]]:
        """(subject_id, rule_id) of every finding on a period that ended from ``first`` to ``last``, sorted."""
        with translate(self._where), self.engine.connect() as connection:
            return finding_queries.read_subjects(connection, first, last)

    def alerts(
        self,
        wanted: AlertFilter | None = None,
        sort: AlertSort = AlertSort.EXPECTED_LOSS,
        after: After | None = None,
        limit: int = 50,
        *,
        gather: bool = False,
    ) -> Page:
        """One page of alerts; ``after`` is the ``after`` of the page before, under the same filter.

        With ``gather`` a page of clusters, each by its best alert, with the sums of its alerts in
        ``similar``.
        """
        read = alert_pages.leaders if gather else alert_pages.page
        with translate(self._where), self.engine.connect() as connection:
            return read(connection, wanted or AlertFilter(), sort, after, limit, datetime.now(UTC))

    def count_alerts(self, wanted: AlertFilter | None = None) -> int:
        """How many alerts the filter finds; one more than ``alert_pages.COUNTED`` says at least."""
        with translate(self._where), self.engine.connect() as connection:
            return alert_pages.count(connection, wanted or AlertFilter(), datetime.now(UTC))

    @property
    def queue(self) -> Queue:
        """The work on alerts: who has which, until when, saved views, expected losses."""
        return Queue(self.engine, self._writer, self._where)

    def alert(self, alert_id: str) -> AlertRecord | None:
        """One alert with its evidence; None if there is none."""
        with translate(self._where), self.engine.connect() as connection:
            return alert_queries.read(connection, alert_id)

    def counts(self) -> dict[str, int]:
        """Rows of each table by name."""
        with translate(self._where), self.engine.connect() as connection:
            return {
                table.name: int(
                    connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                )
                for table in METADATA.sorted_tables
            }

    def counts_by_severity(self) -> dict[str, int]:
        """Alerts of each severity that has any."""
        query = sa.select(ALERTS_SQL.c.severity, sa.func.count()).group_by(ALERTS_SQL.c.severity)
        with translate(self._where), self.engine.connect() as connection:
            return {severity: int(number) for severity, number in connection.execute(query)}

    def findings(
        self,
        wanted: FindingFilter | None = None,
        after: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> FindingPage:
        """One page of findings on months and days, worst first; ``after`` is that of the page before."""
        with translate(self._where), self.engine.connect() as connection:
            return finding_queries.page(connection, wanted or FindingFilter(), after, limit)

    def finding(self, finding_id: str) -> Mapping[str, Any] | None:
        """One finding; None if there is none."""
        with translate(self._where), self.engine.connect() as connection:
            return finding_queries.read(connection, finding_id)

    def keep_reviews(self, given: Sequence[Review]) -> int:
        """Store what people concluded, in one transaction; how many reviews were not there yet.

        StoreRuleError if a decision, finding or value is not one that the store knows.
        """
        with translate(self._where), self._writer.begin() as connection:
            return reviews.keep(connection, given)

    def reviews(
        self, *, decision_id: str | None = None, finding_id: str | None = None
    ) -> list[Review]:
        """The reviews of a decision or of a finding on a month or day, oldest first."""
        with translate(self._where), self.engine.connect() as connection:
            if decision_id is not None:
                return reviews.of_decision(connection, decision_id)
            return reviews.of_finding(connection, finding_id or "")

    def all_reviews(self) -> Iterator[Review]:
        """Every review, oldest first, a thousand in memory at a time."""
        with translate(self._where), self.engine.connect() as connection:
            yield from reviews.all_of_them(connection)

    def decision_with_hit(self, stay_id: str, rule_id: str) -> str | None:
        """The decision on a stay that counts, if the check hit there; else None."""
        with translate(self._where), self.engine.connect() as connection:
            return reviews.decision_with_hit(connection, stay_id, rule_id)

    def reviewed(self) -> dict[str, Reviewed]:
        """How the reviews of each check came out: what its precision is counted from."""
        with translate(self._where), self.engine.connect() as connection:
            return reviews.precision(connection)

    def conclusions(self) -> list[Conclusion]:
        """The review that counts of each check on each stay, month or day, with the score decided then."""
        with translate(self._where), self.engine.connect() as connection:
            return reviews.conclusions(connection)

    def keep_model(
        self, sha256: str, manifest: Mapping[str, Any], files: Mapping[str, bytes]
    ) -> bool:
        """Keep a model with all its files; False if it was kept before."""
        with translate(self._where), self._writer.begin() as connection:
            return registry.keep(connection, sha256, manifest, files, datetime.now(UTC))

    def appoint(self, given: Appointment) -> list[Appointment]:
        """Give a registered model a role, and retire who had it; what that changed.

        StoreRuleError if the model is not registered.
        """
        with translate(self._where), self._writer.begin() as connection:
            return registry.appoint(connection, given)

    def models(self) -> list[Registered]:
        """Every registered model with its role, the last appointed first."""
        with translate(self._where), self.engine.connect() as connection:
            return registry.listing(connection)

    def model_in_role(self, role: str, level: str = PROVIDER) -> str | None:
        """The digest of the model of a level that has a role now, such as ``champion``; None if none has."""
        with translate(self._where), self.engine.connect() as connection:
            return registry.in_role(connection, role, level)

    def model_files(self, sha256: str) -> dict[str, bytes]:
        """The files of a registered model by name; none if it is not registered."""
        with translate(self._where), self.engine.connect() as connection:
            return registry.files(connection, sha256)

    def scores_of(self, sha256: str) -> dict[str, float]:
        """The last score that a model gave each provider, as champion or as challenger."""
        with translate(self._where), self.engine.connect() as connection:
            return registry.scores(connection, sha256)

    def appointments(self, sha256: str) -> list[Appointment]:
        """What a model was appointed to, oldest first."""
        with translate(self._where), self.engine.connect() as connection:
            return registry.appointments(connection, sha256)

    def rule_ids(self, rules_sha256: str) -> tuple[str, ...] | None:
        """The ids of a stored rule set in the order of verdict letters; None if not stored."""
        query = sa.select(RULESETS_SQL.c.ids).where(RULESETS_SQL.c.sha256 == rules_sha256)
        with translate(self._where), self.engine.connect() as connection:
            ids = connection.execute(query).scalar_one_or_none()
        return None if ids is None else tuple(ids)

    def check(self) -> str:
        """The revision of the database, which answers and is the newest; StoreError if not."""
        with translate(self._where), self.engine.connect() as connection:
            found = engine.revision(connection)
        if found != engine.head():
            raise StoreError(
                f"the database is at revision {found}, not {engine.head()}",
                where=self._where,
                cure="Restart the service: it brings the database to its own revision when it starts.",
            )
        return found
