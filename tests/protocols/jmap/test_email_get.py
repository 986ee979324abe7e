"""Email/get: every property of RFC 8621 section 4.1."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.protocols.jmap.body_values import cut_to
from mailim.protocols.jmap.header_properties import header_property
from mailim.protocols.jmap.limits import JmapLimits
from tests.protocols.jmap.kit import Kit, mail

PICTURE = base64.encodebytes(b"\x89PNG" + b"x" * 200).decode().replace("\n", "\r\n")
RICH = f"""\
Received: from there
Received: from elsewhere
From: "Carol C." <carol@example.org>
To: alice@example.test, Friends: d@example.org, =?utf-8?q?J=C3=BCrgen?= <j@example.org>;
Cc: x@example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Tue, 14 Nov 2023 23:13:20 +0100
Message-ID: <one@example.org>
In-Reply-To: <zero@example.org>
References: <minus@example.org> <zero@example.org>
List-Post: <mailto:list@example.org>, <https://example.org/post>
X-Count: 1
X-Count: 2
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

--out
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable
Content-Language: de, en

Gr=FC=DFe
--in
Content-Type: text/html; charset=utf-8

<p>Grüße <img src="cid:pic"></p>
--in--
--out
Content-Type: image/png; name="p.png"
Content-Disposition: inline
Content-ID: <pic>
Content-Transfer-Encoding: base64
X-Part: here

{PICTURE}
--out
Content-Type: text/plain; charset=no-such-charset
Content-Disposition: attachment; filename*=utf-8''n%C3%B6te.txt
Content-Location: http://example.org/note

caf\xe9
--out
Content-Type: message/rfc822

Subject: inside
Content-Type: multipart/mixed; boundary=deep

--deep

