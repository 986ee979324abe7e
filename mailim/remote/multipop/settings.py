"""What may be said about a box: checked once, where it comes in."""

from __future__ import annotations

import ipaddress
from pathlib import PurePath
from typing import Any

from mailim.address import normal_domain
from mailim.errors import Invalid

_TEXTS = {"host": 253, "user": 255, "password": 1024, "ca": 4096}  # characters
_KINDS = {"port": int, "leave": bool, "enabled": bool, "tls": str}
_DEFAULTS = {"port": 995, "tls": "tls", "ca": "", "leave": False}


def new_box(values: dict[str, Any], allow_plaintext: bool) -> dict[str, Any]:
    """Check the settings of a new box; raises `Invalid` naming the field."""
    for name in ("host", "user", "password"):
        if name not in values:
            raise Invalid(f"a box needs a {name}", name)
    return {**_DEFAULTS, **changed_box(values, allow_plaintext)}


def changed_box(values: dict[str, Any], allow_plaintext: bool) -> dict[str, Any]:
    """Check changed settings; raises `Invalid` naming the field."""
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name in _TEXTS:
            checked[name] = _text(name, value)
        elif name in _KINDS:
            if type(value) is not _KINDS[name]:
                raise Invalid(f"{name} has the wrong type", name)
            checked[name] = value
        else:
            raise Invalid(f"a box has no {name[:40]!r}", name[:40])
    if "host" in checked:
        checked |= _host_and_port(checked["host"])
    if not 0 < checked.get("port", 995) < 65536:
        raise Invalid("the port must be between 1 and 65535", "port")
    tls = checked.get("tls", "tls")
    if tls not in ("tls", "stls", "none"):
        raise Invalid("tls must be tls, stls or none", "tls")
    if tls == "none" and not allow_plaintext:
        raise Invalid("this server does not send passwords without TLS", "tls")
    if checked.get("ca") and not PurePath(checked["ca"]).is_absolute():
        raise Invalid("the CA file must be given with its full path", "ca")
    return checked


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{name} has the wrong type", name)
    if name != "ca" and not value.strip():
        raise Invalid(f"the {name} is empty", name)
    if len(value) > _TEXTS[name]:
        raise Invalid(f"the {name} is longer than {_TEXTS[name]} characters", name)
    if any(char in value for char in "\r\n\0"):
        raise Invalid(f"the {name} holds a line break", name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Invalid(f"the {name} is no text", name) from None
    if name != "password" and not value.isprintable():  # it stands in lines of the log
        raise Invalid(f"the {name} holds a control character", name)
    return value


def _host_and_port(text: str) -> dict[str, Any]:
    """Read "pop.example.org", "pop.example.org:995", "192.0.2.1" or "[2001:db8::1]:995"."""
    host, colon, port = text.strip().rpartition(":")
    if colon and port.isascii() and port.isdigit() and (":" not in host or host.endswith("]")):
        return {"host": _host(host), "port": int(port[:6])}
    return {"host": _host(text.strip())}


def _host(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return normal_domain(text)
    except Invalid:
        raise Invalid("this is no host name", "host") from None
