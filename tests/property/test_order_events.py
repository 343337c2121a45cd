"""The state of a stay is a function of the set of its events."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from store.open_stays import StoredStay
from streaming.orders import Event, OpenStay, decode
from streaming.orders.state import apply_events
from streaming.orders.stored import change, load
from tests.order_events import KEY, Json, admitted, events, line, message, order

IDS = st.sampled_from(["1", "2", "3"])


def _order(name: str, dose: int, status: str) -> Json:
    return order(f"O{name}", "S-0901001", "03T10:00", dose=str(dose), status=status)


BODIES = st.one_of(
    st.builds(lambda age: ("stay", {"stay": admitted()["stay"] | {"age_years": age}}), st.integers(1, 99)),
    st.builds(
        lambda codes: ("stay", {"stay": admitted()["stay"], "diagnoses": [
            {"ordinal": n, "code": c} for n, c in enumerate(codes, start=1)
        ]}),
        st.lists(st.sampled_from(["I10", "I63.900", "E11.900"]), max_size=3, unique=True),
    ),
    st.builds(
        lambda name, dose, status: ("orders", {"orders": [_order(name, dose, status)]}),
        IDS, st.integers(1, 9), st.sampled_from(["draft", "active", "on-hold"]),
    ),
    st.builds(
        lambda name, status, stop: ("order-status", {"order_status": [
            {"order_id": f"O{name}", "status": status}
            | ({"stop_time": f"2025-03-0{stop}T10:00:00+08:00"} if stop else {})
        ]}),
        IDS, st.sampled_from(["active", "on-hold", "revoked", "completed"]), st.integers(0, 9),
    ),
    st.builds(
        lambda names, fen: ("charges", {"charges": [line(f"L{n}", fen) for n in names]}),
        st.lists(IDS, min_size=1, max_size=3, unique=True), st.integers(0, 10**6),
    ),
    st.builds(lambda d: ("discharge", {"discharge": {"discharge_date": f"2025-03-0{d}"}}), st.integers(4, 9)),
    st.sampled_from([("reopen", {}), ("void", {})]),
)  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> list[Json]:
    """Events of one stay; numbers may repeat, as when a sender breaks its own rule."""
    made: list[tuple[str, dict[str, Any]]] = draw(st.lists(BODIES, min_size=1, max_size=12))
    return [
        message(kind, draw(st.integers(0, 14)), **members) | {"event_id": f"E{n}"}
        for n, (kind, members) in enumerate(made)
    ]


def state_of(given_events: list[Event]) -> OpenStay:
    return apply_events(given_events, {})[0]["S1"]


@settings(max_examples=60, deadline=None)
@given(streams(), st.data())
def test_order_and_repeats_of_events_change_nothing(
    stream: list[Json], data: st.DataObject
) -> None:
    told = events(*stream)
    mixed = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told)))))
    assert state_of(told).facts_equal(state_of(list(mixed)))


@settings(max_examples=30, deadline=None)
@given(streams(), st.data())
def test_batches_and_the_store_between_them_change_nothing(
    stream: list[Json], data: st.DataObject
) -> None:
    told = events(*stream)
    cut = data.draw(st.integers(0, len(told)))
    states: dict[str, OpenStay] = {}
    for part in (told[:cut], told[cut:]):
        new, changed, _ = apply_events(part, states)
        for stay_id in changed:
            written = change(new[stay_id], states.get(stay_id))
            old = states.get(stay_id)
            # The store keeps the rows that were there and replaces those that changed.
            assert old is None or set(old.orders) <= set(new[stay_id].orders)
            whole = change(new[stay_id], None)
            states[stay_id] = load(
                StoredStay(
                    stay_id, written.version + 1, written.row["body"],
                    {o["order_id"]: o["body"] for o in whole.orders},
                    {x["line_id"]: x["body"] for x in whole.lines},
                )
            )  # fmt: skip
    assert states["S1"].facts_equal(state_of(told))


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["event_id", "kind", "event_time", "sequence", "patient_id", "time_zone", "orders", "charges", "stay"]),
)  # fmt: skip
def test_no_value_anywhere_breaks_the_reader(value: Any, name: str) -> None:
    raw = json.dumps(message("orders", 3, orders=[_order("1", 1, "active")]) | {name: value})
    found, refused = decode([raw.encode()], key=KEY)
    assert len(found) + len(refused) == 1
    assert all(r.cure for one in refused for r in one.reasons)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400))
def test_no_bytes_break_the_reader(noise: bytes, at: int) -> None:
    raw = json.dumps(message("charges", 3, charges=[line("L1", 100)])).encode()
    found, refused = decode([raw[:at] + noise + raw[at + len(noise) :]], key=KEY)
    assert len(found) + len(refused) == 1
