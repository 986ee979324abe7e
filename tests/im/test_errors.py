"""Stanza errors and replies (RFC 6120 section 8.3)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import (
    Invalid,
    LimitExceeded,
    MailimError,
    NotFound,
    RateLimited,
    RecordUnavailable,
)
from mailim.im.errors import TYPES, StanzaError, answerable, reply, result, stanza_error
from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, parse_document, serialise


def stanza(text: str) -> Element:
    return parse_document(text.replace(" ", " xmlns='jabber:client' ", 1), AFTER_AUTH)


class ErrorTests(SynchronousTestCase):
    def test_every_condition_of_the_rfc(self) -> None:
        self.assertEqual(len(TYPES), 22)
        self.assertLessEqual(set(TYPES.values()), {"auth", "cancel", "modify", "wait"})

    def test_reply(self) -> None:
        asked = stanza(
            "<message from='a@x/1' to='b@x' id='7' type='chat'><body>Hi</body></message>"
        )
        error = StanzaError.of("service-unavailable", "nobody & nothing")
        self.assertEqual(
            serialise(reply(asked, error)).decode(),
            '<message type="error" id="7" from="b@x" to="a@x/1"><error type="cancel">'
            f'<service-unavailable xmlns="{ns.STANZA_ERRORS}"/>'
            f'<text xmlns="{ns.STANZA_ERRORS}" xml:lang="en">nobody &amp; nothing</text>'
            "</error></message>",
        )

    def test_reply_to_an_iq_always_has_an_id(self) -> None:
        answer = reply(stanza("<iq type='get'/>"), StanzaError.of("bad-request"))
        self.assertEqual(answer.attrs, {"type": "error", "id": ""})

    def test_application_condition(self) -> None:
        """RFC 6120 section 8.3.4."""
        extra = Element("too-many", "urn:example")
        answer = reply(stanza("<iq type='get'/>"), StanzaError("wait", "conflict", extra=extra))
        error = answer.find("error")
        assert error is not None
        self.assertIs(error.find("too-many", "urn:example"), extra)

    def test_result(self) -> None:
        answer = result(stanza("<iq type='get' id='7' from='a@x/1'/>"), [Element("q", "u")])
        self.assertEqual(answer.attrs, {"type": "result", "id": "7", "to": "a@x/1"})
        self.assertIsNotNone(answer.find("q", "u"))

    def test_what_is_answered(self) -> None:
        """RFC 6120 section 8.3.1 rule 8, section 8.2.3."""
        for text in ("<message type='chat'/>", "<iq type='get'/>", "<iq type='odd'/>", "<iq />"):
            self.assertTrue(answerable(stanza(text)), text)
        for text in ("<message type='error'/>", "<iq type='error'/>", "<iq type='result'/>"):
            self.assertFalse(answerable(stanza(text)), text)

    def test_errors_of_the_house(self) -> None:
        for error, kind, condition in (
            (Invalid("x"), "modify", "bad-request"),
            (NotFound("x"), "cancel", "item-not-found"),
            (LimitExceeded("x"), "modify", "policy-violation"),
            (RateLimited("x", 1.0), "wait", "policy-violation"),
            (RecordUnavailable("x"), "wait", "resource-constraint"),
            (MailimError("x"), "cancel", "internal-server-error"),
        ):
            made = stanza_error(error)
            self.assertEqual((made.type, made.condition), (kind, condition))
        own = StanzaError.of("gone")
        self.assertIs(stanza_error(own), own)

    def test_unexpected_text_stays_inside(self) -> None:
        self.assertEqual(stanza_error(MailimError("disk /dev/x")).text, "")

    def test_temporary(self) -> None:
        self.assertTrue(StanzaError.of("resource-constraint").temporary)
        self.assertFalse(StanzaError.of("conflict").temporary)
