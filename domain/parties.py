"""The parties of a claim that live longer than one claim: providers and physicians."""

from __future__ import annotations

from domain import codes
from domain.claim import ID
from domain.schema import Field, Kind, Table

# fmt: off
PROVIDERS = Table(
    "providers",
    "定点医疗机构",
    "A hospital or clinic that claims from the fund.",
    key=("provider_id",),
    fields=(
        Field("provider_id", Kind.TEXT, "定点医药机构编号", "National code of the institution.",
              cn="fixmedins_code", fhir="Organization.identifier", required=True, max_length=64, pattern=ID),
        Field("name", Kind.TEXT, "定点医药机构名称", "Name.", cn="fixmedins_name", fhir="Organization.name"),
        Field("level", Kind.CODE, "医院等级", "Level of the hospital.", cn="hosp_lv", codes=codes.PROVIDER_LEVEL),
        Field("provider_type", Kind.CODE, "机构类型", "General, specialised, community, clinic and so on.",
              fhir="Organization.type", max_length=40),
        Field("region_code", Kind.CODE, "医保区划", "Administrative division.", cn="admdvs",
              fhir="Organization.address", max_length=12),
        Field("bed_count", Kind.INTEGER, "编制床位数", "Approved beds.", minimum=0, maximum=100_000),
        Field("ownership", Kind.CODE, "举办主体", "Public or private.", max_length=40),
    ),
)

PHYSICIANS = Table(
    "physicians",
    "医师",
    "A doctor registered with a provider.",
    key=("physician_id", "provider_id"),
    fields=(
        Field("physician_id", Kind.TEXT, "医保医师代码", "National code of the physician.",
              cn="dr_code", fhir="Practitioner.identifier", required=True, max_length=64, pattern=ID),
        Field("provider_id", Kind.TEXT, "定点医药机构编号", "Where the physician practises.",
              cn="fixmedins_code", fhir="PractitionerRole.organization", required=True, max_length=64, pattern=ID),
        Field("department", Kind.TEXT, "科室", "Department code.", fhir="PractitionerRole.location", max_length=64),
        Field("specialty", Kind.CODE, "执业范围", "Registered specialty.",
              fhir="PractitionerRole.specialty", max_length=64),
        Field("title", Kind.CODE, "职称", "Professional title.", fhir="Practitioner.qualification.code", max_length=64),
        Field("active", Kind.FLAG, "在职", "Whether the registration is in force.", fhir="PractitionerRole.active"),
    ),
)
# fmt: on

PARTY_TABLES = (PROVIDERS, PHYSICIANS)
"""Reference tables that an input folder may carry beside its claims."""
