"""The desk at full size: a million alerts in PostgreSQL, and how long its pages take.

    python -m benchmarks.desk fill --db URL [--alerts 1000000] [--hits 5] [--cases 3000]
    python -m benchmarks.desk measure --db URL [--url http://127.0.0.1:8080] [--times 30] [--only PATTERN]
    python -m benchmarks.desk load --db URL [--url …] [--users 50] [--seconds 60] [--wait 3 10]

``fill`` writes some hundred made-up claims through the store, with decisions, hits, alerts, states and
reviews, and lets the database copy them: to other stays, patients, physicians, hospitals, departments, days and
amounts. Every table with a stay, a decision, an alert or a case in it is copied, so a new one needs no
change here but where its columns' names do not say what they are (``_OWN``). Give an empty database.

``measure`` asks the running service for each page over HTTP, one request at a time, and prints p50 and p95
of each: as an officer, as one who sees three hospitals, and as a physician. Without ``--url`` it starts a
service of its own; with it ``--db`` makes the accounts and sessions, and without ``--db`` nobody signs in.
``load`` lets locust walk people, each signed in, from the queue to an alert, a case and the cockpit.
Each prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import sqlalchemy as sa
import structlog
from starlette.testclient import TestClient

import scoring_api
import store
from benchmarks.assess_real_claims import machine
from domain.access import ALL_ROWS, Role, Rows
from domain.results import identifier
from domain.review import Review
from store.measures import recount
from store.tables import METADATA
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import measure_samples
from tests import service_samples as samples

TEMPLATES: Final = 600
"""Claims that are written through the store; five of six raise an alert."""
HOSPITALS: Final = 50
"""Hospitals made of each one of the templates' four."""
DAYS: Final = 700
"""Over how many days before the templates' the copies are spread."""
_AT_ONCE: Final = 50
"""Copies of all templates in one transaction."""

_NEW_IDS: Final = {
    "decision_id", "alert_id", "held_alert_id", "review_id", "case_id", "comment_id", "attachment_id",
}  # fmt: skip
_PEOPLE: Final = {"attending_physician_id", "physician_id"}
_KEYS: Final = ("stay_id", "decision_id", "alert_id", "case_id")
_SKIPPED: Final = re.compile(
    r"^(graph_|run_|shadow_|open_|order_|plan_|stays_to_judge|withdrawals|findings|finding_|stream_)"
)
_OF_CASES: Final = re.compile(r"^case")


def main() -> None:
    """Run one of the three."""
    asked = argparse.ArgumentParser(description=__doc__)
    parts = asked.add_subparsers(dest="part", required=True)
    fills = parts.add_parser("fill")
    fills.add_argument("--db", required=True)
    fills.add_argument("--alerts", type=int, default=1_000_000)
    fills.add_argument("--hits", type=int, default=5, help="hits an alert")
    fills.add_argument("--cases", type=int, default=3_000)
    for name in ("measure", "load"):
        part = parts.add_parser(name)
        part.add_argument("--db")
        part.add_argument("--url")
        part.add_argument("--token")
        part.add_argument("--times", type=int, default=30)
        part.add_argument("--users", type=int, default=50)
        part.add_argument("--seconds", type=int, default=60)
        part.add_argument("--only", help="measure what this pattern is found in")
        part.add_argument(
            "--wait", type=float, nargs=2, default=[3, 10], help="seconds before each page"
        )
    given = asked.parse_args()
    if given.part == "fill":
        fill(given)
        return
    if given.db is None and given.url is None:
        asked.error("give --db, or --url of a service that runs without sign-in, or both")
    with service(given.db, given.url) as url:
        (measure if given.part == "measure" else load)(url, given)


def _run(connection: sa.Connection, statement: str) -> Any:
    return connection.execute(sa.text(statement))


def tell(**what: Any) -> None:
    print(json.dumps(what, ensure_ascii=False), flush=True)


