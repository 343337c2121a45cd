"""CDS Hooks under load: a real ``sentinel serve``, a record system that calls at a fixed rate, whatever comes back.

``python -m benchmarks.cds_hooks`` fills a fresh SQLite database with stays in hospital (40 active orders and 300
charge lines each), starts the service with cost curves and a client that must sign each call, and sends
``--rate`` calls a second for ``--seconds``. A call is late from the moment at which it was due, so a
service that falls behind shows it (open loop). Of a hundred calls 50 are order-select, 30 order-sign, 15 patient-view
and 5 encounter-discharge; each but the discharge brings the 40 orders, Encounter, Patient and Conditions as
prefetched FHIR, and every fourth draft is a repeat with two ways out. ``--stays`` is the number of different
stays: a stay's price is kept after the first call on it, so ``--stays 10000`` prices anew in every call.

``--batches`` asks no service: it judges batches of 1 to 16 calls in this process and prints the processor time a
call, first on stays never seen (priced anew) and then on the same stays with other drafts.

Prints JSON: p50, p95 and p99 in ms, overall and of each hook, the service's processor time a call (all threads),
and how busy the machine was. ``--curves`` takes curves that are fitted already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

import drg
import rules
import store
from benchmarks.orders import DOUBLE, HARMLESS, machine, spread, stay, take
from domain.access import ALL_ROWS
from domain.service import HookCall
from store.access import keyring
from streaming.cds import CdsDesk
from streaming.fhir import naming, resource_of_order
from streaming.orders.handler import OrdersHandler
from streaming.pipeline import Engine
from streaming.plans.desk import PlanDesk
from streaming.pseudonym import PseudonymKey

ISSUER = "https://ehr.bench.example"
PROVIDER = "H1"
MIX = (
    ("order-select",) * 50
    + ("order-sign",) * 30
    + ("patient-view",) * 15
    + ("encounter-discharge",) * 5
)
PHYSICIANS = 60
REPEATS = 4
"""Every so manyth draft is a repeat of what runs, with two ways out to judge again."""
_DAY = re.compile(r"2025-03-0\d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=150)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm", type=float, default=5, help="seconds before it counts")
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--batches", action="store_true", help="judge in this process instead")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        curves = given.curves or fit(folder)
        told = fill(f"sqlite:///{folder}/bench.db", given.stays, given.orders)
        if given.batches:
            print(
                json.dumps(
                    batches(f"sqlite:///{folder}/bench.db", told, curves) | machine(), indent=2
                )
            )
            return
        key = ECKey.generate_key("P-384", {"kid": "bench", "use": "sig", "alg": "ES384"})
        with service(folder, curves, key) as (url, process):
            measured = asyncio.run(load(url, told, key, given, process))  # noqa: TID251
    print(json.dumps(measured | machine(), indent=2))


def fit(folder: Path) -> Path:
    """Curves of a generated month."""
    for command in (
        ["samples", "generate", "--preset", "clean", "--stays", "2000", "--format", "parquet", "--out", f"{folder}/month"],
        ["project", "fit", f"{folder}/month/stays.parquet", "--out", f"{folder}/curves"],
    ):  # fmt: skip
        subprocess.run([sys.executable, "-m", "cli", *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    return folder / "curves"


def fill(db: str, stays: int, orders: int) -> list[list[dict[str, Any]]]:
    """Stays that began some days ago, as the stream would have left them; their messages."""
    began = datetime.now(UTC).date() - timedelta(days=3)
    days = {f"2025-03-0{3 + n}": (began + timedelta(days=n)).isoformat() for n in range(3)}
    told = []
    with store.open(db) as opened:
        handler = OrdersHandler(Engine(rules.load()), opened, PseudonymKey.create())
        for number in range(stays):
            text = json.dumps(list(stay(orders, 300))).replace("BENCH-1", f"BENCH-{number}")
            text = text.replace('"one"', f'"P{number}"').replace(
                '"D1"', f'"D{number % PHYSICIANS}"'
            )
            messages = json.loads(_DAY.sub(lambda m: days.get(m[0], m[0]), text))
            # No two stays cost the same: what is kept for one is of no use to another.
            messages[2]["charges"][0] |= {
                "amount_fen": 1250 + number,
                "unit_price": f"{(1250 + number) / 100:.2f}",
            }
            told.append(messages)
        for start in range(0, stays, 50):
            take(handler, [json.dumps(m).encode() for one in told[start : start + 50] for m in one])
    return told


@contextmanager
def service(folder: Path, curves: Path, key: ECKey) -> Iterator[tuple[str, int]]:
    """The service, with a client that signs by the key; its address and process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    client = {
        "iss": ISSUER, "name": "Bench", "providers": [PROVIDER], "language": "en",
        "jwks": {"keys": [key.as_dict(private=False)]},
    }  # fmt: skip
    (folder / "clients.json").write_text(json.dumps({"service": url, "clients": [client]}))
    keyring.add_key(folder / "field-keys.json")
    command = [
        sys.executable, "-m", "cli", "serve", "--db", f"sqlite:///{folder}/bench.db", "--port", str(port),
        "--curves", str(curves), "--no-graph", "--cds-clients", f"{folder}/clients.json",
        "--key", f"{folder}/pseudonym.key", "--field-keys", f"{folder}/field-keys.json",
    ]  # fmt: skip
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise SystemExit((folder / "serve.log").read_text()[-3000:])
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(30)


