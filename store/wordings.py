"""What language models were asked and said about cards, how people judged it, and which models are on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.wording import FAILED, REFUSED, TAKEN, Limits, Share, Wrote
from store.errors import translate
from store.inserting import insert
from store.wording_tables import WORDING_MODELS_SQL as MODELS
from store.wording_tables import WORDING_USES_SQL as USES
from store.wording_tables import WORDINGS_SQL as WORDINGS

After = tuple[datetime, str]
"""When and id of the last sample of a page."""


class Wordings:
    """The words of one database; get it from ``Store.wordings``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def keep(self, wrote: Wrote) -> bool:
        """Keep what a model said, with what it was for; False if this source worded these facts before.

        What failed before is replaced: only an answer stands.
        """
        this = sa.and_(
            WORDINGS.c.facts_sha256 == wrote.facts_sha256, WORDINGS.c.source == wrote.source
        )
        with translate(self._where), self._writers.begin() as connection:
            replaced = connection.execute(
                sa.update(WORDINGS).where(this, WORDINGS.c.verdict == FAILED).values(**_said(wrote))
            )
            new = bool(replaced.rowcount)
            if not new:
                row = {
                    "wording_id": wrote.wording_id,
                    "facts_sha256": wrote.facts_sha256,
                    "source": wrote.source,
                    "lang": wrote.lang,
                    "card_key": wrote.key,
                    "facts": dict(wrote.facts),
                    **_said(wrote),
                }
                known = connection.execute(sa.select(WORDINGS.c.wording_id).where(this)).first()
                new = known is None and _add(connection, row)
            _use(connection, wrote.wording_id, wrote.decisions, wrote.asked_at)
            _begin(connection, wrote.source, wrote.asked_at)
        return new

    def use(self, wording_id: str, subjects: Iterable[str], now: datetime) -> None:
        """Note for which decisions, findings or suggestions the words served."""
        with translate(self._where), self._writers.begin() as connection:
            _use(connection, wording_id, subjects, now)

    def find(self, facts_sha256: str, source: str) -> Wrote | None:
        """What a source said to these facts; None if it was not asked."""
        condition = sa.and_(WORDINGS.c.facts_sha256 == facts_sha256, WORDINGS.c.source == source)
        with translate(self._where), self._readers.connect() as connection:
            return next(iter(_read(connection, condition)), None)

    def get(self, wording_id: str) -> Wrote | None:
        """One of that id, with what it served for; None if there is none."""
        with translate(self._where), self._readers.connect() as connection:
            found = next(iter(_read(connection, WORDINGS.c.wording_id == wording_id)), None)
            if found is None:
                return None
            subjects = connection.execute(
                sa.select(USES.c.subject_id)
                .where(USES.c.wording_id == wording_id)
                .order_by(USES.c.subject_id)
            ).scalars()
            return replace(found, decisions=tuple(subjects))

    def of_subject(self, subject_id: str) -> list[Wrote]:
        """The words that served for a decision, finding or suggestion, oldest first."""
        served = sa.select(USES.c.wording_id).where(USES.c.subject_id == subject_id)
        with translate(self._where), self._readers.connect() as connection:
            return _read(connection, WORDINGS.c.wording_id.in_(served))

    def samples(
        self,
        *,
        judged: bool = False,
        source: str | None = None,
        after: After | None = None,
        limit: int = 50,
    ) -> list[Wrote]:
        """The samples that nobody has judged yet, or those that somebody has, oldest first."""
        condition = WORDINGS.c.sampled & (
            WORDINGS.c.judgement.is_not(None) if judged else WORDINGS.c.judgement.is_(None)
        )
        if source is not None:
            condition &= WORDINGS.c.source == source
        if after is not None:
            condition &= sa.tuple_(WORDINGS.c.asked_at, WORDINGS.c.wording_id) > sa.tuple_(
                sa.literal(after[0], WORDINGS.c.asked_at.type), sa.literal(after[1])
            )
        with translate(self._where), self._readers.connect() as connection:
            return _read(connection, condition, limit)

    def judge(  # noqa: PLR0917
        self,
        wording_id: str,
        judgement: str,
        reason: str,
        by: tuple[str, str],
        now: datetime,
        limits: Limits,
    ) -> bool:
        """Keep what a person says of a sample, the last word counts; False if there is no such sample.

        ``by`` are id and name. If the share of wrong ones among the judged words that were taken since
        the model was last switched on passes the limit, it is switched off in the same transaction.
        """
        with translate(self._where), self._writers.begin() as connection:
            row = connection.execute(
                sa.select(WORDINGS.c.source).where(
                    WORDINGS.c.wording_id == wording_id, WORDINGS.c.sampled
                )
            ).one_or_none()
            if row is None:
                return False
            # Two judges at a time count one after the other.
            connection.execute(
                sa.select(MODELS.c.source).where(MODELS.c.source == row.source).with_for_update()
            )
            connection.execute(
                sa.update(WORDINGS)
                .where(WORDINGS.c.wording_id == wording_id)
                .values(
                    judgement=judgement,
                    reason=reason,
                    judged_by=by[0],
                    judged_name=by[1],
                    judged_at=now,
                )
            )
            _switch_off(connection, row.source, now, limits)
        return True

    def is_on(self, source: str) -> bool:
        """Whether a model may word cards; one that was never heard of may."""
        query = sa.select(MODELS.c.switched_on).where(MODELS.c.source == source)
        with translate(self._where), self._readers.connect() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return found is not False

    def switch(self, source: str, *, on: bool, because: str, by: str, now: datetime) -> bool:
        """Switch a model on or off by hand; False if it is not known."""
        with translate(self._where), self._writers.begin() as connection:
            changed = connection.execute(
                sa.update(MODELS)
                .where(MODELS.c.source == source)
                .values(switched_on=on, because=because, changed_by=by, changed_at=now)
            )
        return bool(changed.rowcount)

    def shares(self) -> list[Share]:
        """How each model's words came out, by name."""
        with translate(self._where), self._readers.connect() as connection:
            models = connection.execute(sa.select(MODELS).order_by(MODELS.c.source)).all()
            verdicts = _counted(connection, WORDINGS.c.verdict)
            judged = _counted(connection, WORDINGS.c.judgement, WORDINGS.c.verdict == TAKEN)
            refusals: dict[str, dict[str, int]] = {}
            query = sa.select(WORDINGS.c.source, WORDINGS.c.refused).where(
                WORDINGS.c.verdict == REFUSED
            )
            for source, reasons in connection.execute(query):
                counts = refusals.setdefault(source, {})
                for one in {str(reason).partition(":")[0] for reason in reasons}:
                    counts[one] = counts.get(one, 0) + 1
        return [
            Share(
                row.source, row.switched_on, row.because, row.changed_by, row.changed_at,
                verdicts.get(row.source, {}), judged.get(row.source, {}), refusals.get(row.source, {}),
            )
            for row in models
        ]  # fmt: skip


