"""Take the screenshots of docs/images from a copy of the demo's database, in both languages at 1280 px.

``sentinel demo --no-serve`` first. People of four roles sign in to the copy and work a little, so
that there are cases, conclusions and proposals to see. A page that the service does not have is left out.
"""

from __future__ import annotations

import base64
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import store  # noqa: E402
from data_samples import rounds  # noqa: E402
from domain.access import Role, Rows  # noqa: E402
from store.access.passwords import Passwords, make_password  # noqa: E402
from tests.e2e import walks  # noqa: E402

IMAGES: Final = ROOT / "docs" / "images"
HEIGHT: Final = 860
MOST_BYTES: Final = 150_000

PEOPLE: Final = {
    "officer": ("liwei", "李伟", Role.OFFICER),
    "senior": ("wangfang", "王芳", Role.SENIOR),
    "senior2": ("zhaomin", "赵敏", Role.SENIOR),
    "auditor": ("chenjing", "陈静", Role.AUDITOR),
    "administrator": ("sunhao", "孙浩", Role.ADMINISTRATOR),
    "physician": ("chenbo", "陈博", Role.PHYSICIAN),
}
"""Who works in the pictures: by name here -> login, name, role."""

SHOTS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "alerts": ("senior", "/", ()),
    "alert": ("officer", "/?gather=0", ("td.what a",)),
    "bulk": ("officer", "/", ("table.alerts input[name=of]", "form#queue button[type=submit]")),
    "cases": ("senior", "/cases", ()),
    "case": ("officer", "/cases?status=open", ("td.what a",)),
    "case-charges": ("officer", "/cases?status=open", ("td.what a", "#charges")),
    "case-graph": ("officer", "/cases?status=open", ("td.what a", "a.button[href*='/graph']")),
    "cockpit": ("senior", "/cockpit", ()),
    "stays": ("senior", "/stays", ()),
    "findings": ("officer", "/findings", ()),
    "checks": ("senior", "/rules", ()),
    "check": ("senior", "/rules/ADM-003", ()),
    "proposals": ("senior2", "/proposals", ()),
    "proposal": ("senior2", "/proposals?status=open", ("td.what a",)),
    "models": ("senior", "/models", ()),
    "account": ("officer", "/account", ()),
    "admin": ("administrator", "/admin", ()),
    "audit": ("auditor", "/audit", ()),
    "guide": ("officer", "/guide", ()),
    "ward": ("physician", "/ward", ()),
    "ward-patient": ("physician", "/ward/O2503-000012", ()),
    "ward-suggestion": ("physician", f"/ward/{rounds.PLANTED_ID.format(4)}", ("#suggestions",)),
    "ward-try": ("physician", "/ward/O2503-000012/try", ("#form-stop button", "#compared")),
    "ward-answers": ("physician", "/ward/feedback", ()),
    "ward-guide": ("physician", "/guide", ()),
}
"""Name -> who looks, the address, and what to follow from there (``#…``: scroll to it, unless it names a button)."""
FILLED: Final = {"ward-try": ("#stop-order", 1)}
"""Name -> a list of the page and the entry that is chosen before anything is followed."""

# The browser decodes its own picture, so that no imaging library is needed.
PIXELS: Final = """async (given) => {
  const bytes = Uint8Array.from(atob(given), (c) => c.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, image.width, image.height).data;
  let text = "";
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
  return [image.width, image.height, btoa(text)];
}"""


def main(
    demo: Annotated[Path, typer.Option(help="The folder that sentinel demo made.")] = Path(
        "demo-out"
    ),
    only: Annotated[str, typer.Option(help="Names of pages, with commas; all without.")] = "",
    out: Annotated[Path, typer.Option(help="Where to.")] = IMAGES,
    width: Annotated[int, typer.Option(help="Width of the window in px.")] = 1280,
    whole: Annotated[bool, typer.Option(help="The whole page, not a window of it.")] = False,
) -> None:
    """Take the pictures."""
    wanted = only.split(",") if only else list(SHOTS)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        db, password = _copy(demo, Path(place))
        with _serve(demo, db) as address:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"],
            )
            _work(browser, address, password)
            for lang in ("zh", "en"):
                pages = {}
                for name in wanted:
                    who, _, _ = SHOTS[name]
                    if who not in pages:
                        pages[who] = _window(browser, address, who, password, lang, width)
                    if not _open(pages[who], address, name, lang):
                        continue
                    path = out / f"{name}-{lang}.png"
                    taken = pages[who].screenshot(animations="disabled", full_page=whole)
                    path.write_bytes(shrink(pages[who], taken))
                    size = path.stat().st_size
                    note = "" if size <= MOST_BYTES else "  larger than it may be"
                    sys.stdout.write(f"{path}  {size:,} bytes{note}\n")
                for page in pages.values():
                    page.context.close()
            browser.close()


def shrink(page: Any, picture: bytes) -> bytes:
    """The picture with the 256 commonest colours; other pixels take the nearest of them."""
    blank = page.context.new_page()
    width, height, text = blank.evaluate(PIXELS, base64.b64encode(picture).decode())
    blank.close()
    rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 4).astype(np.int32)
    packed = (rgba[:, 0] << 16) | (rgba[:, 1] << 8) | rgba[:, 2]
    colours, place, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = colours[np.argsort(-counts)[:256]]
    nearest = np.argmin(((_split(colours)[:, None] - _split(kept)[None]) ** 2).sum(axis=2), axis=1)
    rows = nearest[place].astype(np.uint8).reshape(height, width)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", _split(kept).astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def _split(packed: Any) -> Any:
    return np.stack([packed >> 16, (packed >> 8) & 255, packed & 255], axis=-1)


