"""Table 1 of RFC 6121 section 8.5.4, with our choices where it gives one."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from mailim.im.destination import Fate, destination, no_account
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IStanzaSink, Session, StreamInfo
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element

E, S = Fate.BOUNCE, Fate.IGNORE
TYPES = ("normal", "chat", "groupchat", "headline", "error")


def session(resource: str, priority: int | None) -> Session:
    """Give a session of that priority; None: only connected."""
    made = Session(
        resource,
        cast(Account, None),
        JID("bob", "example.test", resource),
        cast(IStanzaSink, None),
        StreamInfo("xmpp", "192.0.2.1", 0),
    )
    if priority is not None:
        made.presence = Element("presence", ns.CLIENT)
        made.priority = priority
    return made


class DestinationTests(SynchronousTestCase):
    def fates(self, resource: str, sessions: list[Session]) -> tuple[str, ...]:
        """Give fate and resources for each type, as "DELIVER phone desk"."""
        told = []
        for kind in TYPES:
            where = destination(kind, resource, sessions)
            told.append(" ".join([where.fate.name, *(s.jid.resource for s in where.sessions)]))
        return tuple(told)

    def test_no_account(self) -> None:
        self.assertEqual([no_account(kind, "").fate for kind in TYPES], [E, E, E, S, S])
        self.assertEqual([no_account(kind, "x").fate for kind in TYPES], [E, E, E, E, S])

    def test_no_active_resources(self) -> None:
        for sessions in ([], [session("phone", None)]):
            self.assertEqual(
                self.fates("", sessions), ("STORE", "STORE", "BOUNCE", "IGNORE", "IGNORE")
            )
            self.assertEqual(
                self.fates("gone", sessions), ("BOUNCE", "STORE", "BOUNCE", "BOUNCE", "IGNORE")
            )

    def test_full_match_gets_everything(self) -> None:
        """Section 8.5.3.1: an available or connected resource, whatever its priority."""
        for priority in (None, -1, 0, 5):
            sessions = [session("desk", 5), session("phone", priority)]
            self.assertEqual(self.fates("phone", sessions), ("DELIVER phone",) * 5)

    def test_only_negative(self) -> None:
        sessions = [session("phone", -1), session("desk", -128)]
        self.assertEqual(self.fates("", sessions), ("STORE", "STORE", "BOUNCE", "IGNORE", "IGNORE"))
        self.assertEqual(
            self.fates("gone", sessions), ("BOUNCE", "STORE", "BOUNCE", "BOUNCE", "IGNORE")
        )

    def test_one_non_negative(self) -> None:
        sessions = [session("phone", -1), session("desk", 0), session("web", None)]
        one = "DELIVER desk"
        self.assertEqual(self.fates("", sessions), (one, one, "BOUNCE", one, "IGNORE"))
        self.assertEqual(
            self.fates("gone", sessions), ("BOUNCE", one, "BOUNCE", "BOUNCE", "IGNORE")
        )

    def test_several_non_negative(self) -> None:
        """M is all of the highest priority, A all of priority 0 and more."""
        sessions = [session("phone", 5), session("desk", 0), session("web", 5)]
        most, every = "DELIVER phone web", "DELIVER phone desk web"
        self.assertEqual(self.fates("", sessions), (most, most, "BOUNCE", every, "IGNORE"))
        self.assertEqual(
            self.fates("gone", sessions), ("BOUNCE", most, "BOUNCE", "BOUNCE", "IGNORE")
        )
