"""Groups of patients tied together by what they share, with the money behind them."""

from __future__ import annotations

from collections import Counter
from typing import Final

from domain.graph import LISTED, Community, Found, NodeKind, Share
from domain.graph_questions import AskCommunities
from domain.results import identifier
from store.graph.joined import components
from store.graph.reading import PatientSum, Reads
from store.graph.rings import MOST_PAIRS
from store.graph.sums import add_money

MOST_LINKS: Final = 200_000
"""Links between patients and identifiers looked at, some 40 MB; with more the answer says
``truncated`` and a later ``since`` or fewer kinds will do."""


def communities(reads: Reads, asked: AskCommunities) -> Found[Community]:
    """Connected components over shared identifiers and joint admissions."""
    links = reads.links([NodeKind(kind) for kind in asked.kind], asked.max_people, MOST_LINKS)
    pairs = reads.companion_pairs(asked.min_times, MOST_PAIRS) if asked.min_times else []
    cut = len(links) > MOST_LINKS or len(pairs) > MOST_PAIRS
    links, pairs = links[:MOST_LINKS], pairs[:MOST_PAIRS]
    tied: dict[str, list[str]] = {}
    for identity, patient in links:
        tied.setdefault(patient, []).append(identity)
    # Identifiers are keys with a colon in them, so none can be taken for a patient.
    groups = [
        [member for member in group if ":" not in member] for group in components([*links, *pairs])
    ]
    groups = [group for group in groups if len(group) >= asked.min_patients]
    sums: dict[str, list[PatientSum]] = {}
    for one in reads.sums([member for group in groups for member in group]):
        sums.setdefault(one.patient_id, []).append(one)
    found = [_community(group, tied, sums) for group in groups]
    found.sort(key=lambda c: (-_paid(c, asked.currency), -c.patient_count, c.community_id))
    return Found(tuple(found[: asked.limit]), cut or len(found) > asked.limit)


def _community(
    group: list[str], tied: dict[str, list[str]], sums: dict[str, list[PatientSum]]
) -> Community:
    parts = [one for member in group for one in sums[member]]
    providers: Counter[str] = Counter()
    for one in parts:
        providers[one.provider_id] += one.sum.stays
    links = sorted({identity for member in group for identity in tied.get(member, ())})
    shares = sorted(providers.items(), key=lambda pair: (-pair[1], pair[0]))
    return Community(
        identifier("community", *group), len(group), sum(providers.values()),
        tuple(group[:LISTED]), len(links), tuple(links[:LISTED]),
        tuple(Share(*pair) for pair in shares[:LISTED]),
        min(one.sum.first_day for one in parts), max(one.sum.last_day for one in parts),
        add_money(one.sum.money for one in parts),
    )  # fmt: skip


def _paid(community: Community, currency: str) -> int:
    return sum(one.fund_fen for one in community.money if one.currency == currency)
