"""What went wrong with a box, in words its owner understands."""

from __future__ import annotations

import socket

from OpenSSL import SSL
from service_identity.exceptions import VerificationError
from twisted.internet.defer import TimeoutError
from twisted.internet.error import ConnectError, ConnectionLost, ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout

from mailim.errors import MailimError, StoreUnavailable


class VisitFailed(MailimError):
    """A visit ended early; `text` is for the box's owner."""

    temporary = True


class LoginRefused(VisitFailed):
    """The server did not take the name or the password; trying again will not help."""

    temporary = False


def in_words(error: BaseException) -> str:
    """Give a sentence for whatever ended a visit."""
    if isinstance(error, StoreUnavailable):
        return "This server could not store the mail (disk full?); nothing was deleted there."
    if isinstance(error, MailimError):
        return error.text[:1].upper() + error.text[1:]
    if isinstance(error, socket.gaierror):
        return "The server's name could not be found."
    if isinstance(error, ConnectionRefusedError):
        return "The server refuses connections on this port."
    if isinstance(error, ConnectTimeout | TimeoutError):
        return "The server does not answer."
    if isinstance(error, VerificationError):
        return "The server's certificate is for another name."
    if isinstance(error, SSL.Error):
        return _tls_words(error)
    if isinstance(error, ConnectionLost):
        return "The connection was lost."
    if isinstance(error, ConnectError | OSError):
        return f"The server cannot be reached: {error}"
    return "Something went wrong here; the log says what."


def _tls_words(error: SSL.Error) -> str:
    reasons = str(error)
    if "certificate verify failed" in reasons:
        return "The server's certificate is not trusted."
    if "wrong version number" in reasons or "record layer" in reasons:
        return "The server does not speak TLS on this port."
    return "TLS with the server failed."
