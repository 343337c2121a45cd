"""Months of inpatient stays in which fraud rings are planted among honest people.

A ring's stay taken alone is an honest one (``ring_stage`` draws both); what gives a ring away
lies between stays. For each sign there are honest people who show it too (``ring_background``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from data_samples import ring_background, writer
from data_samples.catalogue import Template
from data_samples.dice import Dice
from data_samples.planting import SEED
from data_samples.production import Progress, SampleOptionError
from data_samples.ring_stage import (
    MOST_PEOPLE,
    Entry,
    Habit,
    Stage,
    Step,
    as_long,
    by_person,
    course,
    recurring,
    rehabilitation,
    share,
)

DEFAULT_MONTHS: Final = 6
DEFAULT_STAYS: Final = 2_000
"""Stays a month."""

FEWEST_STAYS: Final = 300
"""Stays of all months together: fewer do not hold rings and their look-alikes."""

RING_SHARE: Final = 0.009
"""Of all stays, those of rings: one alert in a hundred stays can hold them all."""

FEWEST_RINGS: Final = 5
"""Rings of two months, however few the stays: one of each kind."""

LOYALTY: Final = 0.75
"""Of a ring's stays, those under a physician who takes part; the others go to anybody."""

SECOND_SIGN_SHARE: Final = 2 / 3
"""Of the rings, those in which half of the members also share something else, two by two."""

INQUIRY_DAYS: Final = (20, 40)
"""Days from settlement to the finding of an investigator."""

_STEP: Final = 200
_README: Final = """\
Invented data. Every person, hospital, number, price and code combination in this folder was
made by `sentinel samples rings --months {months} --stays {stays} --seed {seed}`.
Names begin with 测试, identity numbers with 000000, telephone numbers with 000: they belong to
nobody and stand in the clear, so that intake has something to replace with pseudonyms.

本文件夹内的人员、医院、编号、价格均为虚构,可公开;个人信息字段为明文,供接收环节做假名化演示。

claims.jsonl     inpatient stays in the canonical schema, in the order of settlement; one charge line an item
labels.csv       stay_id,label,known_on,ring,kind: Yes where a ring was planted, the day on which an
                 investigator's finding was known, the ring and its kind ({kinds})
"""


@dataclass(frozen=True, slots=True)
class Produced:
    """What was written: files in order, and counts of stays, of rings, and of their stays and lines."""

    files: tuple[Path, ...]
    stays: int
    rings: int
    ring_stays: int
    charge_lines: int


def produce(
    out: Path,
    *,
    months: int = DEFAULT_MONTHS,
    stays: int = DEFAULT_STAYS,
    seed: int = SEED,
    progress: Progress | None = None,
) -> Produced:
    """Write the claims and labels of ``months`` months of ``stays`` stays into ``out``.

    The folder is made if it is absent; other files stay. The same arguments give the same bytes.
    SampleOptionError if that is too few stays for rings and their look-alikes, or more than there
    are numbers for.
    """
    if months < 1 or not FEWEST_STAYS <= months * stays < MOST_PEOPLE:
        raise SampleOptionError(
            f"{months} months of {stays} stays were asked for",
            where="--months, --stays",
            cure=f"Ask for {FEWEST_STAYS} to {MOST_PEOPLE - 1:,} stays in all.",
        )
    stage = Stage(seed, months)
    entries = _order(seed, plan(stage, stays))
    out.mkdir(parents=True, exist_ok=True)
    files = (out / "claims.jsonl", out / "labels.csv", out / "README.txt")
    lines = 0
    labels = []
    with files[0].open("w", encoding="utf-8", newline="\n") as file:
        for done, entry in enumerate(entries, start=1):
            stay_id = f"G{stage.first:%y}-{done:06}"
            record = stage.write(entry, stay_id)
            charges = record["charges"]
            assert isinstance(charges, list)  # noqa: S101 - Stage.write gives a list
            lines += len(charges)
            file.write(writer.encode(record) + "\n")
            wait = Dice(seed, "rings", "inquiry", stay_id).between(*INQUIRY_DAYS)
            known_on = entry.settled + timedelta(days=wait)
            label = "Yes" if entry.ring else "No"
            labels.append((stay_id, label, known_on.isoformat(), entry.ring, entry.kind))
            if progress is not None and (done % _STEP == 0 or done == len(entries)):
                progress(done, len(entries))
    header = ("stay_id", "label", "known_on", "ring", "kind")
    files[1].write_bytes(writer.spell_csv(header, labels).encode())
    readme = _README.format(months=months, stays=stays, seed=seed, kinds=", ".join(KINDS))
    files[2].write_bytes(readme.encode())
    rings = {entry.ring for entry in entries if entry.ring}
    return Produced(files, len(entries), len(rings), sum(1 for e in entries if e.ring), lines)


def plan(stage: Stage, stays: int) -> list[Entry]:
    """The planned stays: rings, their look-alikes, and ordinary ones up to ``stays`` a month."""
    total = stage.months * stays
    rings = plant(stage, stays)
    honest = ring_background.look_alikes(stage, total, rings)
    free = total - len(rings) - len(honest)
    if free < 0:
        raise SampleOptionError(
            "The rings and their look-alikes are more than the stays asked for",
            where="--stays",
            cure="Ask for more stays, or another seed.",
        )
    taken = [0] * stage.months
    for entry in (*rings, *honest):
        taken[stage.month_of(entry.plan.discharge)] += 1
    counts = [max(0, stays - number) for number in taken]
    while sum(counts) > free:
        counts[counts.index(max(counts))] -= 1
    return [*rings, *honest, *ring_background.others(stage, counts, honest)]


