"""Faithful rewordings of cards, written by hand as a careful editor would: (check, language, summary, detail).

The action is left to the template where it is one of sentences that must be said as they stand.
They were written before the verifier had seen any of them. ``TRIED`` were looked at when words of
joining were chosen; ``UNSEEN`` were not.
"""

from __future__ import annotations

from typing import Final

Rephrasing = tuple[str, str, str, str]

TRIED: Final[tuple[Rephrasing, ...]] = (
    ("ORD-001", "zh", "美罗培南限定支付适应证，本次诊断中没有相应疾病", "注射用美罗培南0.5g属于医保目录限定支付适应证的药品，本次就诊诊断中没有相应疾病。超出范围的费用不得由基金支付。"),
    ("ORD-002", "zh", "美罗培南已开立18天，限支付疗程14天", "注射用美罗培南0.5g目前已开立18天，而限支付疗程为14天。部分药品限定支付疗程，超过天数的部分，基金不支付。"),
    ("ORD-003", "zh", "美罗培南限起病48小时内开始使用，本医嘱在入院61小时后开始", "该药限起病48小时内开始使用，而医嘱在入院61小时后开始。入院后已超过时限的，起病后必然超过。"),
    ("ORD-004", "zh", "美罗培南开立前14天至开立后24小时内，未见营养风险筛查或会诊医嘱", "系统未见注射用美罗培南0.5g开立前14天至开立后24小时内的营养风险筛查或会诊医嘱。缺筛查则依据不足。"),
    ("ORD-006", "zh", "美罗培南限3级及以上医疗机构支付，本机构为2级", "注射用美罗培南0.5g限3级及以上医疗机构支付，而本机构为2级。"),
    ("ORD-008", "zh", "美罗培南与患者性别不符", "注射用美罗培南0.5g与该患者的性别不符，多为身份冒用、串换或录入错误，也危及用药安全。"),
    ("ORD-009", "zh", "患者{AGE1}岁，美罗培南有年龄限制", "该患者{AGE1}岁，而注射用美罗培南0.5g有年龄限制。超出规定年龄使用，可能造成伤害，也可能是身份或录入错误。"),
    ("ORD-010", "zh", "美罗培南医嘱与此前同药品、同途径的医嘱重叠37小时", "该医嘱与此前同药品、同给药途径的医嘱重叠37小时，可能重复给药，危及患者安全。"),
    ("ORD-011", "zh", "美罗培南与同类药物头孢曲松同时使用", "注射用美罗培南0.5g与同类药物注射用头孢曲松钠1g正在同时使用。同类药物同时使用一般不增加疗效，却增加不良反应和费用。"),
    ("ORD-012", "zh", "美罗培南日剂量为7.5g，超过每日最大剂量6g", "注射用美罗培南0.5g的日剂量为7.5g，超过每日最大剂量6g，危及患者安全，也是超量用药。"),
    ("ORD-016", "zh", "美罗培南已使用72小时，未见感染诊断、感染相关检验或手术", "注射用美罗培南0.5g已使用72小时，系统未见感染诊断、感染相关检验或手术，该治疗性抗菌用药缺乏依据。"),
    ("ORD-018", "zh", "特殊使用级抗菌药物美罗培南：用药前7天至用药后24小时内未见会诊或标本送检", "美罗培南为特殊使用级抗菌药物，用药前7天至用药后24小时内未见会诊或标本送检医嘱。"),
    ("ORD-019", "zh", "同一时间使用3种抗菌药物：美罗培南、万古霉素、左氧氟沙星", "患者同一时间使用3种抗菌药物（美罗培南、万古霉素、左氧氟沙星）。三联及以上抗菌药物少有指征，且不良反应和耐药风险高。"),
    ("CST-002", "zh", "在院费用已发生{SUM1}，达到病组ES25支付标准{SUM2}的44%", "患者在院期间已发生{SUM1}，达到病组ES25支付标准{SUM2}的44%。请及早核对收费和分组。"),
    ("CST-003", "zh", "住院第9日，预计总费用{SUM1}，病组支付标准{SUM2}，超支概率65%", "目前为住院第9日，按同组既往费用进程推算，预计总费用为{SUM1}，病组ES25的支付标准为{SUM2}，超支概率为65%。"),
    ("ORD-001", "en", "Meropenem order: 注射用美罗培南0.5g is paid for in named diseases only; none is stated for this stay", "The national list pays for 注射用美罗培南0.5g in named diseases only, and the stay states none of them."),
    ("ORD-002", "en", "注射用美罗培南0.5g: ordered for 18 days, 14 are paid for", "注射用美罗培南0.5g has been ordered for 18 days, and 14 days are paid for. The days after are not."),
    ("ORD-003", "en", "注射用美罗培南0.5g must begin within 48 hours of onset; this order begins 61 hours after admission", "The drug must begin within 48 hours of onset, and the order begins 61 hours after admission."),
    ("ORD-004", "en", "注射用美罗培南0.5g: neither a nutrition screening nor a consultation from 14 days before to 24 hours after", "The record shows neither a nutrition screening nor a consultation from 14 days before to 24 hours after the order. Without a screening, the grounds are missing."),
    ("ORD-006", "en", "注射用美罗培南0.5g is payable in hospitals of level 3 or above; this hospital has level 2", "注射用美罗培南0.5g is payable only in hospitals of level 3 or above, and this one has level 2."),
    ("ORD-008", "en", "注射用美罗培南0.5g does not fit the patient's sex", "注射用美罗培南0.5g does not match the sex of the patient. This points to a borrowed identity, a swapped item or a slip, and may harm."),
    ("ORD-009", "en", "注射用美罗培南0.5g is limited by age; the patient is {AGE1} years old", "The patient is {AGE1} years old, and 注射用美罗培南0.5g is limited by age. A drug outside its ages may harm, or points to a wrong identity or a slip."),
    ("ORD-010", "en", "注射用美罗培南0.5g: the order overlaps an earlier one of the same drug and route by 37 hours", "The order overlaps an earlier order of the same drug and route by 37 hours, which may mean a double dose."),
    ("ORD-011", "en", "注射用美罗培南0.5g runs beside 注射用头孢曲松钠1g of the same class", "注射用美罗培南0.5g is running beside 注射用头孢曲松钠1g, a drug of the same class. Two drugs of one class seldom do more good, and do more harm."),
    ("ORD-012", "en", "注射用美罗培南0.5g: 7.5 g a day is ordered, the maximum is 6 g", "The order gives 7.5 g of 注射用美罗培南0.5g a day; the daily maximum is 6 g."),
    ("ORD-016", "en", "注射用美罗培南0.5g has run for 72 hours with neither infection, a test for it nor an operation", "注射用美罗培南0.5g has run for 72 hours. The stay shows neither an infection, a test for it nor an operation."),
    ("ORD-018", "en", "注射用美罗培南0.5g is a reserve antibacterial: neither culture nor consultation was ordered", "It is a reserve antibacterial, and neither a culture nor a consultation was ordered from 7 days before to 24 hours after its start."),
    ("ORD-019", "en", "3 antibacterials ordered at one time: 注射用美罗培南0.5g, 注射用万古霉素0.5g, 左氧氟沙星注射液0.5g", "The patient has 3 antibacterials at one time. Three antibacterials at a time are seldom indicated, and they bring harm and resistance."),
    ("CST-002", "en", "Charges so far: {SUM1}, at least 44% of the {SUM2} that group ES25 pays", "The charges so far have reached {SUM1}, which is at least 44% of the {SUM2} paid for group ES25."),
    ("CST-003", "en", "Day 9: the expected cost is {SUM1}; group ES25 pays {SUM2} (probability of ending above it 65%)", "On day 9 the stay will probably cost {SUM1}, and group ES25 pays {SUM2}. The probability of ending above it is 65%."),
)  # fmt: skip

