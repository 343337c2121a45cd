"""Take the screenshots of docs/images from the demo's database, in both languages at 1280 px.

``sentinel demo --no-serve`` first. A page that the service does not have is left out. Where
people sign in, SENTINEL_SHOT_LOGIN and SENTINEL_SHOT_PASSWORD say as whom.
"""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = ROOT / "docs" / "images"
SIZE: Final = {"width": 1280, "height": 860}
MOST_BYTES: Final = 150_000

SHOTS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "alerts": ("/", ()),
    "alert": ("/", ("td.what a",)),
    "cases": ("/cases", ()),
    "case": ("/cases", ("td.what a",)),
    "cockpit": ("/cockpit", ()),
    "findings": ("/findings", ()),
    "checks": ("/rules", ()),
    "check": ("/rules?family=GRP", ("td.what a",)),
    "models": ("/models", ()),
    "admin": ("/admin", ()),
    "audit": ("/audit", ()),
    "guide": ("/guide", ()),
}
"""Name -> address, and what to follow from there."""

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
) -> None:
    """Take the pictures."""
    wanted = only.split(",") if only else list(SHOTS)
    with _serve(demo) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"],
        )
        for lang in ("zh", "en"):
            context = browser.new_context(viewport=SIZE, locale="zh-CN" if lang == "zh" else "en")
            context.add_cookies([{"name": "guide", "value": "off", "url": address}])
            page = context.new_page()
            _sign_in(page, address)
            for name in wanted:
                if _open(page, address, name, lang):
                    path = IMAGES / f"{name}-{lang}.png"
                    path.write_bytes(shrink(page, page.screenshot(animations="disabled")))
                    size = path.stat().st_size
                    note = "" if size <= MOST_BYTES else "  larger than it may be"
                    sys.stdout.write(f"{path.relative_to(ROOT)}  {size:,} bytes{note}\n")
            context.close()
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


@contextmanager
def _serve(demo: Path) -> Iterator[str]:
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli", "serve", "--port", "0",
         "--db", f"sqlite:///{(demo / 'sentinel.db').absolute()}", "--model", str(demo / "model"),
         "--curves", str(demo / "curves"), "--key", str(demo / "pseudonym.key")],
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


def _sign_in(page: Any, address: str) -> None:
    login = os.environ.get("SENTINEL_SHOT_LOGIN")
    if login is None:
        return
    page.goto(f"{address}/sign-in")
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(os.environ["SENTINEL_SHOT_PASSWORD"])
    page.locator("main form button[type=submit], main form button").first.click()
    page.wait_for_load_state()


def _open(page: Any, address: str, name: str, lang: str) -> bool:
    place, follow = SHOTS[name]
    answer = page.goto(f"{address}{place}{'&' if '?' in place else '?'}lang={lang}")
    if answer is None or not answer.ok:
        sys.stdout.write(f"{name}: the service answers {answer and answer.status}; left out\n")
        return False
    for link in follow:
        if page.locator(link).count() == 0:
            sys.stdout.write(f"{name}: nothing to follow; left out\n")
            return False
        page.locator(link).first.click()
        page.wait_for_load_state()
    page.wait_for_timeout(400)  # charts are drawn after loading
    return True


if __name__ == "__main__":
    typer.run(main)
