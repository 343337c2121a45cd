"""Patterns that only many claims show: a hospital's month beside its peers and its own past.

Claims are written without charge lines and orders unless the pattern needs them: what is
judged is how many there are and how they differ from those of other hospitals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from data_samples import grouping
from data_samples.catalogue import Comorbidity, Template
from data_samples.planting import START, Pattern, Planter, Scene
from data_samples.prices import Prices

Record = dict[str, Any]
Change = Callable[[Record, int], None]

HOSPITAL: Final = 4
"""The hospital in which the pattern is planted: level 2, as are its peers."""

PEERS: Final = (5, 6, 7, 8)
MONTH: Final = "2025-03"
EARLIER: Final = (-88, -56, -26)
"""Days from the start of a pattern to early December, January and February."""


class Crowd:
    """Makes many small stays; each of another patient."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._people = 0

    def letter(self) -> str:
        """A new patient's letter."""
        self._people += 1
        return f"{self._people:03}"

    def stays(
        self,
        count: int,
        kind: Template | str,
        hospital: int,
        *,
        first: int = 0,
        spread: int = 14,
        ratio: float | None = None,
        change: Change | None = None,
        **plan: Any,
    ) -> list[Record]:
        """``count`` stays from day ``first`` on; ``change`` may alter each by its number."""
        template = self.scene.template(kind) if isinstance(kind, str) else kind
        plan = {"secondary": (), "nights": template.nights[0], **plan}
        made = []
        for number in range(count):
            record = self.scene.stay(
                template, self.letter(), day=first + number % spread, hospital=hospital, **plan
            )
            slim(record)
            if ratio is not None:
                cost(record, self.scene.standards, ratio)
            if change is not None:
                change(record, number)
            made.append(record)
        return made

    def subject(self, hospital: int = HOSPITAL, month: str = MONTH) -> str:
        """The subject of a hospital's month."""
        return f"{self.scene.hospital(hospital).provider_id}|{month}"

    def around(
        self, guilty: list[Record], kind: Template | str, each: int = 5, **keywords: Any
    ) -> tuple[Record, ...]:
        """The planted stays with ``each`` ordinary ones at every peer."""
        others = [r for peer in PEERS for r in self.stays(each, kind, peer, **keywords)]
        return (*guilty, *others)


def slim(record: Record) -> None:
    """Leave the lines away: the stay is counted, its lines are not judged."""
    record |= {"charges": [], "orders": []}


def cost(record: Record, prices: Prices, ratio: float) -> None:
    """Make the total that share of the payment standard; the fund pays seven tenths of it."""
    standard = prices.standard_fen(
        record["billed_group_code"], record["insurance_type"], record["provider_level"]
    )
    total = int(standard * ratio)
    fund = total * 7 // 10
    record |= {
        "total_amount_fen": total,
        "fund_payment_fen": fund,
        "self_pay_in_scope_fen": total - fund,
        "self_pay_out_of_scope_fen": 0,
        "cash_payment_fen": total - fund,
    }


def complication(template: Template) -> tuple[Comorbidity, ...]:
    """A secondary diagnosis of the template that counts as CC or MCC."""
    groups = grouping.read()
    for other in template.secondary:
        if groups.severity(template.code, (other.code,)) != "none":
            return (other,)
    raise LookupError(f"{template.key} has no secondary diagnosis that counts")


def put(**fields: Any) -> Change:
    """A change that sets the same fields in every stay."""
    return lambda record, _: record.update(fields)


