"""The claim: a stay or visit (医疗保障基金结算清单) with everything that hangs on it.

``STAYS`` is the head; diagnoses, procedures, charge lines, orders, ICU stays and
coverages are its children, nested in JSON and tables of their own in Arrow. A stay is
identified by ``stay_id``, unique in one installation.

Amounts end in ``_fen`` and are integers in the hundredth of ``currency`` (fen for
CNY, cents for USD). Instants carry a zone; dates are calendar dates in ``time_zone``.
The ``cn`` names were compared with public implementations of the national interface
(4101, 4101A, 2301), not with the official publication; ``tests/unit/domain`` checks
every ``fhir`` path against the resource definitions.
"""

from __future__ import annotations

from domain import codes
from domain.schema import Field, Kind, Privacy, Table

T, C, INT, M, D = Kind.TEXT, Kind.CODE, Kind.INTEGER, Kind.MONEY, Kind.DECIMAL
DATE, AT, FLAG = Kind.DATE, Kind.INSTANT, Kind.FLAG
PSEUDONYM, DROP = Privacy.PSEUDONYM, Privacy.DROP

ID = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"
"""What an identifier may look like: it travels in URLs, file names and SQL keys."""

_STAY_ID = Field(
    "stay_id", T, "结算ID", "The claim's identifier, unique in one installation.",
    cn="setl_id", fhir="Claim.identifier", required=True, max_length=64, pattern=ID,
)  # fmt: skip


def _ordinal(meaning: str, fhir: str | None) -> Field:
    return Field(
        "ordinal", INT, "顺序号", meaning, fhir=fhir, required=True, minimum=1, maximum=1000
    )


