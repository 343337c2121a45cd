"""A small hospital month with hits, scores and alerts, for the tests of store, API and page.

Made by hand, not by the engine: these tests ask what the store and the service do with
results, not how results come about.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

import drg
from domain.errors import Refusal
from domain.results import ALERTS, DECISIONS, HITS, REASONS, SCORES, Results, Severity, identifier
from domain.service import Assessment, Refused
from domain.tables import Tables, concat, conform
from store import Model, Ruleset, Store, bodies
from streaming.pseudonym import PseudonymKey

KEY = PseudonymKey(b"tests of the service, 32 bytes ok")


@cache
def library() -> drg.Library:
    """The shipped schemes, loaded once a process."""
    return drg.load()


DEPARTMENTS = ("A03.04", "A04.01", "A05.02")
PROVIDERS = ("H33010200012", "H33010200045", "H33010600103", "H33011000007")


def _rule(  # noqa: PLR0917
    rule_id: str, severity: str, unit: str, cause: str, zh: str, en: str, **more: Any
) -> dict[str, Any]:
    return {
        "id": rule_id,
        "name": {"zh": zh, "en": en},
        "status": "active",
        "severity": severity,
        "family": rule_id.split("-", maxsplit=1)[0],
        "unit": unit,
        "cause": cause,
        "why": {
            "zh": f"{zh}会使基金重复或多付。",
            "en": f"{en}: the fund would pay twice or too much.",
        },
        "basis": [
            {"document": "医疗保障基金使用监督管理条例", "clause": "第十五条", "unverified": True}
        ],
        "false_positives": ["Planned chemotherapy, dialysis and staged surgery."],
        "params": {"window_days": {"unit": "day", "values": {"default": {"2021-01-01": 15}}}},
        "until": None,
        "exposure": "fund_payment_fen",
        "finding": {"zh": zh, "en": en},
        "when": {"2021-01-01": "days_since_prior_stay <= :window_days"},
        "action": {
            "zh": "医师：补充再次入院的临床理由；编码员：核对两次住院是否应合并结算。",
            "en": "Physician: document the clinical reason for the new admission. "
            "Coder: check whether the two stays must be settled as one.",
        },
        "labels": {
            "days_since_prior_stay": {"zh": "距上次出院天数", "en": "Days since the prior stay"}
        },
        "sha256": hashlib.sha256(rule_id.encode()).hexdigest(),
        **more,
    }


RULES: tuple[dict[str, Any], ...] = (
    _rule("ADM-003", "high", "stay", "split_stay", "疑似分解住院", "Possible split stay"),
    _rule("CHG-002", "medium", "charge", "bed_days", "床位费天数超过住院天数", "Bed days exceed the stay"),
    _rule("CHG-022", "medium", "charge", "charge_date", "住院期间外的费用", "Charge dated outside the stay"),
    _rule("CST-001", "low", "stay", "cost", "总费用高于支付标准", "Total above the payment standard"),
    _rule("DXC-006", "medium", "stay", "principal", "症状作主要诊断", "Symptom first though a diagnosis exists"),
    _rule("IDB-001", "critical", "stay", "overlap", "住院时间重叠", "Overlapping inpatient stays"),
    _rule("ORD-019", "info", "order", "antibacterials", "同时使用三种及以上抗菌药物", "Three or more antibacterials at once"),
)  # fmt: skip
RULE_IDS = tuple(rule["id"] for rule in RULES)
RULESET = Ruleset(
    sha256=hashlib.sha256(b"rules").hexdigest(),
    ids=RULE_IDS,
    manifest={"rules": {rule["id"]: rule["sha256"] for rule in RULES}},
)
MODEL = Model(sha256=hashlib.sha256(b"model").hexdigest(), manifest={"window": "2024"})

_FEATURES = (
    ("mean_amount", "次均费用", "Mean amount a stay", 18234.5, 0.21),
    ("readmission_rate", "15日再入院率", "Share readmitted within 15 days", 0.31, 0.17),
    ("gnn_probability", "关系网络评分", "Score from the relation network", 0.77, 0.12),
    ("patients_per_physician", "医师人均患者数", "Patients a physician", 142.0, 0.06),
    ("mean_stay_days", "平均住院日", "Mean length of stay", 9.4, -0.05),
    ("distinct_codes", "诊断编码种类", "Distinct diagnosis codes", 84.0, 0.03),
    ("share_weekend", "周末入院占比", "Share admitted at weekends", 0.24, -0.02),
    ("share_deceased", "死亡占比", "Share that died", 0.01, 0.01),
    ("claims", "结算人次", "Claims", 812.0, 0.015),
    (
        "share_symptom",
        "症状主诊断占比",
        "Share with a symptom as principal diagnosis",
        0.08,
        -0.004,
    ),
    ("physicians", "医师人数", "Physicians", 23.0, 0.002),
)
BASE_VALUE = 0.1

HITTING = (5, 0, 1, 4, 2, 6)
"""Which rules hit the stays, in turn."""


def claims(number: int, *, first: int = 0, lines: int = 3) -> Tables:
    """``number`` stays with two diagnoses, a procedure, ``lines`` charges and an order each."""
    stays, diagnoses, procedures, charges, orders = [], [], [], [], []
    for i in range(first, first + number):
        stay_id, day = f"S{i:06d}", date(2024, 3, 1) + timedelta(days=i % 28)
        us = i % 6 == 5
        stays.append(
            {
                "stay_id": stay_id,
                "claim_version": 1,
                "claim_type": "outpatient" if i % 11 == 10 else "inpatient",
                "region_code": "US" if us else "330100",
                "time_zone": "America/New_York" if us else "Asia/Shanghai",
                "currency": "USD" if us else "CNY",
                "provider_id": PROVIDERS[i % len(PROVIDERS)],
                "patient_id": "p" + hashlib.sha256(str(i // 2).encode()).hexdigest()[:40],
                "sex": "12"[i % 2],
                "birth_date": date(1950 + i % 50, 1 + i % 12, 1),
                "admission_date": day,
                "admission_time": datetime(2024, 3, day.day, 1, 30, tzinfo=UTC),
                "discharge_date": day + timedelta(days=4),
                "discharge_department": DEPARTMENTS[i % len(DEPARTMENTS)],
                "attending_physician_id": f"D3301{i % 7:04d}",
                "diagnosis_system": "ICD-10-CN",
                "procedure_system": "ICD-9-CM-3-CN",
                "total_amount_fen": 1_234_567 + 1000 * i,
                "fund_payment_fen": 800_000 + 1000 * i,
                "planned_readmission": False,
                "blood_amount": Decimal("2.50") if i % 3 == 0 else None,
            }
        )
        for ordinal, code in ((1, "J18.900"), (2, "I10.x00")):
            diagnoses.append({"stay_id": stay_id, "ordinal": ordinal, "code": code})
        procedures.append(
            {"stay_id": stay_id, "ordinal": 1, "code": "33.2400", "procedure_date": day}
        )
        for line in range(lines):
            charges.append(  # noqa: PERF401
                {
                    "stay_id": stay_id,
                    "line_id": f"L{line:04d}",
                    "item_code": f"0011{line:05d}",
                    "item_name": "普通病房床位费",
                    "category": "01",
                    "quantity": Decimal("1.0000"),
                    "unit_price": Decimal("45.500000"),
                    "amount_fen": 4550,
                    "charge_date": day,
                    "charge_time": datetime(2024, 3, day.day, 2, line % 60, 5, 123, tzinfo=UTC),
                }
            )
        orders.append(
            {
                "stay_id": stay_id,
                "order_id": "O1",
                "order_type": "drug",
                "item_code": "XJ01DDT054A001010100483",
                "start_time": datetime(2024, 3, day.day, 2, 0, tzinfo=UTC),
                "status": "completed",
            }
        )
    given = {
        "stays": stays,
        "diagnoses": diagnoses,
        "procedures": procedures,
        "charges": charges,
        "orders": orders,
    }
    empty = Tables.of()
    return Tables.of(
        {
            name: pa.Table.from_pylist(rows, schema=getattr(empty, name).schema)
            for name, rows in given.items()
        }
    )


def assess(batch: Tables) -> Results:
    """One decision a stay; five of six have a hit and an alert; three of four providers a score."""
    decisions, hits, alerts = [], [], []
    scores, reasons = _scores()
    by_provider = {row["subject_id"]: row for row in scores}
    digests = {
        row["stay_id"]: hashlib.sha256(zlib.decompress(body)).hexdigest()
        for row, body in bodies.encode(batch)
    }
    for stay in batch.stays.to_pylist():
        i = int(stay["stay_id"][1:])
        rule = RULES[HITTING[i % len(HITTING)]]
        hit = i % 6 != 4
        score = by_provider.get(stay["provider_id"])
        sha = digests[stay["stay_id"]]
        decision_id = identifier("decision", stay["stay_id"], sha, RULESET.sha256)
        exposure = (i * 7919 % 5000) * 100 + 99 if hit else 0
        letters = ["P"] * len(RULES)
        letters[3] = "U"
        letters[6] = "O" if RULES[6] is not rule else "P"
        if hit:
            letters[RULE_IDS.index(rule["id"])] = "H"
            hits.append(_hit(decision_id, stay, rule, exposure))
            alerts.append(_alert(decision_id, stay, rule, exposure, score))
        decisions.append(
            {
                "decision_id": decision_id,
                **{
                    name: stay[name]
                    for name in (
                        "stay_id", "claim_version", "patient_id", "provider_id",
                        "attending_physician_id", "claim_type", "region_code", "currency",
                        "admission_date", "discharge_date", "total_amount_fen", "fund_payment_fen",
                    )
                },
                "department": stay["discharge_department"],
                "verdicts": "".join(letters),
                "hit_count": int(hit),
                "unknown_count": letters.count("U"),
                "severity": rule["severity"] if hit else None,
                "exposure_fen": exposure,
                "score_id": score["score_id"] if score else None,
                "score": score["score"] if score else None,
                "score_absent": None if score else "the model has not seen this provider",
                "input_sha256": sha,
                "rules_sha256": RULESET.sha256,
                "model_sha256": MODEL.sha256,
            }
        )  # fmt: skip
    listed = (
        (DECISIONS, decisions),
        (HITS, hits),
        (SCORES, scores),
        (REASONS, reasons),
        (ALERTS, alerts),
    )
    return Results(*(conform(pa.Table.from_pylist(rows, schema=d.arrow), d) for d, rows in listed))


def _hit(
    decision_id: str, stay: dict[str, Any], rule: dict[str, Any], exposure: int
) -> dict[str, Any]:
    prior = stay["admission_date"] - timedelta(days=9)
    return {
        "decision_id": decision_id,
        "stay_id": stay["stay_id"],
        "rule_id": rule["id"],
        "rule_sha256": rule["sha256"],
        "unit": rule["unit"],
        "subject_id": stay["stay_id"] if rule["unit"] == "stay" else "L0001",
        "severity": rule["severity"],
        "cause": rule["cause"],
        "exposure_fen": exposure,
        "thresholds": json.dumps({"window_days": {"value": 15, "unit": "day"}}),
        "facts": json.dumps(
            {"days_since_prior_stay": 9, "prior_discharge_date": prior.isoformat(), "adrg": "ES3"}
        ),
        "finding_zh": f"{rule['name']['zh']}：距上次出院9天再入院（上次出院{prior}），15天内。",
        "finding_en": f"{rule['name']['en']}: readmitted 9 days after discharge on {prior}, within 15 days.",
    }


def _alert(
    decision_id: str,
    stay: dict[str, Any],
    rule: dict[str, Any],
    exposure: int,
    score: dict[str, Any] | None,
) -> dict[str, Any]:
    severity = Severity(rule["severity"])
    return {
        "alert_id": identifier("alert", decision_id),
        "decision_id": decision_id,
        "stay_id": stay["stay_id"],
        "provider_id": stay["provider_id"],
        "severity": str(severity),
        "priority": 20.0 * severity.rank
        + 20 * (score["score"] if score else 0)
        + len(str(exposure)),
        "exposure_fen": exposure,
        "currency": stay["currency"],
        "score": score["score"] if score else None,
        "rule_ids": rule["id"],
        "admission_date": stay["admission_date"],
        "title_zh": rule["name"]["zh"],
        "title_en": rule["name"]["en"],
    }


def _scores() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    scores, reasons = [], []
    for place, provider in enumerate(PROVIDERS[:3]):
        score_id = identifier("score", provider, MODEL.sha256)
        factor = 1.0 - 0.3 * place
        contributions = [
            {"feature": f, "name_zh": zh, "name_en": en, "value": value, "shap": shap * factor}
            for f, zh, en, value, shap in _FEATURES
        ]
        scores.append(
            {
                "score_id": score_id,
                "level": "provider",
                "subject_id": provider,
                "upto": date(2024, 4, 1),
                "model_sha256": MODEL.sha256,
                "score": BASE_VALUE + sum(c["shap"] for c in contributions),
                "base_value": BASE_VALUE,
                "contributions": json.dumps(contributions, ensure_ascii=False),
            }
        )
        for rank, (f, zh, en, value, shap) in enumerate(_FEATURES[:4], start=1):
            reasons.append(
                {
                    "score_id": score_id,
                    "rank": rank,
                    "code": f"PRV-{f.upper()}",
                    "name_zh": zh,
                    "name_en": en,
                    "value": value,
                    "unit": "yuan" if f == "mean_amount" else None,
                    "peer_median": value * 0.6,
                    "peer_percentile": 97.5 - rank,
                    "shap": shap * factor,
                }
            )
    return scores, reasons


def finding(**changes: object) -> dict[str, object]:
    """A row of findings on a hospital's month."""
    return {
        "finding_id": "f" * 32, "unit": "provider_month", "subject_id": "S", "provider_id": "H1",
        "physician_id": None, "period_start": date(2025, 1, 1), "period_end": date(2025, 1, 31),
        "upto": date(2025, 6, 1), "region_code": "330100", "currency": "CNY", "stay_count": 20,
        "rule_id": "GRP-023", "rule_sha256": "r" * 64, "rules_sha256": RULESET.sha256,
        "severity": "high", "cause": "cause", "exposure_fen": 100,
        "thresholds": '{"sigma":{"value":4,"unit":"x"}}', "facts": '{"stays":20}',
        "finding_zh": "发现", "finding_en": "found", "title_zh": "标题", "title_en": "title",
    } | changes  # fmt: skip