def _weights(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    kind = scene.template("wet-lung-newborn")
    heap = crowd.stays(12, kind, HOSPITAL, change=put(newborn_birth_weight_g=2480))
    even = crowd.stays(
        12,
        kind,
        5,
        change=lambda r, n: r.update(newborn_birth_weight_g=2460 if n % 2 else 2530),
    )
    return Pattern(
        (*heap, *even), (crowd.subject(),),
        "12名新生儿体重全部记为2480克;另一家机构在2500克上下各半。",
        "All of 12 newborns are recorded at 2480 g; another hospital has as many above 2500 g as below.",
    )  # fmt: skip


def _severity(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    kind = scene.template("copd")
    heavy = crowd.stays(16, kind, HOSPITAL, secondary=complication(kind))
    sick = [r for peer in PEERS for r in crowd.stays(1, kind, peer, secondary=complication(kind))]
    return Pattern(
        (*crowd.around(heavy, kind, 5), *sick), (crowd.subject(),),
        "16例慢阻肺全部填有并发症,同级机构六例中一例。",
        "All of 16 stays for COPD list a complication; one in six does at the peers.",
    )  # fmt: skip


def _doctor(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    kind = scene.template("copd")
    doctor, colleague = "SD900001", "SD900002"
    heavy = crowd.stays(16, kind, HOSPITAL, secondary=complication(kind), physician_id=doctor)
    light = crowd.stays(14, kind, HOSPITAL, physician_id=colleague)
    sick = crowd.stays(2, kind, HOSPITAL, secondary=complication(kind), physician_id=colleague)
    return Pattern(
        (*heavy, *light, *sick), (crowd.subject(),),
        "一名医师16例全部填有并发症,同科同事16例中2例。",
        "All 16 stays of one physician list a complication, 2 of 16 of the colleague.",
    )  # fmt: skip


def _case_mix(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    kind = scene.template("copd")
    past = [r for day in EARLIER for r in crowd.stays(4, kind, HOSPITAL, first=day, ratio=0.85)]
    usual = min(r["total_amount_fen"] for r in past)
    now = crowd.stays(
        16, kind, HOSPITAL, secondary=complication(kind), change=put(total_amount_fen=usual)
    )
    return Pattern(
        (*past, *now), (crowd.subject(),),
        "当月全部填有并发症,病例组合指数上升,费用与此前三个月相同。",
        "All stays of the month list a complication; the index rises, the cost is that of the three months before.",
    )  # fmt: skip


def _substitution(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    heavy = crowd.stays(14, "pneumonia", HOSPITAL)
    others = [
        r
        for peer in PEERS
        for r in (
            *crowd.stays(2, "pneumonia", peer),
            *crowd.stays(6, "child-bronchitis", peer),
        )
    ]
    return Pattern(
        (*heavy, *others), (crowd.subject(),),
        "支气管炎与肺炎14例全部编为肺炎,同级机构为四分之一。",
        "All of 14 stays for bronchitis or pneumonia are coded as pneumonia, a quarter at the peers.",
    )  # fmt: skip


def _ungrouped(scene: Scene) -> Pattern:
    crowd = Crowd(scene)

    def spoil(record: Record, number: int) -> None:
        if number % 6 == 0:
            record["sex"] = "2"

    bad = crowd.stays(24, "turp", HOSPITAL, change=spoil)
    good = crowd.stays(24, "turp", 5)
    return Pattern(
        (*bad, *good), (crowd.subject(),),
        "24例男性前列腺手术中4例性别填为女性,无法入组。",
        "Of 24 prostate operations 4 state a woman and cannot be grouped.",
    )  # fmt: skip


def _ambiguous(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    hernia = scene.template("hernia")

    def unrelated(record: Record, number: int) -> None:
        if number % 5 == 0:
            record["diagnoses"][0] |= {"code": "H81.100", "name": "良性阵发性位置性眩晕"}

    bad = crowd.stays(20, hernia, HOSPITAL, change=unrelated)
    return Pattern(
        crowd.around(bad, hernia, 6), (crowd.subject(),),
        "20例疝修补中4例主要诊断为眩晕,进入歧义组。",
        "Of 20 hernia repairs 4 have vertigo as principal diagnosis and are ambiguous.",
    )  # fmt: skip


def _costs(
    ratio: float, usual: float, zh: str, en: str, *, count: int = 16, kind: str = "diabetes"
) -> Planter:
    """A hospital whose stays cost one share of the standard, and peers with another."""

    def plant(scene: Scene) -> Pattern:
        crowd = Crowd(scene)

        def vary(record: Record, number: int) -> None:
            cost(record, scene.standards, ratio + (number % 5 - 2) * 0.004)

        def vary_usual(record: Record, number: int) -> None:
            cost(record, scene.standards, usual + (number % 5 - 2) * 0.012)

        bad = crowd.stays(count, kind, HOSPITAL, change=vary)
        return Pattern(crowd.around(bad, kind, 6, change=vary_usual), (crowd.subject(),), zh, en)

    return plant


def _near_standard(scene: Scene) -> Pattern:
    crowd = Crowd(scene)

    def below(record: Record, number: int) -> None:
        cost(record, scene.standards, 0.985 + number % 2 * 0.01)

    def around(record: Record, number: int) -> None:
        cost(record, scene.standards, 0.97 if number % 2 else 1.03)

    bad = crowd.stays(16, "diabetes", HOSPITAL, change=below)
    return Pattern(
        crowd.around(bad, "diabetes", 6, change=around), (crowd.subject(),),
        "16例费用全部落在支付标准以下2%内,同级机构标准上下各半。",
        "All of 16 stays cost up to 2 percent less than the standard; peers lie on both sides of it.",
    )  # fmt: skip


def _high_line(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    line = _high_line_ratio()

    def above(record: Record, number: int) -> None:
        cost(record, scene.standards, line * (1.01 + number % 4 * 0.01))

    def below(record: Record, number: int) -> None:
        cost(record, scene.standards, line * (0.93 + number % 6 * 0.02))

    bad = crowd.stays(10, "diabetes", HOSPITAL, change=above)
    even = crowd.stays(12, "diabetes", 5, change=below)
    return Pattern(
        (*bad, *even), (crowd.subject(),),
        "10例费用刚好超过高倍率线;另一家机构多数在线下。",
        "Ten stays cost just more than the high outlier line; another hospital has most below it.",
    )  # fmt: skip


def _high_line_ratio() -> float:
    """How many standards the high outlier line of region 330100 is."""
    return 3.0


def _loss(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    losing = [
        r
        for day in (-56, -26, 0)
        for r in crowd.stays(3, "diabetes", HOSPITAL, first=day, ratio=1.3)
    ]
    fine = crowd.stays(9, "diabetes", 5, ratio=0.9)
    return Pattern(
        (*losing, *fine), (crowd.subject(),),
        "一个病组三个月9例,费用为支付标准的1.3倍。",
        "Nine stays of one group in three months cost 1.3 times the standard.",
    )  # fmt: skip


def _jump(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    past = [
        r for day in EARLIER for r in crowd.stays(4, "diabetes", HOSPITAL, first=day, ratio=0.8)
    ]
    now = crowd.stays(16, "diabetes", HOSPITAL, ratio=1.05)
    steady = [
        r for day in (*EARLIER, 0) for r in crowd.stays(4, "diabetes", 5, first=day, ratio=0.8)
    ]
    return Pattern(
        (*past, *now, *steady), (crowd.subject(),),
        "费用与支付标准之比由0.80升至1.05。",
        "Cost against the standard rises from 0.80 to 1.05.",
    )  # fmt: skip


def _growth(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    past = [
        r for day in EARLIER for r in crowd.stays(4, "diabetes", HOSPITAL, first=day, ratio=0.8)
    ]
    now = crowd.stays(18, "diabetes", HOSPITAL, ratio=0.8)
    steady = [
        r for day in (*EARLIER, 0) for r in crowd.stays(4, "diabetes", 5, first=day, ratio=0.8)
    ]
    return Pattern(
        (*past, *now, *steady), (crowd.subject(),),
        "每月4例,当月18例;另一家机构每月4例。",
        "Four stays a month, then eighteen; another hospital has four in every month.",
    )  # fmt: skip


def _year_end(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    months = (155, 186, 217)
    heavy = [
        r
        for day in months
        for r in crowd.stays(9, "hip-replacement", HOSPITAL, first=day, spread=6)
    ]
    last = [
        *crowd.stays(1, "hip-replacement", HOSPITAL, first=247),
        *crowd.stays(3, "diabetes", HOSPITAL, first=247),
    ]
    steady = [r for day in (*months, 247) for r in crowd.stays(2, "hip-replacement", 5, first=day)]
    return Pattern(
        (*heavy, *last, *steady), (crowd.subject(month="2025-11"),),
        "髋关节置换每月9例,11月仅1例。",
        "Nine hip replacements a month, and one in November.",
    )  # fmt: skip


def _days(nights: int, usual: int, zh: str, en: str, *, count: int = 16) -> Planter:
    """A hospital whose stays last otherwise than those of its peers."""

    def plant(scene: Scene) -> Pattern:
        crowd = Crowd(scene)
        long = [
            r
            for extra in (0, 1)
            for r in crowd.stays(count // 2, "diabetes", HOSPITAL, spread=6, nights=nights + extra)
        ]
        others = [
            r
            for peer in PEERS
            for extra in (0, 1)
            for r in crowd.stays(3, "diabetes", peer, spread=6, nights=usual + extra)
        ]
        return Pattern((*long, *others), (crowd.subject(),), zh, en)

    return plant


def _weekend(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    # 8 March 2025 is a Saturday, day 5 of the pattern.
    late = [
        r
        for n in range(16)
        for r in crowd.stays(1, "diabetes", HOSPITAL, first=5 + n % 2 + 7 * (n % 2))
    ]
    return Pattern(
        crowd.around(late, "diabetes", 7, spread=7), (crowd.subject(),),
        "16例全部在周六、周日入院,同级机构平均分布于一周。",
        "All of 16 stays begin on a Saturday or Sunday, those of the peers on any day.",
    )  # fmt: skip


def _shares(
    change: Change, kind: str, zh: str, en: str, *, count: int = 16, **plan: Any
) -> Planter:
    """A hospital with a trait in every second stay, and peers without it."""

    def plant(scene: Scene) -> Pattern:
        crowd = Crowd(scene)

        def half(record: Record, number: int) -> None:
            if number % 2 == 0:
                change(record, number)

        bad = crowd.stays(count, kind, HOSPITAL, change=half, **plan)
        return Pattern(crowd.around(bad, kind, 6, **plan), (crowd.subject(),), zh, en)

    return plant


def _returns(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    again = []
    for number in range(6):
        patient = scene.patient(crowd.letter(), scene.template("diabetes"))
        for day in (0, 10):
            record = scene.stay(
                "diabetes", patient, day=day + number, nights=6, hospital=HOSPITAL, secondary=()
            )
            slim(record)
            again.append(record)
    return Pattern(
        crowd.around(again, "diabetes", 6), (crowd.subject(),),
        "6名患者出院4天后因同病返院;同级机构无返院。",
        "Six patients return for the same disease four days after discharge; none does at the peers.",
    )  # fmt: skip


def _treatable(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    mild = crowd.stays(16, "hypertension", HOSPITAL)
    others = [
        r
        for peer in PEERS
        for r in (*crowd.stays(1, "hypertension", peer), *crowd.stays(5, "heart-failure", peer))
    ]
    return Pattern(
        (*mild, *others), (crowd.subject(),),
        "16例全部为无并发症的高血压,同级机构六例中一例。",
        "All of 16 stays are for high blood pressure without complication, one in six at the peers.",
    )  # fmt: skip


def _severe_transfer(scene: Scene) -> Pattern:
    crowd = Crowd(scene)
    kind = scene.template("pneumonia")
    groups = grouping.read()
    mcc = tuple(c for c in kind.secondary if groups.severity(kind.code, (c.code,)) == "mcc")[:1]
    if not mcc:
        raise LookupError("pneumonia has no MCC")
    past = [r for day in EARLIER for r in crowd.stays(4, kind, HOSPITAL, first=day, secondary=mcc)]
    now = crowd.stays(
        10, kind, HOSPITAL, secondary=mcc,
        change=lambda r, n: r.update(discharge_way="2") if n < 8 else None,
    )  # fmt: skip
    return Pattern(
        crowd.around([*past, *now], kind, 5, secondary=mcc), (crowd.subject(),),
        "10例重症肺炎中8例转出,此前和同级机构均无。",
        "Eight of ten stays for severe pneumonia are transferred out; none was before, nor at the peers.",
    )  # fmt: skip


def died(record: Record, _: int) -> None:
    """End the stay by death."""
    record |= {
        "discharge_way": "5",
        "death_date": record["discharge_date"],
        "death_time": record["discharge_time"],
    }


def day_of(offset: int) -> date:
    """The calendar day that many days after the start of a pattern."""
    return START + timedelta(days=offset)


PLANTED: Final[Mapping[str, Planter]] = {
    "GRP-021": _weights,
    "GRP-023": _severity,
    "GRP-024": _case_mix,
    "GRP-025": _severity,
    "GRP-026": _substitution,
    "GRP-027": _doctor,
    "GRP-030": _ungrouped,
    "GRP-031": _ambiguous,
    "CST-031": _costs(
        1.0, 0.7, "16例费用为支付标准的1.0倍,同级机构为0.7倍。",
        "Sixteen stays cost what the standard pays, those of the peers 0.7 of it.",
    ),
    "CST-032": _costs(
        1.2, 0.9, "16例全部超过支付标准,同级机构均不超。",
        "All of 16 stays cost more than the standard, none at the peers.",
    ),
    "CST-033": _loss,
    "CST-034": _jump,
    "CST-035": _high_line,
    "IDB-021": _costs(
        0.9, 0.85, "16例费用支付比几乎相同,同级机构波动三倍于此。",
        "Sixteen stays cost nearly the same share of the standard; the peers vary three times as much.",
    ),
    "SHF-010": _near_standard,
    "ADM-023": _growth,
    "IDB-020": _growth,
    "SHF-013": _year_end,
    "LOS-009": _days(14, 17, "出院集中在14、15日,同级机构为17、18日。", "Stays end on day 14 or 15, those of the peers on 17 or 18."),
    "LOS-010": _days(10, 6, "住院10、11日,同级机构为6、7日。", "Stays of 10 or 11 days, of 6 or 7 at the peers."),
    "LOS-013": _weekend,
    "ADM-024": _returns,
    "ADM-025": _treatable,
    "SHF-012": _severe_transfer,
    "IDB-027": _shares(
        died, "diabetes", "低风险病组16例中8例死亡,同级机构无。", "Eight of 16 low-risk stays end in death, none at the peers.",
    ),
    "IDB-028": _shares(
        put(discharge_way="4"), "diabetes", "16例中8例非医嘱离院,同级机构无。", "Eight of 16 stays end against advice, none at the peers.",
    ),
}  # fmt: skip
"""Check id -> what plants it."""
