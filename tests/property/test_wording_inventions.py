"""A model that invents is caught every time, over a real server, in both languages and many forms."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from explain.wording import Client, Settings, Verifier, Writer, template
from tests import wording_cards as cards
from tests.wording_inventions import KINDS, Invention, invent
from tests.wording_stub import Stub, serve

ATTEMPTS = 30
"""Of each kind in each language: 660 in all."""


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[Stub, Writer]]:
    with serve() as stub:
        client = Client(Settings(base_url=stub.base_url, model="stub"))
        yield stub, Writer(cards.names(), client)
        client.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_invention_is_shown(model: tuple[Stub, Writer], kind: str, lang: str) -> None:
    stub, writer = model
    told = cards.cards(lang)
    shown: list[Invention] = []
    tried = 0

    @settings(
        max_examples=ATTEMPTS,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(place=st.integers(0, len(told) - 1), seed=st.integers(0, 2**32))
    def attempt(place: int, seed: int) -> None:
        nonlocal tried
        rng = random.Random(seed)
        # A card that has nothing to do it with gives way to the next one that has.
        for at in range(len(told)):
            facts = told[(place + at) % len(told)]
            made = invent(rng, facts, cards.names(), kind)
            if made is not None:
                break
        assume(made is not None)
        assert made is not None
        stub.answer = lambda body: made.content
        words, record = writer.write(facts)
        assert record is not None
        tried += 1
        if words.source != "template" or words != template(facts):
            shown.append(made)
        assert words.source == "template", (made.kind, made.form, made.texts)
        assert record.verdict == "refused"
        assert record.refused

    attempt()
    assert tried >= ATTEMPTS
    assert not shown


@pytest.mark.parametrize("lang", ["zh", "en"])
@settings(max_examples=60, deadline=None, database=None)
@given(text=st.text(max_size=60), place=st.integers(0, 40))
def test_any_text_at_all_is_judged_and_never_breaks_the_verifier(
    lang: str, text: str, place: int
) -> None:
    facts = cards.cards(lang)[place]
    Verifier(facts, cards.names()).faults({"summary": text, "detail": text, "action": text})
