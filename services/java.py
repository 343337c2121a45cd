"""Java programs from Maven's jars: a pom under ``services/`` names the version."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from services.server import ROOT, ServiceError, home

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies"
_FOLDERS = ("/usr/lib/jvm", "/Library/Java/JavaVirtualMachines")


def jars(name: str) -> Path:
    """The folder of the jars that ``services/<name>/pom.xml`` asks for; Maven fetches them once.

    The folder's name carries the pom's digest, so a changed version is fetched anew.
    ServiceError without Maven, or if it cannot resolve the pom.
    """
    pom = ROOT / "services" / name / "pom.xml"
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    folder = home() / "jars" / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch(pom, folder)
    return folder


def _fetch(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceError(
            "Maven is not installed, and the server's jars are fetched with it",
            where="mvn",
            cure="On Debian or Ubuntu: apt-get install maven (it brings Java); or use compose.yaml.",
        )
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix="draft-"))
    try:
        run = subprocess.run(  # noqa: S603 (our own command line)
            [
                maven,
                "-B",
                "-q",
                "-f",
                str(pom),
                _PLUGIN,
                "-DincludeScope=runtime",
                f"-DoutputDirectory={draft}",
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if run.returncode:
            said = [line for line in run.stdout.splitlines() if "ERROR" in line]
            raise ServiceError(
                f"Maven could not fetch the jars: {(said or ['it said nothing'])[0][:300]}",
                where=str(pom),
                cure="Connect this machine to a Maven repository once; the jars are kept after.",
            )
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@cache
def java(lowest: int, highest: int | None = None) -> str:
    """The path of a Java of version ``lowest`` or newer, and no newer than ``highest``.

    ``JAVA_HOME``, then the one on the path, then those in the usual folders. ServiceError if
    there is none.
    """
    candidates = [
        os.path.join(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else None,
        shutil.which("java"),
    ]
    for folder in map(Path, _FOLDERS):
        candidates += [str(p) for p in sorted(folder.glob("*/**/bin/java"))]
    for path in filter(None, candidates):
        found = _version(path)
        if found is not None and lowest <= found <= (highest or found):
            return path
    wanted = f"{lowest}" if highest == lowest else f"{lowest} to {highest or 'the newest'}"
    raise ServiceError(
        f"there is no Java {wanted}",
        where="JAVA_HOME, PATH and " + ", ".join(_FOLDERS),
        cure=f"Install one: on Debian or Ubuntu, apt-get install openjdk-{lowest}-jre-headless.",
    )


def _version(path: str) -> int | None:
    try:
        said = subprocess.run([path, "-version"], check=False, capture_output=True, text=True)  # noqa: S603
    except OSError:
        return None
    found = re.search(r'version "(\d+)', said.stderr)
    return int(found.group(1)) if found else None