# fmt: off
STAYS = Table(
    "stays",
    "结算清单",
    "One hospital stay or outpatient visit as claimed from the insurance fund.",
    key=("stay_id",),
    fields=(
        _STAY_ID,
        Field("claim_version", INT, "版本号", "1 for the first upload, higher for a correction.",
              minimum=1, maximum=9999, required=True),
        Field("encounter_id", T, "就诊ID", "Identifier of the encounter that the claim bills.",
              cn="mdtrt_id", fhir="Encounter.identifier", max_length=64),
        Field("claim_type", C, "医疗类别", "Inpatient stay or outpatient visit.",
              cn="med_type", fhir="Claim.type", required=True, codes=codes.CLAIM_TYPE),
        Field("region_code", C, "就医地医保区划", "Administrative division of the place of care; selects regional parameters.",
              cn="mdtrtarea_admvs", fhir="Claim.facility", max_length=12, pattern=r"^[A-Z0-9]{2,12}$"),
        Field("time_zone", C, "时区", "IANA time zone in which the dates are calendar dates.",
              required=True, max_length=40, pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$"),
        Field("currency", C, "币种", "Currency of all amounts of the claim.",
              fhir="Claim.total.currency", required=True, codes=codes.CURRENCY),
        # who
        Field("provider_id", T, "定点医药机构编号", "The hospital that claims.",
              cn="fixmedins_code", fhir="Claim.provider", required=True, max_length=64, pattern=ID),
        Field("provider_level", C, "医院等级", "Level of the hospital.",
              cn="hi_setl_lv", codes=codes.PROVIDER_LEVEL),
        Field("patient_id", T, "人员编号", "The insured person.",
              cn="psn_no", fhir="Claim.patient", required=True, max_length=128, privacy=PSEUDONYM),
        Field("medical_record_number", T, "病案号", "The hospital's number of the patient's record.",
              cn="medcasno", fhir="Patient.identifier", max_length=64, privacy=PSEUDONYM),
        Field("identity_number", T, "患者证件号码", "Number of the identity document.",
              cn="certno", fhir="Patient.identifier", max_length=64, privacy=PSEUDONYM),
        Field("patient_name", T, "人员姓名", "Name of the insured person.",
              cn="psn_name", fhir="Patient.name", max_length=100, privacy=DROP),
        Field("contact_name", T, "联系人姓名", "Name of the contact person.",
              cn="coner_name", fhir="Patient.contact.name", max_length=100, privacy=DROP),
        Field("phone", T, "联系人电话", "Telephone of the patient or contact.",
              cn="coner_tel", fhir="Patient.telecom", max_length=64, privacy=PSEUDONYM),
        Field("address", T, "现住址", "Home address.",
              cn="curr_addr", fhir="Patient.address", max_length=500, privacy=PSEUDONYM),
        Field("employer", T, "单位名称", "Employer.",
              cn="emp_name", max_length=256, privacy=PSEUDONYM),
        Field("bank_account", T, "银行账号", "Account that received a payment for the patient.",
              max_length=64, privacy=PSEUDONYM),
        Field("sex", C, "性别", "Administrative sex.",
              cn="gend", fhir="Patient.gender", codes=codes.SEX),
        Field("birth_date", DATE, "出生日期", "Date of birth.", cn="brdy", fhir="Patient.birthDate"),
        Field("age_years", INT, "年龄", "Age in whole years at admission, as stated.",
              cn="age", unit="year", minimum=0, maximum=150),
        Field("age_days", INT, "新生儿年龄", "Age in days at admission of a child under one year, as stated.",
              cn="nwb_age", unit="day", minimum=0, maximum=365),
        Field("death_date", DATE, "死亡日期", "Date of death from the registry or the hospital.",
              fhir="Patient.deceasedDateTime"),
        Field("death_time", AT, "死亡时间", "Instant of death if known to the minute.",
              fhir="Patient.deceasedDateTime"),
        # coverage of this claim
        Field("insurance_type", C, "险种类型", "Scheme that pays.",
              cn="hi_type", fhir="Coverage.type", codes=codes.INSURANCE_TYPE),
        Field("insured_region_code", C, "参保地", "Administrative division where the person is insured.",
              cn="insuplc", fhir="Coverage.payor", max_length=12),
        Field("payment_method", C, "医保支付方式", "How the fund pays this claim.",
              cn="hi_paymtd", codes=codes.PAYMENT_METHOD),
        # admission
        Field("admission_way", C, "入院途径", "How the patient came.",
              cn="adm_way", fhir="Encounter.hospitalization.admitSource", codes=codes.ADMISSION_WAY),
        Field("inpatient_type", C, "住院医疗类型", "Ordinary stay or day surgery.",
              cn="ipt_med_type", fhir="Encounter.class", codes=codes.INPATIENT_TYPE),
        Field("treatment_type", C, "治疗类别", "Western, Chinese or both.",
              cn="trt_type", codes=codes.TREATMENT_TYPE),
        Field("admission_date", DATE, "入院日期", "Calendar date of admission, or of an outpatient visit.",
              fhir="Encounter.period", required=True),
        Field("admission_time", AT, "入院时间", "Instant of admission, to the minute; empty if only the date is known.",
              cn="adm_time", fhir="Encounter.period"),
        Field("admission_department", T, "入院科别", "Department code at admission.",
              cn="adm_caty", fhir="Encounter.serviceType", max_length=64),
        Field("transfer_departments", T, "转科科别", "Departments moved to during the stay, joined by →.",
              cn="refldept_dept"),
        Field("ward", T, "病区", "Ward at discharge.", fhir="Encounter.location.location", max_length=64),
        Field("admission_diagnosis_code", C, "门急诊诊断代码", "Diagnosis for which the patient was admitted.",
              cn="wm_dise_code", fhir="Encounter.reasonCode", max_length=20),
        # discharge
        Field("discharge_date", DATE, "出院日期", "Calendar date of discharge; empty while in hospital.",
              fhir="Encounter.period"),
        Field("discharge_time", AT, "出院时间", "Instant of discharge, to the minute.",
              cn="dscg_time", fhir="Encounter.period"),
        Field("discharge_department", T, "出院科别", "Department code at discharge.",
              cn="dscg_caty", max_length=64),
        Field("discharge_way", C, "离院方式", "How the patient left.",
              cn="dscg_way", fhir="Encounter.hospitalization.dischargeDisposition", codes=codes.DISCHARGE_WAY),
        Field("receiving_provider_id", T, "拟接收机构代码", "Hospital that takes the patient over.",
              cn="acp_optins_code", fhir="Encounter.hospitalization.destination", max_length=64),
        Field("length_of_stay_days", INT, "实际住院天数", "Length of stay as stated on the list.",
              cn="act_ipt_days", fhir="Encounter.length", unit="day", minimum=0, maximum=3660),
        Field("planned_readmission", FLAG, "出院31天内再住院计划", "Whether a readmission within 31 days is planned.",
              cn="days_rinp_flag_31"),
        Field("planned_readmission_purpose", T, "再住院目的", "Purpose of the planned readmission.",
              cn="days_rinp_pup_31"),
        # clinical course
        Field("ventilation_minutes", INT, "呼吸机使用时长", "Time on a ventilator.",
              cn="vent_used_dura", unit="minute", minimum=0, maximum=5_270_400),
        Field("coma_before_admission_minutes", INT, "入院前昏迷时长", "Coma before admission after a brain injury.",
              cn="pwcry_bfadm_coma_dura", unit="minute", minimum=0, maximum=5_270_400),
        Field("coma_after_admission_minutes", INT, "入院后昏迷时长", "Coma after admission after a brain injury.",
              cn="pwcry_afadm_coma_dura", unit="minute", minimum=0, maximum=5_270_400),
        Field("newborn_admission_type", C, "新生儿入院类型", "Kind of newborn.",
              cn="nwb_adm_type", codes=codes.NEWBORN_ADMISSION_TYPE),
        Field("newborn_birth_weight_g", INT, "新生儿出生体重", "Birth weight.",
              cn="nwb_bir_wt", unit="gram", minimum=0, maximum=100_000),
        Field("newborn_admission_weight_g", INT, "新生儿入院体重", "Weight at admission.",
              cn="nwb_adm_wt", unit="gram", minimum=0, maximum=100_000),
        Field("blood_category", T, "输血品种", "Blood products given.", cn="bld_cat"),
        Field("blood_amount", D, "输血量", "Amount of blood products.", cn="bld_amt", places=2),
        Field("blood_unit", T, "输血计量单位", "Unit of the amount.", cn="bld_unt", max_length=20),
        Field("special_nursing_days", INT, "特级护理天数", "Days of special nursing.",
              cn="spga_nurscare_days", unit="day", minimum=0, maximum=3660),
        Field("level1_nursing_days", INT, "一级护理天数", "Days of level-one nursing.",
              cn="lv1_nurscare_days", unit="day", minimum=0, maximum=3660),
        Field("level2_nursing_days", INT, "二级护理天数", "Days of level-two nursing.",
              cn="scd_nurscare_days", unit="day", minimum=0, maximum=3660),
        Field("level3_nursing_days", INT, "三级护理天数", "Days of level-three nursing.",
              cn="lv3_nurscare_days", unit="day", minimum=0, maximum=3660),
        Field("attending_physician_id", T, "主诊医师代码", "Physician responsible for the stay.",
              cn="chfpdr_code", fhir="Encounter.participant.individual", max_length=64),
        Field("operating_physician_id", T, "手术医师代码", "Physician of the main operation, where only the head states it.",
              fhir="Claim.careTeam.provider", max_length=64),
        Field("other_physician_id", T, "其他医师代码", "Another physician named on the claim.",
              fhir="Claim.careTeam.provider", max_length=64),
        Field("responsible_nurse_id", T, "责任护士代码", "Nurse responsible for the stay.",
              cn="resp_nurs_code", max_length=64),
        # codes and group
        Field("diagnosis_system", C, "诊断编码体系", "Code system of the diagnoses.",
              fhir="Claim.diagnosis.diagnosisCodeableConcept", required=True, codes=codes.DIAGNOSIS_SYSTEM),
        Field("procedure_system", C, "手术编码体系", "Code system of the procedures.",
              fhir="Claim.procedure.procedureCodeableConcept", required=True, codes=codes.PROCEDURE_SYSTEM),
        Field("billed_group_code", C, "申报病组", "DRG that the hospital billed.",
              fhir="Claim.diagnosis.packageCode", max_length=12),
        # money
        Field("total_amount_fen", M, "医疗费总额", "Total charges of the claim.",
              fhir="Claim.total", unit="fen", minimum=0),
        Field("fund_payment_fen", M, "基金支付总额", "Paid by the fund.",
              cn="fund_payamt", unit="fen", minimum=0),
        Field("self_pay_in_scope_fen", M, "个人自付", "Paid by the patient for items in scope.",
              cn="psn_selfpay", unit="fen", minimum=0),
        Field("self_pay_out_of_scope_fen", M, "个人自费", "Paid by the patient for items out of scope.",
              cn="psn_ownpay", unit="fen", minimum=0),
        Field("account_payment_fen", M, "个人账户支付", "Paid from the patient's insurance account.",
              cn="acct_pay", unit="fen", minimum=0),
        Field("cash_payment_fen", M, "个人现金支付", "Paid in cash.",
              cn="psn_cashpay", unit="fen", minimum=0),
        Field("deductible_fen", M, "起付线", "Deductible taken from this claim.", unit="fen", minimum=0),
        # settlement
        Field("settlement_start_date", DATE, "结算开始日期", "First day that the settlement covers.",
              cn="setl_begn_date", fhir="Claim.billablePeriod"),
        Field("settlement_end_date", DATE, "结算结束日期", "Last day that the settlement covers.",
              cn="setl_end_date", fhir="Claim.billablePeriod"),
        Field("filed_time", AT, "申报时间", "Instant at which the list was uploaded.",
              cn="dcla_time", fhir="Claim.created"),
        Field("invoice_number", T, "票据号码", "Number of the invoice.", cn="bill_no", max_length=64),
    ),
)

DIAGNOSES = Table(
    "diagnoses",
    "诊断信息",
    "Diagnoses of the stay in the order of the list; ordinal 1 is the principal diagnosis.",
    key=("stay_id", "ordinal"),
    parent="stays",
    fields=(
        _STAY_ID,
        _ordinal("Place on the list; 1 is the principal diagnosis.", "Claim.diagnosis.sequence"),
        Field("code", C, "诊断代码", "Diagnosis code.",
              cn="diag_code", fhir="Claim.diagnosis.diagnosisCodeableConcept", required=True, max_length=20),
        Field("name", T, "诊断名称", "Diagnosis name as written.", cn="diag_name"),
        Field("present_on_admission", C, "入院病情", "Whether the condition was present on admission.",
              cn="adm_cond_type", fhir="Claim.diagnosis.onAdmission", codes=codes.PRESENT_ON_ADMISSION),
    ),
)

PROCEDURES = Table(
    "procedures",
    "手术操作信息",
    "Operations and procedures in the order of the list; ordinal 1 is the main one.",
    key=("stay_id", "ordinal"),
    parent="stays",
    fields=(
        _STAY_ID,
        _ordinal("Place on the list; 1 is the main procedure.", "Claim.procedure.sequence"),
        Field("code", C, "手术操作代码", "Procedure code.",
              cn="oprn_oprt_code", fhir="Claim.procedure.procedureCodeableConcept", required=True, max_length=20),
        Field("name", T, "手术操作名称", "Procedure name as written.", cn="oprn_oprt_name"),
        Field("procedure_date", DATE, "手术操作日期", "Calendar date of the procedure.",
              cn="oprn_oprt_date", fhir="Claim.procedure.date"),
        Field("start_time", AT, "手术开始时间", "Start of the operation.", cn="oprn_oprt_begntime", fhir="Procedure.performedPeriod"),
        Field("end_time", AT, "手术结束时间", "End of the operation.", cn="oprn_oprt_endtime", fhir="Procedure.performedPeriod"),
        Field("surgeon_id", T, "术者医师代码", "Surgeon.",
              cn="oper_dr_code", fhir="Procedure.performer.actor", max_length=64),
        Field("anaesthetist_id", T, "麻醉医师代码", "Anaesthetist.",
              cn="anst_dr_code", fhir="Procedure.performer.actor", max_length=64),
        Field("anaesthesia_method", C, "麻醉方式", "Method of anaesthesia.", cn="anst_way", max_length=20),
        Field("anaesthesia_start_time", AT, "麻醉开始时间", "Start of anaesthesia.", cn="anst_begntime"),
        Field("anaesthesia_end_time", AT, "麻醉结束时间", "End of anaesthesia.", cn="anst_endtime"),
    ),
)

CHARGES = Table(
    "charges",
    "费用明细",
    "One charged item: a drug, test, treatment, bed day or consumable.",
    key=("stay_id", "line_id"),
    parent="stays",
    fields=(
        _STAY_ID,
        Field("line_id", T, "费用明细流水号", "Identifier of the line, unique in the stay.",
              cn="feedetl_sn", fhir="Claim.item.sequence", required=True, max_length=64, pattern=ID),
        Field("reverses_line_id", T, "原费用流水号", "The line that this one takes back; only such a line may be negative.",
              cn="init_feedetl_sn", max_length=64),
        Field("order_id", T, "医嘱号", "Order that the charge carries out.",
              cn="drord_no", max_length=64),
        Field("item_code", C, "医疗目录编码", "National item code.",
              cn="med_list_codg", fhir="Claim.item.productOrService", required=True, max_length=50),
        Field("local_item_code", C, "院内项目编码", "The hospital's own item code.",
              cn="medins_list_codg", max_length=150),
        Field("item_name", T, "项目名称", "Item name as charged.", max_length=200),
        Field("category", C, "收费项目类别", "Category of the charge.",
              cn="med_chrgitm_type", fhir="Claim.item.category", required=True, codes=codes.CHARGE_CATEGORY),
        Field("quantity", D, "数量", "Quantity in ``unit``.",
              cn="cnt", fhir="Claim.item.quantity", required=True, places=4),
        Field("unit", T, "单位", "Unit of the quantity.", max_length=20),
        Field("unit_price", D, "单价", "Price of one unit in the currency's major unit (yuan, dollars).",
              cn="pric", fhir="Claim.item.unitPrice", unit="yuan", required=True, places=6),
        Field("amount_fen", M, "金额", "Amount of the line.",
              cn="det_item_fee_sumamt", fhir="Claim.item.net", unit="fen", required=True),
        Field("charge_date", DATE, "费用发生日期", "Calendar date of the service.",
              fhir="Claim.item.servicedDate", required=True),
        Field("charge_time", AT, "费用发生时间", "Instant of the service.",
              cn="fee_ocur_time", fhir="Claim.item.servicedPeriod"),
        Field("posted_time", AT, "记账时间", "Instant at which the line was posted."),
        Field("ordering_physician_id", T, "开单医师代码", "Physician who ordered.",
              cn="bilg_dr_codg", fhir="Claim.careTeam.provider", max_length=64),
        Field("ordering_department", T, "开单科室", "Department that ordered.", cn="bilg_dept_codg", max_length=64),
        Field("performing_physician_id", T, "受单医师代码", "Physician who carried it out.",
              cn="orders_dr_code", max_length=64),
        Field("performing_department", T, "受单科室", "Department that carried it out.", cn="acord_dept_codg", max_length=64),
        Field("insurance_class", C, "收费项目等级", "Class A, class B or out of scope.",
              cn="chrgitm_lv", codes=codes.INSURANCE_CLASS),
        Field("in_scope_fen", M, "符合范围金额", "Part of the amount in scope.",
              cn="inscp_scp_amt", unit="fen"),
        Field("self_pay_first_fen", M, "先行自付金额", "Part that the patient pays first (class B).",
              cn="preselfpay_amt", unit="fen"),
        Field("over_limit_fen", M, "超限价金额", "Part above the price limit.", cn="overlmt_amt", unit="fen"),
        Field("self_pay_fen", M, "全自费金额", "Part wholly paid by the patient.",
              cn="fulamt_ownpay_amt", unit="fen"),
        Field("discharge_medication", FLAG, "出院带药标志", "Drug to take home.", cn="dscg_tkdrug_flag"),
        Field("traceability_code", T, "追溯码", "Drug or device traceability code.", max_length=64),
    ),
)

ORDERS = Table(
    "orders",
    "医嘱",
    "One doctor's order: a drug, examination, test, procedure or consumable.",
    key=("stay_id", "order_id"),
    parent="stays",
    fields=(
        _STAY_ID,
        Field("order_id", T, "医嘱号", "Identifier of the order, unique in the stay.",
              cn="drord_no", fhir="ServiceRequest.identifier", required=True, max_length=64, pattern=ID),
        Field("order_type", C, "医嘱类别", "What is ordered.",
              fhir="ServiceRequest.category", required=True, codes=codes.ORDER_TYPE),
        Field("long_term", FLAG, "长期医嘱", "Standing order (true) or single order (false)."),
        Field("item_code", C, "医疗目录编码", "National item code.",
              cn="med_list_codg", fhir="ServiceRequest.code", required=True, max_length=50),
        Field("item_name", T, "项目名称", "Item name as ordered.", max_length=200),
        Field("dose", D, "单次剂量", "Dose of one administration.",
              fhir="MedicationRequest.dosageInstruction.doseAndRate", places=4),
        Field("dose_unit", T, "剂量单位", "Unit of the dose.", max_length=20),
        Field("frequency", C, "使用频次", "Frequency code such as qd, bid, tid, q8h, st, prn.",
              fhir="MedicationRequest.dosageInstruction.timing", max_length=20),
        Field("route", C, "给药途径", "Route of administration.",
              fhir="MedicationRequest.dosageInstruction.route", max_length=20),
        Field("quantity", D, "数量", "Quantity ordered.",
              fhir="ServiceRequest.quantityQuantity", places=4),
        Field("quantity_unit", T, "数量单位", "Unit of the quantity.", max_length=20),
        Field("start_time", AT, "开始时间", "Instant from which the order holds.",
              fhir="ServiceRequest.occurrencePeriod", required=True),
        Field("stop_time", AT, "停止时间", "Instant at which it was stopped.",
              fhir="ServiceRequest.occurrencePeriod"),
        Field("status", C, "医嘱状态", "Status of the order.",
              fhir="ServiceRequest.status", required=True, codes=codes.ORDER_STATUS),
        Field("ordering_physician_id", T, "开嘱医师代码", "Physician who ordered.",
              fhir="ServiceRequest.requester", max_length=64),
        Field("ordering_department", T, "开嘱科室", "Department that ordered.", max_length=64),
        Field("executed_time", AT, "执行时间", "Instant of (last) execution.",
              fhir="Procedure.performedPeriod"),
    ),
)

ICU_STAYS = Table(
    "icu_stays",
    "重症监护信息",
    "One time in an intensive care ward.",
    key=("stay_id", "ordinal"),
    parent="stays",
    fields=(
        _STAY_ID,
        _ordinal("Place on the list.", None),
        Field("ward_type", C, "重症监护病房类型", "Kind of intensive care.",
              cn="scs_cutd_ward_type", fhir="Encounter.location.physicalType", codes=codes.ICU_WARD_TYPE),
        Field("start_time", AT, "进监护室时间", "Instant of entry.",
              cn="scs_cutd_inpool_time", fhir="Encounter.location.period", required=True),
        Field("end_time", AT, "出监护室时间", "Instant of exit; empty while there.",
              cn="scs_cutd_exit_time", fhir="Encounter.location.period"),
    ),
)

COVERAGES = Table(
    "coverages",
    "参保信息",
    "A period in which the patient was insured, as far as the sender knows.",
    key=("stay_id", "ordinal"),
    parent="stays",
    fields=(
        _STAY_ID,
        _ordinal("Place on the list.", "Coverage.order"),
        Field("insurance_type", C, "险种类型", "Scheme.", cn="insutype", fhir="Coverage.type",
              required=True, codes=codes.INSURANCE_TYPE),
        Field("region_code", C, "参保区划", "Administrative division of the scheme.",
              cn="insuplc_admdvs", fhir="Coverage.payor", max_length=12),
        Field("start_date", DATE, "参保开始日期", "First day.", fhir="Coverage.period"),
        Field("end_date", DATE, "参保结束日期", "Last day; empty while it runs.", fhir="Coverage.period"),
        Field("status", C, "参保状态", "State of the coverage.", cn="psn_insu_stas",
              fhir="Coverage.status", codes=codes.COVERAGE_STATUS),
        Field("covered_months", INT, "覆盖月数", "Months of the year covered, where only that is known.",
              unit="month", minimum=0, maximum=12),
    ),
)
# fmt: on

CHILDREN = (DIAGNOSES, PROCEDURES, CHARGES, ORDERS, ICU_STAYS, COVERAGES)
"""The tables nested under a stay, in the order in which they are written."""

CLAIM_TABLES = (STAYS, *CHILDREN)
"""All tables of a claim."""
