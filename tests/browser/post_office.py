"""A site with rules and mail under way, for the browser's tests of the administration."""

from __future__ import annotations

import smtplib
import socket
import time
from typing import Any

from playwright.sync_api import Page

from tests.browser.desk import DESK, PASSWORD, BrowserCase
from tests.fakes.site import DOMAIN, RunningSite

RULES = """\
enabled = true

[[rule]]
name = "Invoices go into their folder"
match = "any"
when = [
    { header = "Subject", contains = "invoice" },
    { of = "sender", ends = "@billing.example" },
]
then = [
    { do = "move", folder = "Invoices" },
    { do = "instant_message", to = "$RECIPIENT$", from = "example.test", text = "$SENDER$!" },
]

[[rule]]
name = "Not yet"
enabled = false
when = [{ all = true }]
then = [{ do = "delete" }]
"""


def mail(subject: str, message_id: str, to: str = f"away@{DOMAIN}") -> str:
    return (
        f"From: Dora Lund <dora@example.net>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
        f"Message-ID: <{message_id}>\r\n\r\nThe text.\r\n"
    )


class PostOffice:
    """A site with rules, whose way out leads to a port where nobody is."""

    def __init__(self) -> None:
        self._nobody = socket.socket()
        self._nobody.bind(("127.0.0.1", 0))
        self.site = RunningSite(
            {"admin": PASSWORD, "alice": PASSWORD},
            {
                "relay.enabled": True,
                "relay.host": "127.0.0.1",
                "relay.port": self._nobody.getsockname()[1],
                "relay.allow_private_hosts": True,
            },
        )
        self.rules = self.site.directory / "etc" / "filters.toml"
        self.rules.write_text(RULES)
        self.site.call("alias.add", address=f"away@{DOMAIN}", target="carl@example.org")
        self.site.call("group.add", address=f"team@{DOMAIN}")
        for member in (f"alice@{DOMAIN}", f"away@{DOMAIN}"):
            self.site.call("group.join", address=f"team@{DOMAIN}", member=member)

    def bring(self, recipient: str, subject: str, message_id: str) -> None:
        """Let another server hand a mail in."""
        port = self.site.ports["smtp"]
        with smtplib.SMTP("127.0.0.1", port, "mail.example.net") as client:
            to = f"{recipient}@{DOMAIN}"
            client.sendmail("dora@example.net", [to], mail(subject, message_id, to))

    def until(self, message_id: str, what: str) -> dict[str, Any]:
        """Wait until something has happened to a mail."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                found: dict[str, Any] = self.site.call("trace", mail=message_id)
            except Exception:
                found = {"mails": []}
            for each in found["mails"]:
                if any(event["what"] == what for event in each["events"]):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"{message_id}: not {what}")

    def waiting(self, subject: str, message_id: str) -> str:
        """Bring a mail that cannot leave and wait until it was tried; gives its number."""
        self.bring("away", subject, message_id)
        return str(self.until(message_id, "waits")["mails"][0]["id"])

    def clear(self) -> None:
        """Empty the queue."""
        for row in self.site.call("queue.list"):
            self.site.call("queue.remove", id=str(row["id"]))

    def stop(self) -> None:
        """End it."""
        self.site.stop()
        self._nobody.close()


def post_office() -> Any:
    return PostOffice()


class AdminMailCase(BrowserCase):
    make_office = staticmethod(post_office)
    office: Any

    def chief(self, size: tuple[int, int] = DESK, **context: Any) -> Page:
        """Open an administrator's window."""
        window = self.window(size, **context)
        window.sign_in("admin")
        return window.page
