from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import torch

import graph_models as gm
from domain.errors import SentinelError
from domain.results import Verdict
from domain.review import Review
from graph_models import sources
from graph_models.evaluation import cross_validate, report
from graph_models.features import tabulate
from graph_models.fitting import Ground
from graph_models.graph import build

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
CPU = torch.device("cpu")


def review(stay, outcome="confirmed", reason="violation", hours=-1, rule="ADM-003"):
    return Review(
        review_id=f"{stay} {outcome} {reason} {hours} {rule}",
        rule_id=rule, outcome=outcome, reason=reason, reviewer="R", stay_id=stay,
        reviewed_at=NOON + timedelta(hours=hours),
    )  # fmt: skip


def labelled(table):
    return {p: (label, round(w, 3)) for p, label, w, _ in table.iter_rows()}


def test_reviews_of_a_providers_stays_point_one_way_or_leave_it_unlabelled(stays):
    tables = stays(*({"provider_id": p} for p in "AAABBCD"))
    given = [
        review("X0"), review("X1", "partly", "coding-error"),
        review("X2", "not_confirmed", "documented"),
        review("X3"), review("X4", "not_confirmed", "check-at-fault"),
        review("X5", "confirmed", "data-error"), review("X6", "needs_information", "record-missing"),
        review("Z9"),
    ]  # fmt: skip
    # A: 2 to 1; B: 1 to 1; C: not the provider's fault; D: not concluded; Z9: no stay of ours.
    assert labelled(gm.reviewed(given, tables, before=NOON)) == {"A": (True, 0.2)}
    # A later review of the same thing counts instead.
    turned = [*given, review("X3", "not_confirmed", "exception", hours=-0.5)]
    assert labelled(gm.reviewed(turned, tables, before=NOON)) == {
        "A": (True, 0.2), "B": (False, 0.5),
    }  # fmt: skip


def test_a_review_from_the_instant_on_is_a_planted_leak_and_is_caught(stays):
    tables = stays({"provider_id": "A"})
    before = [review("X0", "not_confirmed", "documented", hours=-1)]
    for hours in (0, 1):
        leaky = [*before, review("X0", hours=hours)]
        assert gm.reviewed(leaky, tables, before=NOON).equals(
            gm.reviewed(before, tables, before=NOON)
        )
        # The test can fail: a later instant does know it.
        later = gm.reviewed(leaky, tables, before=NOON + timedelta(hours=2))
        assert labelled(later)["A"][0] is True
    with pytest.raises(SentinelError, match="time zone"):
        gm.reviewed(before, tables, before=datetime(2024, 3, 1))  # noqa: DTZ001


def test_a_findings_provider_is_the_one_that_is_named(stays):
    one = Review("r", "ADM-9", "confirmed", "violation", "R", NOON, finding_id="F1")
    found = gm.reviewed([one], stays({}), before=NOON + timedelta(seconds=1), findings={"F1": "H7"})
    assert labelled(found) == {"H7": (True, 0.333)}


def test_a_label_known_from_the_day_on_is_a_planted_leak_and_changes_no_byte(town):
    tables, labels, upto = town
    dated = labels.with_columns(known_on=pl.lit(upto - timedelta(days=1)))
    turned = labels.with_columns(~pl.col("label"), known_on=pl.lit(upto))
    small = {"upto": upto, "seed": 5, "folds": 2, "device": "cpu"}
    honest = gm.train(tables, None, dated, **small)
    # The same providers with the other label, known too late.
    leaky = gm.train(tables, None, pl.concat([dated, turned]), **small)
    for name in ("model.txt", "gnn.pt", "entities.parquet"):
        assert leaky.files[name] == honest.files[name]
    assert leaky.manifest["labels"]["late"] == labels.height
    assert honest.manifest["labels"]["late"] == 0
    unknown = dated.with_columns(known_on=pl.lit(None, pl.Date))
    assert gm.listed(unknown, before=upto).is_empty()


def test_checks_label_the_extremes_among_providers_with_enough_claims(stays):
    names = [f"H{i:02d}" for i in range(20) for _ in range(20)] + ["FEW"] * 5
    tables = stays(*({"provider_id": n} for n in names))
    hit, clean, blank = int(Verdict.HIT), int(Verdict.PASS), int(Verdict.UNKNOWN)
    verdict = [
        hit if n == "H03" or (n == "H04" and i % 2) or n == "FEW" else clean
        for i, n in enumerate(names)
    ]
    verdict = [blank if n == "H05" else v for n, v in zip(names, verdict, strict=True)]
    judged = pl.DataFrame({"stay_id": [f"X{i}" for i in range(len(names))], "ADM-003": verdict})
    found = labelled(gm.weak(tables, judged, ["ADM-003", "ABSENT"], upto=date(2025, 1, 1)))
    assert found.pop("H03") == (True, 0.1)
    assert set(found) == {f"H{i:02d}" for i in range(20)} - {"H03", "H04", "H05"}
    assert set(found.values()) == {(False, 0.1)}
    # Nothing is complete before the first discharge.
    assert gm.weak(tables, judged, ["ADM-003"], upto=date(2024, 1, 1)).is_empty()
    assert gm.weak(tables, judged, ["ABSENT"], upto=date(2025, 1, 1)).is_empty()


def test_the_most_trusted_source_counts_and_disagreement_is_told():
    def part(rows, source, weight):
        made = pl.DataFrame(rows, schema=["provider_id", "label"], orient="row")
        return sources._shaped(made.with_columns(weight=pl.lit(weight)), source)

    combined, against = gm.combine(
        part([("A", True), ("B", False)], "check", 0.1),
        part([("A", False), ("C", True)], "review", 0.5),
        part([("A", False)], "list", 1.0),
    )
    assert combined.rows() == [
        ("A", False, 1.0, "list"), ("B", False, 0.1, "check"), ("C", True, 0.5, "review"),
    ]  # fmt: skip
    assert against == 1


def test_weak_labels_teach_and_never_judge(town):
    tables, labels, upto = town
    third = pl.int_range(pl.len()) % 3 == 0
    table, graph = tabulate(tables, upto=upto), build(tables, upto=upto)

    def ground(weak_label, weight):
        given = labels.with_columns(
            label=pl.when(third).then(weak_label).otherwise("label"),
            weight=pl.when(third).then(weight).otherwise(1.0),
            source=pl.when(third).then(pl.lit("check")).otherwise(pl.lit("list")),
        )
        return Ground.of(table, graph, given, CPU)

    honest, turned = ground(pl.col("label"), 1.0), ground(~pl.col("label"), 1.0)
    found = [cross_validate(g, folds=2, seed=1) for g in (honest, turned)]
    judged = [report(g, f, seed=1)["all"] for g, f in zip((honest, turned), found, strict=True)]
    # Forty judge, whatever the twenty say; what the twenty say is learned.
    assert [j["providers"] for j in judged] == [40, 40]
    assert judged[0]["positive"] == judged[1]["positive"]
    assert not np.array_equal(found[0].margin, found[1].margin)
    assert (
        judged[0]["variants"]["both"]["roc_auc"]["value"]
        > judged[1]["variants"]["both"]["roc_auc"]["value"]
    )
