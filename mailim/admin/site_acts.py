"""`reload` and `check`."""

from __future__ import annotations

import datetime
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.x509 import Certificate

from mailim.admin.operations import Act
from mailim.config import Site, load
from mailim.errors import MailimError
from mailim.mail.filters.limits import FILE_OCTETS
from mailim.mail.filters.rules import file_of, parse
from mailim.tls import Certificates

_SOON = datetime.timedelta(days=14)
_PRIVATE = 0o077


class SiteActs:
    """Binds them; `reload` is None where no server runs, `threads` runs what blocks."""

    def __init__(
        self,
        site: Callable[[], Site],
        reload: Callable[[], Awaitable[list[str]]] | None,
        threads: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._site = site
        self._reload = reload
        self._threads = threads

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        acts: dict[str, Act] = {"check": self.check}
        if self._reload is not None:
            acts["reload"] = self.reload
        return acts

    async def reload(self, _values: dict[str, Any], _actor: str) -> Any:
        """Read configuration and certificate again."""
        assert self._reload is not None  # noqa: S101 - bound only then
        waiting = await self._reload()
        text = "reloaded"
        if waiting:
            text += f"; these need a restart: {', '.join(waiting)}"
        return {"text": text, "needs_restart": waiting}

    async def check(self, _values: dict[str, Any], _actor: str) -> Any:
        """Look at what can be looked at from here."""
        serving = self._reload is not None
        findings: list[dict[str, Any]] = await self._threads(lambda: examine(self._site(), serving))
        lines = [f"{one['state']:<7} {one['what']}: {one['detail']}" for one in findings]
        return {
            "ok": all(one["state"] != "bad" for one in findings),
            "text": "\n".join(lines),
            "findings": findings,
        }


def examine(site: Site, serving: bool) -> list[dict[str, Any]]:
    """Give findings: state good, warning or bad, what, and detail. Blocks."""
    findings: list[dict[str, Any]] = []

    def found(state: str, what: str, detail: str) -> None:
        findings.append({"state": state, "what": what, "detail": detail})

    try:
        fresh = load(site.file)
        found("good", "configuration", f"{site.file} is valid")
    except MailimError as error:
        found("bad", "configuration", error.text)
        fresh = site
    _check_filters(fresh, found)
    _check_tls(fresh, found)
    _check_files(fresh, found)
    _check_semaphores(fresh, found)
    _check_ports(fresh, serving, found)
    return findings


Found = Callable[[str, str, str], None]


def _check_filters(site: Site, found: Found) -> None:
    path = file_of(site.directory)
    try:
        with path.open("rb") as stream:
            rules = parse(stream.read(FILE_OCTETS + 1), path)
    except FileNotFoundError:
        found("good", "rules for mail", f"there is no {path}: no rules")
    except OSError as error:
        found("bad", "rules for mail", f"{path} cannot be read: {error.strerror}")
    except MailimError as error:
        found("bad", "rules for mail", error.text)
    else:
        on = sum(each.enabled for each in rules.rules) if rules.enabled else 0
        found("good", "rules for mail", f"{path} is valid, {on} of {len(rules.rules)} rules are on")


def _check_semaphores(site: Site, found: Found) -> None:
    if not site.config.im.semaphore_folder:
        return
    path = site.var / site.config.im.semaphore_folder
    try:
        mode = path.stat().st_mode
        stopped = any(name.upper() == "LOCKSEMS.SEM" for name in os.listdir(path))
    except FileNotFoundError:
        found("good", "semaphore files", f"{path} is made at the next start")
        return
    except OSError as error:
        found("bad", "semaphore files", f"{path} cannot be used: {error.strerror}")
        return
    if stopped:
        found("warning", "semaphore files", f"LOCKSEMS.SEM in {path} stops them")
    elif mode & stat.S_IWOTH:
        found("warning", "semaphore files", f"everybody here can write into {path}: chmod o-w it")
    else:
        found("good", "semaphore files", f"are taken from {path}")


def _check_tls(site: Site, found: Found) -> None:
    tls = site.config.tls
    try:
        leaf = Certificates(site.path(tls.certificate), site.path(tls.key), tls.minimum).leaf
    except MailimError as error:
        found("bad", "certificate", error.text)
        return
    now = datetime.datetime.now(datetime.UTC)
    if leaf.not_valid_after_utc < now:
        found("bad", "certificate", f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    elif leaf.not_valid_after_utc < now + _SOON:
        found("warning", "certificate", f"expires on {leaf.not_valid_after_utc:%Y-%m-%d}")
    else:
        found("good", "certificate", f"valid until {leaf.not_valid_after_utc:%Y-%m-%d}")
    if leaf.issuer == leaf.subject:
        found("warning", "certificate", "is self-signed: clients will ask whether to trust it")
    names = _names(leaf)
    for name in (site.config.server.hostname, site.config.server.domain):
        if name not in names:
            found("warning", "certificate", f"is not for {name}, only for {', '.join(names)}")


def _names(leaf: Certificate) -> list[str]:
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName

    try:
        extension = leaf.extensions.get_extension_for_class(SubjectAlternativeName)
    except ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(DNSName)


def _check_files(site: Site, found: Found) -> None:
    secrets = (site.config.tls.key, site.config.record.key, Path("etc/secret.key"))
    for path in map(site.path, secrets):
        try:
            mode = path.stat().st_mode
        except OSError as error:
            found("bad", str(path), f"cannot be read: {error.strerror}")
            continue
        if mode & _PRIVATE:
            found("bad", str(path), "can be read by others: chmod 600 it")
        else:
            found("good", str(path), "is private")
    var = site.var
    if not os.access(var, os.W_OK | os.X_OK):
        found("bad", str(var), "cannot be written")
        return
    free = os.statvfs(var)
    megabytes = free.f_bavail * free.f_frsize // 1_000_000
    state = "good" if megabytes > 1000 else "warning"
    found(state, str(var), f"{megabytes} MB are free")


def _check_ports(site: Site, serving: bool, found: Found) -> None:
    for name in type(site.config.listeners).model_fields:
        if not getattr(site.config.listeners, name).enabled:
            continue
        port = site.config.port(name)
        for address in site.config.server.listen:
            state, detail = _port(address, port, serving)
            found(state, f"{name} on {address} port {port}", detail)


def _port(address: str, port: int, serving: bool) -> tuple[str, str]:
    if port == 0:
        return "good", "takes any free port"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(5)
        if serving:
            here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
            try:
                probe.connect((here, port))
            except OSError as error:
                return "bad", f"does not answer: {error.strerror or error}"
            return "good", "answers"
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return "bad", f"cannot be opened: {error.strerror or error}"
    return "good", "is free"
