"""`mailim init DIR --domain D`: makes a site that can be started at once.

    DIR/etc/mailim.toml      the configuration, complete and commented
    DIR/etc/tls/*.pem        a self-signed certificate and its key, to be replaced
    DIR/etc/record.key       Ed25519 key that signs the record's checkpoints
    DIR/etc/secret.key       seals secrets kept in the database (passwords of POP3 boxes)
    DIR/var/                 everything that lasts

Nothing is ever overwritten: a site that is there already is an error, and a run that
fails half-way removes what it made.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mailim.address import normal_domain
from mailim.config import STANDARD_PORTS, parse
from mailim.config_text import render
from mailim.errors import AlreadyExists, Unavailable
from mailim.tls import self_signed, write_private


@dataclass(frozen=True, slots=True)
class NewSite:
    """What was asked for."""

    directory: Path
    domain: str
    port_base: int = 0
    listen: str | None = None

    @property
    def hostname(self) -> str:
        """The name of the box."""
        return f"mail.{self.domain}"


def make(site: NewSite) -> Path:
    """Make the site's files; gives the configuration's path.

    Raises `AlreadyExists` if any of them is there, `Invalid` for a bad domain,
    `Unavailable` if the disk refuses.
    """
    site = NewSite(site.directory, normal_domain(site.domain), site.port_base, site.listen)
    file = site.directory / "etc" / "mailim.toml"
    files = list(_files(site))
    for path, _ in files:
        if path.exists():
            raise AlreadyExists(f"{path} is there already; nothing was changed")
    made: list[Path] = []
    try:
        for path, data in files:
            made.append(path)
            write_private(path, data)
        (site.directory / "var").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise Unavailable(f"{path}: {error.strerror}") from None
    return file


def _files(site: NewSite) -> Iterator[tuple[Path, bytes]]:
    etc = site.directory / "etc"
    changes: dict[str, Any] = {
        "server.hostname": site.hostname,
        "server.domain": site.domain,
        "server.port_base": site.port_base,
    }
    names = [site.hostname, site.domain]
    if site.listen is not None:
        changes["server.listen"] = (site.listen,)
        names += ["localhost", "127.0.0.1", "::1"]
    certificate, key = self_signed(tuple(names))
    text = render(changes).encode()
    parse(text, etc / "mailim.toml")
    yield etc / "tls" / "certificate.pem", certificate
    yield etc / "tls" / "key.pem", key
    yield etc / "record.key", _record_key()
    yield etc / "secret.key", Fernet.generate_key()
    yield etc / "mailim.toml", text


def _record_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def dns_records(hostname: str, domain: str, ports: Mapping[str, int] = STANDARD_PORTS) -> list[str]:
    """Give the records to publish for a domain, in zone file form.

    SRV records are those of RFC 6120 3.2.1, XEP-0368 and RFC 8620 2.2.
    """
    name, host = f"{domain}.", f"{hostname}."
    return [
        f"; {host} needs an A and, if there is one, an AAAA record with this box's address",
        f"_xmpp-client._tcp.{name}   SRV 0 5 {ports['xmpp']} {host}",
        f"_xmpps-client._tcp.{name}  SRV 0 5 {ports['xmpps']} {host}",
        f"_jmap._tcp.{name}          SRV 0 1 {ports['https']} {host}",
    ]


def generated_password() -> str:
    """Give a password for a first login: 80 bits in groups that can be read aloud."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
    return "-".join(groups)
