"""Names that OpenDRG does not state: of the places and of the categories.

Division codes are those of GB/T 2260. The names of the categories follow the national
scheme CHS-DRG; the English ones are ours.
"""

from __future__ import annotations

PLACES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "chs_drg_10": ("国家CHS-DRG 1.0", "National CHS-DRG 1.0", ()),
    "chs_drg_11": ("国家CHS-DRG 1.1", "National CHS-DRG 1.1", ()),
    "anyang": ("安阳", "Anyang", ("4105",)),
    "beijing": ("北京", "Beijing", ("11",)),
    "changsha": ("长沙、株洲、湘潭、衡阳", "Changsha, Zhuzhou, Xiangtan and Hengyang", ("4301", "4302", "4303", "4304")),
    "changzhou": ("常州", "Changzhou", ("3204",)),
    "chongqing": ("重庆", "Chongqing", ("50",)),
    "foshan": ("佛山", "Foshan", ("4406",)),
    "fuzhou": ("福州", "Fuzhou", ("3501",)),
    "guangxi": ("广西", "Guangxi", ("45",)),
    "haerbin": ("哈尔滨", "Harbin", ("2301",)),
    "handan": ("邯郸", "Handan", ("1304",)),
    "hefei": ("合肥", "Hefei", ("3401",)),
    "lanzhou": ("兰州", "Lanzhou", ("6201",)),
    "liaocheng": ("聊城", "Liaocheng", ("3715",)),
    "linfen": ("临汾", "Linfen", ("1410",)),
    "nanping": ("南平", "Nanping", ("3507",)),
    "qingdao": ("青岛", "Qingdao", ("3702",)),
    "suzhou": ("苏州", "Suzhou", ("3205",)),
    "taizhou": ("泰州", "Taizhou (Jiangsu)", ("3212",)),
    "wlmq": ("乌鲁木齐", "Urumqi", ("6501",)),
    "wuhan": ("武汉", "Wuhan", ("4201",)),
    "wuxi": ("无锡", "Wuxi", ("3202",)),
    "xjbt": ("新疆生产建设兵团", "Xinjiang Production and Construction Corps", ()),
    "yancheng": ("盐城", "Yancheng", ("3209",)),
    "yantai": ("烟台", "Yantai", ("3706",)),
    "yinchuan": ("银川", "Yinchuan", ("6401",)),
    "yunnan": ("云南", "Yunnan", ("53",)),
    "zhejiang": ("浙江", "Zhejiang", ("33",)),
}  # fmt: skip
"""Name of a region's folder without its year -> Chinese name, English name, divisions."""

NATIONAL_YEARS = {"chs_drg_10": 2020, "chs_drg_11": 2021}
"""Years in which the national schemes were published (unverified)."""

CATEGORIES: dict[str, tuple[str, str]] = {
    "A": ("先期分组疾病及相关操作", "Pre-MDC"),
    "B": ("神经系统疾病及功能障碍", "Nervous system"),
    "C": ("眼疾病及功能障碍", "Eye"),
    "D": ("头颈、耳、鼻、口、咽疾病及功能障碍", "Head, neck, ear, nose, mouth and throat"),
    "E": ("呼吸系统疾病及功能障碍", "Respiratory system"),
    "F": ("循环系统疾病及功能障碍", "Circulatory system"),
    "G": ("消化系统疾病及功能障碍", "Digestive system"),
    "H": ("肝、胆、胰疾病及功能障碍", "Liver, bile ducts and pancreas"),
    "I": ("肌肉、骨骼疾病及功能障碍", "Muscles, bones and joints"),
    "J": ("皮肤、皮下组织及乳腺疾病及功能障碍", "Skin, subcutaneous tissue and breast"),
    "K": ("内分泌、营养、代谢疾病及功能障碍", "Endocrine, nutritional and metabolic"),
    "L": ("肾脏及泌尿系统疾病及功能障碍", "Kidney and urinary tract"),
    "M": ("男性生殖系统疾病及功能障碍", "Male reproductive system"),
    "N": ("女性生殖系统疾病及功能障碍", "Female reproductive system"),
    "O": ("妊娠、分娩及产褥期", "Pregnancy, childbirth and puerperium"),
    "P": ("新生儿及其他围产期新生儿疾病", "Newborns and the perinatal period"),
    "Q": ("血液、造血器官及免疫疾病和功能障碍", "Blood, blood-forming organs and immunity"),
    "R": ("骨髓增生疾病和功能障碍，低分化肿瘤", "Myeloproliferative diseases, poorly differentiated tumours"),
    "S": ("感染及寄生虫病（全身性或不明确部位的）", "Infectious and parasitic diseases (systemic or of unknown site)"),
    "T": ("精神疾病及功能障碍", "Mental diseases and disorders"),
    "U": ("酒精/药物使用及其引起的器质性精神功能障碍", "Alcohol and drug use and disorders induced by it"),
    "V": ("创伤、中毒及药物毒性反应", "Injuries, poisoning and toxic effects of drugs"),
    "W": ("烧伤", "Burns"),
    "X": ("影响健康因素及其他就医情况", "Factors influencing health and other contacts"),
    "Y": ("HIV感染疾病及相关操作", "HIV infection"),
    "Z": ("多发严重创伤", "Multiple significant trauma"),
}  # fmt: skip
"""Letter of a category -> Chinese name, English name."""
