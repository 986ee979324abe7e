"""A real Dovecot POP3 server in a directory of its own.

Used by tests as a peer, and by `make demo-pop3` as an outside provider with sample mail.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

from mailim.tls import self_signed, write_private
from tests.fakes.peers import HeldPort, peer

_CONFIG = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = pop3
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{dir}/tls/certificate.pem
ssl_key = <{dir}/tls/key.pem
disable_plaintext_auth = {no_plaintext}
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
mail_uid = {user}
mail_gid = {group}
mail_location = maildir:{dir}/mail/%n
mail_fsync = never
first_valid_uid = 0
first_valid_gid = 0
pop3_uidl_format = %08Xu%08Xv
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {dir}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={dir}/mail/%n
}}
service anvil {{
  chroot =
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    address = 127.0.0.1
    port = {pop3s}
    ssl = yes
  }}
}}
"""


class Dovecot:
    """One Dovecot with users `name: password`; mail goes in by `put`."""

    def __init__(
        self,
        users: dict[str, str],
        pop3: int = 0,
        pop3s: int = 0,
        plaintext: bool = True,
    ) -> None:
        program = peer("dovecot", "dovecot-pop3d")
        self.directory = Path(tempfile.mkdtemp(prefix="dv"))
        self.directory.chmod(0o755)
        self._held = [HeldPort("127.0.0.1") for given in (pop3, pop3s) if not given]
        numbers = [port.number for port in self._held]
        self.pop3 = pop3 or numbers.pop()
        self.pop3s = pop3s or numbers.pop()
        # Dovecot refuses to run mail processes as root.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._owner = (account.pw_uid, account.pw_gid)
        certificate, key = self_signed(("localhost", "127.0.0.1"))
        write_private(self.directory / "tls" / "certificate.pem", certificate)
        write_private(self.directory / "tls" / "key.pem", key)
        self.ca = self.directory / "tls" / "certificate.pem"
        lines = "".join(f"{name}:{{PLAIN}}{password}\n" for name, password in users.items())
        (self.directory / "users").write_text(lines)
        config = self.directory / "dovecot.conf"
        config.write_text(
            _CONFIG.format(
                dir=self.directory,
                pop3=self.pop3,
                pop3s=self.pop3s,
                ssl="yes",
                no_plaintext="no" if plaintext else "yes",
                user=account.pw_name,
                group=_group(account.pw_gid),
            )
        )
        for name in users:
            for part in ("new", "cur", "tmp"):
                (self.directory / "mail" / name / part).mkdir(parents=True)
        self._own(self.directory / "mail")
        self._number = 0
        self._process = subprocess.Popen([program, "-F", "-c", str(config)])
        self._wait()

    def _own(self, top: Path) -> None:
        if os.geteuid() == 0:
            for path in (top, *top.rglob("*")):
                os.chown(path, *self._owner)

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.pop3), 5) as probe:
                    if probe.recv(3) == b"+OK":
                        return
            except OSError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        log = self.directory / "dovecot.log"
        text = log.read_text() if log.exists() else ""
        self.stop()
        raise AssertionError(f"Dovecot does not answer: {text[-2000:]}")

    def put(self, user: str, message: bytes) -> None:
        """Deliver a message (CRLF or LF) into a user's mailbox."""
        self._number += 1
        name = f"{int(time.time())}.M{self._number:06d}P{os.getpid()}.test"
        path = self.directory / "mail" / user / "new" / name
        temporary = self.directory / "mail" / user / "tmp" / name
        temporary.write_bytes(message)
        if os.geteuid() == 0:
            os.chown(temporary, *self._owner)
        temporary.rename(path)

    def count(self, user: str) -> int:
        """Say how many messages a user's mailbox holds."""
        top = self.directory / "mail" / user
        return sum(1 for part in ("new", "cur") for _ in (top / part).iterdir())

    def stop(self) -> None:
        """End the server by its own pid and remove its directory."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for port in self._held:
            port.release()
        shutil.rmtree(self.directory, ignore_errors=True)


def _group(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name


def sample_mail() -> list[bytes]:
    """Give a few mails as an office gets them."""
    texts = [
        ("Mara Lind <mara@customer.example>", "Offer for the new shelves",
         "Hello Alice,\n\nplease find our question about the shelves below. Could you send"
         " an offer until Friday?\n\n> 12 shelves, 2 m, oak\n\nThank you\nMara\n"),
        ("Jörg Weiß <joerg@lieferant.example>", "Lieferung kommt am Dienstag – grün oder blau?",
         "Guten Tag,\n\ndie Lieferung kommt am Dienstag. Sollen die Türen grün oder blau"
         " sein?\n\nMit freundlichen Grüßen\nJörg Weiß\nhttps://lieferant.example/auftrag/17\n"),
        ("Support <support@provider.example>", "Your invoice 2026-11", "See attachment.\n"),
    ]  # fmt: skip
    mails = []
    for number, (sender, subject, text) in enumerate(texts):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, "alice@provider.example", subject
        mail["Date"] = f"Mon, 23 Nov 2026 08:{number:02d}:00 +0100"
        mail["Message-ID"] = f"<demo-{number}@provider.example>"
        mail.set_content(text)
        if number == 0:
            mail.add_alternative(
                "<html><body><h2 style='color:#246'>Shelves</h2><p>Could you send an <b>offer</b>"
                " until Friday?</p><img src='https://tracker.example/pixel.gif'>"
                "<script>alert(1)</script></body></html>",
                subtype="html",
            )
        if number == 2:
            mail.add_attachment(b"%PDF-1.4 demo", "application", "pdf", filename="Rechnung.pdf")
        mails.append(mail.as_bytes())
    return mails


def main() -> None:
    """Serve sample mail until interrupted."""
    server = Dovecot({"kate": "collect-me"}, pop3=20110, pop3s=20995)
    for mail in sample_mail():
        server.put("kate", mail)
    print(
        f"""
A POP3 server with {server.count("kate")} messages for kate, password collect-me:
  127.0.0.1:{server.pop3} (STLS), 127.0.0.1:{server.pop3s} (TLS), CA {server.ca}
Collect them, in another terminal (the server of `make run` must be running):
  echo collect-me | .venv/bin/mailim --config site/etc/mailim.toml multipop add \\
    alice@example.test --host localhost --port {server.pop3s} --user kate --tls \\
    --ca {server.ca} --password-stdin
  .venv/bin/mailim --config site/etc/mailim.toml multipop run
End with Control-C."""
    )
    sys.stdout.flush()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


if __name__ == "__main__":
    main()
