"""The tables of the administrator's file: each key with its bounds, default and description.

In the order of the file; those of mail stand in `mailim.config_mail`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mailim.config_values import DomainName, IpAddress, Port, Section


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
        description="... and those of all clients; beyond it, sessions are ended, lost ones first.",
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
