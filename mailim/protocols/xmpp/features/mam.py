"""Message archive management (XEP-0313), served from the record, with paging (XEP-0059)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailim.errors import Invalid, NotFound
from mailim.im.archive import Archive, ArchivedMessage, ArchiveResult
from mailim.im.errors import StanzaError
from mailim.im.offline import stamp
from mailim.interfaces.im import ArchiveQuery, IqAnswer, IqRoute, Session
from mailim.protocols.xmpp.features.base import Feature
from mailim.times import micros
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element

_FIELDS = ("with", "start", "end")
_PAGE = 50


class Mam(Feature):
    """Queries of one's own archive."""

    account_features = (ns.MAM, ns.STANZA_ID)
    server_features = (ns.STANZA_ID,)

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("set", "account", "query", ns.MAM): self._query,
            IqRoute("get", "account", "query", ns.MAM): self._form,
        }

    async def _form(self, _session: Session | None, _iq: Element) -> Sequence[Element]:
        """Tell which fields a query may have (XEP-0313 4.1.5)."""
        fields = [_field("FORM_TYPE", "hidden", ns.MAM)]
        kinds = {"with": "jid-single"}
        fields += [_field(name, kinds.get(name, "text-single")) for name in _FIELDS]
        form = Element("x", ns.DATA_FORMS, {"type": "form"}, *fields)
        return (Element("query", ns.MAM, None, form),)

    async def _query(self, session: Session | None, iq: Element) -> Sequence[Element]:
        """Send the results, then answer with `<fin/>` (XEP-0313 4.2)."""
        payload = iq.find("query", ns.MAM)
        if session is None or payload is None:
            raise StanzaError.of("bad-request")
        if payload.get("node"):
            raise StanzaError.of("item-not-found", "there is no such archive")
        try:
            query = _parsed(session.account.id, payload)
            page = await self._archive.query(session.account, query)
        except NotFound:
            raise StanzaError.of("item-not-found", "the archive has no such id") from None
        for entry in page.messages:
            session.sink.send(_result(session, payload.get("queryid"), entry))
        return (_fin(page),)


def _parsed(account_id: int, payload: Element) -> ArchiveQuery:
    values = _submitted(payload)
    try:
        peer = str(JID.parse(values["with"])) if "with" in values else None
        start = micros(values["start"], "start") if "start" in values else None
        end = micros(values["end"], "end") if "end" in values else None
    except (JIDError, Invalid) as error:
        raise StanzaError.of("bad-request", str(error)) from None
    paging = payload.find("set", ns.RSM)
    if paging is None:
        return ArchiveQuery(account_id, peer, start, end, limit=_PAGE)
    if paging.find("index") is not None:
        raise StanzaError.of("feature-not-implemented", "paging by index is not offered")
    before = paging.find("before")
    return ArchiveQuery(
        account_id,
        peer,
        start,
        end,
        after=_number(paging.find("after")),
        before=_number(before),
        backwards=before is not None,
        limit=_limit(paging.find("max")),
    )


def _submitted(payload: Element) -> dict[str, str]:
    """Read the data form (XEP-0004); unknown fields are refused (XEP-0313 4.1)."""
    form = payload.find("x", ns.DATA_FORMS)
    values: dict[str, str] = {}
    for one in form.elements("field", ns.DATA_FORMS) if form is not None else ():
        name = one.get("var") or ""
        value = one.find("value")
        if name not in ("FORM_TYPE", *_FIELDS):
            raise StanzaError.of("feature-not-implemented", "an unknown field is in the query")
        values[name] = value.text if value is not None else ""
    if values and values.pop("FORM_TYPE", None) != ns.MAM:
        raise StanzaError.of("bad-request", "the form is of another type")
    return values


def _number(element: Element | None) -> int | None:
    if element is None or not element.text.strip():
        return None
    text = element.text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise StanzaError.of("item-not-found", "the archive has no such id")
    return int(text)


def _limit(element: Element | None) -> int:
    if element is None:
        return _PAGE
    text = element.text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise StanzaError.of("bad-request", "max is no number")
    return int(text)


def _result(session: Session, query_id: str | None, entry: ArchivedMessage) -> Element:
    delay = Element("delay", ns.DELAY, {"stamp": stamp(entry.time)})
    forwarded = Element("forwarded", ns.FORWARD, None, delay, entry.message)
    attrs = {"id": str(entry.id)} | ({"queryid": query_id} if query_id is not None else {})
    result = Element("result", ns.MAM, attrs, forwarded)
    addresses = {"from": str(session.jid.bare), "to": str(session.jid)}
    return Element("message", ns.CLIENT, addresses, result)


def _fin(page: ArchiveResult) -> Element:
    paging = Element("set", ns.RSM)
    if page.messages:
        first = Element("first", ns.RSM, {"index": str(page.first_index)})
        first.add(str(page.messages[0].id))
        paging.add(first)
        paging.add(Element("last", ns.RSM, None, str(page.messages[-1].id)))
    paging.add(Element("count", ns.RSM, None, str(page.count)))
    attrs = {"complete": "true"} if page.complete else None
    return Element("fin", ns.MAM, attrs, paging)


def _field(name: str, kind: str, value: str | None = None) -> Element:
    field = Element("field", ns.DATA_FORMS, {"var": name, "type": kind})
    if value is not None:
        field.add(Element("value", ns.DATA_FORMS, None, value))
    return field
