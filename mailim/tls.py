"""Certificates: making the first one, loading, reloading, client contexts.

The server context is one object that all listeners share; `Certificates.reload` swaps the
certificate inside it, so that new connections see the new one and old ones stay. What is
spoken inside TLS from the first octet is agreed by ALPN (RFC 7301) where a listener's factory
names it: `http/1.1`, or `xmpp-client` (XEP-0368).
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolNegotiationFactory,
)
from twisted.internet.ssl import (
    Certificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailim.errors import Invalid

SELF_SIGNED_DAYS = 825  # the longest that current clients accept


def write_private(path: Path, data: bytes) -> None:
    """Write a new file only its owner may read; never over another one."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def self_signed(names: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Make `(certificate, key)` as PEM for DNS names and IP addresses (RFC 5280)."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, ready for use."""

    context: SSL.Context
    leaf: x509.Certificate


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """The server side of TLS for every listener."""

    def __init__(self, certificate: Path, key: Path, minimum: str = "1.2") -> None:
        self._certificate = certificate
        self._key = key
        self._minimum = SSL.TLS1_3_VERSION if minimum == "1.3" else SSL.TLS1_2_VERSION
        self.use(self.read())

    def read(self) -> Pair:
        """Read the files; raises `Invalid` if they are wrong. Blocks: for start and a thread."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(self._minimum)
        context.set_options(
            SSL.OP_CIPHER_SERVER_PREFERENCE
            | SSL.OP_NO_COMPRESSION
            | SSL.OP_NO_RENEGOTIATION
            | SSL.OP_SINGLE_ECDH_USE
        )
        context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # An idle TLS connection gives its 34 KiB of buffers back.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        # OpenSSL would ask on the terminal for the passphrase of an encrypted key, and wait.
        context.set_passwd_cb(lambda *_: b"")
        context.set_alpn_select_callback(_select)
        try:
            context.use_certificate_chain_file(str(self._certificate))
            context.use_privatekey_file(str(self._key))
            context.check_privatekey()
            leaf = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        except (SSL.Error, OSError, ValueError):
            raise Invalid(
                f"the certificate {self._certificate} and the key {self._key} cannot be used:"
                " both must be PEM files, readable, not encrypted, and belong together",
                "tls",
            ) from None
        return Pair(context, leaf)

    def use(self, pair: Pair) -> None:
        """Show this certificate to new connections."""
        self._context, self.leaf = pair.context, pair.leaf

    def reload(self) -> None:
        """Read and use; raises `Invalid` and keeps the old ones if they are wrong. Blocks."""
        self.use(self.read())

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Give a fresh connection object for an accepted connection."""
        return SSL.Connection(self._context, None)

    def end_point_binding(self) -> bytes:
        """Give the tls-server-end-point channel binding (RFC 5929 4.1)."""
        return end_point_binding(self.leaf)


def _select(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """Choose for ALPN what we speak on this connection, by our order (RFC 7301 3.2).

    A listener that names nothing passes the extension over. If none of what the client offers
    is spoken here, the error makes OpenSSL end the handshake with `no_application_protocol`:
    octets of one protocol must never reach the parser of another.
    """
    served: TLSMemoryBIOProtocol = connection.get_app_data()  # Twisted puts it there
    factory = IProtocolNegotiationFactory(getattr(served.factory, "wrappedFactory", None), None)
    if factory is None:  # also behind STARTTLS, where nothing is left to agree on
        return SSL.NO_OVERLAPPING_PROTOCOLS
    for name in factory.acceptableProtocols():
        if name in offered:
            return name
    raise SSL.Error([("ALPN", "", "no application protocol in common")])


def end_point_binding(leaf: x509.Certificate) -> bytes:
    """Give the tls-server-end-point channel binding of a certificate (RFC 5929 4.1)."""
    algorithm = leaf.signature_hash_algorithm
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    return leaf.fingerprint(algorithm)


def channel_bindings(connection: SSL.Connection) -> dict[str, bytes]:
    """Give the bindings of a connection we serve, by name, the best first.

    tls-exporter (RFC 9266) exists with TLS 1.3 only. The certificate is the one that this
    connection was shown: a reload may have brought another since.
    """
    bindings = {}
    if connection.get_protocol_version_name() == "TLSv1.3":
        bindings["tls-exporter"] = connection.export_keying_material(
            b"EXPORTER-Channel-Binding", 32, b""
        )
    shown = connection.get_certificate()
    if shown is not None:
        bindings["tls-server-end-point"] = end_point_binding(shown.to_cryptography())
    return bindings


def client_options(hostname: str, ca: bytes | None = None) -> Any:
    """Give connection options that verify `hostname`, against `ca` (PEM) or the system's CAs.

    Raises `Invalid` if `ca` holds no certificate.
    """
    if ca is None:
        return optionsForClientTLS(hostname, trustRoot=platformTrust())
    try:
        found = x509.load_pem_x509_certificates(ca)
    except ValueError:
        raise Invalid("the CA file holds no PEM certificate", "ca") from None
    roots = [Certificate.loadPEM(one.public_bytes(serialization.Encoding.PEM)) for one in found]
    return optionsForClientTLS(hostname, trustRoot=trustRootFromCertificates(roots))
