"""Load for a server that is killed: each kind keeps a ledger of what it was promised.

A load runs in a thread until it is told to stop or the server dies. `given` names what the
server acknowledged, `tried` all that was begun: what was tried and not given may have been
taken, once, or not.
"""

from __future__ import annotations

import contextlib
import http.client
import smtplib
import threading
import time
from collections.abc import Callable, Iterator

from tests.fakes.jmap import Jmap
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"
ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
OUTSIDE = "kim@outside.example"
BY_CHAT = "the record"
LARGE = 200_000  # octets: kept in a file, not in the database


class Ledger:
    """What was promised, by a name that stands in the subject, and for whom."""

    def __init__(self) -> None:
        self.tried: dict[str, tuple[str, ...]] = {}
        self.given: dict[str, tuple[str, ...]] = {}
        self._files = 0
        self.trouble: list[str] = []  # refusals: nothing of that is expected

    def number(self) -> int:
        """Give another number for a file's name."""
        self._files += 1
        return self._files

    def missing(self, seen: set[str], who: str) -> set[str]:
        """Give what was promised to somebody and is not there."""
        return {name for name, whom in self.given.items() if who in whom} - seen


class Load:
    """Threads that put load on a site, again after each start."""

    def __init__(self, site: RunningSite, ledger: Ledger) -> None:
        self._site = site
        self._ledger = ledger
        self._round = 0

    def begin(self, kinds: int) -> Callable[[], None]:
        """Start the threads; the result stops them and waits for their end."""
        self._round += 1
        over = threading.Event()
        works = [self._exchange] * kinds + [self._submission, self._page, self._files]
        threads = [
            threading.Thread(target=work, args=(f"{self._round}-{place}", over))
            for place, work in enumerate(works)
        ]
        for each in threads:
            each.start()

        def end() -> None:
            over.set()
            for each in threads:
                each.join(180)
                if each.is_alive():
                    raise AssertionError("a load does not end")

        return end

    @contextlib.contextmanager
    def _until_it_dies(self) -> Iterator[None]:
        try:
            yield
        except smtplib.SMTPServerDisconnected:
            pass
        except smtplib.SMTPException as error:
            self._ledger.trouble.append(str(error))
        except OSError:
            pass

    def _exchange(self, name: str, over: threading.Event) -> None:
        """Bring mail from outside: for one, for two, for an alias, for a group."""
        addressed = (
            ((BOB,), (BOB,)),
            ((ALICE, BOB), (ALICE, BOB)),
            ((f"team@{DOMAIN}",), (ALICE, BOB)),
            ((f"robert@{DOMAIN}", BOB), (BOB,)),
        )
        with self._until_it_dies():
            client = smtplib.SMTP("localhost", self._site.ports["smtp"], timeout=30)
            self._send(client, "carl@example.org", name, over, addressed)

    def _submission(self, name: str, over: threading.Event) -> None:
        """Send mail as alice, to outside and to bob at once."""
        with self._until_it_dies():
            client = smtplib.SMTP("localhost", self._site.ports["submission"], timeout=30)
            client.starttls(context=self._site.context())
            client.login(ALICE, PASSWORD)
            self._send(client, ALICE, name, over, (((OUTSIDE, BOB), (OUTSIDE, BOB)),))

    def _page(self, name: str, over: threading.Event) -> None:
        """Write and send as the page does: a draft, handed in, moved to Sent, in one request."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            jmap = Jmap(self._site, ALICE, PASSWORD)
            folders, identities = jmap.call(("Mailbox/get", {}), ("Identity/get", {}))
            folder = {each["role"]: each["id"] for each in folders["list"]}
            number = 0
            while not over.is_set():
                number += 1
                subject = f"{name}-{number}"
                self._ledger.tried[subject] = (BOB, OUTSIDE)
                made = jmap.responses(
                    (
                        "Email/set",
                        {"create": {"d": _draft(subject, folder["drafts"])}},
                    ),
                    (
                        "EmailSubmission/set",
                        {
                            "create": {
                                "s": {
                                    "emailId": "#d",
                                    "identityId": identities["list"][0]["id"],
                                }
                            },
                            "onSuccessUpdateEmail": {
                                "#s": {
                                    f"mailboxIds/{folder['drafts']}": None,
                                    f"mailboxIds/{folder['sent']}": True,
                                    "keywords/$draft": None,
                                }
                            },
                        },
                    ),
                )
                if not made[1][1].get("created"):
                    self._ledger.trouble.append(str(made))
                    return
                self._ledger.given[subject] = (BOB, OUTSIDE)

    def _files(self, name: str, over: threading.Event) -> None:
        """Leave semaphore files, as programs do: locked while they are written."""
        folder = self._site.var / "WorldClient"
        while not over.is_set():
            number = self._ledger.number()
            lock, file = folder / f"IM-{number}.LCK", folder / f"IM-{number}.SEM"
            lock.touch()
            text = f"{name}-{number}"
            file.write_text(f"To: {BOB}\nFrom: {ALICE}\n\nfile {text}")
            self._ledger.tried[text] = self._ledger.given[text] = (BY_CHAT,)
            lock.unlink()
            time.sleep(0.02)

    def _send(
        self,
        client: smtplib.SMTP,
        sender: str,
        name: str,
        over: threading.Event,
        addressed: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...],
    ) -> None:
        number = 0
        while not over.is_set():
            number += 1
            subject = f"{name}-{number}"
            to, reaches = addressed[number % len(addressed)]
            size = LARGE if number % 20 == 0 else 200
            text = f"From: {sender}\r\nSubject: {subject}\r\n\r\n" + "x" * 70 * (size // 70)
            self._ledger.tried[subject] = reaches
            client.sendmail(sender, to, text)
            self._ledger.given[subject] = reaches


def _draft(subject: str, folder: str) -> dict[str, object]:
    return {
        "mailboxIds": {folder: True},
        "keywords": {"$draft": True},
        "from": [{"name": "Alice", "email": ALICE}],
        "to": [{"name": "Bob", "email": BOB}, {"email": OUTSIDE}],
        "subject": subject,
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "bodyValues": {"t": {"value": "Hello"}},
    }