def _said(wrote: Wrote) -> dict[str, Any]:
    return {
        "model": wrote.model,
        "prompt_sha256": wrote.prompt_sha256,
        "answer": wrote.answer,
        "verdict": wrote.verdict,
        "refused": list(wrote.refused),
        "latency_ms": wrote.latency_ms,
        "asked_at": wrote.asked_at,
        "sampled": wrote.sampled,
    }


def _add(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(WORDINGS).values(**row))
    except sa.exc.IntegrityError:
        return False  # another process asked at the same time
    return True


def _use(
    connection: sa.Connection, wording_id: str, subjects: Iterable[str], now: datetime
) -> None:
    given = sorted(set(subjects))
    if given:
        columns = {
            "wording_id": [wording_id] * len(given),
            "subject_id": given,
            "used_at": [now] * len(given),
        }
        insert(connection, USES, columns)


def _begin(connection: sa.Connection, source: str, now: datetime) -> None:
    """A model that is heard of for the first time is on."""
    columns = {
        "source": [source],
        "switched_on": [True],
        "because": [None],
        "changed_at": [now],
        "changed_by": [None],
    }
    insert(connection, MODELS, columns)


def _switch_off(connection: sa.Connection, source: str, now: datetime, limits: Limits) -> None:
    since = sa.select(MODELS.c.changed_at).where(MODELS.c.source == source).scalar_subquery()
    query = (
        sa.select(WORDINGS.c.judgement, sa.func.count())
        .where(
            WORDINGS.c.source == source,
            WORDINGS.c.verdict == TAKEN,
            WORDINGS.c.judged_at >= since,
        )
        .group_by(WORDINGS.c.judgement)
    )
    counts = {judgement: int(number) for judgement, number in connection.execute(query)}
    judged, wrong = sum(counts.values()), counts.get("wrong", 0)
    if judged >= limits.least_judged and wrong > limits.wrong_share * judged:
        connection.execute(
            sa.update(MODELS)
            .where(MODELS.c.source == source, MODELS.c.switched_on)
            .values(
                switched_on=False,
                because=f"{wrong} of {judged} judged samples are wrong",
                changed_at=now,
                changed_by=None,
            )
        )


def _counted(
    connection: sa.Connection, column: Any, condition: Any = None
) -> dict[str, dict[str, int]]:
    query = sa.select(WORDINGS.c.source, column, sa.func.count()).where(column.is_not(None))
    if condition is not None:
        query = query.where(condition)
    found: dict[str, dict[str, int]] = {}
    for source, value, number in connection.execute(query.group_by(WORDINGS.c.source, column)):
        found.setdefault(source, {})[value] = int(number)
    return found


def _read(connection: sa.Connection, condition: Any, limit: int | None = None) -> list[Wrote]:
    query = (
        sa.select(WORDINGS)
        .where(condition)
        .order_by(WORDINGS.c.asked_at, WORDINGS.c.wording_id)
        .limit(limit)
    )
    return [_wrote(row._mapping) for row in connection.execute(query)]


def _wrote(row: Mapping[str, Any] | Any) -> Wrote:
    values = dict(row)
    values["key"] = values.pop("card_key")
    values["judged_by"] = values.pop("judged_name")
    return Wrote(**values)
