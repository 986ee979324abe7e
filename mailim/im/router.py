"""The one way of every stanza: stamped, checked, recorded, and only then delivered.

`route` is called for each stanza of a session, in order, and need not be awaited before
the next call: a session's stanzas are checked one by one and delivered one by one, while
their leaves share commits (`mailim.im.turns`). Its Deferred fires when the stanza is done
with; whoever feeds it bounds how many are under way.

If the record cannot be written nothing is delivered: the sender gets a `wait` error
<resource-constraint/>, and the next stanza is tried anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger

from mailim.accounts.directory import Directory
from mailim.background import spawn
from mailim.errors import MailimError, Unavailable
from mailim.events import AccountsChanged, Events
from mailim.im.circle_changes import CircleChanges
from mailim.im.errors import StanzaError, answerable, stanza_error
from mailim.im.injection import Injection, Sent
from mailim.im.iqs import Iqs, refuse
from mailim.im.messages import Landed, Messages, Settled
from mailim.im.presence import Presence
from mailim.im.sessions import Sessions, canonical
from mailim.im.turns import Lane, Turn
from mailim.interfaces.im import Session, StreamInfo
from mailim.interfaces.record import Leaf
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element


class Router:
    """Takes stanzas of bound sessions, and messages of the server's own parts."""

    _log = Logger()

    def __init__(
        self,
        events: Events,
        directory: Directory,
        sessions: Sessions,
        record: Record,
        messages: Messages,
        presence: Presence,
        iqs: Iqs,
        injection: Injection,
        circle_changes: CircleChanges,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._record = record
        self._messages = messages
        self._presence = presence
        self._iqs = iqs
        self._injection = injection
        self._circle_changes = circle_changes
        self._lanes: dict[str, Lane] = {}
        self.checking: Deferred[None] = succeed(None)
        """Fires when the sessions of changed accounts are looked at."""
        events.subscribe(AccountsChanged, self._accounts_changed)

    # --- the life of a session ----------------------------------------------------------

    async def bound(self, session: Session) -> None:
        """Record the login of a session that was bound; stanzas may come when it returns.

        Raises `RecordUnavailable`: the login is not on record, the session is unbound again.
        """
        entry = _login(session, session.info)
        # The lane is there from the beginning: a stream that breaks off meanwhile has to have
        # its end recorded, behind the login.
        lane = self._lanes[session.id] = Lane()
        turn = await lane.enter()
        try:
            await turn.durable(self._record.append(entry))
            await self._circle_changes.arrived(session)
        except MailimError:
            self._sessions.unbind(session)
            del self._lanes[session.id]
            raise
        finally:
            turn.leave()

    async def resumed(self, session: Session, info: StreamInfo) -> None:
        """Record that a session goes on over another stream (XEP-0198); its `info` changes.

        Raises `RecordUnavailable`, and nothing is changed.
        """
        await self._record.append(_login(session, info, resumed="yes"))
        session.info = info

    def undelivered(self, iq: Element) -> None:
        """Answer a request that a client never acknowledged before its session was over."""
        self._iqs.undelivered(iq)

    async def unbound(self, session: Session, reason: str) -> None:
        """End a session whose stream is gone; what it sent before is still worked off.

        Called as often as the stream likes. Its contacts are told even if the logout cannot
        be recorded: that is then logged.
        """
        self._sessions.unbind(session)
        lane = self._lanes.get(session.id)
        if lane is None:
            return
        turn = await lane.enter()
        try:
            if self._lanes.pop(session.id, None) is None:
                return  # somebody else was faster, or the login was not recorded
            details = {"resource": session.jid.resource, "reason": reason}
            entry = Entry(
                kind="logout", sender=str(session.jid.bare), recipient="", details=details
            )
            try:
                await turn.durable(self._record.append(entry))
            except Unavailable as error:
                self._log.error("logout of {jid} is not on record: {error}",
                    jid=str(session.jid), error=error.text, session=session.id)  # fmt: skip
            await self._presence.leave(session)
        finally:
            turn.leave()

    # --- stanzas ------------------------------------------------------------------------

    async def route(self, session: Session, stanza: Element) -> None:
        """Process a stanza; never raises, the sender gets the errors."""
        lane = self._lanes.get(session.id)
        if lane is None:
            return  # the stream has ended
        turn = await lane.enter()
        try:
            if session.id in self._lanes:  # else it came behind the end of its stream
                await self._process(session, stanza, turn)
        except CancelledError:
            raise
        except MailimError as error:
            self._refuse(session, stanza, stanza_error(error))
        except Exception:
            self._log.failure("a stanza of {jid} failed", jid=str(session.jid), session=session.id)
            self._refuse(session, stanza, StanzaError.of("internal-server-error"))
        finally:
            turn.leave()

    async def inject(
        self,
        sender: str,
        recipient: str,
        body: str,
        kind: str = "headline",
        origin: str = "admin",
        details: Mapping[str, str] | None = None,
        landed: Landed | None = None,
        settled: Settled | None = None,
    ) -> Sent:
        """Send a text that no client sent; see `mailim.im.injection.Injection.inject`."""
        return await self._injection.inject(
            sender, recipient, body, kind, origin, details, landed, settled
        )

    async def inject_again(
        self, leaf: Leaf, landed: Landed | None = None, settled: Settled | None = None
    ) -> Sent:
        """Deliver what is on record; see `mailim.im.injection.Injection.inject_again`."""
        return await self._injection.inject_again(leaf, landed, settled)

    async def _process(self, session: Session, stanza: Element, turn: Turn) -> None:
        if stanza.ns != ns.CLIENT or stanza.name not in ("message", "presence", "iq"):
            session.sink.close("unsupported-stanza-type", "this is no stanza")
            return
        if not _is_own(stanza.get("from"), session.jid):
            await self._impostor(session, stanza, turn)
            return
        to = _recipient(stanza)
        if stanza.name == "message":
            await self._messages.handle(session, stanza, to or session.jid.bare, turn)
        elif stanza.name == "presence":
            await self._presence.handle(session, stanza, to, turn)
        else:
            await self._iqs.handle(session, stanza, to, turn)

    async def _impostor(self, session: Session, stanza: Element, turn: Turn) -> None:
        """Somebody claims to be somebody else (RFC 6120 section 8.1.2.1)."""
        details = {"from": str(session.jid), "claimed": (stanza.get("from") or "")[:3071]}
        entry = Entry(
            kind="refusal",
            sender=str(session.jid.bare),
            recipient="",
            body="invalid-from",
            details=details,
        )
        try:
            await turn.durable(self._record.append(entry))
        finally:
            session.sink.close("invalid-from", "that is not your address")

    def _refuse(self, session: Session, stanza: Element, error: StanzaError) -> None:
        if not answerable(stanza):
            return
        try:
            _recipient(stanza)
        except StanzaError:  # a malformed address is not sent back (RFC 6120 section 8.3.1)
            stanza = stanza.with_attrs({"to": None})
        refuse(session, stanza, error)

    # --- accounts -----------------------------------------------------------------------

    def _accounts_changed(self, event: AccountsChanged) -> None:
        self.checking = spawn(
            self._check_accounts(event.address), "checking the accounts of sessions"
        )

    async def _check_accounts(self, address: str) -> None:
        """End the sessions of accounts that were disabled or deleted."""
        for session in self._sessions.all():
            if address and session.account.address != address:
                continue
            account = await self._directory.find(session.account.address)
            if account is None or account.id != session.account.id or not account.enabled:
                session.sink.close("not-authorized", "the account was disabled")
            else:
                session.account = account


def _login(session: Session, info: StreamInfo, **more: str) -> Entry:
    details = {
        "resource": session.jid.resource,
        "protocol": info.protocol,
        "peer": info.peer,
        "tls": info.tls,
        **more,
    }
    return Entry(kind="login", sender=str(session.jid.bare), recipient="", details=details)


def _recipient(stanza: Element) -> JID | None:
    text = stanza.get("to")
    if text is None:
        return None
    try:
        return canonical(JID.parse(text))
    except JIDError as error:
        raise StanzaError.of("jid-malformed", f"{error}") from None


def _is_own(claimed: str | None, own: JID) -> bool:
    if claimed is None:
        return True
    try:
        jid = canonical(JID.parse(claimed))
    except JIDError:
        return False
    return jid in (own, own.bare)