def plant(stage: Stage, stays: int) -> list[Entry]:
    """The stays of the rings; in each month rings of the next kinds begin."""
    made: list[Entry] = []
    planted = 0
    for month in range(stage.months):
        last = month + 1 == stage.months
        fewest = FEWEST_RINGS if last and month == 0 else FEWEST_RINGS * (month + 1) / 2
        wanted = RING_SHARE * stays * (month + 1)
        serials = dict.fromkeys(KINDS, 0)
        begin = (stage.month_start(month) - stage.first).days
        while planted < fewest or len(made) < wanted:
            kind = tuple(KINDS)[planted % len(KINDS)]
            dice = Dice(stage.seed, "rings", "ring", planted)
            serials[kind] += 1
            planted += 1
            name = f"R{month + 1:02}-{kind}-{serials[kind]}"
            entries = KINDS[kind](stage, dice, begin + dice.between(0, 16))
            if dice.chance(SECOND_SIGN_SHARE):
                entries = _second_sign(dice, entries, kind)
            made += [replace(e, ring=name, kind=kind) for e in entries]
    return made


def _order(seed: int, entries: Sequence[Entry]) -> list[Entry]:
    """By the day of settlement, at random within a day."""
    keys = [Dice(seed, "rings", "order", n).between(0, 10**12) for n in range(len(entries))]
    numbers = sorted(range(len(entries)), key=lambda n: (entries[n].settled, keys[n]))
    return [entries[n] for n in numbers]


def _strangers(stage: Stage, dice: Dice, first: int, thing: str) -> list[Entry]:
    """Four to nine strangers at one to three hospitals in the course of weeks."""
    habit = stage.habit(dice, dice.between(1, 3), LOYALTY)
    length = min(dice.between(18, 75), stage.days - 1 - first)
    made = [
        stage.single(dice, first + dice.between(0, length), habit)
        for _ in range(dice.around(4, 6, 9))
    ]
    return share(made, thing)


def _phone(stage: Stage, dice: Dice, first: int) -> list[Entry]:
    return _strangers(stage, dice, first, "phone")


def _account(stage: Stage, dice: Dice, first: int) -> list[Entry]:
    return _strangers(stage, dice, first, "bank_account")


def _companions(stage: Stage, dice: Dice, first: int) -> list[Entry]:
    """Three to six people who come and go together two to four times."""
    wanted = course if dice.chance(0.35) else recurring
    lead = stage.step(dice, stage.hospital(dice, wanted), wanted)
    habit = stage.habit_about(dice, lead, 2 if dice.chance(0.3) else 1, LOYALTY)
    kinds = [stage.options[p.provider_id] for p in habit.providers]
    people = [lead]
    for _ in range(dice.around(3, 3, 6) - 1):
        people.append(
            stage.step(
                dice,
                lead.provider,
                lambda t: wanted(t) and as_long(t, people) and all(t in k for k in kinds),
                habit,
            )
        )
    rounds = [people]
    for _ in range(dice.around(2, 2, 4) - 1):
        place = dice.choose(habit.providers)
        rounds.append([_again(stage, dice, step, habit, place.provider_id) for step in people])
    return stage.together(dice, rounds, first, (4, 20))


def _again(stage: Stage, dice: Dice, step: Step, habit: Habit, provider_id: str) -> Step:
    if provider_id == step.provider.provider_id:
        return step
    provider = next(p for p in habit.providers if p.provider_id == provider_id)
    return stage.step(dice, provider, lambda t: t is step.template, habit)


def _circle(stage: Stage, dice: Dice, first: int) -> list[Entry]:
    """Three to five people who pass through three hospitals and come back to the first."""
    habit = stage.habit(dice, 3, LOYALTY, recurring)
    made = []
    for _ in range(dice.around(3, 3, 5)):
        home, *away = habit.providers
        steps = [stage.step(dice, home, recurring, habit)]
        for provider in (*away, home):
            able = stage.options[provider.provider_id]
            rehabilitates = dice.chance(0.3) and any(map(rehabilitation, able))
            wanted = rehabilitation if rehabilitates else recurring
            steps.append(stage.onward(dice, steps, [provider], wanted, habit))
        made += stage.journey(dice, steps, first + dice.between(0, 12))
    return made


def _bills(stage: Stage, dice: Dice, first: int) -> list[Entry]:
    """Four to eight people at one to three hospitals with one bill."""
    lead = stage.step(dice, stage.hospital(dice, _grown), _grown)
    habit = stage.habit_about(dice, lead, dice.between(1, 3), LOYALTY, one_level=True)
    length = min(dice.between(18, 75), stage.days - 1 - first)
    made = [
        stage.single(
            dice, first + dice.between(0, length), habit, wanted=lambda t: t is lead.template
        )
        for _ in range(dice.around(4, 5, 8))
    ]
    return stage.clones(dice, made)


def _grown(template: Template) -> bool:
    return not template.newborn


def _second_sign(dice: Dice, entries: Sequence[Entry], kind: str) -> list[Entry]:
    """About half of the members share an account or a telephone, two by two."""
    thing = dice.choose([t for t in ("phone", "bank_account") if t != _SIGNS.get(kind)])
    people = list(by_person(entries).values())
    pairs = max(1, len(people) // 4)
    made: list[Entry] = []
    for number in range(pairs):
        made += share((*people[2 * number], *people[2 * number + 1]), thing)
    return made + [e for own in people[2 * pairs :] for e in own]


_SIGNS: Final = {"phone": "phone", "account": "bank_account"}

KINDS: Final[Mapping[str, Callable[[Stage, Dice, int], list[Entry]]]] = {
    "phone": _phone,
    "account": _account,
    "companions": _companions,
    "circle": _circle,
    "bills": _bills,
}
"""Kind of ring -> what plans the stays of one that begins about a day, counted from 0."""
