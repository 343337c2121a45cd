"""The physician's pages over a real ward: whose patients are seen, what is answered, what is tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import store
from domain.access import Role, Rows
from scoring_api.ward import answering
from streaming.cds.cards import Moment, of_orders
from streaming.plans.desk import PlanDesk
from streaming.ward import WardDesk
from tests import ward_scene
from tests.access_scene import Scene, make, send, sign_in
from tests.small_catalogue import engine_of, write_catalogue
from tests.ward_scene import AT_FAULT

MINE, ELSE = "SD001022", "SD999999"


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, PlanDesk]]:
    folder = tmp_path_factory.mktemp("ward")
    judge = engine_of(write_catalogue(folder / "checks", **ward_scene.CHECKS))
    with store.open(f"sqlite:///{folder / 'w.db'}") as opened:
        ward, plans = ward_scene.fill(opened, MINE, judge)
        made = make(opened, ward=ward, plans=plans, card_budget=5)
        made.account("petra", Role.PHYSICIAN, Rows(physician_id=MINE))
        made.account("peter", Role.PHYSICIAN, Rows(physician_id=ELSE))
        made.account("olive", Role.OFFICER)
        yield made, plans


@pytest.fixture(scope="module")
def scene(desks: tuple[Scene, PlanDesk]) -> Scene:
    return desks[0]


@pytest.fixture
def petra(scene: Scene) -> Any:
    return scene.signed_in("petra")


def seen(client: Any, query: str = "") -> list[str]:
    """The stays of the list, in its order."""
    page = client.get(f"/ward?lang=en{query}").text
    return [part.split("?")[0] for part in page.split('class="code" href="/ward/')[1:]]


def test_a_physician_begins_on_the_ward_and_an_officer_on_the_queue(scene: Scene) -> None:
    for login, place in (("petra", "/ward"), ("olive", "/")):
        assert sign_in(scene.client(), login).headers["location"] == place
    menu = scene.signed_in("petra").get("/ward?lang=en").text
    assert menu.index('href="/ward?lang=en"') < menu.index('class="menu" href="/?lang=en"')


def test_a_physician_sees_their_own_patients_and_an_officer_all(scene: Scene, petra: Any) -> None:
    mine = {row["stay_id"] for row in scene.store.ward.stays(Rows(physician_id=MINE), most=99)}
    every = {row["stay_id"] for row in scene.store.ward.stays(Rows(), most=99)}
    assert mine < every
    assert set(seen(petra)) == mine
    told = petra.get("/v1/open-stays").json()["stays"]
    assert {stay["page"] for stay in told} == {f"/ward/{stay_id}" for stay_id in mine}
    assert petra.get(f"/v1/open-stays/{AT_FAULT}").json()["page"] == f"/ward/{AT_FAULT}"
    olive = scene.signed_in("olive")
    assert set(seen(olive)) | set(seen(olive, "&page=2")) == every
    assert seen(scene.signed_in("peter")) == []
    foreign = sorted(every - mine)[0]
    for path in (f"/ward/{foreign}", f"/ward/{foreign}/try"):
        assert olive.get(path).status_code == 200
        assert petra.get(path).status_code == 404
        assert scene.signed_in("peter").get(path).status_code == 404
    for path in (f"/ward/{foreign}/try", f"/ward/{foreign}/answers"):
        assert send(petra, path, form="discharge", outcome="later").status_code == 404
    assert send(olive, f"/ward/{AT_FAULT}/answers", outcome="later").status_code == 403


def test_the_list_names_level_share_and_suggestion_in_words(petra: Any) -> None:
    page = petra.get("/ward?lang=en").text
    row = page.split(f'class="code" href="/ward/{AT_FAULT}?')[1].split("</tr>")[0]
    assert "Within the standard" in row
    assert "%</span>" in row
    assert "a drug of the same class" in row
    assert "1 open" in row
    assert page.count('<svg class="pace"') == len(seen(petra))
    zh = petra.get("/ward?lang=zh").text
    assert "标准以内" in zh
    assert "待处理提示" in zh


def test_those_with_a_warning_come_first_and_the_filters_narrow(petra: Any) -> None:
    every, some = seen(petra), seen(petra, "&only=1")
    assert some
    assert len(some) < len(every)
    assert [stay for stay in every if stay in some] == some, "the order stays"
    page = petra.get("/ward?lang=en").text
    warned = [place for place, stay in enumerate(every) if _badge(page, stay) == "medium"]
    assert warned == list(range(len(warned)))
    there = seen(petra, "&department=A03.04")
    assert there
    assert set(there) < set(every)
    assert "No patient fits the filter" in petra.get("/ward?lang=en&department=nowhere").text
    assert petra.get("/ward?page=9999&department=%27--").status_code == 200


def _badge(page: str, stay: str) -> str | None:
    row = page.split(f'class="code" href="/ward/{stay}?')[1].split("</tr>", maxsplit=1)[0]
    return row.split('<a class="badge ')[1].split('"')[0] if '<a class="badge ' in row else None


def test_one_patient_has_cost_interval_drivers_and_what_would_clear(petra: Any) -> None:
    page = petra.get(f"/ward/{AT_FAULT}?lang=en").text
    for told in (
        "Cost so far", "Projected total", "80 % of such stays end in this interval", "Likely discharge",
        "By category", "By order", "ORD-011", "Condition", "withdraw this order", "Questions for you",
    ):  # fmt: skip
        assert told in page, told
    assert '<span class="verdict hit">Hit</span>' in page
    assert '<span class="verdict pass">Pass</span>' in page
    assert 'role="img" aria-label="Day 5: ' in page
    assert "critical" not in page


def test_what_is_not_in_hospital_is_not_found_with_a_word_on_where_to_look(petra: Any) -> None:
    answer = petra.get("/ward/NOBODY?lang=zh", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "没有这位在院患者" in answer.text


def about(page: str) -> str:
    """What the first suggestion of a page is about."""
    return page.split('name="about" value="')[1].split('"', maxsplit=1)[0].replace("&#34;", '"')


def test_an_answer_is_kept_with_its_card_and_takes_the_suggestion_off_the_list(
    scene: Scene,
) -> None:
    petra, stay = scene.signed_in("petra"), AT_FAULT
    path = f"/ward/{stay}"
    key = about(petra.get(path).text)
    assert stay in seen(petra, "&only=1")
    refused = send(petra, f"{path}/answers", about=key, outcome="overridden")
    assert refused.status_code == 422, "a reason is needed"
    assert send(petra, f"{path}/answers", about=key, outcome="ignored").status_code == 422
    assert send(petra, f"{path}/answers", about="another", outcome="later").status_code == 409
    assert scene.store.cards.of_stay(stay) == []
    assert send(petra, f"{path}/answers", about=key, outcome="later").status_code == 303
    assert stay in seen(petra, "&only=1"), "later is no answer yet"
    scene.clock.turn(minutes=1)
    done = send(
        petra,
        f"{path}/answers",
        about=key,
        outcome="overridden",
        reason="documented",
        comment="查过",
    )
    assert done.headers["location"] == f"{path}?lang=en&said=1#suggestions"
    (card,) = scene.store.cards.of_stay(stay)
    assert (card["answer"], card["reason"], card["comment"]) == ("overridden", "documented", "查过")
    assert (card["hook"], card["physician_id"], card["rule_ids"]) == ("ward", MINE, ["ORD-011"])
    assert stay not in seen(petra, "&only=1")
    page = petra.get(f"{path}?lang=en").text
    assert "You answered: Not fitting" in page
    assert "Answered (1)" in page
    own = petra.get("/ward/feedback?lang=en").text
    for told in ("a drug of the same class", "Not fitting", "查过", "the finding still stands", "of at most 5 a day"):  # fmt: skip
        assert told in own, told
    assert "a drug of the same class" not in scene.signed_in("peter").get("/ward/feedback").text
    assert scene.signed_in("olive").get("/ward/feedback").status_code == 403


def test_the_suggestion_that_was_taken_is_named(scene: Scene) -> None:
    petra, stay = scene.signed_in("petra"), "O2503-900006"
    page = petra.get(f"/ward/{stay}").text
    taken = page.split('name="suggestion" value="')[1].split('"')[0]
    assert taken
    send(petra, f"/ward/{stay}/answers", about=about(page), suggestion=taken, outcome="accepted")
    (card,) = scene.store.cards.of_stay(stay)
    assert (card["answer"], card["accepted"]) == ("accepted", [taken])


def test_an_answer_belongs_to_the_card_that_was_shown_while_ordering(
    desks: tuple[Scene, PlanDesk],
) -> None:
    """One thing is asked once: the card of another hook about the same is answered, and none is added."""
    scene, stay = desks[0], "O2503-900005"
    petra, plan = scene.signed_in("petra"), desks[1].of_stay(stay)
    assert plan is not None
    (group,) = answering.gather(plan)
    moment = Moment("order-sign", "1", "client", MINE, scene.clock())
    (made,) = of_orders(plan, moment, {group["subject_id"]})
    here = answering.card_of(plan, group, MINE, scene.clock())
    assert (here.suggestion_key, here.digest) == (made.card.suggestion_key, made.card.digest)
    assert scene.store.cards.offer([made.card], budget=5, now=scene.clock())[0].shown
    scene.clock.turn(minutes=1)
    send(petra, f"/ward/{stay}/answers", about=group["key"], outcome="accepted")
    (card,) = scene.store.cards.of_stay(stay)
    assert (card["card_id"], card["hook"]) == (made.card.card_id, "order-sign")
    assert card["answer"] == "accepted"


def test_what_was_answered_on_the_page_is_not_asked_again_while_ordering(
    desks: tuple[Scene, PlanDesk],
) -> None:
    scene, stay = desks[0], "O2503-900000"
    petra, plan = scene.signed_in("petra"), desks[1].of_stay(stay)
    assert plan is not None
    group = answering.gather(plan)[0]
    send(petra, f"/ward/{stay}/answers", about=group["key"], outcome="accepted")
    moment = Moment("order-sign", "2", "client", MINE, scene.clock())
    (made,) = of_orders(plan, moment, {group["subject_id"]})
    (offer,) = scene.store.cards.offer([made.card], budget=5, now=scene.clock())
    assert offer.held == "repeat"


STAY = "O2503-000011"


def test_a_change_is_tried_side_by_side_and_nothing_is_stored(scene: Scene, petra: Any) -> None:
    path = f"/ward/{STAY}/try"
    before = scene.store.open_stays.read([STAY])[STAY]
    first = petra.get(f"{path}?lang=en").text
    assert "Only what the record documents may be coded" in first
    assert "With the changes" not in first
    page = send(petra, f"{path}?lang=en", form="diagnosis", action="add", code="J96.000").text
    for told in (
        "Add the diagnosis J96.000",
        "With the changes",
        "must have been made by a physician",
    ):
        assert told in page, told
    carried = json.dumps({"kind": "add_diagnosis", "code": "J96.000"}, separators=(",", ":"))
    page = send(petra, f"{path}?lang=en", form="discharge", date="2025-04-05", c0=carried).text
    assert "Discharge on 2025-04-05" in page
    assert "Add the diagnosis J96.000" in page
    page = send(petra, f"{path}?lang=en", drop="0", c0=carried).text
    assert "No change yet" in page
    assert scene.store.open_stays.read([STAY])[STAY] == before
    assert "J96" not in petra.get(f"/ward/{STAY}").text


def test_what_is_missing_is_said_at_its_field_and_what_was_typed_is_kept(petra: Any) -> None:
    path = f"/ward/{STAY}/try?lang=en"
    answer = send(petra, path, form="plan", item="S-1", amount="a lot", date="soon")
    assert answer.status_code == 422
    for told in ('href="#plan-amount"', 'href="#plan-date"', 'value="S-1"', 'aria-invalid="true"'):
        assert told in answer.text, told
    answer = send(petra, path, form="diagnosis", action="replace", code="I10")
    assert 'id="diagnosis-ordinal-error"' in answer.text
    forged = json.dumps({"kind": "remove_diagnosis", "ordinal": 99})
    answer = send(petra, path, c0=forged, c1="nonsense", c2='{"kind": 5}')
    assert answer.status_code == 422
    assert "The changes cannot be made" in answer.text


def test_a_wards_glance_is_kept_until_the_stay_is_written_again(
    desks: tuple[Scene, PlanDesk],
) -> None:
    scene, plans = desks

    class Counting:
        def __init__(self) -> None:
            self.read: list[list[str]] = []
            self.open_stays = self

        def __getattribute__(self, name: str) -> Any:
            if name != "read":
                return object.__getattribute__(self, name)
            asked = object.__getattribute__(self, "__dict__")["read"]
            return lambda ids: asked.append(ids) or scene.store.open_stays.read(ids)

    counting: Any = Counting()
    desk = WardDesk(plans.engine, counting)
    first = desk.glance({STAY: 1})
    assert desk.glance({STAY: 1}) == first
    assert counting.__dict__["read"] == [[STAY]]
    assert first[STAY]["absent"] is None
    assert first[STAY]["low_fen"] <= first[STAY]["projected_fen"] <= first[STAY]["high_fen"]
    assert desk.glance({STAY: 2, "NOBODY": 1}).keys() == {STAY}
    assert counting.__dict__["read"][1:] == [["NOBODY", STAY]]


def test_the_guide_begins_with_the_physicians_steps(scene: Scene, petra: Any) -> None:
    page = petra.get("/guide?lang=en").text
    assert page.index("For physicians: four steps") < page.index("Five steps")
    assert 'href="/ward/feedback?lang=en"' in page
    other = scene.signed_in("olive").get("/guide?lang=en").text
    assert other.index("Five steps") < other.index("For physicians: four steps")
    assert "New here?" in petra.get("/ward?lang=en").text
    assert send(petra, "/guide?lang=en").headers["location"] == "/ward?lang=en"