def write(store: Store, number: int, *, first: int = 0) -> Results:
    """Assess and store ``number`` stays; their results."""
    batch = claims(number, first=first)
    results = assess(batch)
    store.write(
        claims=batch,
        results=results,
        fingerprints={s: f"f{i % 3}" for i, s in enumerate(batch.stays["stay_id"].to_pylist())},
        ruleset=RULESET,
        model=MODEL,
    )
    return results


class Assessor:
    """An ``Assess`` that refuses claims without a number of the form S000000, and stores the rest."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.seen: list[bytes] = []

    def __call__(self, records: Sequence[bytes], /) -> Assessment:
        self.seen.extend(records)
        batches, refused = [], []
        for index, record in enumerate(records):
            claim = msgspec.json.decode(record)
            stay_id = claim.get("stay_id", "") if isinstance(claim, dict) else ""
            if isinstance(stay_id, str) and len(stay_id) == 7 and stay_id[1:].isdigit():
                batches.append(claims(1, first=int(stay_id[1:])))
            else:
                refusal = Refusal(
                    "stay_id", str(stay_id)[:120], "pattern", "Write S and six digits."
                )
                refused.append(Refused(index, (refusal,)))
        batch = concat(batches)
        results = assess(batch)
        if batches:
            self.store.write(claims=batch, results=results, ruleset=RULESET, model=MODEL)
        return Assessment(batch, results, tuple(refused))
