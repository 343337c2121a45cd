"""Acknowledgements: MSA with AA, AE or AR (CA, CE, CR in enhanced mode), ERR for each fault.

Of a message in enhanced mode (MSH-15 or MSH-16 is filled) both answers are known when the
first goes out, for nothing is answered before it is stored: the accept acknowledgement
and the application acknowledgement follow each other on the same connection, each if its
condition asks for it (table 0155: AL always, NE never, ER on error, SU on success).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from streaming.hl7.faults import CODES, REJECTING, Fault
from streaming.hl7.text import CHARSETS, VERSIONS, Header

MOST_ERRORS: Final = 20
"""ERR segments of one answer; the dead letter has all faults."""
APPLICATION: Final = "SENTINEL"
_OLD: Final = ("2.1", "2.2", "2.3", "2.3.1", "2.4")
"""Versions whose ERR has the location and the code in one field, ERR-1."""
_PROCESSING: Final = ("P", "D", "T")
_SEVERITY: Final = "E"


def answers(
    header: Header, faults: Sequence[Fault], at: datetime, *, kept: bool = True
) -> list[bytes]:
    """The messages to send back, in their order; none if the sender wants none.

    ``at`` is our clock. A fault of ours, or of the header, is answered AR: send it again
    later, or change the header; any other AE: correct the message. ``kept`` says whether
    the refused message was kept as a dead letter, for the text of MSA-3.
    """
    rejected = any(f.code in REJECTING for f in faults)
    verdict = "A" if not faults else "R" if rejected else "E"
    if not header.is_enhanced:
        return [_write(header, "A" + verdict, faults, at, kept)]
    sent = []
    if _asked(header.accept, bool(faults)):
        sent.append(_write(header, "C" + verdict, faults, at, kept))
    if _asked(header.application, bool(faults)):
        sent.append(_write(header, "A" + verdict, faults, at, kept))
    return sent


def _asked(condition: str, failed: bool) -> bool:
    """Whether a condition of table 0155 asks for an answer; an empty one in enhanced mode does not."""
    return condition in ("AL", "ER" if failed else "SU")


def _write(header: Header, code: str, faults: Sequence[Fault], at: datetime, kept: bool) -> bytes:
    signs = header.signs
    f = signs.field
    stamp = at.strftime("%Y%m%d%H%M%S%z")
    receiver = header.receiving[0] or APPLICATION
    kind = signs.component.join(("ACK", *((header.event, "ACK") if header.event else ())))
    msh = [
        "MSH" + f + signs.encoding, _safe(receiver), _safe(header.receiving[1]), *map(_safe, header.sending),
        stamp, "", kind, _control_id(header, code, at), header.processing if header.processing in _PROCESSING else "P",
        header.version if VERSIONS.fullmatch(header.version) else "2.5", "", "", "", "", "", _charset(header),
    ]  # fmt: skip
    told = (
        f"{len(faults)} faults; the message was {'kept' if kept else 'not kept: send it again'}"
        if faults
        else ""
    )
    segments = [
        f.join(msh).rstrip(f),
        f.join(("MSA", code, _safe(header.control_id), told)).rstrip(f),
    ]
    segments += [_error(header, fault) for fault in faults[:MOST_ERRORS]]
    return ("\r".join(segments) + "\r").encode(header.charset, "replace")


def _error(header: Header, fault: Fault) -> str:
    signs = header.signs
    f, c, s = signs.field, signs.component, signs.sub
    place = fault.place
    words = f"{fault.code}{c}{CODES[fault.code]}{c}HL70357"
    number = str(place.field) if place.field else ""
    if header.version in _OLD:
        where = c.join((place.segment, str(place.occurrence), number, words.replace(c, s)))
        return f.join(("ERR", where))
    location = [place.segment, str(place.occurrence), number, "1" if number else ""]
    if place.component > 1:
        location.append(str(place.component))
    return f.join((
        "ERR", "", c.join(location).rstrip(c), words, _SEVERITY, "", "",
        signs.write(f"{place} {fault.rule}"), signs.write(fault.cure),
    ))  # fmt: skip


def _charset(header: Header) -> str:
    """MSH-18 of the answer: the sender's own word where we know it, nothing where it said nothing."""
    if not header.named_charset or CHARSETS.get(header.named_charset.upper()):
        return header.named_charset
    return next(name for name, codec in CHARSETS.items() if codec == header.charset)


def _control_id(header: Header, code: str, at: datetime) -> str:
    """An id of our own: the same for the same answer at the same time, at most 20 signs."""
    body = f"{header.control_id}\x1f{code}\x1f{at.isoformat()}"
    return hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:20]


def _safe(written: str) -> str:
    """What the sender wrote in its header, as written, without what would break a segment."""
    return "".join(sign for sign in written if sign >= " " and sign not in "\x7f\ufffd")[:227]
