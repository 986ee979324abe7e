"""What other servers, or the way to them, said no with; the text is for the mail's sender."""

from __future__ import annotations

import socket
from typing import Final

from OpenSSL import SSL
from service_identity.exceptions import VerificationError
from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed, ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout

from mailim.errors import MailimError
from mailim.wire.smtp_client import Reply


class Delayed(MailimError):
    """It did not go for now; trying again may help."""

    temporary = True


class Refused(MailimError):
    """It will not go, however often it is tried."""


class HostFailed(Delayed):
    """This host cannot be used at the moment; another one of the domain may."""


class Stale(HostFailed):
    """A connection that carried mails before takes no more; another one may."""


class TlsFailed(HostFailed):
    """The handshake failed; without TLS the host might do."""


_KNOWN: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ConnectionRefusedError, "refuses connections"),
    (ConnectTimeout, "does not answer"),
    (TimeoutError, "does not answer"),
    (CancelledError, "does not answer"),
    (VerificationError, "shows a certificate for another name"),
    (ConnectionClosed, "closed the connection"),
    (socket.gaierror, "cannot be found"),
)


def unreachable(host: str, error: BaseException) -> str:
    """Say why a host could not be talked to."""
    if isinstance(error, MailimError):
        return f"{host}: {error.text}"
    if isinstance(error, SSL.Error):
        if "certificate verify failed" in str(error):
            return f"{host} shows a certificate that is not trusted"
        return f"{host} failed to start TLS"
    for kind, words in _KNOWN:
        if isinstance(error, kind):
            return f"{host} {words}"
    if isinstance(error, ConnectError | OSError):
        cause = error.osError if isinstance(error, ConnectError) else error
        reason = getattr(cause, "strerror", None) or "no reason given"
        return f"{host} cannot be reached: {reason}"
    raise error


def is_of_the_network(error: BaseException) -> bool:
    """Say whether an error is the host's or the network's; others are bugs of ours."""
    return isinstance(error, (SSL.Error, ConnectError, OSError, *(kind for kind, _ in _KNOWN)))


def refusal(host: str, reply: Reply) -> MailimError:
    """Give the error for a reply that is a no (RFC 5321 4.2.1)."""
    text = f"{host} said: {reply.words}"
    if reply.ok or 300 <= reply.code < 400:
        return HostFailed(f"{host} answered what it should not: {reply.words}")
    return Delayed(text) if reply.temporary else Refused(text)
