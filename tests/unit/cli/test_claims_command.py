"""A model of claims from the command line: generated months, a model, and what it says at each level."""

import json
import shutil
import time
import warnings
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import cli
import rules
import scoring_api
import store
from cli.champion import models_to_use
from data_samples import ring_months
from domain.service import NotReadyError
from graph_models.stays import StayModel
from scoring_api.pages.formats import format_amount
from scoring_api.pages.texts import TEXTS
from streaming import intake
from streaming.claim_scores import ClaimScores
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.service import Desk, keep

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another HTTP client
    from starlette.testclient import TestClient

CHECK = next(Path(rules.__file__).parent.glob("catalog/**/LOS-001.yaml"))


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_months, "RING_SHARE", 0.08)
        ring_months.produce(folder, months=2, stays=300, seed=5)
    return folder


@pytest.fixture(scope="module", autouse=True)
def few_checks(tmp_path_factory):
    """One check only: judging takes no time."""
    folder = tmp_path_factory.mktemp("rules")
    shutil.copy(CHECK, folder)
    small = rules.load(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "load", lambda *_, **__: small)
        yield small


def run(*words):
    done = CliRunner().invoke(cli.app, [str(w) for w in words])
    return done, json.loads(done.stdout.splitlines()[-1]) if done.exit_code == 0 else {}


