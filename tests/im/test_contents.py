"""What messages carry."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.im.contents import (
    body_text,
    may_be_archived,
    may_be_copied,
    message_type,
    says_something,
)
from mailim.wire.xml import AFTER_AUTH, Element, parse_document

STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
HINT = "<{} xmlns='urn:xmpp:hints'/>"
RECEIPT = "<received xmlns='urn:xmpp:receipts' id='1'/>"


def message(content: str, kind: str = "chat") -> Element:
    return parse_document(
        f"<message xmlns='jabber:client' type='{kind}'>{content}</message>", AFTER_AUTH
    )


class ContentsTests(SynchronousTestCase):
    def test_types(self) -> None:
        self.assertEqual(message_type(message("", "headline")), "headline")
        self.assertEqual(message_type(message("", "surprise")), "normal")
        self.assertEqual(message_type(Element("message", "jabber:client")), "normal")

    def test_bodies(self) -> None:
        self.assertEqual(
            body_text(message("<body>Hi</body><body xml:lang='de'>Hallo</body>")), "Hi\nHallo"
        )

    def test_chat_states_say_nothing(self) -> None:
        for content in (
            "",
            " \n ",
            STATE,
            STATE + HINT.format("no-store"),
            STATE + "<thread>1f0a6e2c-1d9c-4a39-9ec8-5f3c9e7b0c11</thread>",
        ):
            self.assertFalse(says_something(message(content)), content)

    def test_nothing_can_be_said_in_their_shape(self) -> None:
        for content in (
            "<body>Hi</body>",
            "Hi",
            "<composing xmlns='http://jabber.org/protocol/chatstates'>Hi</composing>",
            "<composing xmlns='http://jabber.org/protocol/chatstates' note='Hi'/>",
            "<singing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<store xmlns='urn:xmpp:hints'><body/></store>",
            f"<thread>{'x' * 65}</thread>",
            "<thread><b xmlns='x'/></thread>",
            "<subject>Hi</subject>",
            RECEIPT,
        ):
            self.assertTrue(says_something(message(content)), content)

    def test_archive(self) -> None:
        body = "<body>Hi</body>"
        self.assertTrue(may_be_archived(message(body)))
        self.assertTrue(may_be_archived(message(body, "normal")))
        self.assertTrue(may_be_archived(message(RECEIPT)))
        self.assertTrue(may_be_archived(message(HINT.format("store"))))
        for content, kind in (
            (body, "headline"),
            (body, "groupchat"),
            (body, "error"),
            (STATE, "chat"),
            (body + HINT.format("no-store"), "chat"),
            (body + HINT.format("no-permanent-store"), "chat"),
        ):
            self.assertFalse(may_be_archived(message(content, kind)), content)

    def test_carbons(self) -> None:
        body = "<body>Hi</body>"
        private = "<private xmlns='urn:xmpp:carbons:2'/>"
        carbon = "<sent xmlns='urn:xmpp:carbons:2'/>"
        room = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
        for content, kind in ((body, "chat"), (STATE, "chat"), (body, "normal"), ("", "error")):
            self.assertTrue(may_be_copied(message(content, kind)), (content, kind))
        for content, kind in (
            ("", "normal"),
            (body, "groupchat"),
            (body, "headline"),
            (body + private, "chat"),
            (body + HINT.format("no-copy"), "chat"),
            (body + carbon, "chat"),
            (body + room, "chat"),
        ):
            self.assertFalse(may_be_copied(message(content, kind)), (content, kind))
