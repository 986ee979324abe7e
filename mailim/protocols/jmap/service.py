"""All of JMAP put together: its routes for a site."""

from __future__ import annotations

from typing import Any

from mailim.events import Events
from mailim.interfaces.store import IStore
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.request import Threads
from mailim.protocols.http.router import Route
from mailim.protocols.jmap.api import Api
from mailim.protocols.jmap.blobs import Blobs
from mailim.protocols.jmap.copying import BlobCopy, EmailCopy
from mailim.protocols.jmap.download import Download
from mailim.protocols.jmap.echo import CoreEcho
from mailim.protocols.jmap.email_composer import EmailComposer
from mailim.protocols.jmap.email_get import EMAILS, EmailGet
from mailim.protocols.jmap.email_import import EmailImport
from mailim.protocols.jmap.email_parse import EmailParse
from mailim.protocols.jmap.email_query import EmailQuery
from mailim.protocols.jmap.email_query_changes import EmailQueryChanges
from mailim.protocols.jmap.email_set import EmailSet
from mailim.protocols.jmap.event_source import EventSource
from mailim.protocols.jmap.frames import ChangesMethod, GetMethod
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.mailbox_get import MAILBOXES
from mailim.protocols.jmap.mailbox_query import MailboxQuery, MailboxQueryChanges
from mailim.protocols.jmap.mailbox_set import MailboxSet
from mailim.protocols.jmap.methods import Method, Methods
from mailim.protocols.jmap.push import Push
from mailim.protocols.jmap.search_snippets import SearchSnippetGet
from mailim.protocols.jmap.session import Session
from mailim.protocols.jmap.submission_methods import SubmissionMethods
from mailim.protocols.jmap.threads import THREADS
from mailim.protocols.jmap.upload import Upload
from mailim.protocols.jmap.vacation import vacation_capabilities, vacation_methods


class Jmap:
    """JMAP for one store.

    reactor: a clock. threads: runs a callable in a thread (`Site.threads`). sending: what
    sends mail; without it nothing can be sent.
    """

    def __init__(
        self,
        reactor: Any,
        store: IStore,
        events: Events,
        identity: Identity,
        threads: Threads,
        limits: JmapLimits | None = None,
        sending: SubmissionMethods | None = None,
    ) -> None:
        limits = limits or JmapLimits()
        more = vacation_capabilities() | (sending.capabilities() if sending else {})
        session = Session(identity, limits, more)
        composer = EmailComposer(reactor, store, threads, limits)
        self.methods = Methods(
            [
                *_methods(store, composer, threads, limits),
                *vacation_methods(store, limits),
                *(sending.methods(store, limits) if sending else ()),
            ],
            more,
        )
        self.push = Push(reactor, events, limits)
        self._parts = (
            session,
            Api(identity, session, self.methods, limits),
            Download(identity, Blobs(store)),
            Upload(reactor, store, identity, limits),
            EventSource(reactor, store, identity, self.push, limits),
        )

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [route for part in self._parts for route in part.routes()]

    def close(self) -> None:
        """End all event sources; for the end of the server."""
        self.push.end_all()


def _methods(
    store: IStore, composer: EmailComposer, threads: Threads, limits: JmapLimits
) -> list[Method]:
    """Give the methods of mail, but for sending."""
    return [
        CoreEcho(),
        GetMethod(MAILBOXES, store, limits),
        ChangesMethod(MAILBOXES, store, limits),
        MailboxQuery(store, limits),
        MailboxQueryChanges(store, limits),
        MailboxSet(store, limits),
        GetMethod(THREADS, store, limits),
        ChangesMethod(THREADS, store, limits),
        EmailGet(store, threads, limits),
        ChangesMethod(EMAILS, store, limits),
        EmailQuery(store, limits),
        EmailQueryChanges(store, limits),
        EmailSet(store, composer, limits),
        EmailImport(store, composer, limits),
        EmailParse(store, composer, threads, limits),
        EmailCopy(),
        BlobCopy(store, limits),
        SearchSnippetGet(store, threads, limits),
    ]
