"""A small made-up checkout in the forms of OpenDRG: own codes, own rules, and it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

REGION = "demo_2022"

_BASE = """
import os
from enum import Enum
from collections import namedtuple
MedicalRecord = namedtuple('MedicalRecord', 'Index,gender,age,ageDay,weight,dept,inHospitalTime,leavingType,zdList,ssList,icuHours')
GroupResult = namedtuple('GroupResult', 'Index,status,messages,mdc,adrg,drg')
heard = []
get_first_field=lambda x:x.replace('\\n','').partition(' ')[0]
spliter=lambda x:(x.partition(' ')[0],x.partition(' ')[-1].replace('\\n',''))
class DrgGroupStatus(Enum):
  SUCCESS='分组成功'
  FAIL='无法入组'
  QY='歧义病案'
class Reader:
  def __init__(self, folder):
    self.path = os.path.join(os.path.dirname(__file__), folder)
  def read(self, name):
    self.iter=iter(open(os.path.join(self.path,name+'.dat'),encoding='utf8').readlines())
    return self
  def to_list(self,_map=get_first_field,_filter=None):
    return list(map(_map,filter(_filter,self.iter)))
  def to_set(self,_map=get_first_field,_filter=None):
    return set(map(_map,filter(_filter,self.iter)))
  def to_dict(self,_map=spliter,_filter=None):
    return dict(map(_map,filter(_filter,self.iter)))
reader = Reader('DATA')
MCC=reader.read('MCC').to_dict()
CC=reader.read('CC').to_dict()
CCE=reader.read('CCE').to_dict()
SS_VALID=reader.read('SS_VALID').to_list()
DRG=reader.read('DRG').to_dict()
def message(words):
  heard.append(words)
def has_mcc(first, rest):
  own = CCE.get(first)
  if own:
    message('has a table')
  for code in rest:
    if code in MCC:
      table = MCC.get(code)
      message('is an MCC')
      if own and own == table:
        continue
      else:
        return True
def has_cc(first, rest):
  own = CCE.get(first)
  if own:
    message('has a table')
  for code in rest:
    if code in CC:
      table = CC.get(code)
      if own and own == table:
        continue
      else:
        return True
def intersect(some, others):
  for one in some:
    for other in others:
      if one == other:
        return True
  return False
if __name__ == '__main__':
  print('started')
"""

ANSWER = """
from drg_group.demo_2022.Base import DrgGroupStatus, GroupResult, heard
from drg_group.demo_2022.Grouper import group
class Demo:
  def group(self, record):
    result = group(record)
{retry}
    if result == '0000':
      return GroupResult(record.Index, DrgGroupStatus.FAIL.value, self.return_messages(), '0000', '00', '0000')
    elif result[1:3] == '00':
      return GroupResult(record.Index, DrgGroupStatus.FAIL.value, self.return_messages(), 'MDC' + result[0], '00', '0000')
    elif result[1:3] == 'QY':
      return GroupResult(record.Index, DrgGroupStatus.QY.value, self.return_messages(), 'MDC' + result[0], 'QY', result)
    else:
      return GroupResult(record.Index, DrgGroupStatus.SUCCESS.value, self.return_messages(), 'MDC' + result[0], result[:3], result)
  def return_messages(self):
    heard.clear()
    return []
"""
RETRY = """    if result == '0000' and record.ssList and len(record.ssList) > 1:
      for one in record.ssList[1:]:
        record = record._replace(ssList=[one])
        result = group(record)
        if result != '0000':
          break"""

_PROXY = """
from drg_group.demo_2022.Base import MedicalRecord, Reader
from drg_group.demo_2022.Grouper_demo_2022 import Demo
class GroupProxy:
  def __init__(self, TRANS_CODE=0):
    self.trans = TRANS_CODE
    self.inner = Demo()
    reader = Reader('ICD')
    self.maps = [reader.read(name).to_dict() for name in ('ZD_MAP', 'SS_MAP')]
  def group(self, record):
    lists = [[c for c in text.split('|') if c] for text in (record.zdList, record.ssList)]
    if self.trans:
      lists = [[m[c] for c in codes] for m, codes in zip(self.maps, lists)]
    return self.inner.group(record._replace(zdList=lists[0], ssList=lists[1]))
