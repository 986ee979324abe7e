"""A real Postfix in a directory of its own: takes mail for a domain, or passes it on."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from mailim.tls import self_signed, write_private
from tests.fakes.peers import HeldPort, peer

_MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/log/postfix.log
maillog_file_prefixes = {dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {hostname}
mydestination =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_chain_files = {dir}/tls.key, {dir}/tls.pem
smtpd_forbid_bare_newline = reject
smtputf8_enable = yes
relayhost = {relayhost}
smtp_host_lookup = native
smtp_tls_security_level = may
message_size_limit = {limit}
"""
_MASTER = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One Postfix for `domain` with boxes of these names; `relayhost` takes all other mail."""

    def __init__(
        self,
        domain: str,
        *names: str,
        relayhost: str = "",
        limit: int = 10_000_000,
    ) -> None:
        self._program = peer("postfix", "postfix")
        if os.geteuid() != 0:
            raise SkipTest("only root can start Postfix")
        self.directory = Path(tempfile.mkdtemp(prefix="pf"))
        self.directory.chmod(0o755)
        self._held = HeldPort("127.0.0.1")
        self.port = self._held.number
        user = pwd.getpwnam("postfix")
        certificate, key = self_signed((f"mail.{domain}",))
        write_private(self.directory / "tls.pem", certificate)
        write_private(self.directory / "tls.key", key)
        for name in ("spool", "data", "log", "mail"):
            (self.directory / name).mkdir()
        for name in ("data", "mail"):
            shutil.chown(self.directory / name, "postfix")
        boxes = ", ".join(f"{{ {name}@{domain} = {name}/ }}" for name in names)
        values = {
            "dir": self.directory,
            "hostname": f"mail.{domain}",
            "domain": domain,
            "boxes": boxes,
            "uid": user.pw_uid,
            "gid": user.pw_gid,
            "relayhost": relayhost,
            "limit": limit,
        }
        (self.directory / "main.cf").write_text(_MAIN.format(**values))
        (self.directory / "master.cf").write_text(_MASTER.format(port=f"127.0.0.1:{self.port}"))

    def start(self) -> None:
        """Start it; it is up when this returns."""
        self._postfix("start")

    def stop(self) -> None:
        """End it and remove its directory."""
        self._postfix("abort")
        self._held.release()
        shutil.rmtree(self.directory, ignore_errors=True)

    def mails(self, name: str) -> list[bytes]:
        """Give what is in a box."""
        found = sorted((self.directory / "mail" / name / "new").glob("*"))
        return [each.read_bytes() for each in found]

    def log(self) -> str:
        """Give its log."""
        file = self.directory / "log" / "postfix.log"
        return file.read_text() if file.exists() else ""

    def _postfix(self, command: str) -> None:
        done = subprocess.run(
            [self._program, "-c", str(self.directory), command],
            capture_output=True,
            check=False,
            timeout=120,
        )
        if done.returncode and command == "start":
            raise AssertionError(f"{done.stdout!r} {done.stderr!r} {self.log()}")
        time.sleep(0.2)
