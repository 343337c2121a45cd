"""What every back end of the entity graph must answer: one suite, run on each of them.

``tests/unit/store/test_graph_sql.py`` runs it on SQLite, ``tests/services/test_graph_servers.py`` on
PostgreSQL and Neo4j. A subclass gives the fixture ``scene``.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from data_samples.committed import FOLDER
from domain.graph import EdgeKind, Neighbourhood, NodeKind, Path, key_of
from domain.graph_questions import (
    QUESTIONS,
    AskCircularTransfers,
    AskClonedBills,
    AskCommunities,
    AskCompanions,
    AskNeighbourhood,
    AskPath,
    AskSharedIdentifiers,
    AskTriangles,
    GraphNodeError,
    GraphTimeoutError,
    Question,
)
from store.graph.writing import LostGraphError
from tests.graph_scene import Scene, claim, day, hidden, lines, renumbered

A, B, C = (hidden("patient_id", who) for who in "ABC")
LISTS = (
    AskSharedIdentifiers, AskTriangles, AskCompanions, AskCircularTransfers, AskClonedBills,
    AskCommunities,
)  # fmt: skip


def phone(number: str) -> str:
    return key_of(NodeKind.PHONE, hidden("phone", number))


def planted(name: str) -> list[dict[str, Any]]:
    text = (FOLDER / "rings" / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


RINGS = json.loads((FOLDER / "rings" / "index.json").read_text("utf-8"))
BY_NAME = {question.name: question for question in QUESTIONS}


class GraphCases:
    """The suite."""

    # What is in the graph

    def test_a_claim_brings_in_all_that_it_names(self, scene: Scene) -> None:
        scene.show(
            claim(
                0, phone="000-1", address="虚构路1号", employer="样例单位", bank_account="0000-1",
                admission_department="A03", discharge_department="A04",
                attending_physician_id="D1", operating_physician_id="D2",
                receiving_provider_id="H2",
                procedures=[
                    {"ordinal": 1, "code": "33.2400", "procedure_date": "2024-03-02", "surgeon_id": "D2"}
                ],
                charges=lines(1, 2, 3),
                orders=[
                    {
                        "order_id": "O1", "order_type": "drug", "item_code": "I3", "status": "completed",
                        "start_time": "2024-03-02T09:00:00+08:00", "ordering_physician_id": "D1",
                    }
                ],
            )
        )  # fmt: skip
        stats = scene.graph.stats()
        assert stats.nodes == {
            "patient": 1, "stay": 1, "provider": 2, "department": 2, "physician": 2, "diagnosis": 2,
            "procedure": 1, "drug": 1, "item": 2, "order": 1, "phone": 1, "address": 1,
            "bank_account": 1, "employer": 1,
        }  # fmt: skip
        assert stats.edges == {
            "had": 1, "at": 1, "sent_to": 1, "in_department": 2, "treated": 3, "diagnosed": 2,
            "underwent": 1, "charged": 3, "ordered": 1, "asks_for": 1, "prescribed": 1,
            "gave_phone": 1, "lives_at": 1, "paid_to": 1, "works_for": 1,
        }  # fmt: skip

    def test_edges_have_their_own_time_and_money(self, scene: Scene) -> None:
        twice = [*lines(1, 2), {**lines(4, day="2024-03-04")[0], "line_id": "L9"}]
        scene.show(claim(0, charges=twice))
        around = scene.ask(AskNeighbourhood(of="stay:S000000", hops=1))
        edges = {(e.kind, e.target): e for e in around.edges}
        item = edges[EdgeKind.CHARGED, "item:I1"]
        assert (item.first_day, item.last_day) == (day("2024-03-01"), day("2024-03-04"))
        assert (item.amount_fen, item.currency, item.occurrences) == (5_000, "CNY", 2)
        had = edges[EdgeKind.HAD, "stay:S000000"]
        assert (had.source, had.amount_fen, had.currency) == (f"patient:{A}", 1_000, "CNY")
        assert (had.first_day, had.last_day) == (day("2024-03-01"), day("2024-03-05"))
        assert edges[EdgeKind.DIAGNOSED, "diagnosis:ICD-10-CN|I10.x00"].amount_fen is None

    def test_a_correction_replaces_what_its_first_version_said(self, scene: Scene) -> None:
        scene.show(
            claim(0, "A", phone="000-1"), claim(1, "B", phone="000-1"), claim(2, "C", phone="000-2")
        )
        assert scene.shared() == [phone("000-1")]
        scene.show(claim(0, "A", claim_version=2, phone="000-2", total_amount_fen=5))
        assert scene.shared() == [phone("000-2")]
        (found,) = scene.ask(AskSharedIdentifiers(min_patients=2)).items
        assert [(m.total_fen, m.fund_fen) for m in found.money] == [(5 + 3_000, 700 + 2_100)]
        # An older version that comes late changes nothing.
        scene.show(claim(2, "C", claim_version=3, phone="000-2"), claim(2, "C", phone="000-9"))
        assert scene.shared() == [phone("000-2")]
        assert scene.graph.stats().nodes["phone"] == 2, "no node without an edge is left"

    def test_a_withdrawn_claim_is_gone_and_a_later_version_is_back(self, scene: Scene) -> None:
        scene.show(claim(0, "A", phone="000-1", charges=lines(1)), claim(1, "B", phone="000-1"))
        scene.withdraw(0)
        scene.catch_up()
        assert scene.shared() == []
        stats = scene.graph.stats()
        assert (stats.nodes["stay"], stats.nodes["patient"], stats.nodes["item"]) == (1, 1, 0)
        scene.show(claim(0, "A", claim_version=2, phone="000-1"))
        assert scene.shared() == [phone("000-1")]

    def test_bringing_the_same_in_again_changes_nothing(self, scene: Scene) -> None:
        scene.show(*(claim(n, "ABC"[n % 3], charges=lines(n + 1)) for n in range(6)))
        before = scene.graph.stats()
        scene.graph.feed.list_all()
        done = scene.catch_up()
        assert (done.placed, done.unchanged) == (0, 6)
        assert scene.graph.stats() == before

    def test_a_rebuild_brings_all_in_anew_and_sweeps_out_what_does_not_belong(
        self, scene: Scene
    ) -> None:
        scene.show(*(claim(n, "ABC"[n % 3], phone="000-1") for n in range(6)))
        # A stay that the store does not have, as an accident or another program leaves it.
        with_foreign = Scene(scene.opened, scene.graph)
        writer = scene.graph.writer()
        from store.graph.claims import graph_of

        foreign = graph_of(
            {
                "stay_id": "S9", "claim_version": 1, "claim_type": "inpatient", "patient_id": "p_x",
                "provider_id": "H9", "time_zone": "Asia/Shanghai", "currency": "CNY",
                "admission_date": "2024-01-01", "discharge_date": "2024-01-02",
            },
            "0" * 64,
        )  # fmt: skip
        writer.apply(writer.seize(), 1, [foreign], [])
        assert with_foreign.graph.stats().nodes["stay"] == 7
        scene.graph.feed.list_all(rebuild=True)
        done = scene.catch_up()
        assert (done.placed, done.unchanged) == (6, 0)
        assert done.swept > 0
        stats = scene.graph.stats()
        assert (stats.nodes["stay"], stats.nodes["provider"], stats.edges["gave_phone"]) == (
            6,
            1,
            6,
        )

    def test_the_last_writer_writes_and_no_one_else(self, scene: Scene) -> None:
        first, second = scene.graph.writer(), scene.graph.writer()
        old = first.seize()
        second.seize()
        with pytest.raises(LostGraphError, match="another process"):
            first.apply(old, 1, [], ["S000000"])
        with pytest.raises(LostGraphError):
            first.wipe(old)

    def test_it_can_be_emptied(self, scene: Scene) -> None:
        scene.show(*(claim(n, phone="000-1", charges=lines(1)) for n in range(3)))
        writer = scene.graph.writer()
        assert writer.wipe(writer.seize()) > 0
        assert not any(scene.graph.stats().nodes.values())

    # As of an instant

    def test_a_claim_is_seen_from_the_end_of_its_last_day(self, scene: Scene) -> None:
        scene.show(
            claim(0, "A", phone="000-1", last="2024-03-05"),
            claim(1, "B", phone="000-1", first="2024-03-08", last="2024-03-10"),
        )
        at = {
            "2024-03-10T15:59:59+00:00": [],
            "2024-03-11T00:00:00+08:00": [phone("000-1")],
        }
        for instant, wanted in at.items():
            assert scene.shared(upto=datetime.fromisoformat(instant)) == wanted, instant

    def test_the_instant_of_discharge_counts_where_it_is_known(self, scene: Scene) -> None:
        scene.show(claim(0, phone="000-1", discharge_time="2024-03-05T10:00:00+08:00"))
        around = AskNeighbourhood(
            of=f"patient:{A}", hops=1, upto=datetime(2024, 3, 5, 1, 59, tzinfo=UTC)
        )
        assert scene.ask(around).edges == ()
        seen = AskNeighbourhood(of=f"patient:{A}", hops=1, upto=datetime(2024, 3, 5, 2, tzinfo=UTC))
        assert len(scene.ask(seen).edges) == 1

    def test_a_settlement_that_ends_later_delays_it(self, scene: Scene) -> None:
        scene.show(claim(0, settlement_end_date="2024-03-20"))
        for day_, edges in ((20, 0), (21, 1)):
            upto = datetime.fromisoformat(f"2024-03-{day_}T00:00:00+08:00")
            found = scene.ask(AskNeighbourhood(of=f"patient:{A}", hops=1, upto=upto))
            assert len(found.edges) == edges, day_

    # Neighbourhood

    def test_a_neighbourhood_goes_through_people_and_not_through_hospitals(
        self, scene: Scene
    ) -> None:
        scene.show(
            claim(0, "A", phone="000-1", attending_physician_id="D1"),
            claim(1, "B", phone="000-1", attending_physician_id="D2"),
            claim(2, "C", attending_physician_id="D3"),
        )
        around: Neighbourhood = scene.ask(AskNeighbourhood(of=f"patient:{A}", hops=4))
        keys = {node.key: node for node in around.nodes}
        assert keys[f"patient:{B}"].distance == 4
        assert f"patient:{C}" not in keys, "they share only the hospital and the diagnoses"
        assert keys["provider:H1"].expanded == "no"
        assert keys["stay:S000001"].stay is not None
        assert keys["stay:S000001"].stay.total_fen == 2_000
        assert not around.truncated
        wide = scene.ask(
            AskNeighbourhood(of=f"patient:{A}", hops=4, through=("patient", "stay", "provider"))
        )
        assert f"patient:{C}" in {node.key for node in wide.nodes}
        begun = scene.ask(AskNeighbourhood(of="provider:H1", hops=1))
        assert {n.key for n in begun.nodes if n.kind is NodeKind.STAY} == {
            "stay:S000000", "stay:S000001", "stay:S000002"
        }  # fmt: skip

    def test_a_neighbourhood_keeps_the_newest_and_says_that_there_is_more(
        self, scene: Scene
    ) -> None:
        months = [f"2024-0{n}" for n in range(1, 8)]
        scene.show(*(claim(n, first=f"{m}-01", last=f"{m}-03") for n, m in enumerate(months)))
        around = scene.ask(AskNeighbourhood(of=f"patient:{A}", hops=1, fan=3))
        assert [n.key for n in around.nodes[1:]] == ["stay:S000004", "stay:S000005", "stay:S000006"]
        assert around.truncated
        assert around.nodes[0].expanded == "part"
        small = scene.ask(AskNeighbourhood(of=f"patient:{A}", hops=2, limit=4))
        assert len(small.nodes) == 4
        assert small.truncated
        known = {node.key for node in small.nodes}
        assert all({edge.source, edge.target} <= known for edge in small.edges)

    def test_an_unknown_node_is_told_from_one_without_neighbours(self, scene: Scene) -> None:
        scene.show(claim(0))
        with pytest.raises(GraphNodeError, match="no patient"):
            scene.ask(AskNeighbourhood(of="patient:p_nobody"))
        with pytest.raises(GraphNodeError, match="no provider"):
            scene.ask(AskPath(start="stay:S000000", end="provider:H9"))
        before = datetime(2020, 1, 1, tzinfo=UTC)
        alone = scene.ask(AskNeighbourhood(of=f"patient:{A}", upto=before))
        assert [node.key for node in alone.nodes] == [f"patient:{A}"]

    # Lists

    def test_shared_identifiers_tell_who_where_when_and_how_much(self, scene: Scene) -> None:
        scene.show(
            claim(0, "A", "H1", phone="000-1"),
            claim(1, "A", "H2", "2024-04-01", "2024-04-03", phone="000-1"),
            claim(2, "B", "H1", "2024-02-01", "2024-02-02", phone="000-1", fund_payment_fen=...),
            claim(3, "C", "H1", phone="000-3", bank_account="0000-9"),
            claim(4, "B", "H1", phone="000-4", bank_account="0000-9", currency="USD"),
        )
        first, second = scene.ask(AskSharedIdentifiers(min_patients=2)).items
        assert (first.identifier, first.kind) == (phone("000-1"), NodeKind.PHONE)
        assert (first.patient_count, first.stay_count, first.provider_count) == (2, 3, 2)
        assert first.patients == tuple(sorted((A, B)))
        assert (first.first_day, first.last_day) == (day("2024-02-01"), day("2024-04-03"))
        (money,) = first.money
        assert (money.total_fen, money.fund_fen, money.fund_unknown) == (6_000, 2_100, 1)
        assert second.kind is NodeKind.BANK_ACCOUNT
        assert [(m.currency, m.total_fen) for m in second.money] == [("CNY", 4_000), ("USD", 5_000)]
        assert scene.shared(kind=("phone",)) == [first.identifier]
        assert scene.shared(within="provider:H2") == [first.identifier]
        assert scene.shared(within=f"patient:{C}") == [second.identifier]
        assert scene.shared(within="stay:S000004") == [second.identifier]
        assert scene.shared(within="physician:D9") == []
        assert scene.shared(since=day("2024-03-01")) == [second.identifier]
        one = scene.ask(AskSharedIdentifiers(min_patients=2, limit=1))
        assert (len(one.items), one.truncated) == (1, True)

    def test_triangles_count_the_stays_of_three(self, scene: Scene) -> None:
        scene.show(
            *(claim(n, "A", "H1", f"2024-0{n + 1}-01", f"2024-0{n + 1}-03",
                    operating_physician_id="D1") for n in range(3)),
            claim(3, "A", "H2"),
            claim(4, "B", "H1", attending_physician_id="D2"),
        )  # fmt: skip
        (found,) = scene.ask(AskTriangles(min_stays=3)).items
        assert (found.provider_id, found.physician_id, found.patient_id) == ("H1", "D1", A)
        assert found.stay_count == 3, "a physician in two roles of one stay is counted once"
        assert [m.total_fen for m in found.money] == [6_000]
        for chosen, number in (
            ({"provider": "H2"}, 1), ({"physician": "D2"}, 1), ({"patient": B}, 1), ({"patient": A}, 2),
            ({"provider": "H1", "physician": "D1", "patient": B}, 0),
        ):  # fmt: skip
            assert len(scene.ask(AskTriangles(min_stays=1, **chosen)).items) == number, chosen

    def test_companions_came_and_left_together_several_times(self, scene: Scene) -> None:
        times = (("2024-01-01", "2024-01-05"), ("2024-02-01", "2024-02-05"))
        group = [
            claim(3 * turn + n, who, "H1", *days)
            for turn, days in enumerate(times)
            for n, who in enumerate("ABC")
        ]
        scene.show(
            *group,
            claim(10, "D", "H1", *times[0]),  # once only
            claim(11, "A", "H2", "2024-03-01", "2024-03-01"),  # no night
            claim(12, "B", "H2", "2024-03-01", "2024-03-01"),
        )
        (found,) = scene.ask(AskCompanions()).items
        assert (found.patient_count, found.times) == (3, 2)
        assert found.patients == tuple(sorted((A, B, C)))
        assert found.providers == ("H1",)
        # The stay of the one who was there once belongs to the first joint admission of nobody.
        assert [m.stays for m in found.money] == [6]
        assert scene.ask(AskCompanions(min_times=3)).items == ()

    def test_hospitals_that_pass_a_patient_round_are_a_circle(self, scene: Scene) -> None:
        def way(first: int, who: str, *providers: str, gap: int = 1) -> list[dict[str, Any]]:
            made, start = [], datetime(2024, 1, 1, tzinfo=UTC).toordinal()
            for n, provider in enumerate(providers):
                begun = datetime.fromordinal(start + n * (5 + gap)).date().isoformat()
                ended = datetime.fromordinal(start + n * (5 + gap) + 5).date().isoformat()
                made.append(claim(first + n, who, provider, begun, ended))
            return made

        scene.show(
            *way(0, "A", "H2", "H3", "H1", "H2"),
            *way(10, "B", "H1", "H2", "H3", "H1"),
            *way(20, "C", "H1", "H2", "H3"),
            *way(30, "D", "H1", "H2", "H1", gap=9),
            *way(40, "E", "H3", "H1", "H3", "H1"),
        )
        circles = scene.ask(AskCircularTransfers()).items
        assert [(c.providers, c.patient_count, c.round_count) for c in circles] == [
            (("H1", "H2", "H3"), 2, 2),
            (("H1", "H3"), 1, 1),
        ]
        assert circles[0].rounds[0].stay_ids == ("S000000", "S000001", "S000002", "S000003")
        assert circles[0].rounds[0].providers == ("H2", "H3", "H1", "H2")
        wide = scene.ask(AskCircularTransfers(max_gap_days=9, min_patients=2)).items
        assert [c.providers for c in wide] == [("H1", "H2", "H3")]

    def test_the_same_bill_of_several_patients_is_found(self, scene: Scene) -> None:
        same = lines(*range(1, 12))
        split = [
            *same[:-1],
            {**same[-1], "quantity": "4"},
            {**same[-1], "line_id": "L99", "quantity": "7"},
        ]
        scene.show(
            claim(0, "A", charges=same), claim(1, "B", "H2", charges=split), claim(2, "C", charges=same),
            claim(3, "C", charges=same), claim(4, "A", charges=lines(*range(2, 13))),
            claim(5, "A", charges=lines(1)), claim(6, "B", charges=lines(1)), claim(7, "C", charges=lines(1)),
        )  # fmt: skip
        (found,) = scene.ask(AskClonedBills()).items
        assert (found.patient_count, found.stay_count, found.item_count) == (3, 4, 11)
        assert found.stay_ids == ("S000000", "S000001", "S000002", "S000003")
        assert found.providers == ("H1", "H2")
        assert len(scene.ask(AskClonedBills(min_items=1)).items) == 2

    def test_a_path_leads_through_what_people_share(self, scene: Scene) -> None:
        scene.show(
            claim(0, "A", phone="000-1", attending_physician_id=...),
            claim(1, "B", phone="000-1", bank_account="0000-1", attending_physician_id=...),
            claim(2, "C", bank_account="0000-1", attending_physician_id=...),
            claim(3, "D", attending_physician_id=...),
        )
        asked = {"start": f"patient:{A}", "end": f"patient:{C}"}
        found: Path = scene.ask(AskPath(**asked))
        assert [n.key for n in found.nodes] == [
            f"patient:{A}", "stay:S000000", phone("000-1"), "stay:S000001",
            key_of(NodeKind.BANK_ACCOUNT, hidden("bank_account", "0000-1")), "stay:S000002",
            f"patient:{C}",
        ]  # fmt: skip
        assert [e.kind for e in found.edges] == [
            EdgeKind.HAD, EdgeKind.GAVE_PHONE, EdgeKind.GAVE_PHONE, EdgeKind.PAID_TO,
            EdgeKind.PAID_TO, EdgeKind.HAD,
        ]  # fmt: skip
        assert scene.ask(AskPath(**asked, hops=5)).nodes == ()
        assert (
            scene.ask(AskPath(**{**asked, "end": f"patient:{hidden('patient_id', 'D')}"})).nodes
            == ()
        )
        short = scene.ask(AskPath(**asked, through=("stay", "provider")))
        assert [n.key for n in short.nodes][2] == "provider:H1"
        alone = scene.ask(AskPath(start="provider:H1", end="provider:H1"))
        assert [n.key for n in alone.nodes] == ["provider:H1"]

    def test_of_several_shortest_ways_the_first_by_name_is_shown(self, scene: Scene) -> None:
        scene.show(
            *(
                claim(n, who, phone=number, bank_account="0000-1", attending_physician_id="D1")
                for n, (who, number) in enumerate([("A", "000-1"), ("B", "000-1")])
            )
        )
        through = ("stay", "phone", "bank_account", "physician")
        found = scene.ask(AskPath(start=f"patient:{A}", end=f"patient:{B}", through=through))
        ties = [phone("000-1"), key_of(NodeKind.BANK_ACCOUNT, hidden("bank_account", "0000-1"))]
        assert found.nodes[2].key == min([*ties, "physician:D1"])

    def test_communities_join_people_through_a_chain_of_things(self, scene: Scene) -> None:
        scene.show(
            claim(0, "A", phone="000-1"),
            claim(1, "B", phone="000-1", bank_account="0000-1"),
            claim(2, "C", "H2", bank_account="0000-1"),
            claim(3, "C", "H2", "2024-05-01", "2024-05-02"),
            claim(4, "D", phone="000-9"),
        )
        asked = AskCommunities(min_patients=3)
        (found,) = scene.ask(asked).items
        assert found.patients == tuple(sorted((A, B, C)))
        assert (found.stay_count, found.link_count) == (4, 2)
        assert [(s.provider_id, s.stay_count) for s in found.providers] == [("H1", 2), ("H2", 2)]
        assert [(m.total_fen, m.fund_fen) for m in found.money] == [(10_000, 7_000)]
        (less,) = scene.ask(AskCommunities(min_patients=2, kind=("phone",))).items
        assert less.patients == tuple(sorted((A, B)))
        assert less.community_id != found.community_id
        # What more people share than one household of rings is a hospital's own number.
        assert scene.ask(AskCommunities(min_patients=2, max_people=2, kind=("phone",))).items

    def test_a_number_of_many_people_ties_nobody(self, scene: Scene) -> None:
        scene.show(
            *(
                claim(n, f"P{n}", phone="000-1", first=f"2024-03-0{n + 1}", last=None)
                for n in range(5)
            )
        )
        assert scene.ask(AskCommunities(max_people=4)).items == ()
        assert len(scene.ask(AskCommunities(max_people=5)).items) == 1

    # Bounds

    @pytest.mark.parametrize("kind", LISTS)
    def test_an_empty_graph_answers_everything(self, scene: Scene, kind: type[Question]) -> None:
        found = scene.ask(kind())
        assert (found.items, found.truncated) == ((), False)

    def test_a_question_without_time_is_refused(self, scene: Scene) -> None:
        scene.show(claim(0))
        hurried = AskTriangles()
        object.__setattr__(hurried, "seconds", 1e-9)  # no person may ask for so little
        with pytest.raises(GraphTimeoutError, match="within 1e-09 s"):
            scene.ask(hurried)

    # Rings

    @pytest.mark.parametrize("ring", RINGS, ids=[ring["ring"] for ring in RINGS])
    def test_a_planted_ring_is_found_and_nothing_else(
        self, scene: Scene, ring: dict[str, Any]
    ) -> None:
        scene.show(*renumbered(planted(ring["file"])))
        (found,) = scene.ask(BY_NAME[ring["question"]]()).items
        for name, wanted in ring["found"].items():
            assert getattr(found, name) == wanted, name
        assert all(money.fund_fen > 0 for money in found.money)

    def test_a_clean_month_is_quiet(self, scene: Scene) -> None:
        text = (FOLDER / "clean" / "month-small.jsonl").read_text("utf-8")
        scene.show(*renumbered([json.loads(line) for line in text.splitlines()]))
        for kind in LISTS:
            least = {"min_stays": 2} if kind is AskTriangles else {}
            assert scene.ask(kind(**least)).items == (), kind.name
        assert {f.name for f in fields(scene.graph.stats())} == {"nodes", "edges"}
