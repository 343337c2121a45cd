"""The register of models: nothing is overwritten, and one model counts at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

import store
from domain.registry import Appointment
from domain.results import SHADOW_SCORES
from store import StoreRuleError
from tests import service_samples as samples

NOON = datetime(2025, 3, 1, 4, tzinfo=UTC)
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def appointed(sha256: str, role: str, minute: int = 0) -> Appointment:
    return Appointment(sha256, role, "officer-07", "因季度评估", NOON + timedelta(minutes=minute))


def keep(opened: store.Store, *models: str) -> None:
    for number, sha256 in enumerate(models):
        assert opened.keep_model(sha256, {"window": sha256[:1]}, {"model.txt": sha256.encode()})
        opened.appoint(appointed(sha256, "candidate", number))


def test_a_model_comes_back_with_its_bytes(opened: store.Store) -> None:
    files = {"model.txt": b"\x00trees\xff", "card.md": "模型卡".encode()}
    assert opened.keep_model(A, {"labels": {"used": 3}}, files)
    assert not opened.keep_model(A, {"labels": {"used": 3}}, files), "kept once"
    assert opened.model_files(A) == files
    assert opened.model_files(B) == {}
    opened.appoint(appointed(A, "candidate"))
    (found,) = opened.models()
    assert (found.sha256, found.manifest, found.now) == (
        A,
        {"labels": {"used": 3}},
        appointed(A, "candidate"),
    )


def test_one_model_is_champion_and_the_one_before_is_retired(opened: store.Store) -> None:
    keep(opened, A, B, C)
    assert opened.model_in_role("champion") is None
    assert opened.appoint(appointed(A, "champion", 10)) == [appointed(A, "champion", 10)]
    opened.appoint(appointed(B, "challenger", 11))
    first, second = opened.appoint(appointed(B, "champion", 12))
    assert (first.model_sha256, first.role, first.at) == (A, "retired", second.at)
    assert opened.model_in_role("champion") == B
    assert opened.model_in_role("challenger") is None
    assert {one.sha256: one.now.role for one in opened.models()} == {
        A: "retired",
        B: "champion",
        C: "candidate",
    }
    assert [one.role for one in opened.appointments(A)] == ["candidate", "champion", "retired"]


def test_appointing_again_to_the_same_role_changes_nothing(opened: store.Store) -> None:
    keep(opened, A)
    opened.appoint(appointed(A, "champion", 1))
    assert opened.appoint(appointed(A, "champion", 2)) == []
    assert len(opened.appointments(A)) == 2


def test_who_is_not_registered_gets_no_role(opened: store.Store) -> None:
    with pytest.raises(StoreRuleError, match="not in the register"):
        opened.appoint(appointed(A, "champion"))
    assert opened.models() == []


def test_a_model_that_only_scored_is_not_in_the_register(opened: store.Store) -> None:
    """Batches keep the manifest of what scored them; its files come with ``register`` alone."""
    samples.write(opened, 3)
    with pytest.raises(StoreRuleError, match="not in the register"):
        opened.appoint(appointed(samples.MODEL.sha256, "champion"))
    assert opened.keep_model(samples.MODEL.sha256, samples.MODEL.manifest, {"card.md": b""})


def test_the_last_score_of_a_challenger_counts(opened: store.Store) -> None:
    keep(opened, A)
    batch = samples.claims(2)
    rows = [
        {
            "score_id": f"{number:032x}", "level": "provider", "subject_id": provider, "upto": upto,
            "model_sha256": A, "score": score, "base_value": 0.1, "contributions": "[]",
        }
        for number, (provider, upto, score) in enumerate([
            ("H1", date(2025, 2, 1), 0.7), ("H1", date(2025, 1, 1), 0.2), ("H2", date(2025, 1, 1), 0.4),
        ])
    ]  # fmt: skip
    found = samples.assess(batch)
    shadow = pa.Table.from_pylist(rows, schema=SHADOW_SCORES.arrow)
    tables = dict(found.items()) | {"shadow_scores": shadow}
    opened.write(
        claims=batch, results=type(found)(**tables), ruleset=samples.RULESET, model=samples.MODEL
    )
    assert opened.scores_of(A) == {"H1": 0.7, "H2": 0.4}
    assert opened.counts()["shadow_scores"] == 3
    assert set(opened.scores_of(samples.MODEL.sha256)) & {"H1", "H2"} == set()
