"""The tables of the administrator's file: each key with its bounds, default and description.

Long, because it is a list: whoever looks for a key finds all of them here, in the order of the
file; there is no logic to be split off.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mailim.address import normal_domain
from mailim.errors import Invalid


def _domain(text: str) -> str:
    try:
        return normal_domain(text)
    except Invalid as error:
        raise ValueError(error.text) from None


def name_server(text: str) -> tuple[str, int]:
    """Split "address", "address:port" or "[address]:port"; raises ValueError."""
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), 53
    except ValueError:
        address, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise ValueError("not an IP address, or address:port") from None
        return str(ipaddress.ip_address(address.strip("[]"))), int(port)


def _name_server(text: str) -> str:
    name_server(text)
    return text


NameServer = Annotated[str, AfterValidator(_name_server)]


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("not an IP address") from None
    return text


DomainName = Annotated[str, AfterValidator(_domain)]
IpAddress = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A table of the file: strict types, no unknown keys, unchangeable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Server(Section):
    """The box as a whole."""

    hostname: DomainName = Field(
        default="mail.example.test", description="Public name of this box (restart)."
    )
    domain: DomainName = Field(
        default="example.test", description="First domain it serves (restart)."
    )
    port_base: int = Field(
        default=0,
        ge=0,
        le=60000,
        description="Added to every standard port: 10000 makes https listen on 10443 (restart).",
    )
    listen: tuple[IpAddress, ...] = Field(
        default=("0.0.0.0", "::"),  # noqa: S104 - a server for the office; loopback in `make run`
        min_length=1,
        strict=False,
        description="Addresses all listeners bind to (restart).",
    )
    var: Path = Field(
        default=Path("var"),
        strict=False,
        description="Directory of everything that lasts (restart).",
    )


class Listener(Section):
    """One listener."""

    enabled: bool = Field(default=True, description="Whether it is opened (restart).")
    port: Port | None = Field(
        default=None,
        description="Overrides port_base + the standard port; 0 picks a free one (restart).",
    )


class Listeners(Section):
    """Who listens where."""

    smtp: Listener = Field(
        default=Listener(), description="Mail from other servers, for addresses here."
    )
    submission: Listener = Field(
        default=Listener(), description="Mail of people with accounts, STARTTLS required."
    )
    submissions: Listener = Field(
        default=Listener(), description="The same, TLS from the first byte."
    )
    http: Listener = Field(
        default=Listener(), description="Redirects browsers to https, nothing else."
    )
    https: Listener = Field(
        default=Listener(), description="Webmail, JMAP, XMPP over WebSocket, admin."
    )
    xmpp: Listener = Field(default=Listener(), description="XMPP, STARTTLS required.")
    xmpps: Listener = Field(default=Listener(), description="XMPP, TLS from the first byte.")


class Tls(Section):
    """The certificate every listener shows."""

    certificate: Path = Field(
        default=Path("etc/tls/certificate.pem"),
        strict=False,
        description="PEM file with the certificate and its chain; a reload reads it anew"
        " (restart).",
    )
    key: Path = Field(
        default=Path("etc/tls/key.pem"),
        strict=False,
        description="PEM file with the private key; likewise (restart).",
    )
    minimum: Literal["1.2", "1.3"] = Field(
        default="1.2", description="Lowest TLS version spoken (restart)."
    )


class StoreSection(Section):
    """The database."""

    url: Literal["sqlite"] = Field(
        default="sqlite",
        description="Engine; SQLite in var/mailim.db is the one there is today (restart).",
    )
    readers: int = Field(default=4, ge=1, le=64, description="Threads that read (restart).")


class Accounts(Section):
    """Signing in."""

    password_min_length: int = Field(
        default=8, ge=1, le=128, description="Characters of a new password (restart)."
    )
    scram_iterations: int = Field(
        default=10000,
        ge=4096,
        le=10_000_000,
        description="PBKDF2 rounds of new SCRAM verifiers (restart).",
    )
    failures_per_account: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Failed logins of one account before it has to wait (restart).",
    )
    failures_per_peer: int = Field(
        default=50,
        ge=1,
        le=100_000,
        description="Failed logins from one address (/32, /64) likewise (restart).",
    )
    failure_window_minutes: int = Field(
        default=15, ge=1, le=1440, description="How long a failed login counts (restart)."
    )
    session_idle_days: int = Field(
        default=7, ge=1, le=365, description="A browser unused so long signs out (restart)."
    )
    session_max_days: int = Field(
        default=30, ge=1, le=365, description="A browser signs out after so long (restart)."
    )


class RecordSection(Section):
    """The central record of instant messages."""

    key: Path = Field(
        default=Path("etc/record.key"),
        strict=False,
        description="Ed25519 key of its checkpoints (restart).",
    )
    checkpoint_leaves: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Sign a checkpoint after so many leaves (restart).",
    )
    checkpoint_minutes: int = Field(
        default=10,
        ge=1,
        le=1440,
        description="... and at the latest after so many minutes (restart).",
    )


class Im(Section):
    """Instant messaging."""

    colleagues_limit: int = Field(
        default=300,
        ge=0,
        le=100_000,
        description='Members of the automatic contact group "Colleagues"; 0: none (restart).',
    )
    resources_per_account: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Clients one account may have connected at once (restart).",
    )
    offline_messages: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Messages kept for an account that is away (restart).",
    )
    offline_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Messages nobody came for are no longer kept after so many days (restart).",
    )
    semaphore_folder: str = Field(
        default="WorldClient",
        max_length=4096,
        description="Folder where programs put IM-<number>.SEM files, meant from server.var;"
        ' "": none is looked into (restart).',
    )
    token_messages_per_minute: int = Field(
        default=60,
        ge=1,
        le=100_000,
        description="Messages one token may hand in over HTTP; see mailim token.",
    )
    roster_items: int = Field(
        default=1000, ge=1, le=100_000, description="Contacts of one account (restart)."
    )
    stanza_octets: int = Field(
        default=262_144,
        ge=10_000,
        le=10_485_760,
        description="Largest stanza after signing in (restart).",
    )
    stanza_octets_before_login: int = Field(
        default=10_240, ge=4096, le=262_144, description="Largest stanza before that (restart)."
    )
    stanzas_per_second: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Sustained rate of one client; bursts of ten times it.",
    )
    login_seconds: int = Field(
        default=30, ge=5, le=600, description="A client that has not signed in by then is cut off."
    )
    connections: int = Field(
        default=5000, ge=1, le=1_000_000, description="XMPP connections at once."
    )
    connections_per_address: int = Field(
        default=200, ge=1, le=1_000_000, description="... and from one IP address."
    )
    stream_management: bool = Field(
        default=True,
        description="Off: clients are not asked what they have received, XEP-0198 (restart).",
    )
    acknowledgement_seconds: int = Field(
        default=60,
        ge=5,
        le=3600,
        description="A client that was asked what it has received and does not answer is dead.",
    )
    unacknowledged_stanzas: int = Field(
        default=1000,
        ge=200,
        le=100_000,
        description="Stanzas that may wait for one client to acknowledge them; then it is cut off.",
    )
    unacknowledged_octets: int = Field(
        default=8_388_608,
        ge=1_048_576,
        le=1_073_741_824,
        description="... and their octets.",
    )
    unacknowledged_octets_in_all: int = Field(
        default=268_435_456,
        ge=1_048_576,
        le=68_719_476_736,
        description="... and those of all clients; beyond it, lost connections are given up.",
    )
    resumption_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="A client that lost its connection may resume for so long; 0: never.",
    )
    resumable_per_account: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Clients of one account that may; the oldest is given up for a further one.",
    )


class Multipop(Section):
    """Collecting mail from outside POP3 boxes."""

    enabled: bool = Field(
        default=True, description="Off: nothing is collected, whatever accounts say."
    )
    interval_minutes: int = Field(
        default=5, ge=1, le=10_080, description="How often each box is visited."
    )
    boxes_at_once: int = Field(
        default=10, ge=1, le=1000, description="Boxes collected side by side."
    )
    boxes_per_account: int = Field(
        default=200, ge=1, le=10_000, description="Boxes one account may have."
    )
    timeout_seconds: int = Field(
        default=60,
        ge=5,
        le=3600,
        description="A server silent for so long is given up until next time.",
    )
    run_minutes: int = Field(default=60, ge=1, le=1440, description="Longest visit to one box.")
    message_octets: int = Field(
        default=104_857_600,
        ge=65_536,
        le=2_147_483_647,
        description="Larger messages stay where they are.",
    )
    failures_before_quarantine: int = Field(
        default=2,
        ge=1,
        le=100,
        description="A message that fails so often is left behind, the rest goes on.",
    )
    allow_plaintext: bool = Field(
        default=False, description="Allow boxes without TLS (passwords travel readable)."
    )
    allow_private_hosts: bool = Field(
        default=True, description="Allow users to name hosts on private or loopback networks."
    )


class Mail(Section):
    """The way of a mail through this box."""

    message_octets: int = Field(
        default=104_857_600,
        ge=65_536,
        le=2_147_483_647,
        description="Largest message accepted (restart).",
    )
    deliveries_at_once: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Mails of the queue worked on side by side (restart).",
    )
    undo_seconds: int = Field(
        default=10,
        ge=0,
        le=60,
        description="Mail written in the browser waits so long before it goes, and can be called"
        " back; a client may ask for another time.",
    )
    trace_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Days for which is kept what happened to each mail; 0 for none (restart).",
    )
    autoreplies_per_hour: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Automatic replies of one account; 0: nobody's mail is answered (restart).",
    )


class Smtp(Section):
    """Receiving mail from other servers and from accounts."""

    connections: int = Field(default=500, ge=1, le=1_000_000, description="Connections at once.")
    connections_per_address: int = Field(
        default=30, ge=1, le=1_000_000, description="... and from one IP address."
    )
    recipients: int = Field(
        default=100,
        ge=100,
        le=1000,
        description="Recipients of one mail from another server.",
    )
    recipients_of_accounts: int = Field(
        default=1000, ge=1, le=1000, description="... and of one an account sends (restart)."
    )
    messages_per_connection: int = Field(
        default=100, ge=1, le=1_000_000, description="Mails in one connection."
    )
    messages_per_hour: int = Field(
        default=500, ge=1, le=1_000_000, description="Mails one account may send (restart)."
    )
    errors_per_connection: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Refused commands before a client is cut off.",
    )
    command_seconds: int = Field(
        default=300, ge=5, le=3600, description="A client silent so long is cut off."
    )
    data_seconds: int = Field(default=180, ge=5, le=3600, description="... and within a message.")
    message_minutes: int = Field(
        default=60, ge=1, le=1440, description="Longest time for one message."
    )
    rejections_per_minute: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Kinds of refused mail a minute that `mailim trace` tells apart, a fifth of"
        " them for one client; more are counted together; 0 for none (restart).",
    )
    rejections_kept: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Rows about refused mail that are kept, for trace_days at most (restart).",
    )


class Relay(Section):
    """Sending mail to other servers."""

    enabled: bool = Field(
        default=False,
        description="Off: only addresses here can be written to (restart).",
    )
    host: str = Field(
        default="",
        max_length=253,
        description="A server that takes all outgoing mail (smarthost), a name or an IP address;"
        " empty: the servers the DNS names for each domain (MX).",
    )
    port: Port = Field(
        default=0, description="Port to send to; 0: 25, with a smarthost 587, or 465 for tls."
    )
    security: Literal["opportunistic", "starttls", "tls"] = Field(
        default="opportunistic",
        description="opportunistic: TLS where the other side can. starttls: nothing goes without"
        " TLS and a verified certificate. tls: likewise, from the first byte; for a smarthost.",
    )
    ca: str = Field(
        default="",
        max_length=4096,
        description="PEM file with the CA to trust; empty: those of the system.",
    )
    user: str = Field(default="", max_length=255, description="Login name at the smarthost.")
    password_file: Path = Field(
        default=Path("etc/relay.password"),
        strict=False,
        description="File with its password, in one line.",
    )
    connections_per_destination: int = Field(
        default=4, ge=1, le=100, description="Connections to one domain, or the smarthost, at once."
    )
    mails_per_connection: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Mails that one connection carries, one behind the other; then a new one is"
        " opened.",
    )
    connection_idle_seconds: int = Field(
        default=2,
        ge=0,
        le=60,
        description="A connection waits so long for the next mail to the same destination; 0: it"
        " is kept only for a mail that waits already.",
    )
    allow_private_hosts: bool = Field(
        default=False, description="Send to servers on private or loopback networks, too."
    )
    dns_servers: tuple[NameServer, ...] = Field(
        default=(),
        strict=False,
        description="Whom to ask, as address or address:port; empty: those of /etc/resolv.conf"
        " (restart).",
    )


class Http(Section):
    """The web server."""

    connections: int = Field(
        default=2000, ge=1, le=1_000_000, description="Connections at once (restart)."
    )
    connections_per_address: int = Field(
        default=200, ge=1, le=1_000_000, description="... and from one IP address (restart)."
    )
    request_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="A request whose head or body stalls so long is cut off (restart).",
    )
    upload_octets: int = Field(
        default=104_857_600,
        ge=65_536,
        le=2_147_483_647,
        description="Largest file uploaded by JMAP (restart).",
    )
    uploads_octets_per_account: int = Field(
        default=1_073_741_824,
        ge=65_536,
        le=1 << 50,
        description="Octets of uploads one account may have waiting (restart).",
    )
    get_octets: int = Field(
        default=33_554_432,
        ge=1_048_576,
        le=1_073_741_824,
        description="Octets one JMAP request reads and shows of messages, but for texts (restart).",
    )


class Webmail(Section):
    """The browser application."""

    title: str = Field(
        default="mailim", max_length=60, description="Name shown in the window's title (restart)."
    )
    language: str = Field(
        default="en",
        pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$",
        description="Language before a user chooses (restart).",
    )
