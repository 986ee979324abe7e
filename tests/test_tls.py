"""Certificates: the first one works, reload keeps the old one when files are wrong."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid
from mailim.tls import Certificates, client_options, self_signed, write_private


def shake_hands(server: SSL.Connection, client: SSL.Connection) -> None:
    """Run a handshake in memory."""
    server.set_accept_state()
    client.set_connect_state()
    for _ in range(10):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(65536))
            except SSL.WantReadError:
                pass


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.certificate, key = self_signed(("localhost", "127.0.0.1"))
        write_private(self.directory / "c.pem", self.certificate)
        write_private(self.directory / "k.pem", key)
        self.certificates = Certificates(self.directory / "c.pem", self.directory / "k.pem")

    def connect(self, method: int = SSL.TLS_CLIENT_METHOD, maximum: int | None = None) -> str:
        context = SSL.Context(method)
        if maximum is not None:
            context.set_min_proto_version(maximum)
            context.set_max_proto_version(maximum)
        client = SSL.Connection(context, None)
        server = self.certificates.serverConnectionForTLS(None)  # type: ignore[arg-type]
        shake_hands(server, client)
        return str(client.get_protocol_version_name())

    def test_speaks_the_newest_version(self) -> None:
        self.assertEqual(self.connect(), "TLSv1.3")

    def test_refuses_old_versions(self) -> None:
        self.assertRaises(SSL.Error, self.connect, maximum=SSL.TLS1_1_VERSION)

    def test_a_key_is_never_overwritten_and_is_private(self) -> None:
        self.assertRaises(FileExistsError, write_private, self.directory / "k.pem", b"x")
        self.assertEqual((self.directory / "k.pem").stat().st_mode & 0o777, 0o600)

    def test_reload_keeps_the_old_pair_when_the_new_one_is_wrong(self) -> None:
        (self.directory / "c.pem").write_bytes(self_signed(("other",))[0])
        error = self.assertRaises(Invalid, self.certificates.reload)
        self.assertIn("belong together", error.text)
        self.assertEqual(self.connect(), "TLSv1.3")

    def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_passphrase(self) -> None:
        key = serialization.load_pem_private_key((self.directory / "k.pem").read_bytes(), None)
        sealed = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        (self.directory / "k.pem").write_bytes(sealed)
        # A process of its own with a terminal, on which OpenSSL would wait for ever.
        program = (
            "import sys; from pathlib import Path; from mailim.tls import Certificates\n"
            "try: Certificates(Path(sys.argv[1]), Path(sys.argv[2]))\n"
            "except Exception as error: print('REFUSED', error)"
        )
        screen, terminal = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-c", program, self.directory / "c.pem", self.directory / "k.pem"],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(terminal)
        self.addCleanup(os.close, screen)
        try:
            child.wait(20)
        finally:
            child.kill()
        said = os.read(screen, 10_000).decode()
        self.assertIn("REFUSED", said)
        self.assertNotIn("pass phrase", said)

    def test_a_file_that_is_no_certificate(self) -> None:
        for text in (b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE"):
            (self.directory / "c.pem").write_bytes(text)
            self.assertRaises(Invalid, self.certificates.reload)

    def test_reload_takes_a_new_pair(self) -> None:
        before = self.certificates.end_point_binding()
        certificate, key = self_signed(("other",))
        (self.directory / "c.pem").write_bytes(certificate)
        (self.directory / "k.pem").write_bytes(key)
        self.certificates.reload()
        self.assertNotEqual(self.certificates.end_point_binding(), before)

    def test_a_client_needs_a_real_ca_file(self) -> None:
        self.assertRaises(Invalid, client_options, "localhost", b"nonsense")
        client_options("localhost", self.certificate)
