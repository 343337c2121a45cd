"""A tiny scheme, complete in kind: the tests of grouping, payment and the commands share it.

Codes and groups are made up after the pattern of real ones; no figure comes from anywhere.
Categories are tried in the order A (organ and ventilation, by procedure), P (newborn, by
age in days), Z (two injured sites), M (men), B (nervous system).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MANIFEST = """\
code = "tiny"
name_zh = "小方案"
name_en = "Tiny scheme"
engine = "chs"
version = "1"
effective_from = 2024-01-01
region_codes = ["1101"]
subset = false
source = "made up for tests"
"""

TABLES: dict[str, str] = {
    "mdcs": """\
mdc,rank,ambiguity,ambiguity_after,name_zh,name_en
A,1,none,,先期分组,Pre-MDC
P,2,none,,新生儿,Newborns
Z,3,none,,多发严重创伤,Multiple trauma
M,4,any_procedure,1,男性生殖系统,Male reproductive system
B,5,main_procedure,3,神经系统,Nervous system
""",
    "adrgs": """\
adrg,mdc,rank,kind,when_unsplit,name_zh,name_en
AA1,A,1,surgical,stop,心脏移植,Heart transplant
AH1,A,2,procedure,stop,有创呼吸机支持,Invasive ventilation
PR1,P,1,medical,stop,极低体重,Very low birth weight
PS1,P,2,medical,stop,其他新生儿,Other newborns
ZB1,Z,1,surgical,stop,多发创伤手术,Operations for multiple trauma
ZZ1,Z,2,medical,stop,多发创伤,Multiple trauma
MB1,M,1,surgical,stop,前列腺手术,Prostate operations
MR1,M,2,medical,stop,男性生殖系统肿瘤,Tumours of men
BB1,B,1,surgical,next,开颅术伴出血,Craniotomy with haemorrhage
BB2,B,2,surgical,stop,开颅术,Craniotomy
BC1,B,3,procedure,stop,介入联合治疗,Combined interventions
BR1,B,4,medical,stop,颅内出血,Intracranial haemorrhage
BR2,B,5,medical,stop,脑缺血,Cerebral ischaemia
BX1,B,6,medical,stop,儿童惊厥,Convulsions of children
""",
    "groups": """\
group_code,adrg,rank,name_zh,name_en
AA19,AA1,1,心脏移植,Heart transplant
AH11,AH1,1,有创呼吸机支持伴重症,Invasive ventilation with MCC
AH15,AH1,2,有创呼吸机支持,Invasive ventilation without MCC
PR11,PR1,1,极低体重伴重症,Very low birth weight with MCC
PR15,PR1,2,极低体重,Very low birth weight
PS19,PS1,1,其他新生儿,Other newborns
ZB11,ZB1,1,多发创伤手术伴重症,Operations for multiple trauma with MCC
ZB15,ZB1,2,多发创伤手术,Operations for multiple trauma
ZZ19,ZZ1,1,多发创伤,Multiple trauma
MB19,MB1,1,前列腺手术,Prostate operations
MR11,MR1,1,男性肿瘤伴并发症,Tumours of men with a complication
BB11,BB1,1,开颅术伴出血伴重症,Craniotomy with haemorrhage and MCC
BB21,BB2,1,开颅术伴重症,Craniotomy with MCC
BB23,BB2,2,开颅术伴并发症,Craniotomy with CC
BB25,BB2,3,开颅术,Craniotomy without complication
BC19,BC1,1,介入联合治疗,Combined interventions
BR11,BR1,1,颅内出血伴重症,Intracranial haemorrhage with MCC
BR13,BR1,2,颅内出血伴并发症,Intracranial haemorrhage with CC
BR15,BR1,3,颅内出血,Intracranial haemorrhage without complication
BR21,BR2,1,脑缺血伴重症或老年,Cerebral ischaemia with MCC or at old age
BR25,BR2,2,脑缺血,Cerebral ischaemia
BX19,BX1,1,儿童惊厥,Convulsions of children
""",
    "conditions": """\
owner,code,alternative,test,op,value
mdc,A,1,any_procedure,in,A
mdc,P,1,age_days,<=,28
mdc,P,1,principal_diagnosis,in,P|Z
mdc,Z,1,principal_diagnosis,in,Z
mdc,Z,1,body_sites,>=,2
mdc,M,1,sex,is,1
mdc,M,1,principal_diagnosis,in,M
mdc,B,1,principal_diagnosis,in,B
adrg,AA1,1,any_procedure,in,AA1
adrg,PR1,1,birth_weight_g,<,1500
adrg,ZB1,1,main_procedure,in,@operating
adrg,MB1,1,main_procedure,in,MB1
adrg,MR1,1,principal_diagnosis,in,MR1
adrg,BB1,1,principal_diagnosis,in,BR1
adrg,BB1,1,main_procedure,in,BB
adrg,BB2,1,main_procedure,in,BB
adrg,BC1,1,main_procedure,in,BC1-1
adrg,BC1,1,other_procedure,in,BC1-2
adrg,BC1,2,main_procedure,in,BC1-2
adrg,BC1,2,other_procedure,in,BC1-1
adrg,BC1,2,any_diagnosis,not_in,MR1
adrg,BR1,1,principal_diagnosis,in,BR1
adrg,BR2,1,principal_diagnosis,in,BR2
adrg,BX1,1,principal_diagnosis,in,BX1
adrg,BX1,1,age_years,<,14
group,AH11,1,complication,is,mcc
group,PR11,1,complication,is,mcc
group,ZB11,1,complication,is,mcc
group,MR11,1,complication,is,mcc_or_cc
group,BB11,1,complication,is,mcc
group,BB21,1,complication,is,mcc
group,BB23,1,complication,is,cc
group,BR11,1,complication,is,mcc
group,BR13,1,complication,is,cc
group,BR21,1,complication,is,mcc
group,BR21,2,age_years,>=,80
group,BR21,2,other_diagnosis,in,BX1
""",
    "diagnosis_lists": """\
