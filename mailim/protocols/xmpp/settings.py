"""The limits of client streams, in one frozen object that a reload replaces."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailim.wire.xml import AFTER_AUTH, BEFORE_AUTH, XmlLimits


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Limits of one client stream.

    login_seconds: time from connecting to a bound resource.
    sasl_attempts: failed attempts before the stream is ended.
    stanzas_per_second: sustained rate; ten times that may come in one burst. A client
        beyond it is read more slowly, nothing is lost.
    waiting: stanzas read but not yet worked off before reading pauses.
    unread_octets: what may wait for a client that does not read, before it is cut off.
    ping_seconds: silence after which a WebSocket is pinged.
    acknowledgement_seconds: a client that was asked what it has (XEP-0198) and is silent so
        long is dead.
    unacknowledged_stanzas, unacknowledged_octets: what may wait for one client's word.
    unacknowledged_octets_in_all: ... for all clients'; then the sessions that wait longest
        to be resumed are ended, then that for which most waits.
    resumption_seconds: how long a session outlives its connection; 0: no session does.
    resumable_per_account: sessions of one account that do so at once.
    """

    before_auth: XmlLimits = BEFORE_AUTH
    after_auth: XmlLimits = AFTER_AUTH
    login_seconds: float = 30.0
    sasl_attempts: int = 5
    stanzas_per_second: float = 100.0
    waiting: int = 100
    unread_octets: int = 8 * 1024 * 1024
    ping_seconds: float = 30.0
    acknowledgement_seconds: float = 60.0
    unacknowledged_stanzas: int = 1000
    unacknowledged_octets: int = 8 * 1024 * 1024
    unacknowledged_octets_in_all: int = 256 * 1024 * 1024
    resumption_seconds: float = 300.0
    resumable_per_account: int = 5
    connections: int = 5000
    connections_per_address: int = 200

    def with_stanza_octets(self, before: int, after: int) -> StreamSettings:
        """Give the same with other stanza sizes."""
        return replace(
            self,
            before_auth=replace(self.before_auth, stanza_bytes=before),
            after_auth=replace(self.after_auth, stanza_bytes=after),
        )
