"""The tables of mail in the administrator's file: MultiPOP, its keeping, SMTP, the relay."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mailim.config_values import NameServer, Port, Section


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
