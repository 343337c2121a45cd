"""The words of the pages of webhooks, in Chinese and English; ``texts`` takes them in."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "webhooks": ("事件推送", "Webhooks"),
    "webhook": ("事件推送", "Webhook"),
    "webhooks_note": (
        "把告警和案件的变化推送给其他系统。消息带签名，只含编号和链接，不含个人信息。",
        "Tells other systems what happens to alerts and cases. Messages are signed and hold identifiers and links, no personal data.",
    ),
    "webhooks_none": ("尚未设置推送。", "There is no webhook yet."),
    "webhook_problem": ("未保存：", "Not saved:"),
    "webhook_url": ("接收地址", "Address"),
    "webhook_description": ("说明", "Description"),
    "webhook_providers": ("仅限这些机构", "Only these hospitals"),
    "webhook_providers_hint": (
        "机构编码，以空格分隔；留空不限",
        "Codes with spaces between; empty is all",
    ),
    "webhook_kinds": ("事件", "Events"),
    "webhook_kinds_note": ("一项都不选表示全部事件。", "None chosen means all of them."),
    "webhook_all": ("全部", "all"),
    "webhook_state": ("状态", "State"),
    "webhook_on": ("正常", "Active"),
    "webhook_off": ("停用", "Off"),
    "webhook_failing": ("投递失败，重试中", "Failing, tried again"),
    "webhook_failing_since": (
        "自 {at} 起一直未能送达，系统会继续重试；连续 24 小时失败将自动停用。",
        "Nothing could be delivered since {at}. It is tried again, and switched off after 24 hours of failure.",
    ),
    "webhook_disabled": ("已于 {at} 自动停用：", "Switched off at {at}:"),
    "webhook_new": ("新增推送", "New webhook"),
    "webhook_make": ("新增", "Make"),
    "webhook_settings": ("设置", "Settings"),
    "webhook_active": ("启用", "Active"),
    "webhook_save": ("保存", "Save"),
    "webhook_test": ("发送测试消息", "Send a test"),
    "webhook_rotate": ("更换密钥", "Change the secret"),
    "webhook_remove": ("删除", "Remove"),
    "webhook_remove_note": (
        "删除后不再推送，投递记录一并删除。",
        "Nothing more is sent, and the list of deliveries goes too.",
    ),
    "webhook_secret": ("签名密钥", "Secret"),
    "webhook_secret_note": (
        "密钥只显示这一次，请立即保存到接收方。更换后 24 小时内，消息同时带新旧两个签名。",
        "It is shown this once: give it to the receiver now. For 24 hours after a change messages carry both signatures.",
    ),
    "deliveries": ("投递记录", "Deliveries"),
    "deliveries_none": ("还没有消息。", "There is no message yet."),
    "delivery.delivered": ("已送达", "Delivered"),
    "delivery.waiting": ("待送达", "Waiting"),
    "delivery.failed": ("失败", "Failed"),
    "delivery_made": ("产生时间", "Made"),
    "delivery_attempts": ("次数", "Attempts"),
    "delivery_answer": ("对方应答", "Answer"),
    "delivery_next": ("下次投递", "Next attempt"),
    "delivery_again": ("重新投递", "Send again"),
}
"""Key -> Chinese and English."""
