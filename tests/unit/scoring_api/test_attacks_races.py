"""Attacks by doing a thing many times at once. docs/security.md lists them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from domain.access import Role
from tests import attack_scene
from tests.attack_scene import Person, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("races")
    with attack_scene.world(f"sqlite:///{folder / 'a.db'}", folder / "checks") as made:
        yield made


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """What each gave, all begun together."""
    barrier, found = threading.Barrier(len(work)), [None] * len(work)

    def run(place: int) -> None:
        barrier.wait()
        found[place] = work[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_approvals_at_once_one_counts(world: World) -> None:
    """Two people decide on one proposal, and on one version of it, in the same moment."""
    number = attack_scene.numbered()
    maker = Person(world.scene, f"proposer-{number}", Role.SENIOR)
    judges = [Person(world.scene, f"judge-{number}-{i}", Role.SENIOR) for i in range(3)]
    made = maker.made(
        "/v1/proposals",
        {"rule_id": "ADM-003", "parameter": "window_days", "region": f"44{int(number) % 90 + 10}",
         "since": "2099-03-01", "value": "12", "why": "why"},
    )  # fmt: skip
    address = f"/v1/proposals/{made['proposal_id']}"
    tag = judges[0].get(address).headers["etag"]
    answers = at_once(
        *(
            lambda judge=judge, word=word: judge.post(
                f"{address}/{word}", {"reason": "because"}, if_match=tag
            )
            for judge, word in zip(judges, ("approve", "refuse", "approve"), strict=True)
        )
    )
    counted = Counter(one.status_code for one in answers)
    assert counted[200] == 1, counted
    assert set(counted) <= {200, 409, 412}
    # Nobody decides on their own.
    own = maker.made(
        "/v1/proposals",
        {"rule_id": "ADM-003", "parameter": "window_days", "region": f"45{int(number) % 90 + 10}",
         "since": "2099-03-01", "value": "12", "why": "why"},
    )["proposal_id"]  # fmt: skip
    tag = maker.get(f"/v1/proposals/{own}").headers["etag"]
    mine = maker.post(f"/v1/proposals/{own}/approve", {"reason": "mine"}, if_match=tag)
    assert mine.status_code in (403, 409), mine.text


def test_one_key_is_spent_once_however_many_send_it_at_once(world: World) -> None:
    number = attack_scene.numbered()
    boss = Person(world.scene, f"keyed-{number}", Role.ADMINISTRATOR)
    body = {"url": "https://hooks.example.org/once", "description": f"once {number}"}
    answers = at_once(
        *[lambda: boss.post("/v1/webhooks", body, idempotency_key=f"same-key-{number}")] * 4
    )
    assert {one.status_code for one in answers} <= {201, 409}
    made = [h for h in boss.get("/v1/webhooks").json()["webhooks"] if h["description"] == body["description"]]  # fmt: skip
    assert len(made) == 1
    secrets = [one.json()["secret"] for one in answers if one.status_code == 201]
    assert len([one for one in secrets if one]) == 1, "the secret is shown once"


def test_the_last_administrator_stays_however_many_go_at_once(world: World) -> None:
    """Every administrator takes the role from another one in the same moment: one is left."""
    number = attack_scene.numbered()
    two = [Person(world.scene, f"last-{number}-{i}", Role.ADMINISTRATOR) for i in range(2)]
    others = [
        one for one in two[0].get("/v1/users").json()["users"]
        if one["role"] == "administrator" and one["active"] and not one["login"].startswith(f"last-{number}")
    ]  # fmt: skip
    for one in others:
        gone = two[0].ask("PATCH", f"/v1/users/{one['user_id']}", json={"active": False},
                          headers={"if-match": f'"{one["version"]}"'})  # fmt: skip
        assert gone.status_code == 200, gone.text
    tags = [two[0].get(f"/v1/users/{one.user_id}").headers["etag"] for one in two]
    answers = at_once(
        *(
            lambda one=one, tag=tag: one.ask(
                "PATCH",
                f"/v1/users/{one.user_id}",
                json={"active": False},
                headers={"if-match": tag},
            )
            for one, tag in zip(two, tags, strict=True)
        )
    )
    left = world.scene.store.access.accounts.of_roles(["administrator"])
    assert len(left) == 1, [one.status_code for one in answers]
