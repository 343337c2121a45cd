"""The tables of a scheme pack: which files, which columns, what each cell may hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MANIFEST = "scheme.toml"
"""The file that names the scheme; the tables lie beside it."""

OPERATING = "@operating"
"""The list of all procedures whose ``operating`` is true in ``procedures.csv``; no rows of its own."""


class Cell(StrEnum):
    """What a cell holds; everything is written as text in CSV."""

    TEXT = "text"
    CODE = "code"
    RANK = "rank"
    """A whole number from 1."""
    FLAG = "flag"
    """``true`` or ``false``."""
    DATE = "date"
    """``YYYY-MM-DD``."""
    DECIMAL = "decimal"
    """An exact decimal number of at least 0, with a dot and no exponent."""
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``required`` cells may not be empty; ``choices`` limits a choice.

    ``places`` is the most decimal places of a decimal and ``below`` its limit.
    """

    name: str
    cell: Cell
    meaning: str
    required: bool = True
    choices: tuple[str, ...] = ()
    places: int = 4
    below: int = 100_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a pack: its file, its key, and the columns in their order.

    ``engines`` says for which engines it is read, ``needed`` for which of them it must be
    there. ``references`` names, for a column, the sheet and column where its values must
    stand.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    engines: tuple[str, ...] = ("chs",)
    needed: tuple[str, ...] = ()
    references: tuple[tuple[str, str, str], ...] = ()

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.name}.csv"

    @property
    def names(self) -> tuple[str, ...]:
        """The header."""
        return tuple(column.name for column in self.columns)


TESTS = {
    "principal_diagnosis": ("in", "not_in"),
    "any_diagnosis": ("in", "not_in"),
    "other_diagnosis": ("in", "not_in"),
    "main_procedure": ("in", "not_in"),
    "any_procedure": ("in", "not_in"),
    "other_procedure": ("in", "not_in"),
    "complication": ("is",),
    "body_sites": (">=",),
    "age_years": ("<", "<=", ">", ">=", "=="),
    "age_days": ("<", "<=", ">", ">=", "=="),
    "birth_weight_g": ("<", "<=", ">", ">=", "=="),
    "stay_days": ("<", "<=", ">", ">=", "=="),
    "icu_hours": ("<", "<=", ">", ">=", "=="),
    "sex": ("is",),
    "discharge_way": ("is",),
    "department": ("is",),
}
"""The tests that a condition may make, each with its operators.

A test of codes takes the name of a list (several joined by ``|`` mean any of them);
``not_in`` is the negation of ``in``, so it holds where there is no such code at all.
``other_`` tests look at all codes but the first. ``complication`` takes ``mcc``, ``cc``
or ``mcc_or_cc``: a secondary diagnosis of that level that the principal diagnosis does
not exclude. ``body_sites`` counts the sites of ``sites.csv`` that the diagnoses name.
``is`` takes the values of the field joined by ``|``. A number or code that is not known
fails every test but ``not_in``; a birth weight of 0 is not known.
"""

_REGION = Column("region_code", Cell.CODE, "Division in which it holds, or the first digits of it.")
_INSURANCE = Column("insurance_type", Cell.CODE, "Insurance type; empty for all.", required=False)
_FROM = Column("effective_from", Cell.DATE, "First day of discharge for which it holds.")
_TO = Column("effective_to", Cell.DATE, "Last day; empty while it runs on.", required=False)
_SOURCE = Column("source", Cell.TEXT, "Where the figure comes from.")
_LEVEL = Column("level", Cell.CODE, "Level of the hospital; empty for all.", required=False)
_PROVIDER = Column("provider_id", Cell.CODE, "One hospital; empty for all.", required=False)
_GROUP = Column("group_code", Cell.CODE, "One group or ADRG; empty for all.", required=False)
_NAMES = (
    Column("name_zh", Cell.TEXT, "Chinese name."),
    Column("name_en", Cell.TEXT, "English name.", required=False),
)

