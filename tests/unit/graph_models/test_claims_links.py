"""What other stays of an entity say: held to a plain loop over all pairs, and to a part of the graph."""

from datetime import date

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_models.stays.ground import members
from graph_models.stays.links import CROWD, MOST, NAMES, SMALL, STATS, columns, near
from graph_models.stays.prefix import Prefix
from graph_models.stays.reading import Habits, Journey, read
from tests.stay_bills import bill


@st.composite
def histories(draw):
    n = draw(st.integers(1, 30))
    codes = {
        r: np.array(draw(st.lists(st.integers(-1, 4), min_size=n, max_size=n)))
        for r in (*SMALL, "physician", "provider")
    }
    codes["patient"] = np.abs(codes["patient"])
    codes["provider"] = np.abs(codes["provider"])
    days = np.sort(np.array(draw(st.lists(st.integers(0, 60), min_size=n, max_size=n))))
    return codes, days


def plain(codes, days, stay, *, again):
    """The row of one stay by looking at every other."""
    row = {}
    others = [o for o in range(len(days)) if (o != stay if again else o < stay)]
    for relation in SMALL:
        entity = codes[relation][stay]
        same = [o for o in others if codes[relation][o] == entity and entity >= 0]
        for stat in STATS:
            row[f"{relation}:{stat}"] = np.nan
        if entity < 0:
            continue
        row[f"{relation}:stays"] = len(same)
        for party, stat in (
            ("patient", "patients"),
            ("provider", "providers"),
            ("physician", "physicians"),
        ):
            seen = {codes[party][o] for o in same} - {-1, codes[party][stay]}
            row[f"{relation}:{stat}"] = len(seen)
        known = [days[o] for o in same] + [days[stay]]
        latest = max(known) if again else days[stay]
        row[f"{relation}:days"] = latest - min(known)
    joint = codes["joint"][stay]
    row["together"] = row["companions"] = np.nan
    if joint >= 0:
        here = [o for o in range(len(days)) if codes["joint"][o] == joint]
        row["together"] = row["companions"] = 0
        if len(here) <= CROWD:
            times = []
            for other in here:
                me, him = codes["patient"][stay], codes["patient"][other]
                if him == me or other not in others:
                    continue
                meetings = sorted(
                    (max(a, b), min(a, b))
                    for a in range(len(days))
                    for b in range(len(days))
                    if codes["joint"][a] == codes["joint"][b] >= 0
                    and sum(codes["joint"] == codes["joint"][a]) <= CROWD
                    and codes["patient"][a] == me
                    and codes["patient"][b] == him
                )
                this = (max(stay, other), min(stay, other))
                times.append(len(meetings) - 1 if again else meetings.index(this))
            if times:
                row["together"] = max(times)
                row["companions"] = sum(t > 0 for t in times)
    return [row[n] for n in NAMES]


