"""The administrator's file, `etc/mailim.toml`: what may stand in it, and reading it.

The models (the tables of the file stand in `mailim.config_sections` and `mailim.config_mail`)
are the one source: their descriptions become the comments of the sample (`mailim.config_text`),
their bounds the checks. Reading gives either a frozen `Config` or one `ConfigError` that lists
every problem at once with file, key path and hint. Unknown keys are refused. Relative paths are
meant from the site's directory, the parent of `etc/`.

A key whose description ends with "(restart)" takes effect at the next start; all others
at the next `mailim reload` or SIGHUP.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from mailim.config_mail import Mail, Multipop, Relay, Smtp
from mailim.config_sections import (
    Accounts,
    Http,
    Im,
    Listeners,
    RecordSection,
    Server,
    StoreSection,
    Tls,
    Webmail,
)
from mailim.config_values import Section
from mailim.errors import Invalid, MailimError

STANDARD_PORTS = {
    "smtp": 25,
    "http": 80,
    "https": 443,
    "submissions": 465,
    "submission": 587,
    "xmpp": 5222,
    "xmpps": 5223,
}
MAX_CONFIG_OCTETS = 1024 * 1024
MAX_SOCKET_PATH = 107  # octets, unix(7)


class Config(Section):
    """The whole file."""

    server: Server = Field(default=Server())
    listeners: Listeners = Field(default=Listeners())
    tls: Tls = Field(default=Tls())
    store: StoreSection = Field(default=StoreSection())
    accounts: Accounts = Field(default=Accounts())
    record: RecordSection = Field(default=RecordSection())
    im: Im = Field(default=Im())
    mail: Mail = Field(default=Mail())
    smtp: Smtp = Field(default=Smtp())
    relay: Relay = Field(default=Relay())
    multipop: Multipop = Field(default=Multipop())
    http: Http = Field(default=Http())
    webmail: Webmail = Field(default=Webmail())

    @model_validator(mode="after")
    def _limits_fit(self) -> Config:
        if self.accounts.session_idle_days > self.accounts.session_max_days:
            raise ValueError("accounts.session_idle_days must not exceed accounts.session_max_days")
        if self.im.stanza_octets_before_login > self.im.stanza_octets:
            raise ValueError("im.stanza_octets_before_login must not exceed im.stanza_octets")
        if self.relay.security == "tls" and not self.relay.host:
            raise ValueError("relay.security tls needs a relay.host")
        if self.relay.user and (not self.relay.host or self.relay.security == "opportunistic"):
            raise ValueError("relay.user needs a relay.host, and relay.security starttls or tls")
        return self

    def port(self, listener: str) -> int:
        """Give the port a listener binds to; 0 means any free one."""
        chosen: int | None = getattr(self.listeners, listener).port
        return self.server.port_base + STANDARD_PORTS[listener] if chosen is None else chosen


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the file."""

    path: str  # "server.port_base"
    text: str
    hint: str = ""


class ConfigError(MailimError):
    """Everything wrong in the file, at once."""

    def __init__(self, file: Path, problems: tuple[Problem, ...]) -> None:
        lines = [f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"]
        for problem in problems:
            hint = f" ({problem.hint})" if problem.hint else ""
            lines.append(f"  {problem.path or 'file'}: {problem.text}{hint}")
        super().__init__("\n".join(lines))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Site:
    """A read configuration and the directory its relative paths are meant from."""

    config: Config
    file: Path
    directory: Path

    def path(self, path: Path) -> Path:
        """Resolve a path of the file."""
        return path if path.is_absolute() else self.directory / path

    @property
    def var(self) -> Path:
        """The directory of everything that lasts."""
        return self.path(self.config.server.var)

    @property
    def admin_socket(self) -> Path:
        """Where the server takes the command line's wishes; raises `Invalid` for a long path."""
        path = self.var / "admin.sock"
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise Invalid(
                f"{path} is too long for a socket, which may have {MAX_SOCKET_PATH} octets:"
                " set server.var to a shorter path",
                "server.var",
            )
        return path


def load(file: Path) -> Site:
    """Read and check a file; raises `ConfigError`. Blocking: for start and a thread."""
    file = file.absolute()
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_CONFIG_OCTETS + 1)
    except OSError as error:
        hint = "make a site with `mailim init DIR --domain D`, or give its file by --config"
        raise ConfigError(file, (Problem("", f"cannot be read: {error.strerror}", hint),)) from None
    return Site(parse(data, file), file, file.parent.parent)


def parse(data: bytes, file: Path) -> Config:
    """Check the bytes of a file; raises `ConfigError` naming `file`."""
    if len(data) > MAX_CONFIG_OCTETS:
        raise ConfigError(file, (Problem("", "is larger than 1 MiB"),))
    try:
        tree = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(file, (Problem("", f"is not TOML: {error}"),)) from None
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        problems = tuple(_problem(dict(detail)) for detail in error.errors(include_url=False))
        raise ConfigError(file, problems) from None


def _problem(detail: dict[str, Any]) -> Problem:
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] != "extra_forbidden":
        shown = detail["input"]
        got = f"got {shown!r:.60}" if isinstance(shown, str | int | float | bool) else ""
        return Problem(path, detail["msg"].removeprefix("Value error, "), got)
    close = difflib.get_close_matches(str(detail["loc"][-1]), _keys(detail["loc"][:-1]), n=1)
    return Problem(path, "unknown key", f"did you mean {close[0]!r}?" if close else "")


def _keys(path: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        model = field.annotation
    return list(model.model_fields)