def body(messages: list[dict[str, Any]], hook: str, number: int) -> dict[str, Any]:
    """What a record system sends: the stay as FHIR, and for orders one draft."""
    head, orders = messages[0], messages[1]["orders"]
    stay_id, patient = head["stay_id"], head["patient_id"]
    physician = head["stay"]["attending_physician_id"]
    context: dict[str, Any] = {
        "userId": f"Practitioner/{physician}", "patientId": patient, "encounterId": stay_id,
    }  # fmt: skip
    written = {"patient": f"Patient/{patient}", "encounter": f"Encounter/{stay_id}"}
    prefetch: dict[str, Any] = {}
    if hook != "encounter-discharge":
        conditions = [
            {
                "resourceType": "Condition", "id": f"c{d['ordinal']}", "subject": {"reference": written["patient"]},
                "encounter": {"reference": written["encounter"]},
                "code": {"coding": [{"system": naming.CLINICAL_URI["ICD-10-CN"], "code": d["code"]}]},
            }
            for d in head["diagnoses"]
        ]  # fmt: skip
        encounter = {
            "resourceType": "Encounter", "id": stay_id, "status": "in-progress",
            "identifier": [{"system": naming.STAY_ID, "value": stay_id}],
            "class": {"system": naming.ACT_CODE, "code": "IMP"},
            "subject": {"reference": written["patient"]},
            "period": {"start": head["stay"]["admission_time"]},
            "diagnosis": [
                {"condition": {"reference": f"Condition/c{d['ordinal']}"}, "rank": d["ordinal"]}
                for d in head["diagnoses"]
            ],
        }  # fmt: skip
        running = [{**resource_of_order(o, **written), "id": f"m{n}"} for n, o in enumerate(orders)]
        prefetch = {
            "patient": {
                "resourceType": "Patient", "id": patient, "gender": "male",
                "identifier": [{"system": naming.PATIENT_ID, "value": patient}],
            },
            "encounter": encounter,
            "conditions": _bundle(conditions),
            "procedures": None,
            "medications": _bundle(running),
        }  # fmt: skip
    if hook.startswith("order"):
        # The last order again, with one thing changed: a repeat of what runs, or nothing of note.
        code = DOUBLE if number % REPEATS == 0 else HARMLESS
        row = orders[-1] | {
            "order_id": f"N{number}", "item_code": code, "item_name": code, "status": "draft",
            "start_time": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        draft = {**resource_of_order(row, **written), "id": "d1"}
        context |= {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]}}
        if hook == "order-select":
            context["selections"] = ["MedicationRequest/d1"]
    return {"hook": hook, "context": context} | ({"prefetch": prefetch} if prefetch else {})


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def batches(db: str, told: list[list[dict[str, Any]]], curves: Path) -> dict[str, Any]:
    """Processor time of order-sign by the size of the batch, in ms a call."""
    decoder = msgspec.json.Decoder(float_hook=Decimal)
    engine, key = Engine(rules.load(), curves=drg.Curves.load(curves)), PseudonymKey.create()
    found: dict[str, Any] = {}
    with store.open(db) as opened:
        desk = CdsDesk(engine, opened, key, PlanDesk(engine, opened, key))
        place = 0

        def judge(size: int, first: int) -> float:
            calls = []
            for number in range(first, first + size):
                sent = body(told[number % len(told)], "order-sign", number) | {
                    "hookInstance": str(uuid.uuid4())
                }
                request = decoder.decode(json.dumps(sent, default=str).encode())
                calls.append(
                    HookCall("order-sign", request, "bench", (PROVIDER,), ALL_ROWS, "en", "https://bench.example", datetime.now(UTC))
                )  # fmt: skip
            began = time.process_time()
            for answer in desk.work(calls):
                answer.result()
            return 1000 * (time.process_time() - began) / size

        judge(1, place)
        for name in ("new_stays", "known_stays"):
            place = 1
            found[name] = {}
            for size in (1, 2, 4, 8, 16):
                each = [judge(size, place + n * size) for n in range(3)]
                found[name][str(size)] = round(sorted(each)[1], 1)
                place += 3 * size
        desk.close()
    return {"orders": len(told[0][1]["orders"]), "processor_ms_a_call_by_batch": found}


