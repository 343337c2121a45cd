"""What the importer does not know is refused with file and line, never guessed or run."""

from __future__ import annotations

from pathlib import Path

import pytest

from drg.opendrg import OpenDrgError, import_scheme, regions
from tests.opendrg_checkouts import ANSWER, REGION, checkout, files

CONDITION = "does not know"

CHANGED = [
    # (file, what stands there, what is written instead, what the refusal says)
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.zdList[-1] in adrg_zd", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.zdList[0].startswith('G')", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.amount > 5", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.zdList[0] in adrg_ss", CONDITION),
    ("ADRG/BR1.py", "True and record.zdList[0]", "record.ssList and record.zdList[0]", CONDITION),
    ("ADRG/BR1.py", "True and record.zdList[0]", "not record.ssList and record.zdList[0]", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "len(record.zdList)>1", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.age < -1", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.age < 1.5", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.age < record.ageDay", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "record.gender==3", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "1 < record.age < 5 < 9", CONDITION),
    ("ADRG/BR1.py", "record.zdList[0] in adrg_zd", "'1' in ss_matched", CONDITION),
    ("ADRG/BR1.py", "dept_list=[]", "dept_list=['ICU']", "dept_list"),
    ("ADRG/BR1.py", "'G01.200'", "'脑病'", "no code"),
    ("ADRG/BR1.py", "adrg_ss=[]", "adrg_ss=['01.2400'] + []", "not one condition"),
    ("ADRG/BR1.py", "return 'BR11'", "return 'BR1' + '1'", "step"),
    ("ADRG/BR1.py", "MDCB_DRG.BR11_group", "MDCB_DRG.BR19_group", "no function BR19_group"),
    ("ADRG/BR1.py", "    return 'BR1'\n", "    return 'BR9'\n", "ends in a way"),
    ("ADRG/BR1.py", "  else:\n    return ''", "  else:\n    return 'BR1'", "not one condition"),
    ("ADRG/BR1.py", "def group(record):", "@cached\ndef group(record):", "statement"),
    ("ADRG/BR1.py", "def group(record):", "def group(record, more):", "no function group"),
    ("ADRG/BR1.py", "import message,intersect", "import message as m,intersect", "import"),
    ("ADRG/BR1.py", "import message,intersect,SS_VALID,has_mcc,has_cc", "import *", "import"),
    ("ADRG/BR1.py", f"drg_group.{REGION}.DRG import", "drg_group.other_2022.DRG import", "another region"),
    ("ADRG/BR1.py", f"{REGION}.DRG import", f"{REGION}.DRG_EX import", "imported from DRG_EX"),
    ("ADRG/BR1.py", "def group(record):", "def group(record:", "not readable Python"),
    ("ADRG/NB1.py", "adrg_ss.index(x)]", "adrg_ss.index(x) - 1]", "not one condition"),
    ("ADRG/NB1.py", "['1', '2', '3', '3']", "['1', '2']", "no role"),
    ("ADRG/NA1_2.py", "NA11_group(record):\n      return 'NA11'", "NA11_group(record):\n      return 'NA13'", "different ways"),
    ("DRG/MDCB_DRG.py", "return record.dept=='ICU'", "return record.dept.startswith('I')", CONDITION),
    ("DRG/MDCB_DRG.py", "return record.dept=='ICU'", "return record.dept=='A|B'", CONDITION),
    ("DRG/MDCB_DRG.py", "return record.dept=='ICU'", "record.x = 1\n  return True", "not one condition"),
    ("DRG_EX/BB12.py", "    return True", "    return 1", "not one condition"),
    ("MDC/MDCB.py", "    return ''", "    return None", "begin with its condition"),
    ("MDC/MDCB.py", "return 'BQY'", "return 'CQY'", "step"),
    ("MDC/MDCB.py", "record.ssList[0] in SS_VALID:", "record.ssList[0] in ['01.2400']:", "ambiguity"),
    ("MDC/MDCB.py", "result=BB1.group(record)", "result=BB1.group(record) or ''", "step"),
    ("MDC/MDCZ.py", "len(types) < 2", "len(types) < 3", "step"),
    ("MDC/MDCZ.py", "['头部创伤', ", "[", "before the first body site"),
    ("Grouper.py", "return '0000'", "return 'B00'", "does not end with 0000"),
    ("Grouper.py", "result=MDCB.group(record)", "result=MDCA.group(record)", "twice"),
    ("Base.py", "own and own == table", "own and own != table", "has_mcc"),
    ("Base.py", "for code in rest:\n    if code in CC:", "for code in rest[1:]:\n    if code in CC:", "has_cc"),
    ("Base.py", "if one == other:", "if one[:3] == other[:3]:", "intersect"),
    ("Base.py", "MCC=reader.read('MCC')", "MCC=reader.read('CC')", "MCC is not read"),
    ("Base.py", "x.partition(' ')[0],x", "x.partition('.')[0],x", "spliter"),
    ("Base.py", "return dict(map", "return dict(reversed(map", "Reader.to_dict|not readable"),
    ("Base.py", "__name__ == '__main__'", "__name__ != ''", "statement"),
    ("Base.py", "heard = []", "has_cc = has_mcc", "then replaced"),
    ("Base.py", "heard = []", "heard = []\nMCC.clear()", "statement"),
    (f"Grouper_{REGION}.py", "result[:3], result", "result[:2], result", "answers in a way"),
    (f"Grouper_{REGION}.py", "class Demo:", "class Demo:\n  def group(self, record):\n    return None\nclass Demo2:", "one method"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), CHANGED)