@pytest.fixture(scope="module")
def trained(at):
    done, told = run(
        "train", at / "claims.jsonl", "--level", "claim", "--labels", at / "labels.csv",
        "--model", at / "model", "--key", at / "key", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return told


def test_a_model_says_how_it_judged_later_months(at, trained):
    assert trained["level"] == "claim"
    assert trained["claims"] == 600
    assert {"whole", "claim_alone"} == set(trained["later_in_time"])
    card = (at / "model" / "card.md").read_text("utf-8")
    assert "claim fraud" in card
    assert "later months, judged by models of earlier ones" in card


@pytest.mark.parametrize(
    ("level", "columns"),
    [
        ("claim", ["stay_id", "score"]),
        ("physician", ["party_id", "claims", "expected", "share", "at_risk_fen", "currency"]),
        ("provider", ["party_id", "claims", "expected", "share", "at_risk_fen", "currency"]),
    ],
)
def test_each_level_has_its_table(at, trained, level, columns):
    out = at / f"{level}.csv"
    done, told = run(
        "score", at / "claims.jsonl", "--model", at / "model", "--level", level, "--out", out,
        "--key", at / "key", "--labels", at / "labels.csv", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert told["model_sha256"] == trained["model_sha256"]
    assert pl.read_csv(out).columns == columns


def test_rings_and_reasons_are_written(at, trained):
    done, told = run(
        "score", at / "claims.jsonl", "--model", at / "model", "--level", "ring",
        "--out", at / "rings.csv", "--reasons", at / "why.jsonl", "--key", at / "key", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert told["explained"] == told["above_threshold"] > 0
    lines = [json.loads(x) for x in (at / "why.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == told["explained"]
    shared = [c for x in lines for c in x["connections"]]
    assert shared
    assert all(c["fall"] > 0 and c["claims"] >= len(c["stay_ids"]) > 0 for c in shared)
    assert all(len(x["reasons"]) <= 4 and x["score"] >= told["threshold"] for x in lines)
    assert pl.read_csv(at / "rings.csv").height == told["rings"]


def test_whether_reasons_carry_the_scores_stands_in_the_card(at, trained):
    shutil.copytree(at / "model", at / "published")
    done, told = run(
        "evaluate", "reasons", at / "claims.jsonl", "--model", at / "published", "--publish",
        "--key", at / "key",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert told["connections"]["with_connections"] > 0
    assert told["connections"]["named"] > told["connections"]["random"]
    made = StayModel.load(at / "published")
    assert made.sha256 == told["model_sha256"] != trained["model_sha256"]
    assert f"{told['connections']['named']:.3f}" in (at / "published/card.md").read_text("utf-8")


def test_the_unusual_comes_first(at):
    done, told = run(
        "unusual",
        at / "claims.jsonl",
        "--out",
        at / "odd.csv",
        "--key",
        at / "key",
        "--device",
        "cpu",
    )
    assert done.exit_code == 0, done.output
    table = pl.read_csv(at / "odd.csv")
    assert table.height == told["claims"] == 600
    assert table["unusual"].is_sorted(descending=True)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["train", "{}/claims.jsonl", "--model", "{}/m"], "there are no labels"),
        (
            ["train", "{}/claims.jsonl", "--model", "{}/m", "--level", "claim"],
            "no finding to learn from",
        ),
        (
            ["train", "{}/claims.jsonl", "--model", "{}/m", "--level", "claim", "--weak"],
            "--weak is for models of providers",
        ),
        (
            [
                "score",
                "{}/claims.jsonl",
                "--model",
                "{}/model",
                "--out",
                "{}/x.csv",
                "--extra",
                "{}/y.csv",
            ],
            "--extra is for models of providers",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(at, trained, words, what):
    done, _ = run(*(w.format(at) for w in words))
    assert done.exit_code != 0
    assert what in str(done.exception)


def test_a_model_of_claims_has_its_own_champion(at, trained):
    db = f"sqlite:///{at / 'register.db'}"
    done, told = run("models", "register", at / "model", "--by", "ana", "--db", db)
    assert told["registered"], done.output
    done, told = run(
        "promote", trained["model_sha256"][:12], "--by", "ben", "--reason", "trial", "--db", db
    )
    assert told["appointed"] == [[trained["model_sha256"], "champion"]], done.output
    with store.open(db) as opened:
        assert opened.model_in_role("champion", "claim") == trained["model_sha256"]
        assert opened.model_in_role("champion") is None
        assert [m and m.sha256 for m in models_to_use(StayModel, Path("champion"), db)] == [
            trained["model_sha256"],
            None,
        ]
    done, _ = run("models", "list", "--json", "--db", db)
    (row,) = [json.loads(x) for x in done.stdout.splitlines()]
    assert (row["level"], row["role"]) == ("claim", "champion")
    done, _ = run(
        "models", "export", trained["model_sha256"][:12], "--out", at / "copy", "--db", db
    )
    assert StayModel.load(at / "copy").sha256 == trained["model_sha256"]
    done, _ = run(
        "models", "report", trained["model_sha256"][:12], "--out", at / "x.html", "--db", db
    )
    assert "a model of level provider is needed" in str(done.exception)


def test_champion_and_challenger_are_compared_over_stored_claims(at, trained, few_checks):
    db = f"sqlite:///{at / 'compared.db'}"
    other = at / "other"
    done, rival = run(
        "train", at / "claims.jsonl", "--level", "claim", "--labels", at / "labels.csv",
        "--model", other, "--key", at / "key", "--device", "cpu", "--seed", "7",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = (at / "claims.jsonl").read_text("utf-8").splitlines()
    tables, _ = intake.decode([x.encode() for x in lines], key=PseudonymKey.find(at / "key"))
    judge = Engine(few_checks)
    with store.open(db) as opened:
        keep(opened, tables, assess(tables, judge), judge)
    for folder, digest, role in (
        (at / "model", trained["model_sha256"], "champion"),
        (other, rival["model_sha256"], "challenger"),
    ):
        run("models", "register", folder, "--by", "ana", "--db", db)
        done, _ = run(
            "promote", digest[:12], "--to", role, "--by", "ben", "--reason", "x", "--db", db
        )
        assert done.exit_code == 0, done.exception
    done, told = run("models", "compare", "--level", "claim", "--db", db)
    assert done.exit_code == 0, done.exception
    assert 550 < told["claims_of_both"] <= 600
    assert (told["champion"], told["challenger"]) == (
        trained["model_sha256"], rival["model_sha256"],
    )  # fmt: skip
    assert 0 < told["rank_correlation"] <= 1


@pytest.fixture(scope="module")
def served(at, trained, few_checks, tmp_path_factory):
    """The service over most of the claims, with the model; and the records of the others and of these."""
    folder = tmp_path_factory.mktemp("served")
    lines = (at / "claims.jsonl").read_text("utf-8").splitlines()
    key = PseudonymKey.find(at / "key")
    judge = Engine(few_checks)
    with store.open(f"sqlite:///{folder / 'a.db'}") as opened:
        tables, _ = intake.decode([x.encode() for x in lines[:450]], key=key)
        keep(opened, tables, assess(tables, judge), judge)
        model = StayModel.load(at / "model")
        scores = ClaimScores(model, judge, opened, key, challenger=model)
        app = scoring_api.build(
            store=opened, assess=Desk(judge, opened, key), group=None, what_if=None, rules=[],
            version="0", ready=dict, score_claims=scores,
        )  # fmt: skip
        client = TestClient(app)
        for _ in range(600):
            if client.get("/v1/rings").status_code == 200:
                break
            time.sleep(0.1)
        yield client, [json.loads(x) for x in lines[450:]], [json.loads(x) for x in lines[:450]]
        scores.close()


def test_new_claims_are_scored_beside_the_stored_ones_and_not_kept(served):
    client, new, old = served
    body = {"claims": [*new[:20], {"stay_id": "odd"}]}
    first, second = (client.post("/v1/claims:score", json=body) for _ in range(2))
    assert first.status_code == 200, first.text
    assert first.json() == second.json()
    told = first.json()
    assert (told["read"], told["accepted"], told["set_aside"]) == (21, 20, 1)
    assert [s["stay_id"] for s in told["scores"]] == [c["stay_id"] for c in new[:20]]
    assert {s["remembered"] for s in told["scores"]} == {450}
    assert not any(s["known"] for s in told["scores"])
    # Here the challenger is the champion itself.
    assert all(s["challenger"]["score"] == s["score"] for s in told["scores"])
    phones = {}
    for claim in old:
        phones.setdefault(claim.get("phone"), []).append(claim["stay_id"])
    for claim, one in zip(new[:20], told["scores"], strict=True):
        shared = {s["relation"]: s for s in one["shared"]}
        ours = phones.get(claim.get("phone"), [])
        assert shared.get("phone", {"claims": 0})["claims"] == len(ours)
        assert len(one["reasons"]) <= 4


def test_a_claim_that_can_have_no_score_says_why(served):
    client, new, _ = served
    dates = ("discharge_date", "discharge_time", "settlement_start_date", "settlement_end_date")
    lying = {k: v for k, v in new[0].items() if k not in dates} | {"length_of_stay_days": None}
    lying = {k: v for k, v in lying.items() if v is not None}
    told = client.post("/v1/claims:score", json={"claims": [lying, new[1]]}).json()
    assert [s["stay_id"] for s in told["scores"]] == [new[1]["stay_id"]]
    assert [u["stay_id"] for u in told["unscored"]] == [lying["stay_id"]], told
    assert "has not left" in told["unscored"][0]["absent"]["en"]
    dollars = {**new[0], "currency": "USD"}
    told = client.post("/v1/claims:score", json={"claims": [dollars]}).json()
    assert "amounts in CNY" in told["unscored"][0]["absent"]["en"]


def test_a_stored_claim_says_what_its_score_rests_on(served):
    client, _, old = served
    rings = client.get("/v1/rings?limit=5").json()
    assert rings["count"] >= len(rings["rings"]) >= 1
    stay = rings["rings"][0]["stay_ids"][0]
    told = client.get(f"/v1/stays/{stay}/score").json()
    assert told["alert"]
    assert told["score"] >= told["threshold"]
    assert all(c["fall"] > 0 and c["claims"] >= len(c["stay_ids"]) for c in told["connections"])
    (again,) = client.post(
        "/v1/claims:score", json={"claims": [c for c in old if c["stay_id"] == stay]}
    ).json()["scores"]
    assert again["known"]
    assert again["score"] == told["score"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_of_rings_leads_to_each_claim_and_what_it_rests_on(served, lang):
    client, *_ = served
    first = client.get("/v1/rings?limit=1").json()["rings"][0]
    page = client.get(f"/rings?lang={lang}", headers={"accept": "text/html"})
    assert page.status_code == 200
    words = TEXTS[lang]
    assert words["rings_note"] in page.text
    assert format_amount(first["at_risk_fen"], first["currency"]) in page.text
    stay = first["stay_ids"][0]
    assert f'href="/scores/{stay}?lang={lang}"' in page.text
    told = client.get(f"/v1/stays/{stay}/score").json()
    one = client.get(f"/scores/{stay}?lang={lang}")
    assert words["connections"] in one.text
    for connection in told["connections"]:
        assert connection["name"][lang] in one.text
    assert client.get("/scores/NOPE", headers={"accept": "text/html"}).status_code == 404
    assert f'href="/rings?lang={lang}"' in client.get(f"/?lang={lang}").text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/stays/NOPE/score", 404), ("/v1/rings?limit=0", 422), ("/v1/rings?limit=x", 422)],
)
def test_odd_questions_are_problems(served, path, status):
    client, *_ = served
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["cure"]


def test_until_the_claims_are_read_the_service_says_so(at, trained, few_checks, tmp_path):
    judge = Engine(few_checks)
    with store.open(f"sqlite:///{tmp_path / 'empty.db'}") as opened:
        scores = ClaimScores(
            StayModel.load(at / "model"), judge, opened, PseudonymKey.find(at / "key")
        )
        with pytest.raises(NotReadyError, match="being read"):
            scores.rings(1)
        for _ in range(100):
            if "no stored claim has ended" in scores.detail():
                break
            time.sleep(0.1)
        assert "no stored claim has ended" in scores.detail()
        scores.close()