@given(histories(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_columns_are_what_a_loop_over_all_others_counts(history, again):
    codes, days = history
    made = columns(codes, days, again=again)
    for stay in range(len(days)):
        np.testing.assert_array_equal(made[stay], plain(codes, days, stay, again=again))


@given(histories())
@settings(max_examples=150, deadline=None)
def test_the_last_stay_is_the_same_among_its_neighbours_alone(history):
    codes, days = history
    last = len(days) - 1
    past = {r: c[:last] for r, c in codes.items()}
    count = {r: int(c.max(initial=-1)) + 1 for r, c in codes.items()}
    around = near(members(past, count), {r: int(codes[r][last]) for r in SMALL}, past["joint"])
    small = {r: np.append(past[r][around], codes[r][last]) for r in codes}
    part = columns(small, np.append(days[:last][around], days[last]), again=False)[-1]
    np.testing.assert_array_equal(part, columns(codes, days, again=False)[-1])


def test_of_a_crowd_the_first_are_looked_at():
    n = MOST + 50
    alone = np.arange(n)
    codes = {r: np.full(n, -1) for r in SMALL}
    codes |= {
        "phone": np.zeros(n, dtype=int),
        "patient": alone,
        "provider": alone,
        "physician": alone,
    }
    made = columns(codes, alone, again=False)
    patients = made[:, NAMES.index("phone:patients")]
    assert patients[[0, 1, MOST, n - 1]].tolist() == [0, 1, MOST, MOST]
    assert columns(codes, alone, again=True)[-1, NAMES.index("phone:patients")] == MOST


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 9)), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 9)), max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_a_prefix_adds_up_the_events_strictly_before(asked, events):
    rows = np.arange(len(events)) % len(asked)
    said = torch.arange(1.0, 1 + len(asked))[:, None]
    prefix = Prefix.of(
        np.array([a for a, _ in asked]),
        np.array([t for _, t in asked]),
        np.array([e for e, _ in events], dtype=int),
        times=np.array([t for _, t in events], dtype=int),
        rows=rows,
    )
    if len(set(rows.tolist())) < len(rows):
        return  # a row says one thing; an event of it a second time is not what the model makes
    for i, (entity, when) in enumerate(asked):
        heard = [
            float(said[rows[j], 0])
            for j, (e, t) in enumerate(events)
            if e == entity >= 0 and t < when and rows[j] != i
        ]
        assert prefix.count[i] == len(heard)
        assert prefix.total(said)[i, 0] == pytest.approx(sum(heard))


def test_a_circle_is_seen_where_a_patient_comes_back(stays):
    def lay(name, provider, first, last, **more):
        return {
            "stay_id": name, "provider_id": provider, "admission_date": date(2024, 1, first),
            "discharge_date": date(2024, 1, last), **more,
        }  # fmt: skip

    tables = stays(
        lay("a", "H1", 1, 3), lay("b", "H2", 4, 6), lay("c", "H3", 7, 9), lay("d", "H1", 10, 12),
        lay("e", "H1", 20, 22), lay("x", "H1", 1, 3, patient_id="P2"),
    )  # fmt: skip
    read_all = read(tables, upto=date(2024, 3, 1))
    keys = dict(
        zip(
            read_all.ids,
            zip(read_all.keys["circle"], read_all.keys["route"], strict=True),
            strict=True,
        )
    )
    assert keys == {
        "a": (None, None), "b": (None, "H1>H2"), "c": (None, "H2>H3"), "d": ("H1|H2|H3", "H3>H1"),
        "e": (None, None), "x": (None, None),
    }  # fmt: skip
    assert read_all.keys["joint"][0] == read_all.keys["joint"][1] is not None


def test_what_is_carried_on_of_journeys_is_what_reading_all_at_once_gives(stays):
    rows = [
        {
            "stay_id": f"s{n}", "provider_id": f"H{n % 3}", "admission_date": date(2024, 1, 1 + 3 * n),
            "discharge_date": date(2024, 1, 3 + 3 * n),
        }
        for n in range(8)
    ]  # fmt: skip
    habits = Habits({}, procedures=True, currency="CNY")
    whole = read(stays(*rows), upto=date(2024, 3, 1), habits=habits)
    journeys: dict[str, Journey] = {}
    parts = [
        read(stays(*rows[a:b]), upto=date(2024, 3, 1), habits=habits, journeys=journeys)
        for a, b in ((0, 5), (5, 8))
    ]
    assert whole.keys["circle"] == [k for p in parts for k in p.keys["circle"]]
    np.testing.assert_array_equal(whole.own, np.vstack([p.own for p in parts]))


def test_a_bill_is_the_same_whatever_the_order_of_its_lines_and_another_with_one_item_more():

    lines = [(f"I{n}", n + 1) for n in range(12)]
    one, turned, split, more, few = (
        bill(lines), bill(lines[::-1]), bill([*lines[1:], ("I0", 0.5), ("I0", 0.5)]),
        bill([*lines[:-1], (lines[-1][0], 99)]), bill(lines[:5]),
    )  # fmt: skip
    assert one == turned == split != more
    assert one is not None
    assert few is None
