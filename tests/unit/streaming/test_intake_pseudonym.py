"""Pseudonyms: stable, separated by kind, and nothing of the key or the clear value shows."""

from __future__ import annotations

import logging
import os
import pickle
import stat
import threading
from pathlib import Path

import polars as pl
import pytest

from streaming.pseudonym import PseudonymKey, PseudonymKeyError, normalise

KEY = PseudonymKey(bytes(range(32)))


def test_one_person_keeps_one_pseudonym_under_one_key() -> None:
    a = KEY.pseudonym("patient_id", "A123")
    assert a == PseudonymKey(bytes(range(32))).pseudonym("patient_id", "A123")
    assert a
    assert a.startswith("p_")
    assert len(a) == 34
    assert a != PseudonymKey(bytes(range(1, 33))).pseudonym("patient_id", "A123")
    assert a != KEY.pseudonym("patient_id", "A124")


def test_the_algorithm_is_pinned() -> None:
    # Changing it would split every patient of a running installation in two.
    import hashlib
    import hmac

    message = b"drg-sentinel/pseudonym/1\x1fpatient_id\x1fA123"
    expected = hmac.new(bytes(range(32)), message, hashlib.sha256).hexdigest()[:32]
    assert KEY.pseudonym("patient_id", "A123") == f"p_{expected}"


def test_kinds_do_not_meet() -> None:
    kinds = ("patient_id", "medical_record_number", "identity_number", "phone", "bank_account")
    found = [KEY.pseudonym(k, "13800000000") for k in kinds]
    assert len({f.split("_")[1] for f in found if f}) == len(kinds)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("patient_id", " ab12 ", "AB12"),
        ("patient_id", "ＡＢ１２", "AB12"),
        ("identity_number", "33010019000101000x", "33010019000101000X"),
        ("phone", "138-0000 0000", "13800000000"),
        ("phone", "１３８００００００００", "13800000000"),
        ("address", "杭州市 西湖区", "杭州市西湖区"),
    ],
)
def test_spelling_does_not_split_a_person(kind: str, one: str, other: str) -> None:
    assert KEY.pseudonym(kind, one) == KEY.pseudonym(kind, other)


def test_two_people_are_not_merged_by_punctuation() -> None:
    assert KEY.pseudonym("patient_id", "1-23") != KEY.pseudonym("patient_id", "12-3")


def test_nothing_left_is_missing() -> None:
    assert KEY.pseudonym("phone", "none") is None
    assert KEY.pseudonym("patient_id", "  ") is None
    assert normalise("phone", "ext.") == ""


def test_a_column_is_hidden_whole() -> None:
    series = pl.Series("phone", ["138", None, "138", "x", "139"])
    hidden = KEY.pseudonymise(series, "phone").to_list()
    assert hidden == [KEY.pseudonym("phone", v) if v else None for v in series]
    assert hidden[0] == hidden[2] != hidden[4]
    assert hidden[3] is None
    assert KEY.pseudonymise(pl.Series("x", [None], dtype=pl.String), "phone").to_list() == [None]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(PseudonymKeyError, match="31 bytes is too short"):
        PseudonymKey(bytes(31))


def test_a_key_never_shows_itself(caplog: pytest.LogCaptureFixture) -> None:
    secret = bytes(range(32)).hex()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("any").warning("%s %r %s", KEY, KEY, [KEY])
    assert secret[:8] not in caplog.text
    assert not hasattr(KEY, "__dict__")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(KEY)
    for bad in ("zz" * 32, secret[:20]):
        with pytest.raises(PseudonymKeyError) as raised:
            PseudonymKey.from_hex(bad)
        assert bad not in str(raised.value)


def test_the_fingerprint_tells_keys_apart() -> None:
    assert KEY.fingerprint == PseudonymKey(bytes(range(32))).fingerprint
    assert KEY.fingerprint != PseudonymKey.create().fingerprint


def test_a_created_key_file_is_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    made = PseudonymKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PseudonymKey.load_or_create(path).fingerprint == made.fingerprint
    assert [p.name for p in path.parent.iterdir()] == ["key"]


def test_two_that_start_together_end_with_one_key(tmp_path: Path) -> None:
    path, found = tmp_path / "key", []
    start = threading.Barrier(8)

    def load() -> None:
        start.wait()
        found.append(PseudonymKey.load_or_create(path).fingerprint)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX matter")
def test_a_key_file_open_to_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    PseudonymKey.load_or_create(path)
    path.chmod(0o644)
    with pytest.raises(PseudonymKeyError, match="open to every user") as raised:
        PseudonymKey.load(path)
    assert "chmod 600" in raised.value.cure


def test_the_environment_comes_first_and_must_be_clear(tmp_path: Path) -> None:
    default = tmp_path / "default"
    text = bytes(range(32)).hex()
    found = PseudonymKey.find(default, {"SENTINEL_PSEUDONYM_KEY": text})
    assert found.fingerprint == KEY.fingerprint
    assert not default.exists()
    file = tmp_path / "other"
    made = PseudonymKey.load_or_create(file)
    by_file = PseudonymKey.find(default, {"SENTINEL_PSEUDONYM_KEY_FILE": str(file)})
    assert by_file.fingerprint == made.fingerprint
    both = {"SENTINEL_PSEUDONYM_KEY": text, "SENTINEL_PSEUDONYM_KEY_FILE": str(file)}
    with pytest.raises(PseudonymKeyError, match="both"):
        PseudonymKey.find(default, both)
    with pytest.raises(PseudonymKeyError, match="cannot be read"):
        PseudonymKey.find(default, {"SENTINEL_PSEUDONYM_KEY_FILE": str(tmp_path / "none")})
    PseudonymKey.find(default, {})
    assert default.exists()
