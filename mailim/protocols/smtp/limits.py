"""The limits of SMTP connections, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """What clients may do.

    recipients: of one mail from another server; recipients_of_accounts: of one submitted.
    messages: mails in one connection. errors: replies of 5xx in one connection.
    command_seconds: for a whole command (RFC 5321 4.5.3.2.7); data_seconds: for the next
        octets of a message (4.5.3.2.5); message_seconds: for a whole message.
    idle_commands: commands in a row that bring no mail forward (NOOP, RSET, VRFY, …).
    logins: failed logins in one connection.
    waiting_octets: read but not worked off before reading pauses.
    """

    recipients: int = 100
    recipients_of_accounts: int = 1000
    messages: int = 100
    errors: int = 20
    connections: int = 500
    connections_per_address: int = 30
    command_seconds: float = 300.0
    data_seconds: float = 180.0
    message_seconds: float = 3600.0
    idle_commands: int = 100
    logins: int = 5
    waiting_octets: int = 128 * 1024
