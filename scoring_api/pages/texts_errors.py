"""What happened and what to do, in Chinese, by the name of the problem; the English is the problem's own."""

from __future__ import annotations

from typing import Final

ERRORS: Final[dict[str, tuple[str, str]]] = {
    "not-found": (
        "这里没有您要找的内容。",
        "请从告警列表重新打开；告警不会被删除，地址可能不完整。",
    ),
    "not-remembered": (
        "尚未读取这份结算单，因此没有评分。",
        "请从团伙页或告警列表打开；当天的结算单在下一次读取（每天一次）后才有评分。",
    ),
    "cursor": ("分页位置无法识别。", "请回到第一页重新翻页。"),
    "cursor-filter": ("筛选条件或排序已改变，原来的分页位置不再适用。", "请回到第一页重新翻页。"),
    "store": ("数据库暂时无法使用。", "请稍后再试；若仍然如此，请告知系统管理员。"),
    "store-busy": ("数据库正忙。", "请几秒钟后再试。"),
    "internal": ("服务出现未预料的故障。", "请再试一次；若仍然如此，请把错误编号告知系统管理员。"),
    "processing": ("服务无法处理这份内容。", "请告知系统管理员；日志中有原因。"),
    "review": (
        "复核结论不完整或不合规范。",
        "请返回上一页，选择结论与原因并填写复核人；追回金额写成 1234.50 的形式，可不填。",
    ),
    "cross-site": ("表单不是从本系统的页面提交的。", "请在本系统中打开页面后再提交。"),
    "body-too-large": ("提交的内容过大。", "请缩短说明；较长的材料请另附文件。"),
    "method-not-allowed": ("该地址不支持这种请求。", "请从告警列表重新打开。"),
    "invalid-parameters": ("地址中的参数无法识别。", "请返回上一页，改正填写的内容后再提交。"),
    "content-type": ("内容类型不受支持。", "请从本系统的页面提交。"),
    # access
    "forbidden": ("您的账户没有做这件事的权限。", "如工作需要，请向系统管理员申请相应角色。"),
    "limited-view": (
        "该内容涉及多家机构，而您的账户只能查看部分机构、科室或患者。",
        "请由不受此限制的同事查看。",
    ),
    "unauthenticated": ("您还没有登录，或登录已过期。", "请登录后再试。"),
    "sign-in": ("该页面需要登录后查看。", "请登录。"),
    "rate-limited": ("请求过于频繁。", "请稍候再试。"),
    # changes by several people
    "stale": (
        "您打开页面之后，内容已被他人更改，您的更改没有保存。",
        "请重新打开页面，查看最新内容后再提交。",
    ),
    "precondition-required": (
        "请求没有说明所依据的版本。",
        "请重新打开页面后再提交；程序请在 If-Match 中给出 ETag。",
    ),
    "idempotency": (
        "这次提交与先前用同一标识的提交内容不同。",
        "请重新打开页面后再提交。",
    ),
}
"""Problem name -> what happened, what to do."""
