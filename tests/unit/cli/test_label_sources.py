"""Labels of ``sentinel train --reviews``: from the database that the service writes."""

from datetime import date, timedelta

import polars as pl
from typer.testing import CliRunner

import cli
import store
from cli import models
from domain.tables import Tables
from graph_models.fake import make_claims
from tests import service_samples as samples

REVIEWED = date(2024, 5, 1)


def test_reviews_in_the_database_label_providers_only_from_the_day_after(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with store.open(url) as opened:
        samples.write(opened, 6)
        row = opened.alerts().rows[0]
    file = tmp_path / "audit.csv"
    line = f"{row['stay_id']},{row['rule_ids'][0]},confirmed,violation,R,{REVIEWED}T09:30:00+08:00"
    file.write_text(f"stay_id,rule_id,outcome,reason,reviewer,reviewed_at\n{line}\n")
    done = CliRunner().invoke(cli.app, ["reviews", "import", str(file), "--db", url])
    assert done.exit_code == 0, done.output

    tables, labels = make_claims(8, seed=1, mean_claims=4)
    stays = pl.DataFrame(tables.stays)
    provider = stays["provider_id"][0]
    named = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(row["stay_id"])).otherwise("stay_id")
    known = Tables.of({"stays": stays.with_columns(stay_id=named).to_arrow()})
    others = labels.filter(pl.col("provider_id") != provider)
    for day, expected in ((REVIEWED, 0), (REVIEWED + timedelta(days=1), 1)):
        found = models._gathered(others, known, pl.DataFrame(), day, url, None)
        assert found.height == others.height + expected
        by_review = found.filter(pl.col("source") == "review")
        assert by_review.select("provider_id", "label").rows() == [(provider, True)] * expected
