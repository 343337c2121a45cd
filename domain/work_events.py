"""The kinds of events that tell what happened to work, and who may hear of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.access import Permission

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "alerts.created": ("产生了新告警", "Alerts were raised"),
    "alert.assigned": ("告警已分派", "An alert was given to somebody"),
    "alert.reviewed": ("告警已复核", "An alert was reviewed"),
    "case.opened": ("案件已立案", "A case was opened"),
    "case.changed": ("案件有变化", "A case changed"),
    "case.closed": ("案件已结案", "A case was closed"),
    "case.appealed": ("医疗机构已申诉", "The hospital appealed"),
    "proposal.opened": ("提出了参数调整", "Another value of a parameter was proposed"),
    "proposal.decided": ("参数调整已审定", "A proposal was decided"),
    "quiet.proposed": ("提出对医师静默一项检查", "A check was proposed to be quiet for physicians"),
    "quiet.decided": ("检查静默已审定或收回", "A quiet check was decided, or taken back"),
    "webhook.disabled": ("推送订阅已停用", "A webhook was disabled"),
}
"""Kind -> what it says in Chinese and English."""

TEST: Final = "webhook.test"
"""The kind of a message that only tries a webhook out; no event has it."""

_HEARD_BY: Final[Mapping[str, Permission]] = {
    "alert": Permission.ALERTS_READ,
    "alerts": Permission.ALERTS_READ,
    "case": Permission.CASES_READ,
    "proposal": Permission.RULES_READ,
    "quiet": Permission.ADVICE_REVIEW,
    "webhook": Permission.WEBHOOKS_MANAGE,
}


def heard_by(kind: str) -> Permission | None:
    """What somebody needs to hear of a kind; None for a kind that nobody is told of."""
    return _HEARD_BY.get(kind.partition(".")[0])


def addresses(kind: str, subject_id: str) -> tuple[str, str] | None:
    """Address of the subject in the API and of its page, without the host; None if it has none."""
    match kind.partition(".")[0]:
        case "alert":
            return f"/v1/alerts/{subject_id}", f"/alerts/{subject_id}"
        case "alerts":
            return "/v1/alerts?sort=newest", "/?sort=newest"
        case "case":
            return f"/v1/cases/{subject_id}", f"/cases/{subject_id}"
        case "proposal":
            return f"/v1/proposals/{subject_id}", f"/proposals/{subject_id}"
        case "quiet":
            return f"/v1/advice/quiet-checks/{subject_id}", "/advice"
        case "webhook":
            return f"/v1/webhooks/{subject_id}", f"/webhooks/{subject_id}"
        case _:
            return None