def fill(given: argparse.Namespace) -> None:
    began = time.perf_counter()
    with store.open(given.db) as opened:
        if opened.engine.dialect.name != "postgresql":
            raise SystemExit("the desk is filled in PostgreSQL only")
        if opened.counts()["claims"]:
            raise SystemExit("the database holds claims already: name an empty one")
        batch = samples.claims(TEMPLATES)
        results = measure_samples.measured(batch, samples.assess(batch))
        opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
        review(opened)
        open_cases(opened)
        copies = max(0, math.ceil(given.alerts / opened.count_alerts()) - 1)
        tables = [t for t in METADATA.sorted_tables if _copied(t)]
        with _without_indexes(opened, tables):
            made = _count(opened, METADATA.tables["cases"])
            of_cases = min(copies, given.cases // made - 1 if made else 0)
            for table in tables:
                _copy(opened, table, of_cases if _OF_CASES.match(table.name) else copies)
            _more_hits(opened, copies, given.hits)
        after(opened)
        with opened.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _run(connection, "VACUUM ANALYZE")
            size = _run(
                connection, "SELECT pg_size_pretty(pg_database_size(current_database()))"
            ).scalar_one()
        rows = {name: number for name, number in opened.counts().items() if number}
        tell(
            part="fill", machine=machine(), seconds=round(time.perf_counter() - began, 1), size=size, rows=rows
        )  # fmt: skip


def review(opened: store.Store) -> None:
    """Let a tenth of the templates be reviewed, so that checks have a precision."""
    now = datetime.now(UTC)
    outcomes = (
        ("confirmed", "violation"),
        ("partly", "charging-error"),
        ("not_confirmed", "documented"),
    )
    for number, row in enumerate(opened.alerts(limit=200).rows):
        if number % 4 == 0:
            outcome, reason = outcomes[number // 4 % 3]
            rule_id = row["rule_ids"][0]
            opened.keep_reviews(
                [
                    Review(
                        review_id=identifier("review", row["decision_id"], rule_id, "desk"),
                        decision_id=row["decision_id"],
                        stay_id=row["stay_id"],
                        rule_id=rule_id,
                        outcome=outcome,
                        reason=reason,
                        reviewer=f"officer-{number % 7}",
                        reviewed_at=now,
                    )
                ]
            )


def open_cases(opened: store.Store) -> None:
    """Open thirty cases with a comment each; their copies are cases of copied alerts."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    app = scoring_api.build(
        store=opened,
        assess=samples.Assessor(opened),
        group=GroupDesk(samples.library(), samples.KEY),
        what_if=WhatIfDesk(samples.library(), samples.KEY),
        rules=samples.RULES,
        version="desk",
        ready=dict,
    )
    client = TestClient(app)
    rows = client.get("/v1/alerts", params={"limit": 60, "currency": "CNY"}).json()["alerts"]
    for row in rows[::2]:
        made = client.post("/v1/cases", json={"alert_ids": [row["alert_id"]]})
        made.raise_for_status()
        case_id = made.json()["case_id"]
        client.post(f"/v1/cases/{case_id}/comments", json={"text": "请提供病历首页。"})


def after(opened: store.Store) -> None:
    """Make what the store keeps beside rows: the cells that the cockpit adds up, and the months of checks."""
    began = time.perf_counter()
    with opened.engine.begin() as connection:
        pairs = _run(
            connection,
            "SELECT DISTINCT date_trunc('month', ended_on)::date, provider_id FROM stay_states "
            "WHERE ended_on IS NOT NULL ORDER BY 1, 2",
        ).all()
    for month in sorted({month for month, _ in pairs}):
        with opened.engine.begin() as connection:
            recount(connection, [(provider, of) for of, provider in pairs if of == month])
    tell(part="cells", seconds=round(time.perf_counter() - began, 1))
    began = time.perf_counter()
    opened.check_history.refresh()
    tell(part="months of checks", seconds=round(time.perf_counter() - began, 1))


def _copied(table: sa.Table) -> bool:
    named = set(table.columns.keys()) & set(_KEYS)
    return bool(named) and not _SKIPPED.match(table.name) and table.name != "work_events"


def _count(opened: store.Store, table: sa.Table) -> int:
    with opened.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _copy(opened: store.Store, table: sa.Table, copies: int) -> None:
    """Copy the rows of the templates; a number that the database counts up is left to it."""
    taken = [c for c in table.columns if not (c.primary_key and isinstance(c.type, sa.BigInteger))]
    if not _count(opened, table) or copies < 1:
        return
    names = ", ".join(c.name for c in taken)
    values = ", ".join(_varied(c) for c in taken)
    began, made = time.perf_counter(), 0
    with opened.engine.begin() as connection:
        _run(connection, f"CREATE TABLE desk_template AS SELECT * FROM {table.name}")
    for first in range(1, copies + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, copies)
        with opened.engine.begin() as connection:
            # Foreign keys hold by themselves: every copy is one of rows that hold.
            _run(connection, "SET LOCAL session_replication_role = replica")
            made += _run(
                connection,
                f"INSERT INTO {table.name} ({names}) SELECT {values} "
                f"FROM desk_template CROSS JOIN generate_series({first}, {last}) AS g(n)",
            ).rowcount
    with opened.engine.begin() as connection:
        _run(connection, "DROP TABLE desk_template")
    seconds = time.perf_counter() - began
    tell(part="copy", table=table.name, rows=made, seconds=round(seconds, 1))


_PROVIDER: Final = f"left(provider_id, 9) || lpad((n % {HOSPITALS})::text, 3, '0')"
_DEPARTMENT: Final = f"left(department, 4) || lpad((n / {HOSPITALS} % 10)::text, 2, '0')"
_OWN: Final[dict[tuple[str, str], str]] = {
    # Of ten alerts five are new, two in review by one of twenty officers, three done.
    ("alerts", "status"): "CASE WHEN status <> 'new' OR n % 10 < 5 THEN status WHEN n % 10 < 7 "
    "THEN 'in_review' ELSE 'reviewed' END",
    ("alerts", "assignee"): "CASE WHEN n % 10 >= 5 THEN 'officer-' || n % 20 END",
    ("alerts", "closed_at"): "CASE WHEN status = 'new' AND n % 10 >= 7 THEN created_at END",
    ("alerts", "words"): "words || ' ' || lower(stay_id) || '-' || n",
    ("alerts", "cluster"): f"{_PROVIDER} || '|' || split_part(cluster, '|', 2) || '|' || "
    f"coalesce({_DEPARTMENT}, '-')",
    ("decisions", "hit_count"): "hit_count * 5",
    ("cases", "number"): "left(number, 5) || lpad((right(number, 6)::int + n * 100)::text, 6, '0')",
    # Some seven hundred groups, few of them large.
    ("measures", "group_code"): "CASE WHEN group_code IS NOT NULL THEN 'G' || lpad(("
    "power(abs(hashtext(stay_id || '-' || n)::bigint) / 2147483648.0, 2) * 700)::int::text, 3, '0') END",
}
"""(Table, column) -> what stands there in a copy, where the column's name does not say it."""


def _varied(column: sa.Column[Any]) -> str:
    """The value of a copy ``n``, the same for the same thing in every table."""
    name = column.name
    if (column.table.name, name) in _OWN:
        return _OWN[column.table.name, name]
    if name in _NEW_IDS:
        return f"md5({name} || '-' || n)"
    if name in ("stay_id", "patient_id", "number"):
        return f"{name} || '-' || n"
    if name == "provider_id":
        return _PROVIDER
    if name == "department":
        return _DEPARTMENT
    if name in _PEOPLE:
        return f"{name} || '-' || n % 500"
    if name.endswith("_fen"):
        return f"{name} * (20 + n * 31 % 97) / 60"
    if name == "priority":
        return f"{name} * (0.5 + n * 13 % 101 / 100.0)"
    if isinstance(column.type, sa.Date):
        return f"{name} - (n * 37 % {DAYS})"
    if name.endswith("_at"):
        return f"{name} - (n * 37 % {DAYS}) * interval '1 day' + n % 86400 * interval '1 second'"
    return name


def _more_hits(opened: store.Store, copies: int, hits: int) -> None:
    """Give each copied alert further hits, of other checks, up to the number asked for."""
    rules = "ARRAY[" + ", ".join(f"'{one}'" for one in samples.RULE_IDS) + "]"
    kept = ("rule_id", "subject_id")
    columns = [c.name for c in METADATA.tables["hits"].columns if c.name not in kept]
    names = ", ".join(columns)
    began = time.perf_counter()
    with opened.engine.begin() as connection:
        _run(connection, "SET LOCAL session_replication_role = replica")
        made = _run(
            connection,
            f"INSERT INTO hits ({names}, rule_id, subject_id) SELECT {names}, "
            f"({rules})[1 + (h + ascii(right(decision_id, 1))) % {len(samples.RULE_IDS)}], "
            f"subject_id || '#' || h FROM hits CROSS JOIN generate_series(1, {hits - 1}) AS g(h)",
        ).rowcount
    tell(
        part="copy",
        table="hits",
        rows=made,
        copies=copies,
        seconds=round(time.perf_counter() - began, 1),
    )


@contextmanager
def _without_indexes(opened: store.Store, tables: list[sa.Table]) -> Iterator[None]:
    """Fill without the secondary indexes, and make them afterwards, which is faster by far."""
    names = ", ".join(f"'{t.name}'" for t in tables)
    query = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
        f"AND tablename IN ({names}) AND indexname NOT LIKE 'pk_%'"
    )
    with opened.engine.begin() as connection:
        found = _run(connection, query).all()
        for name, _ in found:
            _run(connection, f"DROP INDEX {name}")
    yield
    began = time.perf_counter()
    for _, definition in found:
        with opened.engine.begin() as connection:
            _run(connection, "SET LOCAL maintenance_work_mem = '256MB'")
            _run(connection, definition)
    tell(part="indexes", number=len(found), seconds=round(time.perf_counter() - began, 1))


@contextmanager
def service(db: str | None, url: str | None) -> Iterator[str]:
    """The address of the service: of the one that runs, or of one started here and stopped after."""
    if url is not None:
        yield url.rstrip("/")
        return
    command = [
        sys.executable, "-m", "cli", "serve", "--db", str(db), "--port", "0", "--per-second", "10000",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        address = next((line for line in process.stdout if line.startswith("http")), None)
        if address is None:
            raise SystemExit("the service did not start")
        # What it logs has to be read, or it would wait for us.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield address.strip().rstrip("/")
    finally:
        process.terminate()
        process.wait(60)


def sign_in(db: str, number: int) -> dict[str, list[str]]:
    """Sessions by kind of person: ``number`` officers, one limited to hospitals, one physician; made where missing."""
    now = datetime.now(UTC)
    with store.open(db) as opened:
        first = opened.alerts(store.AlertFilter(currency="CNY"), limit=50).rows
        few = Rows(providers=frozenset(row["provider_id"] for row in first[:3]))
        own = Rows(physician_id=next(i for row in first if (i := row["attending_physician_id"])))
        wanted = [
            *((f"desk-{n}", Role.OFFICER, ALL_ROWS) for n in range(number)),
            ("desk-limited", Role.OFFICER, few),
            ("desk-physician", Role.PHYSICIAN, own),
        ]
        cookies: dict[str, list[str]] = {}
        for login, role, rows in wanted:
            there = opened.access.accounts.named(login) or opened.access.accounts.add(
                login, login, role, now=now, rows=rows
            )
            kind = login if login in ("desk-limited", "desk-physician") else "desk-officer"
            cookie = opened.access.sessions.begin(there.user_id, now=now)
            cookies.setdefault(kind, []).append(cookie)
    return cookies


def queries(client: httpx.Client) -> list[tuple[str, str]]:
    """What is asked for, by name: the queue under each filter, an alert, a case, the cockpit, files."""
    page = client.get("/v1/alerts", params={"limit": 200}).json()
    rows = page["alerts"]
    if not rows:
        return []
    row = next((r for r in rows[len(rows) // 2 :] if r["department"]), rows[0])
    filters: list[tuple[str, dict[str, Any]]] = [
        ("all", {}),
        ("next page", {"cursor": page["cursor"] or ""}),
        ("min_severity", {"min_severity": "high"}),
        ("status", {"status": "in_review"}),
        ("open", {"status": "open"}),
        ("assignee", {"assignee": "officer-7"}),
        ("nobody's", {"assignee": "nobody", "status": "open"}),
        ("overdue", {"overdue": "true"}),
        ("gathered", {"gather": "true"}),
        ("cluster", {"cluster": row["cluster"]}),
        ("family", {"family": row["rule_ids"][0].partition("-")[0]}),
        ("rule", {"rule": row["rule_ids"][0]}),
        ("provider", {"provider": row["provider_id"]}),
        ("department", {"department": row["department"]}),
        ("physician", {"physician": row["attending_physician_id"]}),
        ("amount", {"min_exposure_fen": 200_000}),
        ("currency", {"currency": "CNY"}),
        ("score", {"min_score": 0.5}),
        ("date", {"admitted_from": "2023-06-01", "admitted_to": "2023-06-30"}),
        ("text", {"text": row["stay_id"]}),
        ("text, words", {"text": "分解"}),
        ("text, nothing", {"text": "zzzzzz"}),
        ("many", {"min_severity": "medium", "rule": row["rule_ids"][0], "currency": "CNY", "min_score": 0.1}),
        *((f"sort {s}", {"sort": str(s)}) for s in store.AlertSort),
    ]  # fmt: skip
    found = [(f"GET /v1/alerts {name}", f"/v1/alerts?{urlencode(f)}") for name, f in filters]
    found += [
        (f"page / {name}", f"/?{urlencode({k: v for k, v in f.items() if k != 'cursor'})}")
        for name, f in filters
        if "min_exposure_fen" not in f and name != "next page"
    ]
    rule, year = row["rule_ids"][0], "from=2023-04&to=2024-03"
    found += [
        ("page /alerts/{id}", f"/alerts/{row['alert_id']}"),
        ("GET /v1/alerts.csv 1,000", "/v1/alerts.csv?limit=1000"),
        ("GET /v1/alerts/{id}", f"/v1/alerts/{row['alert_id']}"),
        ("page /findings", "/findings"),
        ("page /rules", "/rules"),
        ("page /rules/{id}", f"/rules/{rule}"),
        ("page /cases", "/cases"),
        ("page /cases open", "/cases?status=open"),
        ("page /cockpit", "/cockpit"),
        ("page /cockpit of a hospital", f"/cockpit?provider={row['provider_id']}"),
        ("page /cockpit of a year", f"/cockpit?{year}"),
        ("page /cockpit of a hospital's year", f"/cockpit?{year}&provider={row['provider_id']}"),
        ("page /cockpit/departments", "/cockpit/departments"),
        ("page /cockpit/departments of a year", f"/cockpit/departments?{year}"),
        ("page /cockpit/groups", "/cockpit/groups"),
        ("page /cockpit/groups of a year", f"/cockpit/groups?{year}"),
        ("page /stays", "/stays"),
        ("page /stays of a year, confirmed", f"/stays?{year}&kind=confirmed"),
        ("page /models", "/models"),
    ]
    cases = re.search(r'href="(/cases/[0-9a-f]+-[0-9]+)', client.get("/cases").text)
    if cases:
        found.append(("page /cases/{id}", cases[1]))
    return found


def measure(url: str, given: argparse.Namespace) -> None:
    """Each page and route as an officer, the pages also as one who sees few hospitals and as a physician."""
    headers = {"Authorization": f"Bearer {given.token}"} if given.token else {}
    people = sign_in(given.db, 1) if given.db else {"token": [""]}
    for person, cookies in people.items():
        cookie = {"sentinel": cookies[0]} if cookies[0] else {}
        with httpx.Client(base_url=url, headers=headers, cookies=cookie, timeout=300) as client:
            for name, address in queries(client):
                if given.only and not re.search(given.only, name):
                    continue
                if person != "desk-officer" and name.startswith("GET "):
                    continue
                began = time.perf_counter()
                first = client.get(address)
                cold = (time.perf_counter() - began) * 1000
                if first.status_code != 200:
                    tell(part="measure", who=person, name=name, status=first.status_code)
                    continue
                taken = []
                for _ in range(given.times if cold < 2_000 else 5):
                    began = time.perf_counter()
                    client.get(address)
                    taken.append((time.perf_counter() - began) * 1000)
                p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[18]
                tell(
                    part="measure", who=person, name=name, p50_ms=round(p50, 1), p95_ms=round(p95, 1),
                    first_ms=round(cold, 1), bytes=len(first.content),
                )  # fmt: skip
    tell(part="measure", machine=machine())


def load(url: str, given: argparse.Namespace) -> None:
    """Locust's people walk the pages; each has a session of its own."""
    users = Path(__file__).with_name("desk_users.py")
    command = [
        sys.executable, "-m", "locust", "-f", str(users), "--headless", "--host", url, "--only-summary",
        "-u", str(given.users), "-r", "10", "-t", f"{given.seconds}s", "--json", "--loglevel", "ERROR",
    ]  # fmt: skip
    cookies = sign_in(given.db, given.users)["desk-officer"] if given.db else []
    told = {"DESK_COOKIES": json.dumps(cookies), "DESK_WAIT": json.dumps(given.wait)}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **told}
    )
    text = done.stdout[done.stdout.find("[") :]
    if not text:
        raise SystemExit(done.stderr[-2_000:])
    everything: dict[int, int] = {}
    for entry in json.loads(text):
        times = {int(ms): number for ms, number in entry["response_times"].items()}
        for ms, number in times.items():
            everything[ms] = everything.get(ms, 0) + number
        tell(
            part="load", name=f"{entry['method']} {entry['name']}", requests=entry["num_requests"],
            failures=entry["num_failures"], p50_ms=_quantile(times, 0.5), p95_ms=_quantile(times, 0.95),
            per_s=round(entry["num_requests"] / given.seconds, 1),
        )  # fmt: skip
    tell(
        part="load", users=given.users, seconds=given.seconds, wait=given.wait, machine=machine(),
        requests=sum(everything.values()), p50_ms=_quantile(everything, 0.5), p95_ms=_quantile(everything, 0.95),
        per_s=round(sum(everything.values()) / given.seconds, 1),
    )  # fmt: skip


def _quantile(times: dict[int, int], share: float) -> int | None:
    left = sum(times.values()) * share
    for ms in sorted(times):
        left -= times[ms]
        if left <= 0:
            return ms
    return None


if __name__ == "__main__":
    main()