def _copy(demo: Path, place: Path) -> tuple[str, str]:
    """Address of a copy of the demo's database to which ``PEOPLE`` sign in with the password."""
    for file in demo.glob("sentinel.db*"):
        shutil.copy(file, place)
    db, password = f"sqlite:///{place / 'sentinel.db'}", make_password()
    kept = Passwords().hash(password)
    with store.open(db) as opened:
        doctor = opened.access.accounts.named("physician")
        own = Rows() if doctor is None else doctor.rows
        for login, name, role in PEOPLE.values():
            rows = own if role is Role.PHYSICIAN else Rows()
            opened.access.accounts.add(
                login, name, role, now=datetime.now(UTC), rows=rows, password_hash=kept
            )
    return db, password


@contextmanager
def _serve(demo: Path, db: str) -> Iterator[str]:
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli", "serve", "--port", "0", "--db", db,
         "--model", str(demo / "model"), "--curves", str(demo / "curves"),
         "--key", str(demo / "pseudonym.key"), "--field-keys", str(demo / "field.keys")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        for line in process.stdout or ():
            if line.startswith("http"):
                yield line.strip().rstrip("/")
                break
    finally:
        process.terminate()
        process.wait(30)


def _window(  # noqa: PLR0917
    browser: Any, address: str, who: str, password: str, lang: str, width: int = 1280
) -> Any:
    """A window in which somebody of ``PEOPLE`` has signed in."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, locale="zh-CN" if lang == "zh" else "en"
    )
    context.add_cookies([{"name": "guide", "value": "off", "url": address}])
    page = context.new_page()
    page.goto(f"{address}/sign-in?lang={lang}")
    page.locator("[name=login]").fill(PEOPLE[who][0])
    page.locator("[name=password]").fill(password)
    page.locator("main form[action^='/sign-in'] button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def _work(browser: Any, address: str, password: str) -> None:
    """A little of everything: three cases at different stages, comments, conclusions, proposals."""
    page = _window(browser, address, "officer", password, "zh")
    walks.go(page, address, "/?gather=0&min_severity=critical&sort=exposure", "zh")
    links = page.locator("td.what a[href^='/alerts/']").all()
    alerts = [str(link.get_attribute("href")) for link in links[:4]]
    # The last one opened stands first: it is the one that is looked at.
    cases = [walks.open_case(page, address, "zh", alert, "") for alert in reversed(alerts)]
    for case in cases[:2]:
        walks.dispose(page, address, case, "zh", recovered="62000.00")
    walks.go(page, address, cases[-1], "zh")
    walks.fill(page, "/comments", text="已联系医院补充病程记录和收费明细，等待回复。")
    walks.bulk_close(page, address, "zh")
    for link in page.locator("td.what a[href^='/alerts/']").all()[:3]:
        taken = page.context.new_page()
        taken.goto(address + str(link.get_attribute("href")))
        walks.press(taken, "/assign")
        taken.close()
    page.context.close()
    page = _window(browser, address, "senior", password, "zh")
    walks.go(page, address, "/cockpit", "zh")  # counts what is new, so that the picture has all
    walks.approve(page, address, cases[0], "zh")
    for rule, why in (("CHG-002", "按本地物价口径统一"), ("ADM-003", "与医保局2025年复核口径一致")):
        walks.go(page, address, f"/rules/{rule}", "zh")
        form = page.locator("form[action*='/proposals']")
        if form.count() == 0:
            continue
        parameter = form.locator("[name=parameter]").first
        values = {
            "since": (datetime.now(UTC).date() + timedelta(days=30)).isoformat(),
            "value": "9",
            "why": why,
        }
        if parameter.evaluate("f => f.tagName") == "SELECT":
            values["parameter"] = str(
                parameter.locator("option").evaluate_all("all => all.map(o => o.value)")[-1]
            )
        walks.fill(page, "/proposals", **values)
    page.context.close()
    page = _window(browser, address, "senior2", password, "zh")
    walks.go(page, address, "/proposals?status=open", "zh")
    if page.locator("td.what a").count() > 1:
        page.locator("td.what a").last.click()
        walks.fill(page, "/approve", reason="同意，自下月起执行")
    page.context.close()
    _answer(_window(browser, address, "physician", password, "zh"), address)


def _answer(page: Any, address: str) -> None:
    """What a physician did with three suggestions."""
    for number, reason in ((5, ""), (6, ""), (7, "documented")):
        walks.go(page, address, f"/ward/{rounds.PLANTED_ID.format(number)}", "zh")
        if page.locator("form.reasons").count() == 0:
            continue
        if reason:
            page.locator("details.no summary").first.click()
            page.locator("form.reasons [name=reason]").first.select_option(reason)
            page.locator("form.reasons button").first.click()
        else:
            page.locator("form:has([name=outcome][value=accepted]) button").first.click()
        page.wait_for_load_state()
    page.context.close()


def _open(page: Any, address: str, name: str, lang: str) -> bool:
    _, place, follow = SHOTS[name]
    answer = page.goto(f"{address}{place}{'&' if '?' in place else '?'}lang={lang}")
    if answer is None or not answer.ok:
        sys.stdout.write(f"{name}: the service answers {answer and answer.status}; left out\n")
        return False
    if name in FILLED:
        field, entry = FILLED[name]
        page.locator(field).select_option(index=entry)
    for step in follow:
        found = page.locator(step)
        if found.count() == 0:
            sys.stdout.write(f"{name}: nothing to follow at {step}; left out\n")
            return False
        if step.startswith("#") and " " not in step:
            found.first.evaluate("e => e.scrollIntoView()")
        else:
            found.first.click()
            page.wait_for_load_state()
    page.wait_for_timeout(400)  # charts are drawn after loading
    return True


if __name__ == "__main__":
    typer.run(main)
