"""What went wrong with a box, in words its owner understands."""

from __future__ import annotations

import socket
from typing import Final

from OpenSSL import SSL
from service_identity.exceptions import VerificationError
from twisted.internet.defer import TimeoutError
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout

from mailim.errors import MailimError, StoreUnavailable


class VisitFailed(MailimError):
    """A visit ended early; `text` is for the box's owner."""

    temporary = True


class LoginRefused(VisitFailed):
    """The server did not take the name or the password; trying again will not help."""

    temporary = False


class BoxWithdrawn(MailimError):
    """The box was changed, switched off or removed while it was visited."""


def is_known(error: BaseException) -> bool:
    """Say whether `in_words` knows the error; others are ours and belong into the log."""
    return _words(error) is not None


def in_words(error: BaseException) -> str:
    """Give a sentence for whatever ended a visit."""
    return _words(error) or "Something went wrong here; the log says what."


# The first that fits counts.
_TEXTS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (
        StoreUnavailable,
        "This server could not store the mail (disk full?); nothing was deleted there.",
    ),
    (socket.gaierror, "The server's name could not be found."),
    (DNSLookupError, "The server's name could not be found."),
    (ConnectionRefusedError, "The server refuses connections on this port."),
    (ConnectTimeout, "The server does not answer."),
    (TimeoutError, "The server does not answer."),
    (VerificationError, "The server's certificate is for another name."),
    (ConnectionClosed, "The connection was lost."),
)


def _words(error: BaseException) -> str | None:
    for kind, text in _TEXTS:
        if isinstance(error, kind):
            return text
    if isinstance(error, MailimError):
        return error.text[:1].upper() + error.text[1:]
    if isinstance(error, SSL.Error):
        return _tls_words(error)
    if isinstance(error, ConnectError | OSError):
        cause = error.osError if isinstance(error, ConnectError) else error
        reason = getattr(cause, "strerror", None) or "no reason given"
        return f"The server cannot be reached: {reason}"
    return None


def _tls_words(error: SSL.Error) -> str:
    reasons = str(error)
    if "certificate verify failed" in reasons:
        return "The server's certificate is not trusted or has expired."
    if "wrong version number" in reasons or "record layer" in reasons:
        return "The server does not speak TLS on this port."
    if "unexpected eof" in reasons:
        return "The connection was cut off inside TLS."
    return "TLS with the server failed."
