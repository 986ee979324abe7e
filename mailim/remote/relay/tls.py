"""TLS with servers nobody told us to trust (RFC 7435): better than none, checked if possible."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from OpenSSL import SSL
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer


class OpportunisticTls:
    """Gives what a connection needs; blocks for a moment when it is made (the system's CAs)."""

    def __init__(self) -> None:
        self._doubtful: WeakKeyDictionary[SSL.Connection, int] = WeakKeyDictionary()
        self._context = context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_default_verify_paths()
        context.set_verify(SSL.VERIFY_PEER, self._remember)

    def to(self, host: str) -> OpportunisticOptions:
        """Give connection options for a host."""
        return OpportunisticOptions(self._context, host)

    def strength(self, connection: SSL.Connection, host: str) -> str:
        """Say for the log how a connection is protected: "TLSv1.3, certificate verified"."""
        verified = connection not in self._doubtful
        try:
            verify_hostname(connection, host)
        except (VerificationError, CertificateError, ValueError):
            verified = False  # ValueError: an IP address, or what else is no host's name
        version = connection.get_protocol_version_name()
        return f"{version}, certificate {'' if verified else 'not '}verified"

    def _remember(
        self, connection: Any, _certificate: Any, error: int, _depth: int, ok: int
    ) -> bool:
        """Note what is wrong with a certificate, and go on."""
        if not ok:
            self._doubtful[connection] = error
        return True


@implementer(IOpenSSLClientConnectionCreator)
class OpportunisticOptions:
    """What Twisted makes one connection's TLS with."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Twisted calls this."""
        connection = SSL.Connection(self._context, None)
        connection.set_tlsext_host_name(self._host.encode())
        return connection