SHEETS: tuple[Sheet, ...] = (
    Sheet(
        "mdcs",
        "Major diagnostic categories in the order in which they are tried.",
        ("mdc",),
        (
            Column("mdc", Cell.CODE, "Category, one letter."),
            Column("rank", Cell.RANK, "Order in which the categories are tried."),
            Column(
                "ambiguity", Cell.CHOICE,
                "Which procedure, when it operates but no ADRG so far took the stay, makes the "
                "stay ambiguous (QY).",
                choices=("none", "main_procedure", "any_procedure"),
            ),
            Column(
                "ambiguity_after", Cell.RANK,
                "Rank of the ADRG after which that is tested; empty: before the first.",
                required=False,
            ),
            *_NAMES,
        ),
        needed=("chs",),
    ),
    Sheet(
        "adrgs",
        "Adjacent groups in the order in which their category tries them.",
        ("adrg",),
        (
            Column("adrg", Cell.CODE, "Adjacent group, three characters."),
            Column("mdc", Cell.CODE, "Category that tries it."),
            Column("rank", Cell.RANK, "Order inside the category."),
            Column(
                "kind", Cell.CHOICE, "What the stay is about.",
                choices=("surgical", "procedure", "medical"),
            ),
            Column(
                "when_unsplit", Cell.CHOICE,
                "When none of its groups takes the stay: stop with the ADRG as the group, or "
                "try the next ADRG.",
                choices=("stop", "next"),
            ),
            *_NAMES,
        ),
        needed=("chs",),
        references=(("mdc", "mdcs", "mdc"),),
    ),
    Sheet(
        "groups",
        "Groups in the order in which their ADRG tries them.",
        ("group_code",),
        (
            Column("group_code", Cell.CODE, "Group (DRG)."),
            Column("adrg", Cell.CODE, "Adjacent group that it splits."),
            Column("rank", Cell.RANK, "Order inside the ADRG."),
            *_NAMES,
        ),
        needed=("chs",),
        references=(("adrg", "adrgs", "adrg"),),
    ),
    Sheet(
        "conditions",
        "What takes a stay into a category, an ADRG or a group. The rows of one alternative "
        "must all hold; one alternative is enough; without rows everything is taken.",
        ("owner", "code", "alternative", "test", "op", "value"),
        (
            Column("owner", Cell.CHOICE, "What it decides.", choices=("mdc", "adrg", "group")),
            Column("code", Cell.CODE, "The category, ADRG or group."),
            Column("alternative", Cell.RANK, "Number of the alternative."),
            Column("test", Cell.CHOICE, "What is tested.", choices=tuple(TESTS)),
            Column("op", Cell.TEXT, "How."),
            Column("value", Cell.TEXT, "Against what: a list, a level, a number or values."),
        ),
        needed=("chs",),
    ),
    Sheet(
        "diagnosis_lists",
        "Lists of diagnoses that conditions name.",
        ("list", "code"),
        (
            Column("list", Cell.TEXT, "Name of the list."),
            Column("code", Cell.CODE, "Diagnosis."),
        ),
        needed=("chs",),
        references=(("code", "diagnoses", "code"),),
    ),
    Sheet(
        "procedure_lists",
        "Lists of procedures that conditions name.",
        ("list", "code"),
        (
            Column("list", Cell.TEXT, "Name of the list."),
            Column("code", Cell.CODE, "Procedure."),
        ),
        needed=("chs",),
        references=(("code", "procedures", "code"),),
    ),
    Sheet(
        "sites",
        "Body sites of injuries, for the category of multiple trauma.",
        ("mdc", "site", "code"),
        (
            Column("mdc", Cell.CODE, "Category that counts sites."),
            Column("site", Cell.TEXT, "Site."),
            Column("code", Cell.CODE, "Diagnosis."),
        ),
        references=(("mdc", "mdcs", "mdc"), ("code", "diagnoses", "code")),
    ),
    Sheet(
        "diagnoses",
        "Valid diagnosis codes.",
        ("code",),
        (Column("code", Cell.CODE, "Diagnosis."), *_NAMES),
        needed=("chs",),
    ),
    Sheet(
        "procedures",
        "Valid procedure codes.",
        ("code",),
        (
            Column("code", Cell.CODE, "Procedure."),
            Column("operating", Cell.FLAG, "Whether it counts as an operation or procedure for grouping."),
            *_NAMES,
        ),
        needed=("chs",),
    ),
    Sheet(
        "complications",
        "Secondary diagnoses that raise the severity.",
        ("code", "level"),
        (
            Column("code", Cell.CODE, "Diagnosis."),
            Column(
                "level", Cell.CHOICE, "Major complication or comorbidity, or an ordinary one.",
                choices=("mcc", "cc"),
            ),
            Column(
                "exclusion_table", Cell.CODE,
                "Table of the principal diagnoses with which it does not count; empty: none.",
                required=False,
            ),
        ),
        needed=("chs",),
        references=(("code", "diagnoses", "code"),),
    ),
    Sheet(
        "exclusions",
        "Principal diagnoses of the exclusion tables.",
        ("exclusion_table", "code"),
        (
            Column("exclusion_table", Cell.CODE, "Table."),
            Column("code", Cell.CODE, "Principal diagnosis."),
        ),
        references=(("code", "diagnoses", "code"),),
    ),
    Sheet(
        "crosswalks",
        "Codes of other editions and the code that stands for them here.",
        ("kind", "code"),
        (
            Column("kind", Cell.CHOICE, "What is translated.", choices=("diagnosis", "procedure")),
            Column("code", Cell.CODE, "Code as written on the claim."),
            Column(
                "target", Cell.CODE, "Code of this scheme; empty: the code is left out.",
                required=False,
            ),
        ),
    ),
    Sheet(
        "weights",
        "Weights of groups.",
        ("group_code", "region_code", "effective_from"),
        (
            Column("group_code", Cell.CODE, "Group."),
            Column("region_code", Cell.CODE, "Division, or empty for everywhere.", required=False),
            Column("weight", Cell.DECIMAL, "Relative weight.", below=1000),
            Column("mean_stay_days", Cell.DECIMAL, "Mean length of stay.", required=False, places=2),
            Column("mean_cost_yuan", Cell.DECIMAL, "Mean cost of a stay.", required=False, places=2, below=100_000_000),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "base_rates",
        "Money for a weight of 1.",
        ("region_code", "insurance_type", "effective_from"),
        (
            _REGION, _INSURANCE,
            Column("base_rate_yuan", Cell.DECIMAL, "Yuan for a weight of 1."),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "level_coefficients",
        "Factors by the hospital's level, or for one hospital.",
        ("region_code", "level", "provider_id", "group_code", "effective_from"),
        (
            _REGION,
            Column("level", Cell.CODE, "Level of the hospital; empty for all.", required=False),
            Column("provider_id", Cell.CODE, "One hospital; empty for all of the level.", required=False),
            Column("group_code", Cell.CODE, "One group or ADRG; empty for all.", required=False),
            Column("coefficient", Cell.DECIMAL, "Factor.", places=6, below=100),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "hospital_levels",
        "Levels of hospitals in the words of the region, where it knows more than the national "
        "levels 1, 2, 3 and 9 that a claim can state.",
        ("provider_id", "effective_from"),
        (
            Column("provider_id", Cell.CODE, "Hospital."),
            Column("level", Cell.CODE, "Level as the other tables write it, such as 3A."),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "hospital_rates",
        "Base rates that hold only for one level or one hospital; they go before base_rates.",
        ("region_code", "insurance_type", "level", "provider_id", "effective_from"),
        (
            _REGION, _INSURANCE, _LEVEL, _PROVIDER,
            Column("base_rate_yuan", Cell.DECIMAL, "Yuan for a weight of 1."),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "outliers",
        "Lines above or below which a stay is not paid by the standard, and what it is paid.",
        ("region_code", "insurance_type", "kind", "level", "group_code", "weight_up_to",
         "effective_from"),
        (
            _REGION, _INSURANCE,
            Column(
                "kind", Cell.CHOICE, "A cost above the line, or below it.",
                choices=("high", "low"),
            ),
            _LEVEL, _GROUP,
            Column(
                "weight_up_to", Cell.DECIMAL,
                "Highest weight of the band; the narrowest band that holds the weight counts; "
                "empty: no limit.",
                required=False, below=1000,
            ),
            Column(
                "line_basis", Cell.CHOICE,
                "What the line is measured by: the payment standard, the mean cost of the group, "
                "or an amount in yuan.",
                choices=("standard", "mean_cost", "yuan"),
            ),
            Column(
                "multiple", Cell.DECIMAL, "The line as a multiple of the standard or mean cost.",
                required=False, below=1000,
            ),
            Column(
                "line_yuan", Cell.DECIMAL, "The line as an amount.",
                required=False, places=2, below=100_000_000,
            ),
            Column(
                "pays", Cell.CHOICE,
                "What is paid: factor x cost; the standard and factor x the cost above the line; "
                "or factor x the standard.",
                choices=("cost", "excess", "standard"),
            ),
            Column("factor", Cell.DECIMAL, "The factor of what is paid.", below=100),
            Column(
                "cap_multiple", Cell.DECIMAL,
                "Most that is paid, as a multiple of the standard; empty: no limit.",
                required=False, below=1000,
            ),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "day_rates",
        "Stays paid by the day instead of by the group, in bands of days: each day is paid the "
        "rate of its band.",
        ("region_code", "insurance_type", "level", "provider_id", "group_code", "from_day",
         "effective_from"),
        (
            _REGION, _INSURANCE, _LEVEL, _PROVIDER, _GROUP,
            Column("from_day", Cell.RANK, "First day of the stay in this band; one band starts on day 1."),
            Column("day_rate_yuan", Cell.DECIMAL, "Yuan a day.", places=2),
            Column(
                "min_days", Cell.RANK,
                "Shortest stay that is paid by the day, the same in all bands; empty: every stay.",
                required=False,
            ),
            Column(
                "cap_yuan", Cell.DECIMAL, "Most that a stay is paid; empty: no limit.",
                required=False, places=2, below=100_000_000,
            ),
            Column("cap_at_cost", Cell.FLAG, "Whether no more than the cost is paid."),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "excluded_items",
        "Charges that are paid beside the group and left out of the cost that is compared.",
        ("region_code", "insurance_type", "by", "value", "effective_from"),
        (
            _REGION, _INSURANCE,
            Column("by", Cell.CHOICE, "What names them.", choices=("item", "category")),
            Column("value", Cell.CODE, "Item code, or category of charges; an item goes before its category."),
            Column("share", Cell.DECIMAL, "Share of the amount that is paid, from 0 to 1.", below=2),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "special_cases",
        "What lets a hospital ask for a review of a stay (特例单议); it never changes the payment.",
        ("region_code", "insurance_type", "group_code", "trigger", "item_code", "effective_from"),
        (
            _REGION, _INSURANCE, _GROUP,
            Column(
                "trigger", Cell.CHOICE,
                "What is measured: days of the stay, the same as a multiple of the group's mean, "
                "cost in yuan, cost as a multiple of the standard, days in intensive care, the same "
                "as a share of the stay, moves to another department, or yuan charged for an item.",
                choices=("stay_days", "stay_multiple", "cost_yuan", "cost_multiple", "icu_days",
                         "icu_share", "transfers", "item"),
            ),
            Column("op", Cell.CHOICE, "How it is compared.", choices=(">", ">=")),
            Column("threshold", Cell.DECIMAL, "With what.", below=100_000_000),
            Column("item_code", Cell.CODE, "The item, where an item is measured.", required=False),
            _FROM, _TO, _SOURCE,
        ),
    ),
    Sheet(
        "ms_groups",
        "US groups (MS-DRG): weights and lengths of stay, and how transfers out of them are paid.",
        ("ms_drg", "effective_from"),
        (
            Column("ms_drg", Cell.CODE, "Group, three digits."),
            Column("mdc", Cell.CODE, "Category, two digits; PRE before all; empty: none.", required=False),
            Column("type", Cell.CHOICE, "Kind of stay; empty: none.", required=False, choices=("surgical", "medical")),
            Column("title_en", Cell.TEXT, "English title."),
            Column("title_zh", Cell.TEXT, "Chinese title.", required=False),
            Column("weight", Cell.DECIMAL, "Relative weight; empty: the group is not paid.", required=False, below=1000),
            Column("gmlos_days", Cell.DECIMAL, "Geometric mean length of stay.", required=False, places=1, below=1000),
            Column("amlos_days", Cell.DECIMAL, "Arithmetic mean length of stay.", required=False, places=1, below=1000),
            Column("post_acute_transfer", Cell.FLAG, "Whether a discharge to post-acute care counts as a transfer."),
            Column("special_pay", Cell.FLAG, "Whether such a transfer is paid half at once and half by the day."),
            Column("transfer_exempt", Cell.FLAG, "Whether the group itself stands for a transfer and is always paid in full."),
            Column("burn", Cell.FLAG, "Whether outliers are paid by the marginal cost factor for burns."),
            _FROM, _TO, _SOURCE,
        ),
        engines=("ms",), needed=("ms",),
    ),
    Sheet(
        "ms_rates",
        "National amounts and factors of the US payment.",
        ("update_category", "effective_from"),
        (
            Column(
                "update_category", Cell.CHOICE,
                "What the hospital reported: quality data and electronic records (full), only the "
                "first, only the second, or neither.",
                choices=("full", "no_records", "no_quality", "neither"),
            ),
            Column("labor_usd", Cell.DECIMAL, "Operating amount, part adjusted by a wage index above 1.", places=2),
            Column("nonlabor_usd", Cell.DECIMAL, "The rest of it.", places=2),
            Column("labor_low_usd", Cell.DECIMAL, "Operating amount, part adjusted by a wage index of 1 or less.", places=2),
            Column("nonlabor_low_usd", Cell.DECIMAL, "The rest of it.", places=2),
            Column("capital_usd", Cell.DECIMAL, "Capital amount.", places=2),
            Column("labor_share", Cell.DECIMAL, "Share of the loss threshold adjusted by a wage index above 1.", below=2),
            Column("labor_low_share", Cell.DECIMAL, "Share of it adjusted by a wage index of 1 or less.", below=2),
            Column("gaf_exponent", Cell.DECIMAL, "Power of the wage index that adjusts the capital amount.", below=2),
            Column("capital_cola_share", Cell.DECIMAL, "Share of the cost-of-living factor that adjusts the capital amount.", below=2),
            Column("fixed_loss_usd", Cell.DECIMAL, "Loss that the hospital bears before an outlier is paid.", places=2),
            Column("marginal_factor", Cell.DECIMAL, "Share of the cost above the line that is paid.", below=2),
            Column("burn_marginal_factor", Cell.DECIMAL, "The same for burns.", below=2),
            _FROM, _TO, _SOURCE,
        ),
        engines=("ms",),
    ),
    Sheet(
        "ms_hospitals",
        "What the US payment knows about a hospital.",
        ("provider_id", "effective_from"),
        (
            Column("provider_id", Cell.CODE, "Hospital; empty: every hospital without a row.", required=False),
            Column("update_category", Cell.CHOICE, "Row of ms_rates.", choices=("full", "no_records", "no_quality", "neither")),
            Column("wage_index", Cell.DECIMAL, "Wage index.", below=10),
            Column("gaf", Cell.DECIMAL, "Factor of the capital amount; empty: from the wage index.", required=False, below=10),
            Column("cola", Cell.DECIMAL, "Cost-of-living factor (Alaska, Hawaii); 1 elsewhere.", places=3, below=10),
            Column("operating_ime", Cell.DECIMAL, "Teaching factor added to the operating amount.", places=9, below=10),
            Column("operating_dsh", Cell.DECIMAL, "Low-income factor added to the operating amount, as paid.", places=9, below=10),
            Column("capital_ime", Cell.DECIMAL, "Teaching factor added to the capital amount.", places=9, below=10),
            Column("capital_dsh", Cell.DECIMAL, "Low-income factor added to the capital amount.", places=9, below=10),
            Column("uncompensated_usd", Cell.DECIMAL, "Uncompensated care a claim.", places=2),
            Column("operating_ccr", Cell.DECIMAL, "Operating cost-to-charge ratio; empty: not known, outliers cannot be judged.", required=False, places=3, below=100),
            Column("capital_ccr", Cell.DECIMAL, "Capital cost-to-charge ratio.", required=False, places=3, below=100),
            Column("value_based_factor", Cell.DECIMAL, "Value-based purchasing; 1: no change.", places=9, below=2),
            Column("readmission_factor", Cell.DECIMAL, "Readmissions reduction; 1: none.", places=4, below=2),
            Column("hac_reduction", Cell.FLAG, "Whether the payment is cut by one percent for hospital-acquired conditions."),
            _FROM, _TO, _SOURCE,
        ),
        engines=("ms",),
    ),
)  # fmt: skip
"""Every table of a pack. Payment terms and the tables of the US engine are added below."""
