"""Reference tables: the shipped ones, what a reader refuses, a site's own laid over them, their dates."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import rules
from domain.tables import Tables
from rules import codebooks
from rules.codebooks import SHIPPED, TABLES, ReferenceTableError, checks, difference, force
from rules.codebooks.form import Dating
from rules.codebooks.page import page, readers
from rules.codebooks.site import ManifestError
from rules.facts import Source, build, codebook, terms
from rules.facts.table import BUILDERS
from tests.reference_folders import site, write
from tests.rules_claims import charge, diagnosis, stay, tables

ROOT = Path(__file__).resolve().parents[3]
SOME = ROOT / "rules" / "catalog" / "los"
"""A few checks: the whole catalogue takes seconds to load."""


def fact(batch: Tables, name: str, folder: Path, unit: str = "stay") -> dict[str, Any]:
    """A fact by subject, read from the tables of a folder."""
    table = build(Source(batch, reference=folder), {unit: [name]})[unit].filter(":has_row")
    return dict(table.select(":subject_id" if unit != "stay" else "stay_id", name).rows())


# The shipped tables


def test_every_shipped_table_is_declared_and_right() -> None:
    assert {path.stem for path in SHIPPED.glob("*.csv")} == set(TABLES)
    assert checks.check(SHIPPED) == []


def test_every_row_is_dated_and_says_its_source() -> None:
    for name, table in TABLES.items():
        frame = force.loaded_anew(name, SHIPPED).frame
        assert frame["valid_from"].null_count() == 0, name
        assert frame["source"].null_count() == 0, name
        assert table.header[-3:] == ("valid_from", "valid_to", "source")


def test_the_page_of_the_tables_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference-tables.md").read_text(encoding="utf-8")
    assert written == page(), "run python -m rules.codebooks.page > docs/reference-tables.md"


def test_every_table_that_a_fact_names_exists_and_nearly_every_table_is_read() -> None:
    named = {
        word
        for builder in BUILDERS
        for fact_ in builder.facts
        for word in re.findall(r"([a-z_]+)\.csv", f"{fact_.source} {fact_.meaning}")
    }
    assert named <= set(TABLES)
    unread = {name for name, table in TABLES.items() if not readers(table)}
    # Plans of patients in hospital read the alternatives, and no check does.
    assert unread == {"item_texts", "condition_words", "drug_alternatives"}


# What a reader refuses

HEAD = "system,prefix,sex,min_age_years,max_age_years,valid_from,valid_to,source"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "column system is missing"),
        (f"{HEAD},colour\n", 1, "column 'colour' is unknown"),
        (f"{HEAD}\nICD-10-CN,O,2,9,64,2000-01-01,x\n", 2, "the line has 7 cells, the header 8"),
        (f"{HEAD}\nICD-10-CN,O,3,,,2000-01-01,,x\n", 2, "sex holds '3', which is not one of 1, 2"),
        (f"{HEAD}\nICD-10-CN,o80,2,,,2000-01-01,,x\n", 2, "prefix holds 'o80', which is not the start of a code"),
        (f"{HEAD}\nICD-10-CN,O,2,nine,,2000-01-01,,x\n", 2, "min_age_years holds 'nine', which is not a whole number"),
        (f"{HEAD}\nICD-10-CN,O,2,,,2000-13-01,,x\n", 2, "valid_from holds '2000-13-01', which is not a date"),
        (f"{HEAD}\nICD-10-CN,O,2,,,,,x\n", 2, "valid_from is empty"),
        (f"{HEAD}\nICD-10-CN,O,2,,,2000-01-01,,\n", 2, "the row has no source"),
        (f"{HEAD}\nICD-10-CN,O,2,,,2000-01-01,,x \n", 2, "source holds 'x '"),
        (f"{HEAD}\nICD-10-CN,O,2,,,2020-01-01,2019-12-31,x\n", 2, "valid_to lies before valid_from"),
        (f"{HEAD}\nICD-10-CN,O,,,,2000-01-01,,x\n", 2, "the row limits neither sex nor age"),
        (f"{HEAD}\nICD-10-CN,O,2,,,2000-01-01,,x\nICD-10-CN,O,2,,,2000-01-01,,x\n", 3, "stands in line 2 already"),
        (f"{HEAD}\nICD-10-CN,O,2,,,2000-01-01,,x\nICD-10-CN,O,2,9,,2020-01-01,,x\n", 3, "when line 2 still holds"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_refused_with_file_line_and_cure(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    path = tmp_path / "limited_diagnoses.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReferenceTableError, match=re.escape(what)) as refused:
        codebooks.rows_in_force("limited_diagnoses", tmp_path)
    assert refused.value.where == f"{path}:{line}"
    assert refused.value.cure


def test_a_corrected_table_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "imaging", [{"item_code": "A B", "study_zh": "x", "study_en": "x"}])
    with pytest.raises(ReferenceTableError, match="item_code"):
        codebooks.rows_in_force("imaging", tmp_path)
    write(tmp_path, "imaging", [{"item_code": "A", "study_zh": "x", "study_en": "x"}])
    assert codebooks.rows_in_force("imaging", tmp_path).rows() == [("A", "x")]
    assert path.is_file()


def test_lines_are_counted_where_a_cell_has_several(tmp_path: Path) -> None:
    (tmp_path / "imaging.csv").write_text(
        'item_code,study_zh,study_en,valid_from,valid_to,source\nA,x,"two\nlines",2000-01-01,,s\nB,,x,2000-01-01,,s\n',
        encoding="utf-8",
    )
    with pytest.raises(ReferenceTableError, match="study_zh is empty") as refused:
        codebooks.rows_in_force("imaging", tmp_path)
    assert refused.value.where.endswith("imaging.csv:4")


def test_a_file_from_excel_may_begin_with_a_byte_order_mark_but_not_be_gb18030(
    tmp_path: Path,
) -> None:
    text = "item_code,study_zh,study_en,valid_from,valid_to,source\nA,胸部CT,CT,2000-01-01,,手册\n"
    (tmp_path / "imaging.csv").write_bytes(text.encode("utf-8-sig").replace(b"\n", b"\r\n"))
    assert codebooks.rows_in_force("imaging", tmp_path).rows() == [("A", "胸部CT")]
    other = tmp_path / "other"
    other.mkdir()
    (other / "imaging.csv").write_bytes(text.encode("gb18030"))
    with pytest.raises(ReferenceTableError, match="not UTF-8") as refused:
        codebooks.rows_in_force("imaging", other)
    assert refused.value.where.endswith("imaging.csv:2")


def test_days_between_two_rows_of_one_key_are_a_warning(tmp_path: Path) -> None:
    rows = [
        {"system": "ICD-10-CN", "prefix": "U99", "sex": "2", "valid_to": "2020-01-01"},
        {"system": "ICD-10-CN", "prefix": "U99", "sex": "1", "valid_from": "2021-01-01"},
    ]
    (fault,) = checks.check(site(tmp_path, limited_diagnoses=rows))
    assert fault.warning
    assert "only until 2020-01-01" in str(fault)
    assert fault.line == 3


# A site's own tables


def test_a_site_adds_ends_corrects_and_takes_out_rows(tmp_path: Path) -> None:
    cap = {"item_code": "S-0201006", "region_code": "", "provider_level": ""}
    folder = site(
        tmp_path,
        price_caps=[
            cap | {"cap_yuan": "700.00", "valid_from": "2024-01-01"},
            cap | {"item_code": "NEW", "cap_yuan": "5.00"},
            # the shipped row of this item begins on 2022-04-01: same key and day
            cap | {"item_code": "S-0201008", "cap_yuan": "6000.00", "valid_from": "2022-04-01", "valid_to": "2022-04-01"},
        ],
    )  # fmt: skip
    caps = terms.price_caps(folder)
    of = caps.filter((pl.col("region_code") == "") & (pl.col("provider_level") == ""))
    found = {
        code: sorted(of.filter(item_code=code).select("valid_from", "valid_to", "cap_yuan").rows())
        for code in ("S-0201006", "S-0201008", "NEW")
    }
    shipped, own = found["S-0201006"]
    assert (shipped[1], own[0]) == (date(2024, 1, 1), date(2024, 1, 1))
    assert (str(shipped[2]), str(own[2])) == ("848.000000", "700.000000")
    assert found["S-0201008"] == []
    assert len(found["NEW"]) == 1
    assert caps.height == terms.price_caps().height + 1


def test_a_table_may_be_replaced(tmp_path: Path) -> None:
    folder = site(tmp_path, once_only_only=[{"prefix": "47.0", "organ_zh": "阑尾", "organ_en": "x", "most": 1}])  # fmt: skip
    assert codebooks.rows_in_force("once_only", folder).height == 1
    assert codebooks.rows_in_force("operations", folder).height > 40


def test_a_row_of_the_site_that_overlaps_ours_is_refused(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        price_caps=[{"item_code": "S-0201006", "cap_yuan": "700.00", "valid_from": "2020-01-01"}],
    )
    with pytest.raises(ReferenceTableError, match="still holds"):
        terms.price_caps(folder)
    assert [f.warning for f in checks.check(folder)] == [False]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("[tables]\nprices = 'extend'\n", "there is no table prices", ":2"),
        ("[tables]\nimaging = 'merge'\n", "imaging is to 'merge'", ":2"),
        ("[tables]\nimaging = 'extend'\ndrugs = 'extend'\n", "drugs.csv is missing", ":3"),
        ("[tables]\n", "imaging.csv stands in no line", "imaging.csv"),
        ("tables = 3\n", "tables is not a section", ":1"),
        ("colour = 'red'\n", "colour is unknown", ":1"),
        ("[tables\n", "it is not TOML", ""),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, what: str, line: str
) -> None:
    folder = site(tmp_path, imaging=[])
    (folder / "reference.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=re.escape(what)) as refused:
        codebooks.load(folder)
    assert refused.value.where.endswith(line)
    assert len(checks.check(folder)) == 1


def test_a_folder_without_a_manifest_is_not_taken_for_a_site(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no reference\.toml"):
        codebooks.load(tmp_path)


def test_an_item_that_the_tariff_lacks_is_warned_of(tmp_path: Path) -> None:
    row = {"item_code": "GONE", "setting": "ward"}
    (fault,) = checks.check(site(tmp_path, settings=[row]))
    assert fault.warning
    assert "GONE" in fault.what
    assert checks.check(site(tmp_path / "b", settings=[row], items=[{"item_code": "GONE"}])) == []


# The digest of what judges


def test_a_changed_table_changes_the_digest_of_the_rule_set(tmp_path: Path) -> None:
    ours = rules.load(SOME)
    cap = {"item_code": "NEW", "cap_yuan": "5.00"}
    one = rules.load(SOME, reference=site(tmp_path / "a", price_caps=[cap]))
    same = rules.load(SOME, reference=site(tmp_path / "b", price_caps=[cap]))
    other = rules.load(
        SOME, reference=site(tmp_path / "c", price_caps=[cap | {"cap_yuan": "6.00"}])
    )
    assert one.sha256 == same.sha256
    assert len({ours.sha256, one.sha256, other.sha256}) == 3
    assert len({ours.reference_sha256, one.reference_sha256, other.reference_sha256}) == 3
    assert one.only(*one.ids[:2]).reference == one.reference


def test_a_process_judges_by_what_it_loaded(tmp_path: Path) -> None:
    folder = site(tmp_path, price_caps=[{"item_code": "NEW", "cap_yuan": "5.00"}])
    loaded = rules.load(SOME, reference=folder)
    write(folder, "price_caps", [{"item_code": "NEW", "cap_yuan": "6.00"}])
    assert rules.load(SOME, reference=folder).sha256 == loaded.sha256
    assert terms.price_caps(folder).filter(item_code="NEW")["cap_yuan"].to_list()[0] == 5


# Dates of service


def test_a_claim_is_judged_by_the_tables_of_its_day(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        diagnoses=[
            {"meaning": "unacceptable_principal", "system": "ICD-10-CN", "prefix": "J18", "valid_from": "2024-03-05"},
            {"meaning": "unacceptable_principal", "system": "ICD-10-CN", "prefix": "K35", "valid_from": "2000-01-01", "valid_to": "2024-03-05"},
        ],
    )  # fmt: skip
    heads = [stay(f"{code}{n}", "2024-02-20", n) for code in "JK" for n in (13, 14, 40)]
    codes = [
        diagnosis(head["stay_id"], 1, "J18.900" if head["stay_id"][0] == "J" else "K35.900")
        for head in heads
    ]
    batch = tables(heads, diagnoses=codes)
    expected = {"J13": False, "J14": True, "J40": True, "K13": True, "K14": False, "K40": False}
    assert fact(batch, "principal_is_unacceptable", folder) == expected
    for head in heads:  # alone, a claim is judged as in company
        own = [c for c in codes if c["stay_id"] == head["stay_id"]]
        found = fact(tables([head], diagnoses=own), "principal_is_unacceptable", folder)
        assert found == {head["stay_id"]: expected[head["stay_id"]]}


def test_rows_keep_their_order_and_number_where_a_change_cuts_the_batch(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        diagnoses=[{"meaning": "symptom", "system": "ICD-10-CN", "prefix": "U98", "valid_from": "2024-03-05"}],
    )  # fmt: skip
    heads = [stay(str(n), "2024-02-20", days) for n, days in enumerate((40, 3, 20, 2, None))]
    lines = [charge(h["stay_id"], str(i), "A") for h in heads[:3] for i in range(2)]
    batch = tables(heads, charges=lines, diagnoses=[diagnosis(h["stay_id"], 1, "I10") for h in heads])  # fmt: skip
    wanted = {"stay": ["stay_days", "principal_is_symptom"], "charge": ["item_is_hourly"], "diagnosis": ["diagnosis_code"]}  # fmt: skip
    cut, whole = (build(Source(batch, reference=of), wanted) for of in (folder, SHIPPED))
    for unit in wanted:
        key = ["stay_id", ":subject_id"]
        same = whole[unit].columns
        if unit == "stay":
            assert cut[unit].select(same).equals(whole[unit])
        assert cut[unit].select(same).sort(key).equals(whole[unit].sort(key))


def test_every_table_by_the_claims_day_changes_with_its_date_and_the_others_keep_theirs() -> None:
    dated = {n for n, table in TABLES.items() if table.dating is Dating.LINE}
    for name in TABLES:
        columns = codebooks.rows_in_force(name, codebooks.edition_on(SHIPPED, date(2024, 1, 1)))
        assert ("valid_from" in columns.columns) == (name in dated)
    before = codebooks.edition_on(SHIPPED, date(1999, 12, 31))
    assert codebooks.rows_in_force("operations", before).is_empty()


_ALONE = """
import sys
from pathlib import Path
import rules
from rules.codebooks import SHIPPED, force
from rules.facts import UNITS, Source, build, facts_of
from streaming import intake
from streaming.pseudonym import PseudonymKey
import drg

