"""What curves are fitted to, which cell a stay takes, and how curves come back from disk."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from domain.tables import concat
from drg.projection import Curves, ProjectionError, fit, project
from tests.projection_stays import FIRST, Stay, steady, tabulate


def cells_of(groups: dict[str, int], wanted: str | None, **fields: int) -> tuple[str, int]:
    """Cell and cases that an open stay of the group takes, given settled stays by group."""
    settled = [s for group, count in groups.items() for s in steady(count, group=group)]
    for stay in settled:
        stay.standard = fields.get("standard")
    curves = fit(*tabulate(settled))
    tables, priced = tabulate([Stay([15_000], group=wanted, **fields)], prefix="open")  # type: ignore[arg-type]
    (row,) = project(tables, FIRST, curves, priced).to_dicts()
    return row["cell"], row["cell_cases"]


def test_a_cell_under_30_cases_gives_way_to_the_next_wider_one() -> None:
    assert cells_of({"ES25": 30, "ES29": 40}, "ES25") == ("group:ES25", 30)
    assert cells_of({"ES25": 29, "ES29": 40}, "ES25") == ("adrg:ES2", 69)
    assert cells_of({"ES25": 5, "ES29": 24, "ER15": 20}, "ES25") == ("mdc:E", 49)
    assert cells_of({"ES25": 5, "GB15": 40}, "ES25") == ("all", 45)
    assert cells_of({"GB15": 40}, "ES25") == ("all", 40)
    assert cells_of({"GB15": 40}, None) == ("all", 40)
    assert cells_of({"ES25": 29, "ES29": 40}, "ES25", standard=70_000) == ("adrg:ES2", 69)


def test_a_cell_gives_way_from_the_day_on_which_few_are_left() -> None:
    long = [Stay([10_000] * 9, nights=8, group="ES29") for _ in range(30)]
    curves = fit(*tabulate([*steady(40, nights=4), *steady(10, nights=8), *long]))
    tables, priced = tabulate([Stay([15_000] * 8)], prefix="open")
    seen = [
        project(tables, FIRST + timedelta(days=day - 1), curves, priced).to_dicts()[0]
        for day in (4, 5)
    ]
    assert [(s["cell"], s["cell_cases"]) for s in seen] == [("group:ES25", 50), ("adrg:ES2", 40)]


def test_a_rare_group_is_projected_on_the_scale_of_its_standard() -> None:
    # The wide cell holds cheap stays; the rare group costs ten times as much, as its weight says.
    cheap = [Stay([s.daily[0]] * 5, nights=4, group="EX15", standard=75_000) for s in steady(40)]
    curves = fit(*tabulate(cheap))
    tables, priced = tabulate(
        [
            Stay([150_000], group="ES25", standard=750_000),
            Stay([0, 1], group="ES25", standard=750_000),
        ],
        prefix="open",
    )
    row = project(tables, FIRST, curves, priced).to_dicts()[0]
    assert row["cell"] == "mdc:E"
    assert row["expected_cost_to_date_fen"] == pytest.approx(150_000, rel=0.02)
    assert row["projected_total_fen"] == pytest.approx(750_000, rel=0.02)


def test_only_whole_bills_of_stays_discharged_in_the_window_count() -> None:
    stays = [
        *steady(30),
        Stay([1], nights=None),
        Stay([], nights=3),
        Stay([100, -100], nights=3),
        Stay([10_000], nights=0, total=20_000),
        Stay([10_000], nights=0, total=10_050),
        Stay([10_000], nights=9),
        Stay([10_000], nights=1, claim_type="outpatient"),
    ]
    curves = fit(*tabulate(stays), upto=FIRST + timedelta(days=9))
    assert curves.manifest["cases"] == 31
    assert curves.manifest["left_out"] == {
        "not_discharged": 1,
        "no_lines": 1,
        "total_not_positive": 1,
        "lines_miss_the_total": 1,
    }
    assert curves.manifest["window"] == {
        "first_discharge": str(FIRST),
        "last_discharge": str(FIRST + timedelta(days=4)),
    }


def test_too_few_or_mixed_stays_are_refused_with_what_to_do() -> None:
    with pytest.raises(ProjectionError, match="there are 29 settled stays") as refused:
        fit(*tabulate([*steady(29), Stay([], nights=1)]))
    assert "'no_lines': 1" in refused.value.cure
    with pytest.raises(ProjectionError, match="CNY and USD"):
        fit(*tabulate([*steady(30), Stay([5], nights=0, currency="USD")]))
    with pytest.raises(ProjectionError, match="no spread"):
        fit(*tabulate(steady(30)), fewest=2)


def test_no_row_rests_on_fewer_cases_than_asked_and_none_names_a_stay() -> None:
    curves = fit(*tabulate([*steady(31), *steady(12, nights=9, group="ER15")]))
    assert curves.days["cases"].min() >= 30  # type: ignore[operator]
    assert curves.cells["cases"].min() >= 30  # type: ignore[operator]
    assert not any(b"s12" in content for content in curves.files.values())


def test_the_order_of_claims_does_not_change_a_byte() -> None:
    one, priced = tabulate(steady(40))
    ids = one.stays["stay_id"]
    other = concat([one.select(ids.slice(20)), one.select(ids.slice(0, 20))])
    assert fit(one, priced).files == fit(other, priced.reverse()).files


def test_curves_come_back_as_they_were_saved(tmp_path: Path) -> None:
    curves = fit(*tabulate(steady(40)))
    curves.save(tmp_path / "curves")
    back = Curves.load(tmp_path / "curves")
    assert back.sha256 == curves.sha256
    assert back.days.equals(curves.days)
    assert back.manifest["window"]["first_discharge"] == "2025-03-07"
    tables, priced = tabulate([Stay([15_000], standard=70_000)])
    assert project(tables, FIRST, back, priced).equals(project(tables, FIRST, curves, priced))


def test_damaged_foreign_and_other_versions_of_curves_are_refused(tmp_path: Path) -> None:
    curves = fit(*tabulate(steady(40)))

    def refused() -> str:
        with pytest.raises(ProjectionError) as error:
            Curves.load(tmp_path)
        assert "fit" in error.value.cure.lower()
        return error.value.what

    assert "cannot be read" in refused()
    curves.save(tmp_path)
    manifest = tmp_path / "manifest.json"
    text = manifest.read_text("utf-8")
    manifest.write_text(json.dumps(json.loads(text) | {"format": 99}), "utf-8")
    assert "format 99" in refused()
    for foreign in ("{}", "[]", "not json"):
        manifest.write_text(foreign, "utf-8")
        assert "not one of cost curves" in refused()
    manifest.write_text(text, "utf-8")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "days.parquet")
    assert "days.parquet" in refused()
