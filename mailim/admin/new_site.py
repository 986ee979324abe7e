"""`mailim init DIR --domain D`: makes a site that can be started at once.

    DIR/etc/mailim.toml      the configuration, complete and commented
    DIR/etc/filters.toml     rules for mail, all off
    DIR/etc/tls/*.pem        a self-signed certificate and its key, to be replaced
    DIR/etc/record.key       Ed25519 key that signs the record's checkpoints
    DIR/etc/secret.key       seals secrets kept in the database (passwords of POP3 boxes)
    DIR/var/                 everything that lasts

Nothing is ever overwritten: a site that is there already is an error, and a run that
fails half-way removes what it made.
"""

from __future__ import annotations

import ipaddress
import secrets
import shutil
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
from mailim.mail.filters.rules import file_of
from mailim.mail.filters.sample import SAMPLE
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


class Made:
    """What was made for a new site, so that it can be taken back."""

    def __init__(self, file: Path) -> None:
        """`file` is the configuration."""
        self.file = file
        self._paths: list[Path] = []

    def directory(self, path: Path, mode: int = 0o755) -> None:
        """Make a directory and those above it, unless they are there."""
        missing = [each for each in (path, *path.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode)
            self._paths.append(each)

    def write(self, path: Path, data: bytes) -> None:
        """Write a new private file."""
        self.directory(path.parent)
        try:
            write_private(path, data)
        except FileExistsError:
            raise AlreadyExists(f"{path} is there already; nothing was changed") from None
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._paths.append(path)

    def undo(self) -> None:
        """Remove all of it again, also what has come into its directories meanwhile."""
        for path in reversed(self._paths):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def make(site: NewSite, more: Mapping[str, bytes] | None = None) -> Path:
    """Make the site's files; gives the configuration's path. See `lay_out`."""
    return lay_out(site, more).file


def lay_out(site: NewSite, more: Mapping[str, bytes] | None = None) -> Made:
    """Make the site's files, and `more` private ones by name.

    Raises `AlreadyExists` if any of them is there, `Invalid` or `ConfigError` for what
    cannot stand in a configuration, `Unavailable` if the disk refuses; nothing is left then.
    """
    site = NewSite(site.directory, normal_domain(site.domain), site.port_base, site.listen)
    made = Made(site.directory / "etc" / "mailim.toml")
    files = [*_files(site)]
    files += [(site.directory / name, data) for name, data in (more or {}).items()]
    var = site.directory / "var"
    try:
        for path in (*(path for path, _ in files), *_inside(var)):
            if path.exists():
                raise AlreadyExists(f"{path} is there already; nothing was changed")
        for path, data in files:
            made.write(path, data)
        made.directory(var, 0o700)
    except OSError as error:
        made.undo()
        raise Unavailable(f"{error.filename or site.directory}: {error.strerror}") from None
    except BaseException:
        made.undo()
        raise
    return made


def _inside(directory: Path) -> Iterator[Path]:
    """Give what is in a directory that should be empty or not be there."""
    if directory.is_dir():
        yield from directory.iterdir()


def _files(site: NewSite) -> Iterator[tuple[Path, bytes]]:
    etc = site.directory / "etc"
    changes: dict[str, Any] = {
        "server.hostname": site.hostname,
        "server.domain": site.domain,
        "server.port_base": site.port_base,
    }
    if not site.port_base:
        changes["relay.enabled"] = True  # a mail server; one on odd ports is to try things out
    names = [site.hostname, site.domain]
    if site.listen is not None:
        changes["server.listen"] = (site.listen,)
        names += ["localhost", "127.0.0.1", "::1", *_own_address(site.listen)]
    certificate, key = self_signed(tuple(names))
    text = render(changes).encode()
    parse(text, etc / "mailim.toml")
    yield etc / "tls" / "certificate.pem", certificate
    yield etc / "tls" / "key.pem", key
    yield etc / "record.key", _record_key()
    yield etc / "secret.key", Fernet.generate_key()
    yield file_of(site.directory), SAMPLE.encode()
    yield etc / "mailim.toml", text


def _own_address(listen: str) -> list[str]:
    """Give an address for the certificate, unless it stands for all or is there already."""
    try:
        address = ipaddress.ip_address(listen)
    except ValueError:
        return []  # the configuration will say so
    return [] if address.is_unspecified or address.is_loopback else [str(address)]


def _record_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def dns_records(hostname: str, domain: str, ports: Mapping[str, int] = STANDARD_PORTS) -> list[str]:
    """Give the records to publish for a domain, in zone file form.

    SRV records are those of RFC 6120 3.2.1, XEP-0368, RFC 8620 2.2, RFC 6186 3.1, RFC 8314 5.1.
    """
    name, host = f"{domain}.", f"{hostname}."
    return [
        f"; {host} needs an A and, if there is one, an AAAA record with this box's address",
        f"{name}                     MX 10 {host}",
        f"_submissions._tcp.{name}   SRV 0 1 {ports['submissions']} {host}",
        f"_submission._tcp.{name}    SRV 0 2 {ports['submission']} {host}",
        f"_xmpp-client._tcp.{name}   SRV 0 5 {ports['xmpp']} {host}",
        f"_xmpps-client._tcp.{name}  SRV 0 5 {ports['xmpps']} {host}",
        f"_jmap._tcp.{name}          SRV 0 1 {ports['https']} {host}",
    ]


def generated_password() -> str:
    """Give a password for a first login: 80 bits in groups that can be read aloud."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
    return "-".join(groups)
