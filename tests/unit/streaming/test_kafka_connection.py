"""How the clients reach the broker, and the key of what they send."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from streaming.kafka.connection import BrokerError, Connection
from streaming.kafka.producing import key_of, new_traceparent
from streaming.pseudonym import PseudonymKey
from tests import intake_claims

KEY = PseudonymKey(b"a key for tests, 32 bytes at least")


def test_without_settings_it_is_the_broker_of_make_services() -> None:
    assert Connection.find(environ={}).settings() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_the_option_goes_before_the_environment() -> None:
    found = Connection.find("b:1", {"SENTINEL_BOOTSTRAP": "a:1"})
    assert found.bootstrap == "b:1"
    assert Connection.find(None, {"SENTINEL_BOOTSTRAP": "a:1, c:2"}).settings()[
        "bootstrap_servers"
    ] == ["a:1", "c:2"]


def test_sasl_and_tls_reach_the_client_and_no_log(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    found = Connection.find(
        environ={
            "SENTINEL_KAFKA_SECURITY": "sasl_ssl",
            "SENTINEL_KAFKA_MECHANISM": "SCRAM-SHA-512",
            "SENTINEL_KAFKA_USERNAME": "worker",
            "SENTINEL_KAFKA_PASSWORD": "geheim",
            "SENTINEL_KAFKA_CA_FILE": str(ca),
        }
    )
    settings = found.settings()
    assert settings["sasl_plain_password"] == "geheim"
    assert settings["sasl_mechanism"] == "SCRAM-SHA-512"
    assert settings["ssl_cafile"] == str(ca)
    assert "geheim" not in repr(found)
    assert "geheim" not in str(found.told())


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SECURITY": "TLS"}, "SECURITY"),
        ({"SECURITY": "SASL_SSL"}, "USERNAME"),
        (
            {"SECURITY": "SASL_SSL", "USERNAME": "u", "PASSWORD": "p", "MECHANISM": "GUESS"},
            "MECHANISM",
        ),
        ({"CA_FILE": "/nowhere/ca.pem"}, "CA_FILE"),
        ({"PASSWORD_FILE": "/nowhere/password"}, "PASSWORD_FILE"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(environ: dict[str, str], named: str) -> None:
    with pytest.raises(BrokerError) as refused:
        Connection.find(environ={f"SENTINEL_KAFKA_{k}": v for k, v in environ.items()})
    assert named in refused.value.where


def test_one_patient_has_one_key_however_the_number_is_written() -> None:
    written = ("clear-patient-0001", " CLEAR-patient-0001 ", "ｃlear-patient-0001")
    keys = {key_of(intake_claims.line(patient_id=text), KEY) for text in written}
    assert keys == {(KEY.pseudonym("patient_id", written[0]) or "").encode()}
    assert key_of(intake_claims.line(patient_id="another"), KEY) not in keys


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"42",
        b"\xff",
        b'{"patient_id": 3}',
        b'{"patient_id": " "}',
        b"[" * 100_000,
        json.dumps({"stay_id": "S1"}).encode(),
    ],
)
def test_a_record_without_a_readable_patient_has_no_key(record: bytes) -> None:
    assert key_of(record, KEY) is None


def test_a_trace_has_the_w3c_form_and_is_new() -> None:
    made = {new_traceparent() for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", text) for text in made)