"""

_SITES = """
  zd_map = {}
  type = ''
  for x in mdc_zd:
    if x.endswith('创伤'):
      type = x
    else:
      zd_map[x] = type
  zd_matched = set(record.zdList).intersection(zd_map.keys())
  types = set([zd_map.get(x) for x in zd_matched])
  if zd_matched:
    message('some sites')
    if len(types) < 2:
      message('too few')
      return ''
  else:
    return ''
"""
ROLES = "  ss_matched=[adrg_ss1[adrg_ss.index(x)] for x in record.ssList if x in adrg_ss]\n"


def category(
    letter: str, condition: str, tries: Sequence[str], zd: Sequence[str] = (), sites: bool = False
) -> str:
    """The source of a category; a try ``if ...`` is the test of ambiguity."""
    body = ""
    for one in tries:
        if one.startswith("if "):
            body += f"  {one}:\n    message('ambiguous')\n    return '{letter}QY'\n"
        else:
            body += f"  result={one}.group(record)\n  if result:\n    return result\n"
    names = ",".join(one for one in tries if not one.startswith("if "))
    return (
        f"from drg_group.{REGION}.Base import message,intersect,SS_VALID\n"
        f"from drg_group.{REGION}.ADRG import {names}\n"
        f"def group(record):\n  mdc_zd={list(zd)!r}\n  dept_list=[]\n"
        f"  if not ({condition}):\n    return ''\n{_SITES if sites else ''}"
        f"  message('entered')\n{body}  message('left')\n"
    )


def adrg(
    code: str, condition: str, groups: Mapping[str, str], *, stop: bool, before: str = "", **lists: Sequence[str]
) -> str:  # fmt: skip
    """The source of an ADRG; ``groups`` maps a call such as ``MDCB_DRG.BB11_group`` to a group."""
    names = ("adrg_zd", "adrg_zd1", "adrg_ss", "adrg_ss1", "adrg_ss2")
    body = "".join(f"  {name}={list(lists.get(name, ()))!r}\n" for name in names)
    splits = "".join(
        f"    if {call}(record):\n      return '{group}'\n" for call, group in groups.items()
    )
    special = ",".join(
        sorted({call.partition(".")[0] for call in groups if call.endswith(".group")})
    )
    extra = f"from drg_group.{REGION}.DRG_EX import {special}\n" if special else ""
    return (
        f"from drg_group.{REGION}.Base import message,intersect,SS_VALID,has_mcc,has_cc\n"
        f"from drg_group.{REGION}.DRG import MDC{code[0]}_DRG\n{extra}"
        f"def group(record):\n{body}  dept_list=[]\n{before}  if {condition}:\n    message('taken')\n"
        f"{splits}    return '{code if stop else ''}'\n  else:\n    return ''\n"
    )


def special(condition: str, **lists: Sequence[str]) -> str:
    """The source of a group with lists of its own."""
    names = ("adrg_zd", "adrg_zd1", "adrg_ss", "adrg_ss1", "adrg_ss2")
    body = "".join(f"  {name}={list(lists.get(name, ()))!r}\n" for name in names)
    return (
        f"from drg_group.{REGION}.Base import message,intersect,has_mcc,has_cc,SS_VALID\n"
        f"def group(record):\n{body}  if {condition}:\n    message('special')\n    return True\n"
    )


def splits(**conditions: str) -> str:
    """The source of the groups of a category: ``BB11='record.age < 17'``."""
    head = f"from drg_group.{REGION}.Base import has_mcc,has_cc,intersect\n"
    return head + "".join(
        f"def {code}_group(record):\n  return {condition}\n"
        for code, condition in conditions.items()
    )


MCC = "len(record.zdList)>1 and has_mcc(record.zdList[0],record.zdList[1:])"
CC = "len(record.zdList)>1 and has_cc(record.zdList[0],record.zdList[1:])"
EITHER = (
    "len(record.zdList)>1 and (has_mcc(record.zdList[0],record.zdList[1:]) or "
    "has_cc(record.zdList[0],record.zdList[1:]))"
)
PRINCIPAL = "True and record.zdList[0] in adrg_zd"
MAIN = "True and record.ssList and record.ssList[0] in adrg_ss"
_PRE = (
    "True and record.ssList and (record.ssList[0] in SS_VALID or record.ssList[0] in ['96.7201'])"
)
_NEWBORN = "record.ageDay!=None and record.ageDay<=28"
_ROLE_RULE = '(("1" in ss_matched and "2" in ss_matched) or "3" in ss_matched)'
_QY = "if record.ssList and record.ssList[0] in SS_VALID"
_NO_QY = "if False and record.ssList and intersect(SS_VALID,record.ssList)"


def files() -> dict[str, str]:
    """The files of a sound region, by their path below ``drg_group/demo_2022``."""
    brain = ["G01.100", "G01.200", "G01.300"]
    order = ["MDCA", "MDCP", "MDCZ", "MDCN", "MDCB"]
    tries = "".join(f"  result={m}.group(record)\n  if result:\n    return result\n" for m in order)
    pair = {"adrg_zd": ["C50.900"], "adrg_ss": ["85.1100"], "adrg_ss1": ["85.2200"]}
    return {
        "Base.py": _BASE,
        "GroupProxy.py": _PROXY,
        f"Grouper_{REGION}.py": ANSWER.format(retry=""),
        "Grouper.py": f"from drg_group.{REGION}.Base import message\n"
        f"from drg_group.{REGION}.MDC import {','.join(order)}\n"
        f"def group(record):\n{tries}  message('nowhere')\n  return '0000'\n",
        "MDC/MDCA.py": category("A", _PRE, ["AH1", _NO_QY]),
        "ADRG/AH1.py": adrg("AH1", MAIN, {"MDCA_DRG.AH1B_group": "AH19"}, stop=True, adrg_ss=["96.7201"]),
        "DRG/MDCA_DRG.py": splits(AH1B="record.ssList and '39.6500' in record.ssList"),
        "MDC/MDCP.py": category(
            "P", "True and record.zdList[0] in mdc_zd and int(record.age)==0", ["PS1", "PS2"],
            ["P07.000", "P07.100"],
        ),
        "ADRG/PS1.py": adrg(
            "PS1", "True and intersect(record.zdList,adrg_zd) and record.weight and "
            f"record.weight>=1500 and record.weight<2500 and {_NEWBORN}",
            {"MDCP_DRG.PS11_group": "PS11", "MDCP_DRG.PS15_group": "PS15"}, stop=False,
            adrg_zd=["P07.000"],
        ),
        "ADRG/PS2.py": adrg("PS2", f"True and {_NEWBORN}", {"MDCP_DRG.PS29_group": "PS29"}, stop=False),
        "DRG/MDCP_DRG.py": splits(PS11=MCC, PS15="True", PS29="1<=record.icuHours<=120"),
        "MDC/MDCZ.py": category(
            "Z", "True and record.zdList[0] in mdc_zd", ["ZZ1"],
            ["头部创伤", "S01.100", "S02.100", "腹部创伤", "S31.100", "S02.100", "上肢创伤", "S41.100"],
            sites=True,
        ),
        "ADRG/ZZ1.py": adrg(
            "ZZ1", "True and not intersect(record.ssList,SS_VALID)",
            {"MDCZ_DRG.ZZ19_group": "ZZ19"}, stop=True,
        ),
        "DRG/MDCZ_DRG.py": splits(ZZ19="True"),
        "MDC/MDCN.py": category(
            "N", "True and record.zdList[0] in mdc_zd and record.gender==2", ["NA1_1", "NA1_2", "NB1"],
            ["C50.900", "C53.900"],
        ),
        "ADRG/NA1_1.py": adrg(
            "NA1", "True and record.zdList[0] in adrg_zd and record.ssList and "
            "intersect(record.ssList,adrg_ss) and intersect(record.ssList,adrg_ss1)",
            {"MDCN_DRG.NA11_group": "NA11"}, stop=True, **pair,
        ),
        "ADRG/NA1_2.py": adrg(
            "NA1", "True and record.zdList[0] in adrg_zd and record.ssList and "
            "intersect(record.ssList,adrg_ss)",
            {"MDCN_DRG.NA11_group": "NA11"}, stop=True, adrg_zd=["C53.900"], adrg_ss=["68.6100"],
        ),
        "ADRG/NB1.py": adrg(
            "NB1", f"True and record.zdList[0] in adrg_zd and {_ROLE_RULE}",
            {"MDCN_DRG.NB19_group": "NB19"}, stop=True, before=ROLES, adrg_zd=["C50.900"],
            adrg_ss=["40.2100", "40.3100", "40.2100", "85.2200"], adrg_ss1=["1", "2", "3", "3"],
        ),
        "DRG/MDCN_DRG.py": splits(NA11="record.age<17 and " + EITHER, NB19="True"),
        "MDC/MDCB.py": category(
            "B", "True and record.zdList[0] in mdc_zd",
            ["BB1", "BC1", _QY, "BR1", "BS1", "BT1", "BU1"], brain,
        ),
        "ADRG/BB1.py": adrg(
            "BB1", f"{PRINCIPAL} and {MAIN[9:]} and record.ssList and intersect(record.ssList,adrg_ss)",
            {"MDCB_DRG.BB11_group": "BB11", "BB12.group": "BB12", "MDCB_DRG.BB15_group": "BB15"},
            stop=True, adrg_zd=["G01.100"], adrg_ss=["01.2400", "01.3100"],
        ),
        "DRG_EX/BB12.py": special(
            "True and record.ssList and intersect(record.ssList[1:],adrg_ss) and "
            "has_cc(record.zdList[0],record.zdList[1:])", adrg_ss=["99.1000"],
        ),
        "ADRG/BC1.py": adrg("BC1", MAIN, {"MDCB_DRG.BC19_group": "BC19"}, stop=True, adrg_ss=[]),
        "ADRG/BR1.py": adrg(
            "BR1", PRINCIPAL,
            {"MDCB_DRG.BR11_group": "BR11", "MDCB_DRG.BR15_group": "BR15", "MDCB_DRG.BR17_group": "BR17"},
            stop=True, adrg_zd=["G01.200"],
        ),
        "ADRG/BS1.py": adrg(
            "BS1", f"{PRINCIPAL} and (not record.ssList or not record.ssList[0] in SS_VALID)",
            {"MDCB_DRG.BS17_group": "BS17"}, stop=False, adrg_zd=["G01.300"],
        ),
        "ADRG/BT1.py": adrg(
            "BT1", "True and record.zdList[0] not in adrg_zd and record.ssList and record.ssList[0] in adrg_ss",
            {"MDCB_DRG.BT19_group": "BT19"}, stop=True, adrg_zd=["G01.100"], adrg_ss=["88.7200"],
        ),
        "ADRG/BU1.py": adrg(
            "BU1", "True and intersect(record.zdList[1:],adrg_zd1)",
            {"MDCB_DRG.BU19_group": "BU19"}, stop=True, adrg_zd1=["E11.900"],
        ),
        "DRG/MDCB_DRG.py": splits(
            BB11=MCC, BB15="record.dept=='ICU'", BC19="True", BR11=CC, BR15="True", BR17="record.age<17",
            BS17="record.inHospitalTime<5 and record.leavingType in ['2','5']", BT19="True", BU19="True",
        ),
        "DATA/MCC.dat": "J96.000 1\nI46.900 2\n",
        "DATA/CC.dat": "E11.900 2\nI10.x00 999\n\ufeffD64.900 3\n",
        "DATA/CCE.dat": "G01.100 1\nG01.200 2\n的G01.300 3\nA41.900 3\n",
        "DATA/DRG.dat": "AH19 心肺支持\nBB11 脑部手术，伴严重并发症\nBB12 脑部手术，伴并发症\nBB15 脑部手术，监护\n"
        "BR11 脑病，伴并发症\nBR15 脑病，不伴并发症\nBZ99 没有规则的组\nBQY 歧义组\n",
        "DATA/SS_VALID.dat": "01.2400 开颅\n01.3100 脑切开\n68.6100 子宫切除\n85.1100 乳房手术\n39.6500 体外支持\n",
        "ICD/ZD_INFO.dat": "".join(
            f"{code} 诊断{code}\n"
            for code in (
                *brain, "C50.900", "C53.900", "P07.000", "P07.100", "S01.100", "S02.100", "S31.100",
                "J96.000", "I46.900", "I10.x00", "D64.900", "A41.900", "R51.x00",
            )
        ),
        "ICD/SS_INFO.dat": "".join(
            f"{code} 操作{code}\n"
            for code in (
                "01.2400", "01.3100", "68.6100", "85.1100", "85.2200", "40.2100", "40.3100", "96.7201",
                "88.7200", "99.1000", "89.5200",
            )
        ),
        "ICD/ZD_MAP.dat": "G01.100 G01.100\nG01.900 G01.100\nG01.200 G01.300\nZ99.900 -\n",
        "ICD/SS_MAP.dat": "01.2400 01.2400\n01.2499 01.2400\n",
    }  # fmt: skip


def checkout(folder: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """Write the checkout into a folder, with files changed, added or (None) left out."""
    for name, content in {**files(), **(changes or {})}.items():
        if content is not None:
            path = folder / "drg_group" / REGION / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
    return folder