deep text
--deep--
--out--
""".replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8").replace(
    "caf\xe9".encode(), b"caf\xe9"
)  # fmt: skip


class EmailGetTests(TestCase):
    async def test_metadata(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(mail(), keywords=("$flagged", "work"))
        email = await kit.email(id, "mailboxIds", "keywords", "size", "receivedAt", "threadId")
        self.assertEqual(email["id"], id)
        self.assertEqual(email["mailboxIds"], {kit.boxes["inbox"]: True})
        self.assertEqual(email["keywords"], {"$flagged": True, "work": True})
        self.assertEqual(email["size"], len(mail()))
        self.assertEqual(email["receivedAt"], "2023-11-14T22:14:20Z")
        self.assertTrue(email["threadId"].startswith("t"))

    async def test_default_properties(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add())
        self.assertEqual(
            set(email),
            {
                "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt",
                "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc",
                "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues",
                "textBody", "htmlBody", "attachments",
            },
        )  # fmt: skip
        self.assertEqual(email["bodyValues"], {})
        self.assertIsNone(email["cc"])
        self.assertIsNone(email["messageId"])

    async def test_headers_of_convenience(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add(RICH))
        carol = [{"name": "Carol C.", "email": "carol@example.org"}]
        self.assertEqual((email["from"], email["subject"]), (carol, "Grüße"))
        self.assertEqual(
            [each["email"] for each in email["to"]],
            ["alice@example.test", "d@example.org", "j@example.org"],
        )
        self.assertEqual(email["messageId"], ["one@example.org"])
        self.assertEqual(email["inReplyTo"], ["zero@example.org"])
        self.assertEqual(email["references"], ["minus@example.org", "zero@example.org"])
        self.assertEqual(email["sentAt"], "2023-11-14T22:13:20Z")
        self.assertTrue(email["hasAttachment"])
        self.assertTrue(email["preview"].startswith("Grüße"))

    async def test_header_properties(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(RICH, prefix=b"Return-Path: <c@example.org>\r\nReceived: by us\r\n")
        email = await kit.email(
            id, "header:Subject", "header:subject:asText", "header:From:asAddresses",
            "header:To:asGroupedAddresses", "header:Date:asDate", "header:Message-ID:asMessageIds",
            "header:List-Post:asURLs", "header:X-Count:asText:all", "header:X-Count",
            "header:X-None", "header:X-None:all", "header:Received:asRaw:all",
            "header:Return-Path",
        )  # fmt: skip
        self.assertEqual(email["header:Subject"], " =?utf-8?q?Gr=C3=BC=C3=9Fe?=")
        self.assertEqual(email["header:subject:asText"], "Grüße")
        self.assertEqual(email["header:From:asAddresses"][0]["name"], "Carol C.")
        groups = email["header:To:asGroupedAddresses"]
        self.assertEqual([each["name"] for each in groups], [None, "Friends"])
        self.assertEqual(groups[1]["addresses"][1], {"name": "Jürgen", "email": "j@example.org"})
        self.assertEqual(email["header:Date:asDate"], "2023-11-14T23:13:20+01:00")
        self.assertEqual(email["header:Message-ID:asMessageIds"], ["one@example.org"])
        self.assertEqual(
            email["header:List-Post:asURLs"],
            ["mailto:list@example.org", "https://example.org/post"],
        )
        self.assertEqual(email["header:X-Count:asText:all"], ["1", "2"])
        self.assertEqual(email["header:X-Count"], " 2")
        self.assertIsNone(email["header:X-None"])
        self.assertEqual(email["header:X-None:all"], [])
        received = [" by us", " from there", " from elsewhere"]
        self.assertEqual(email["header:Received:asRaw:all"], received)
        self.assertEqual(email["header:Return-Path"], " <c@example.org>")

    async def test_all_headers(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add(RICH), "headers")
        self.assertEqual(email["headers"][0], {"name": "Received", "value": " from there"})
        self.assertEqual(email["headers"][-1]["name"], "Content-Type")
        self.assertEqual(len(email["headers"]), 15)

    async def test_body_structure(self) -> None:
        kit = await Kit.start(self)
        properties = ["partId", "type", "name", "cid", "disposition", "charset", "language"]
        email = await kit.email(
            await kit.add(RICH), "bodyStructure", bodyProperties=[*properties, "location", "size"]
        )
        top = email["bodyStructure"]
        self.assertEqual((top["type"], top["partId"]), ("multipart/mixed", None))
        inner, picture, note, attached = top["subParts"]
        self.assertEqual([each["type"] for each in inner["subParts"]], ["text/plain", "text/html"])
        plain = inner["subParts"][0]
        self.assertEqual((plain["charset"], plain["language"]), ("iso-8859-1", ["de", "en"]))
        self.assertIsNone(plain["subParts"])
        self.assertEqual(
            (picture["name"], picture["cid"], picture["disposition"]), ("p.png", "pic", "inline")
        )
        self.assertEqual((picture["charset"], picture["size"]), (None, 204))
        self.assertEqual((note["name"], note["location"]), ("nöte.txt", "http://example.org/note"))
        self.assertEqual((attached["type"], attached["subParts"]), ("message/rfc822", None))

    async def test_lists_of_parts(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add(RICH), "textBody", "htmlBody", "attachments")
        self.assertEqual([each["type"] for each in email["textBody"]], ["text/plain", "image/png"])
        self.assertEqual([each["type"] for each in email["htmlBody"]], ["text/html", "image/png"])
        self.assertEqual(
            [each["type"] for each in email["attachments"]], ["text/plain", "message/rfc822"]
        )
        part = email["textBody"][0]
        self.assertEqual(
            set(part),
            {
                "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid",
                "language", "location",
            },
        )  # fmt: skip

    async def test_headers_of_parts(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(RICH)
        email = await kit.email(
            id, "htmlBody", bodyProperties=["partId", "headers", "header:X-Part:asText"]
        )
        picture = email["htmlBody"][1]
        self.assertEqual(picture["header:X-Part:asText"], "here")
        self.assertEqual(len(picture["headers"]), 5)
        email = await kit.email(id, "bodyStructure", bodyProperties=["header:Subject:asText"])
        self.assertEqual(email["bodyStructure"]["header:Subject:asText"], "Grüße")
        inside = email["bodyStructure"]["subParts"][3]
        self.assertIsNone(inside["header:Subject:asText"])

    async def test_body_values(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(RICH)
        for arguments, texts in (
            ({}, []),
            ({"fetchTextBodyValues": True}, ["Grüße"]),
            ({"fetchHTMLBodyValues": True}, ['<p>Grüße <img src="cid:pic"></p>']),
            ({"fetchAllBodyValues": True}, ["Grüße", '<p>Grüße <img src="cid:pic"></p>', "café"]),
        ):
            email = await kit.email(id, "bodyValues", **arguments)
            values = [each["value"].rstrip("\n") for each in email["bodyValues"].values()]
            self.assertEqual(values, texts, arguments)
        problems = [each["isEncodingProblem"] for each in email["bodyValues"].values()]
        self.assertEqual(problems, [False, False, True])
        email = await kit.email(id, "bodyValues", "textBody", fetchTextBodyValues=True)
        self.assertEqual(list(email["bodyValues"]), [email["textBody"][0]["partId"]])

    async def test_values_are_cut(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(
            mail(text="äöü" * 1000, extra="Content-Type: text/plain; charset=utf-8\r\n")
        )
        email = await kit.email(id, "bodyValues", fetchTextBodyValues=True, maxBodyValueBytes=5)
        (value,) = email["bodyValues"].values()
        self.assertEqual((value["value"], value["isTruncated"]), ("äö", True))
        email = await kit.email(id, "bodyValues", fetchTextBodyValues=True)
        (value,) = email["bodyValues"].values()
        self.assertEqual((len(value["value"]), value["isTruncated"]), (3001, False))

    async def test_large_base64_text_is_read_in_part(self) -> None:
        kit = await Kit.start(self)
        text = base64.encodebytes(("line of text\n" * 100_000).encode()).decode()
        extra = "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n"
        id = await kit.add(mail(text=text.replace("\n", "\r\n"), extra=extra))
        email = await kit.email(id, "bodyValues", fetchTextBodyValues=True, maxBodyValueBytes=1000)
        (value,) = email["bodyValues"].values()
        self.assertEqual(value["value"], ("line of text\n" * 100)[:1000])
        self.assertEqual((value["isTruncated"], value["isEncodingProblem"]), (True, False))

    async def test_too_much_text_at_once(self) -> None:
        kit = await Kit.start(self, JmapLimits(body_values_octets=1000))
        ids = [await kit.add(mail(text="x" * 600)) for _ in range(2)]
        error = await kit.error(
            "Email/get", ids=ids, properties=["bodyValues"], fetchTextBodyValues=True
        )
        self.assertEqual(error, "requestTooLarge")
        await kit.email(ids[0], "bodyValues", fetchTextBodyValues=True)

    async def test_which(self) -> None:
        kit = await Kit.start(self)
        first, second = await kit.add(), await kit.add()
        found = await kit.call("Email/get", ids=[second, "e999", first, second, "x", "m1"])
        self.assertEqual([each["id"] for each in found["list"]], [second, first])
        self.assertEqual(found["notFound"], ["e999", "x", "m1"])
        everything = await kit.call("Email/get", ids=None, properties=["id"])
        self.assertEqual({each["id"] for each in everything["list"]}, {first, second})

    async def test_hostile_mail(self) -> None:
        kit = await Kit.start(self)
        for data in (
            b"", b"\r\n", b"\0" * 100, b"no header at all", b"Subject: \xff\xfe\r\n\r\n\xff",
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 300,
            b"From: " + b"<" * 5000 + b"\r\n\r\n", b"Subject: =?utf-8?b?////?=\r\n\r\nx",
            b"Content-Type: text/html\r\n\r\n" + b"<div>" * 3000,
        ):  # fmt: skip
            id = await kit.add(data)
            email = await kit.email(id, fetchAllBodyValues=True)
            self.assertEqual(email["size"], len(data))
            properties = ["headers", "header:Subject:asText", "bodyStructure"]
            await kit.email(id, *properties, bodyProperties=["headers", "size"])


class FormTests(SynchronousTestCase):
    def test_forms(self) -> None:
        found = header_property("header:Resent-To:asGroupedAddresses:all")
        self.assertEqual((found.field, found.all), ("resent-to", True))
        found = header_property("header:X-Mine:asDate")
        self.assertFalse(found.all)

    def test_cutting(self) -> None:
        self.assertEqual(cut_to("aé", 2), "a")
        self.assertEqual(cut_to("aé", 3), "aé")
        self.assertEqual(cut_to("<b>x</b>", 6, html=True), "<b>x")
        self.assertEqual(cut_to("<b>x</b>", 6), "<b>x</")