async def load(
    url: str, told: list[list[dict[str, Any]]], key: ECKey, given: argparse.Namespace, process: int
) -> dict[str, Any]:
    """Send the calls when they are due, and measure."""
    rng = random.Random(7)
    number = round(given.rate * (given.warm + given.seconds))
    calls = []
    for place in range(number):
        hook = MIX[rng.randrange(len(MIX))]
        sent = body(told[place % len(told)], hook, place)
        calls.append(
            (hook, json.dumps(sent | {"hookInstance": str(uuid.uuid4())}, default=str).encode())
        )
    seen: list[tuple[str, float, int, int]] = []
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:

        async def one(place: int, due: float) -> None:
            hook, content = calls[place]
            path = f"/cds-services/drg-{hook}"
            now = int(time.time())
            claims = {
                "iss": ISSUER, "aud": f"{url}{path}", "iat": now, "exp": now + 120, "jti": str(uuid.uuid4()),
            }  # fmt: skip
            token = jwt.encode(
                {"alg": "ES384", "kid": "bench", "typ": "JWT"}, claims, key, algorithms=["ES384"]
            )
            answer = await client.post(
                path, content=content,
                headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
            )  # fmt: skip
            took = time.perf_counter() - due
            cards = len(answer.json()["cards"]) if answer.status_code == 200 else 0
            if answer.status_code != 200 and len(seen) < 3:
                print(answer.text[:500], file=sys.stderr)
            if place >= given.rate * given.warm:
                seen.append((hook, took, answer.status_code, cards))

        began = time.perf_counter()
        used, tasks = 0.0, []
        for place in range(number):
            due = began + place / given.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if place == round(given.rate * given.warm):
                used = processor_s(process)
            tasks.append(asyncio.create_task(one(place, due)))
        await asyncio.gather(*tasks)
        used = processor_s(process) - used
    walls = {
        hook: [t for h, t, _, _ in seen if h == hook] for hook in sorted({h for h, *_ in seen})
    }
    return {
        "calls": len(seen), "rate": given.rate, "stays": given.stays, "orders": given.orders,
        "statuses": dict(Counter(status for _, _, status, _ in seen)),
        "cards": sum(c for *_, c in seen),
        "ms": spread([t for _, t, _, _ in seen]),
        "ms_of_hook": {hook: spread(found) | {"calls": len(found)} for hook, found in walls.items()},
        "processor_ms_a_call": round(1000 * used / len(seen), 1),
    }  # fmt: skip


def processor_s(process: int) -> float:
    """Seconds of processor time of a process and its threads so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