UNSEEN: Final[tuple[Rephrasing, ...]] = (
    ("ORD-020", "zh", "美罗培南用药前7天至用药后24小时内无白蛋白检测医嘱，诊断中也无适用情形", "系统提示：该药用药前7天至用药后24小时内无白蛋白检测医嘱，且诊断中也无适用情形。缺检测则无从判断。"),
    ("ORD-021", "zh", "美罗培南为重点监控药品，本次诊断中没有其适应证", "注射用美罗培南0.5g属于重点监控药品，应严格按说明书适应证使用，而本次就诊诊断中没有其适应证。"),
    ("ORD-023", "zh", "美罗培南为抗肿瘤药物，诊断中没有肿瘤或其他适应证", "该药为抗肿瘤药物，本次就诊诊断中没有肿瘤或其他适应证。细胞毒药物用于无相应诊断的患者，危险极大。"),
    ("ORD-031", "zh", "7天内已有2次胸部CT，本次再次开立", "患者7天内已有2次胸部CT，现再次开立，可能为过度检查。"),
    ("CST-004", "zh", "预计住院第12日({DATE1})达到病组ES25的支付标准{SUM1}", "按当前进度，预计住院第12日({DATE1})费用将达到病组ES25支付标准{SUM1}，而同组平均住院10.9天。"),
    ("CST-007", "zh", "住院第9日已发生{SUM1}，明显高于同组同日水平", "截至住院第9日，费用已发生{SUM1}，明显高于同组同日水平，可能为集中开单或预分组不当。"),
    ("CST-029", "zh", "病例符合特例单议条件34项（病组ES25，总费用{SUM1}，住院16天）", "该病例符合当地特例单议条件，逾期未申报将失去申请机会。"),
    ("ORD-001", "zh", "本次诊断中没有美罗培南限定支付适应证的相应疾病", "部分药品限定支付适应证。本次就诊诊断中没有注射用美罗培南0.5g的相应疾病。"),
    ("ORD-002", "zh", "注射用美罗培南0.5g：已开立18天，限支付14天", "请注意，注射用美罗培南0.5g已开立18天，超过了限支付疗程14天，超过部分基金不支付。"),
    ("ORD-010", "zh", "与此前同药品同途径医嘱重叠37小时：注射用美罗培南0.5g", "注射用美罗培南0.5g有两条同途径医嘱重叠了37小时，可能造成重复给药。"),
    ("ORD-012", "zh", "注射用美罗培南0.5g日剂量7.5g，高于每日最大剂量6g", "医嘱日剂量7.5g高于每日最大剂量6g，属于超量用药，危及患者安全。"),
    ("ORD-011", "zh", "注射用美罗培南0.5g正与同类药物注射用头孢曲松钠1g合用", "两种同类药物同时使用，一般不增加疗效，却增加不良反应和费用。"),
    ("ORD-016", "zh", "美罗培南已用72小时，未见感染依据", "美罗培南已使用72小时，但未见感染诊断、感染相关检验或手术，缺乏用药依据。"),
    ("CST-002", "zh", "费用已达病组ES25支付标准的44%", "截至目前，在院已发生费用{SUM1}，已达到病组ES25支付标准{SUM2}的44%。"),
    ("CST-003", "zh", "预计总费用{SUM1}，可能超过病组支付标准{SUM2}（概率65%）", "住院第9日，预计总费用{SUM1}；病组ES25支付标准{SUM2}。出院时总费用可能超过支付标准，超支概率65%。"),
    ("ORD-020", "en", "注射用美罗培南0.5g: no test of albumin was ordered from 7 days before to 24 hours after", "There was no test of albumin from 7 days before to 24 hours after the order, and no diagnosis calls for it. Without a test nobody can tell."),
    ("ORD-021", "en", "注射用美罗培南0.5g is a key-monitored drug; the stay states none of its indications", "注射用美罗培南0.5g is key-monitored and is to be used for the indications of its label; the stay states none of these."),
    ("ORD-023", "en", "注射用美罗培南0.5g is an antineoplastic; the stay states neither a tumour nor another disease that it treats", "The drug is an antineoplastic. The stay states neither a tumour nor another disease that it treats, which means great danger."),
    ("ORD-031", "en", "CT of the chest was ordered 2 times in the 7 days before this order", "There were 2 orders of CT of the chest in the 7 days before this order. A third one within a week may be one too many."),
    ("CST-004", "en", "The standard of {SUM1} for group ES25 is reached on day 12 ({DATE1})", "At the present pace, the charges reach the standard of {SUM1} on day 12 ({DATE1}). Such stays last 10.9 days on average."),
    ("CST-007", "en", "Charges by day 9 are {SUM1}, well above the group", "By day 9 the charges are {SUM1}. This is well above what stays of the group have by then."),
    ("CST-029", "en", "34 grounds for a special-case review are met (group ES25, total {SUM1}, 16 days)", "This stay meets a local ground for a special-case review. A late request is lost."),
    ("ORD-001", "en", "注射用美罗培南0.5g: none of the diseases it is paid for is stated", "注射用美罗培南0.5g is only paid for in named diseases. The stay states none of them, and other use is not for the fund to pay."),
    ("ORD-002", "en", "注射用美罗培南0.5g: 18 days ordered, only 14 paid for", "The order of 注射用美罗培南0.5g is for 18 days, of which 14 are paid for."),
    ("ORD-010", "en", "注射用美罗培南0.5g overlaps with an earlier order by 37 hours", "Two orders of 注射用美罗培南0.5g by one route overlap for 37 hours; this may mean a double dose."),
    ("ORD-012", "en", "注射用美罗培南0.5g is ordered at 7.5 g a day, above the maximum of 6 g", "7.5 g a day is more than the daily maximum of 6 g and endangers the patient."),
    ("ORD-011", "en", "Two drugs of one class: 注射用美罗培南0.5g and 注射用头孢曲松钠1g", "注射用美罗培南0.5g and 注射用头孢曲松钠1g are two drugs of the same class. They seldom do more good together, and do more harm."),
    ("ORD-016", "en", "注射用美罗培南0.5g has been running for 72 hours; no infection is shown", "注射用美罗培南0.5g has been running for 72 hours, but the stay shows no infection, no test for it and no operation."),
    ("CST-002", "en", "{SUM1} charged so far, at least 44% of what group ES25 pays", "So far the charges come to {SUM1}. That is at least 44% of the {SUM2} that group ES25 pays."),
    ("CST-003", "en", "The stay will probably cost {SUM1}; group ES25 pays {SUM2}", "It is day 9, and the stay will probably cost {SUM1}. Group ES25 pays {SUM2}; the probability of ending above it is 65%."),
)  # fmt: skip
