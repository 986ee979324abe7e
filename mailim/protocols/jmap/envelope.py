"""The Envelope a client gives with a submission (RFC 8621 section 7), checked.

Parameters are those of SMTP extensions that are served: HOLDFOR and HOLDUNTIL (RFC 4865),
RET, ENVID, NOTIFY and ORCPT (RFC 3461); SIZE, BODY and SMTPUTF8 may be given and change
nothing, because the message itself is there to look at. Values are not encoded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailim.mail.outgoing import MAX_HOLD_SECONDS
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.wire.future_release import hold_for, hold_until

EXTENSIONS: Final = ("FUTURERELEASE", "DSN", "8BITMIME", "SMTPUTF8")

_SIZE: Final = re.compile(r"[0-9]{1,20}")
_ENVID: Final = re.compile(r"[ -~]{1,100}")  # RFC 3461 section 4.4
_ORCPT: Final = re.compile(r"[A-Za-z0-9-]{1,60};[ -~]{1,500}")  # RFC 3461 section 4.2
_NOTIFY: Final = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}")
_MAX_EMAIL: Final = 320  # characters; RFC 5321 4.5.3.1.3 allows 254

_OF_SENDER: Final[Mapping[str, Callable[[str], Any]]] = {
    "HOLDFOR": lambda text: hold_for(text) is not None,
    "HOLDUNTIL": lambda text: hold_until(text) is not None,
    "RET": lambda text: text.upper() in ("FULL", "HDRS"),
    "ENVID": _ENVID.fullmatch,
    "SIZE": _SIZE.fullmatch,
    "BODY": lambda text: text.upper() in ("7BIT", "8BITMIME"),
    "SMTPUTF8": lambda text: text == "",
}
_OF_RECIPIENT: Final[Mapping[str, Callable[[str], Any]]] = {
    "NOTIFY": lambda text: _NOTIFY.fullmatch(text.upper()),
    "ORCPT": _ORCPT.fullmatch,
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Addresses as they are written; `send_at` in microseconds, None if not said."""

    sender: str
    recipients: tuple[str, ...]
    send_at: int | None
    value: dict[str, Any]  # the object, as it is kept


def read_envelope(value: Any, now: int, most: int) -> Envelope:
    """Check an Envelope object; raises `SetError`.

    now: in microseconds. most: recipients.
    """
    if not isinstance(value, dict) or set(value) != {"mailFrom", "rcptTo"}:
        raise _invalid("an object with mailFrom and rcptTo")
    if not isinstance(value["rcptTo"], list):
        raise _invalid("a list of addresses", "rcptTo")
    if len(value["rcptTo"]) > most:
        text = f"A message may have {most} recipients."
        raise SetError("tooManyRecipients", text, maxRecipients=most)
    sender = _address(value["mailFrom"], "mailFrom", _OF_SENDER)
    recipients = [_address(each, "rcptTo", _OF_RECIPIENT) for each in value["rcptTo"]]
    return Envelope(
        sender["email"],
        tuple(each["email"] for each in recipients),
        _send_at(sender["parameters"] or {}, now),
        {"mailFrom": sender, "rcptTo": recipients},
    )


def plain_envelope(sender: str, recipients: tuple[str, ...]) -> dict[str, Any]:
    """Give the Envelope object of a message that came without one."""
    return {
        "mailFrom": {"email": sender, "parameters": None},
        "rcptTo": [{"email": each, "parameters": None} for each in recipients],
    }


def _address(value: Any, name: str, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    if not isinstance(value, dict) or not set(value) <= {"email", "parameters"}:
        raise _invalid("an object with email, and perhaps parameters", name)
    email, parameters = value.get("email"), value.get("parameters")
    if not isinstance(email, str) or len(email) > _MAX_EMAIL:
        raise _invalid("an address", f"{name}/email")
    if parameters is not None:
        _check_parameters(parameters, f"{name}/parameters", known)
    return {"email": email, "parameters": parameters}


def _check_parameters(
    parameters: Any, name: str, known: Mapping[str, Callable[[str], Any]]
) -> None:
    if not isinstance(parameters, dict):
        raise _invalid("an object", name)
    given = [key.upper() for key in parameters if key.isascii()]
    if len(set(given)) != len(parameters) or {"HOLDFOR", "HOLDUNTIL"} <= set(given):
        raise _invalid("given twice", name)
    for key, value in parameters.items():
        if key.upper() not in known:
            raise _invalid("this parameter is not known here", f"{name}/{key[:64]}")
        if not (value is None or isinstance(value, str)) or not known[key.upper()](value or ""):
            raise _invalid("this value cannot be", f"{name}/{key}")


def _send_at(parameters: Mapping[str, str | None], now: int) -> int | None:
    """Give when the client wants it sent; what has passed is at once (RFC 4865 section 4)."""
    given = {key.upper(): value or "" for key, value in parameters.items()}
    if "HOLDFOR" in given:
        send_at = now + (hold_for(given["HOLDFOR"]) or 0) * 1_000_000
    elif "HOLDUNTIL" in given:
        send_at = max(now, hold_until(given["HOLDUNTIL"]) or 0)
    else:
        return None
    if send_at - now > MAX_HOLD_SECONDS * 1_000_000:
        raise _invalid(f"at most {MAX_HOLD_SECONDS} seconds", "mailFrom/parameters")
    return send_at


def _invalid(description: str, path: str = "") -> SetError:
    return invalid_properties(description, f"envelope/{path}" if path else "envelope")