assert force._sound.cache_info().currsize == 0, "a table was read while modules were imported"
site, claims = Path(sys.argv[1]), Path(sys.argv[2])
batch = intake.read([claims], "jsonl", key=PseudonymKey(b"sample-tests" * 3)).tables
settled = drg.settle(batch, drg.load())
real, seen = force._sound, set()

def spy(name, folder):
    seen.add((name, str(folder)))
    return real(name, folder)

force._sound = spy
def facts(folder):
    wanted = {unit: sorted(facts_of(unit)) for unit in UNITS}
    return build(Source(batch, settled=settled, reference=folder), wanted)

first = facts(site)
astray = sorted(name for name, folder in seen if folder == str(SHIPPED))
assert not astray, f"read past the site's folder: {astray}"
assert len(seen) > 30, "hardly a table was read"
ours = facts(SHIPPED)
again = facts(site)
for unit, table in first.items():
    key = [c for c in ("stay_id", ":subject_id") if c in table.columns]
    assert table.sort(key).equals(again[unit].sort(key)), f"facts of {unit} remember other tables"
assert not ours["charge"].equals(first["charge"])
"""


def test_no_fact_reads_past_the_sites_folder_nor_remembers_other_tables(tmp_path: Path) -> None:
    """In a process of its own, so that nothing was read before; every table is an empty one."""
    folder = site(tmp_path / "site", **{f"{name}_only": [] for name in TABLES})
    claims = ROOT / "data_samples" / "patterns" / "ADM-012.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(folder), str(claims)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_large_table_is_looked_up_as_a_small_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    table = codebook.starting("operations", "prefix")
    again = pl.concat([table, table.with_columns(level=pl.lit(9, pl.Int64))])
    codes = pl.Series(["5123", "512300", "5", "", "0123X001", "9999", None, "512300", "4542X003"])
    small = [codebook.every(codes, of).sort(pl.all()) for of in (table, again)]
    longest = codebook.longest(codes, again)
    monkeypatch.setattr(codebook, "_FEW_PAIRS", 0)
    for of, was in zip((table, again), small, strict=True):
        assert codebook.every(codes, of).sort(pl.all()).equals(was)
    assert codebook.longest(codes, again).equals(longest)
    assert longest.height >= 3


# Differences


def test_the_difference_names_each_row_that_changes(tmp_path: Path) -> None:
    cap = {"item_code": "S-0201006", "cap_yuan": "700.00", "valid_from": "2024-01-01"}
    changes = difference.compare(SHIPPED, site(tmp_path, price_caps=[cap]))
    assert [str(c) for c in changes] == [
        "~ price_caps S-0201006   from 2021-01-01: valid_to: empty -> 2024-01-01",
        "+ price_caps S-0201006   from 2024-01-01",
    ]
    assert difference.compare(SHIPPED, SHIPPED) == []