list,code
P,P07.000
P,P22.000
Z,S06.500
Z,S27.000
Z,S72.000
M,C61.x00
M,N40.x00
MR1,C61.x00
B,I61.000
B,I61.900
B,I63.000
B,I63.900
B,R56.000
B,G40.900
BR1,I61.000
BR1,I61.900
BR2,I63.000
BR2,I63.900
BX1,R56.000
BX1,G40.900
""",
    "procedure_lists": """\
list,code
A,37.5100
A,96.7201
AA1,37.5100
MB1,60.2900
BB,01.2400
BB,01.2401
BC1-1,39.7200
BC1-2,00.6300
""",
    "sites": """\
mdc,site,code
Z,head,S06.500
Z,chest,S27.000
Z,limbs,S72.000
""",
    "diagnoses": """\
code,name_zh,name_en
P07.000,极低体重儿,
P22.000,新生儿呼吸窘迫综合征,
S06.500,创伤性硬膜下出血,
S27.000,创伤性气胸,
S72.000,股骨颈骨折,
C61.x00,前列腺恶性肿瘤,
N40.x00,前列腺增生,
I61.000,大脑半球皮质下脑出血,
I61.900,脑出血,
I63.000,入脑前动脉血栓形成引起的脑梗死,
I63.900,脑梗死,
R56.000,热性惊厥,
G40.900,癫痫,
J96.000,急性呼吸衰竭,
A41.900,脓毒症,
E11.900,2型糖尿病,
I10.x00,高血压,
N18.900,慢性肾脏病,
""",
    "procedures": """\
code,operating,name_zh,name_en
37.5100,true,心脏移植术,
96.7201,true,呼吸机治疗大于等于96小时,
60.2900,true,经尿道前列腺切除术,
01.2400,true,开颅探查术,
01.2401,true,开颅血肿清除术,
39.7200,true,头颈部血管内修补,
00.6300,true,颈动脉支架置入术,
88.4100,false,脑动脉造影,
""",
    "complications": """\
code,level,exclusion_table
J96.000,mcc,1
A41.900,mcc,
E11.900,cc,2
N18.900,cc,
I63.900,cc,3
""",
    "exclusions": """\
exclusion_table,code
1,P22.000
1,J96.000
2,E11.900
3,I63.000
3,I63.900
3,I61.000
""",
    "crosswalks": """\
kind,code,target
diagnosis,I61.900x001,I61.900
diagnosis,Z99.000,
procedure,01.2499,01.2401
procedure,99.9900,
""",
    "weights": """\
group_code,region_code,weight,mean_stay_days,mean_cost_yuan,effective_from,effective_to,source
AA19,,18.5,30.5,210000,2024-01-01,,made up
BB21,,5.1,25,61000,2024-01-01,,made up
BB23,,3.9,20,45000.5,2024-01-01,,made up
BB25,,3.2,18,38000,2024-01-01,,made up
BR11,,1.6,14,18000,2024-01-01,2024-12-31,made up
BR11,,1.7,13.5,19000,2025-01-01,,made up
BR13,,1.2,12,13000,2024-01-01,,made up
BR15,,0.9012,10,10000,2024-01-01,,made up
BR21,,1.1,11,12000,2024-01-01,,made up
BR25,,0.7,9,8000,2024-01-01,,made up
BR25,110101,0.72,9,8100,2024-01-01,,made up
""",
    "base_rates": """\
region_code,insurance_type,base_rate_yuan,effective_from,effective_to,source
1101,,11000,2024-01-01,,made up
1101,390,9000.5,2024-01-01,,made up
""",
    "level_coefficients": """\
region_code,level,provider_id,group_code,coefficient,effective_from,effective_to,source
1101,2,,,0.9,2024-01-01,,made up
1101,3,,,1,2024-01-01,,made up
""",
}


def tiny(
    folder: Path,
    tables: Mapping[str, str | None] | None = None,
    *,
    manifest: str = MANIFEST,
    name: str = "tiny",
) -> Path:
    """Write the scheme into ``folder / name`` and return that.

    ``tables`` replaces the text of tables by name, adds others, and leaves out those given
    as None.
    """
    pack = folder / name
    pack.mkdir(parents=True, exist_ok=True)
    (pack / "scheme.toml").write_text(manifest, encoding="utf-8", newline="")
    for table, text in {**TABLES, **(tables or {})}.items():
        if text is not None:
            (pack / f"{table}.csv").write_text(text, encoding="utf-8", newline="")
    return pack


def changed(table: str, old: str, new: str) -> dict[str, str]:
    """Tables for ``tiny`` in which one line or part of a table reads differently."""
    assert TABLES[table].count(old) == 1, f"{old!r} stands {TABLES[table].count(old)} times"
    return {table: TABLES[table].replace(old, new)}


def added(table: str, *lines: str) -> dict[str, str]:
    """Tables for ``tiny`` in which a table has more lines at its end."""
    return {table: TABLES[table] + "".join(f"{line}\n" for line in lines)}