def test_unknown_source_is_refused_with_its_place(
    tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    given = files()[file]
    assert old in given
    folder = checkout(tmp_path, {file: given.replace(old, new)})
    with pytest.raises(OpenDrgError) as caught:
        import_scheme(folder, REGION)
    assert any(part in caught.value.what for part in said.split("|")), caught.value
    assert caught.value.cure
    assert str(tmp_path) in caught.value.where


def test_the_line_of_an_unknown_condition_is_named(tmp_path: Path) -> None:
    given = files()["DRG/MDCB_DRG.py"].replace("record.dept=='ICU'", "record.dept in LIST")
    line = next(i for i, text in enumerate(given.split("\n"), 1) if "LIST" in text)
    with pytest.raises(OpenDrgError) as caught:
        import_scheme(checkout(tmp_path, {"DRG/MDCB_DRG.py": given}), REGION)
    assert caught.value.where.endswith(f"MDCB_DRG.py:{line}")
    assert "record.dept in LIST" in caught.value.what


def test_a_statement_at_the_top_of_a_source_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    given = files()["ADRG/BR1.py"] + f"open({str(mark)!r},'w').close()\n"
    with pytest.raises(OpenDrgError, match="statement"):
        import_scheme(checkout(tmp_path, {"ADRG/BR1.py": given}), REGION)
    assert not mark.exists()


def test_two_adrgs_may_not_decide_one_group(tmp_path: Path) -> None:
    given = files()["ADRG/BU1.py"].replace("'BU19'", "'BT19'")
    with pytest.raises(OpenDrgError, match="BT19 is also decided"):
        import_scheme(checkout(tmp_path, {"ADRG/BU1.py": given}), REGION)


def test_marks_of_ungroupable_stays_must_be_the_known_ones(tmp_path: Path) -> None:
    answer = (
        f"from drg_group.{REGION}.Grouper import group\nclass Demo:\n  def group(self, record):\n"
        "    code = group(record)\n"
        "    return create_result(record.Index, self.return_messages(), code)\n"
    )
    create = ANSWER.partition("    if result == '0000':")[2].partition("  def return_messages")[0]
    create = create.replace("record.Index", "index").replace("self.return_messages()", "told")
    create = create.replace("'0000', '00', '0000'", "'0000', '00', '0000A'", 1)
    create = create.replace("'00', '0000')", "'00', '0000B')", 1)
    known = f"def create_result(index, told, result):\n    if result == '0000':{create}"
    base = files()["Base.py"]
    changed = {f"Grouper_{REGION}.py": answer, "Base.py": base + known}
    kinds = {n.kind for n in import_scheme(checkout(tmp_path / "a", changed), REGION).notes}
    assert "ungroupable_marks" in kinds
    changed["Base.py"] = base + known.replace("0000B", "0000C")
    with pytest.raises(OpenDrgError, match="create_result"):
        import_scheme(checkout(tmp_path / "b", changed), REGION)


@pytest.mark.parametrize("file", ["DATA/MCC.dat", "ICD/SS_MAP.dat", "ADRG/BR1.py", "Base.py"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    with pytest.raises(OpenDrgError) as caught:
        import_scheme(checkout(tmp_path, {file: None}), REGION)
    assert file.rpartition("/")[2] in caught.value.where


def test_a_data_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "drg_group" / REGION / "DATA" / "DRG.dat").write_bytes("BB11 脑部".encode("gb18030"))
    with pytest.raises(OpenDrgError, match="not UTF-8"):
        import_scheme(folder, REGION)


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpenDrgError, match="no checkout") as caught:
        regions(tmp_path)
    assert "drg_group" in caught.value.cure


@pytest.mark.parametrize("region", ["nowhere", "../secret", "", "demo_2022/.."])
def test_an_unknown_region_is_refused_with_those_that_are_there(
    tmp_path: Path, region: str
) -> None:
    with pytest.raises(OpenDrgError, match="no region") as caught:
        import_scheme(checkout(tmp_path), region)
    assert REGION in caught.value.cure


def test_a_region_without_a_year_is_refused(tmp_path: Path) -> None:
    for name, content in files().items():
        path = tmp_path / "drg_group" / "demo" / name.replace(REGION, "demo")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.replace(REGION, "demo"), "utf-8")
    with pytest.raises(OpenDrgError, match="year"):
        import_scheme(tmp_path, "demo")
