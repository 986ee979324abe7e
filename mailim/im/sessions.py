"""The registry of bound resources (RFC 6120 section 7): who is connected, and as what.

A new stream that binds a resource in use takes it over, and the old one is closed with
<conflict/> (section 7.7.2.2): a phone that lost its network must get its name back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from secrets import token_hex

from twisted.logger import Logger

from mailim.im.errors import StanzaError
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IStanzaSink, Session, StreamInfo
from mailim.wire.jid import JID, JIDError


class Sessions:
    """All bound sessions of this server.

    max_per_account: resources of one account at once.
    new_id: makes the ids of sessions and the resources of clients that ask for none.
    """

    _log = Logger()

    def __init__(
        self, *, max_per_account: int = 20, new_id: Callable[[], str] = lambda: token_hex(8)
    ) -> None:
        self._max = max_per_account
        self._new_id = new_id
        self._accounts: dict[JID, dict[str, Session]] = {}

    def bind(
        self, account: Account, resource: str | None, sink: IStanzaSink, info: StreamInfo
    ) -> Session:
        """Register a stream under a resource; None or "" lets the server choose one.

        Raises `StanzaError`: bad-request for what is no resource (RFC 6120 section 7.7.2.1),
        resource-constraint beyond the limit of resources (section 7.6.2.1).
        """
        try:
            bare = account_jid(account)
            jid = bare.with_resource(resource or self._new_id())
        except JIDError as error:
            raise StanzaError.of("bad-request", f"{error}") from None
        others = self._accounts.get(bare, {})
        old = others.get(jid.resource)
        if old is None and len(others) >= self._max:
            raise StanzaError.of("resource-constraint", "too many clients are connected")
        session = Session(id=self._new_id(), account=account, jid=jid, sink=sink, info=info)
        self._accounts.setdefault(bare, {})[jid.resource] = session
        if old is not None:
            self._log.info("{jid} was taken over by a new stream", jid=str(jid), session=old.id)
            old.sink.close("conflict", "another client connected under the same name")
        return session

    def full(self, bare: JID) -> bool:
        """Tell whether an account may have no more resources."""
        return len(self._accounts.get(bare, ())) >= self._max

    def unbind(self, session: Session) -> bool:
        """Forget a session; False if it was forgotten or taken over before."""
        if not self.holds(session):
            return False
        bare = session.jid.bare
        others = self._accounts[bare]
        del others[session.jid.resource]
        if not others:
            del self._accounts[bare]
        return True

    def holds(self, session: Session) -> bool:
        """Tell whether this very session is bound."""
        return self.get(session.jid) is session

    def get(self, full: JID) -> Session | None:
        """Find a session by its full JID."""
        others = self._accounts.get(full.bare)
        return others.get(full.resource) if others else None

    def of(self, bare: JID) -> tuple[Session, ...]:
        """Give the sessions of an account, in the order they were bound."""
        others = self._accounts.get(bare)
        return tuple(others.values()) if others else ()

    def available(self, bare: JID) -> tuple[Session, ...]:
        """Give those of an account's sessions that have sent initial presence."""
        others = self._accounts.get(bare)
        return tuple(s for s in others.values() if s.available) if others else ()

    def all(self) -> Iterable[Session]:
        """Give every session."""
        return tuple(s for others in self._accounts.values() for s in others.values())

    def __len__(self) -> int:
        return sum(map(len, self._accounts.values()))


def account_jid(account: Account) -> JID:
    """Give an account's bare JID; raises `JIDError` for an address that cannot be one."""
    return JID.parse(account.address)


def account_address(jid: JID) -> str:
    """Give the address an account with this JID has."""
    return f"{jid.local}@{jid.ascii_domain}"


def canonical(jid: JID) -> JID:
    """Give a JID in the form the JIDs of accounts have: with the domain as A-labels."""
    if jid.domain.isascii():
        return jid
    return JID(jid.local, jid.ascii_domain, jid.resource)
