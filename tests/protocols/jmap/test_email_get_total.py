"""What many messages with much in them cost in all: memory, and time of the reactor."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailim.protocols.jmap.budget import Budget, weight
from mailim.protocols.jmap.header_properties import Headers
from mailim.protocols.jmap.limits import JmapLimits
from mailim.store.message_facts import FactRows
from tests.protocols.jmap import kit as kits
from tests.protocols.jmap.kit import Kit, mail

MEGABYTE = 1 << 20
LIMIT = MEGABYTE // 2
LIMITS = JmapLimits(get_octets=LIMIT)
PARTS = 400
IN_ALL = 30
ALL = ["headers", "bodyStructure", "textBody", "htmlBody", "attachments"]


def many_parts(number: int, parts: int = PARTS, header: int = 100) -> bytes:
    """Compose a message of many parts, about 100,000 octets to know."""
    part = (
        f'Content-Type: application/x; name="{"n" * 60}"\r\nX-Much: {"y" * header}\r\n'
        f"Content-Location: {'l' * 60}\r\n\r\nx\r\n"
    )
    head = f"Subject: {number}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return (head + f"--b\r\n{part}" * parts + "--b--\r\n").encode()


class TotalTests(TestCase):
    async def start(self, limits: JmapLimits = LIMITS, mails: int = IN_ALL) -> Kit:
        self.kit = await Kit.start(self, limits)
        self.ids = [await self.kit.add(many_parts(number)) for number in range(mails)]
        return self.kit

    async def refused(self, ids: Any, properties: Any = None, **more: Any) -> None:
        error = await self.kit.error("Email/get", ids=ids, properties=properties, **more)
        self.assertEqual(error, "requestTooLarge")

    async def test_memory_is_bounded(self) -> None:
        """All of it would be far more; nothing but the bound keeps it from being read."""
        await self.start()
        read: list[int] = []
        one_by_one = FactRows.one_by_one

        def counted(rows: FactRows, body_ids: Any) -> Any:
            for each in one_by_one(rows, body_ids):
                read.append(each[1])
                yield each

        self.patch(FactRows, "one_by_one", counted)
        await self.refused(self.ids)
        self.assertLessEqual(sum(read[:-1]), LIMIT)  # and the one that was too many
        bounded = await self.peak()
        self.patch(Budget, "read", lambda budget, octets: None)
        self.assertGreater(await self.peak(), 4 * bounded)
        self.assertGreater(sum(read[-IN_ALL:]), 4 * LIMIT)

    async def peak(self) -> int:
        """Ask for everything; gives the most memory that took."""
        asked = {"properties": ALL, "bodyProperties": ["headers", "partId", "header:X-Much"]}
        get = ["Email/get", {"accountId": self.kit.account_id, "ids": self.ids, **asked}]
        tracemalloc.start()
        try:
            await self.kit.request(get)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    async def test_refused_and_not_cut(self) -> None:
        kit = await self.start()
        for ids in (self.ids, None):
            await self.refused(ids)
            await self.refused(ids, ALL, bodyProperties=["headers", "partId"])
        for id in self.ids[:2]:
            self.assertEqual(len((await kit.email(id))["attachments"]), PARTS)

    async def test_a_list_of_them_is_shown(self) -> None:
        """What is kept counts, not only what is shown: it has to be read for that."""
        kit = await self.start(replace(LIMITS, get_octets=32 * MEGABYTE))
        found = await kit.call("Email/get", ids=self.ids, properties=["subject", "preview"])
        self.assertEqual([each["subject"] for each in found["list"]], list(map(str, range(IN_ALL))))
        found = await kit.call("Email/get", ids=self.ids, properties=["size", "keywords"])
        self.assertEqual(len(found["list"]), IN_ALL)

    async def test_one_request_is_one_total(self) -> None:
        kit = await self.start(replace(LIMITS, get_octets=MEGABYTE), 4)
        get = ["Email/get", {"accountId": kit.account_id, "ids": self.ids[:2]}]
        answers = await kit.request(*[get] * 5)
        self.assertEqual((answers[0][0], answers[-1][0]), ("Email/get", "error"))
        self.assertEqual(answers[-1][1]["type"], "requestTooLarge")
        answers = await kit.request(get)
        self.assertEqual(answers[0][0], "Email/get")

    async def test_the_same_body_in_many_places_counts_each_time(self) -> None:
        await self.start(mails=0)
        ids = [await self.kit.add(many_parts(1)) for _ in range(IN_ALL)]
        await self.refused(ids)

    async def test_headers_of_parts(self) -> None:
        kit = await Kit.start(self, LIMITS)
        id = await kit.add(many_parts(1, 100, header=1500))
        self.kit = kit
        shown = await kit.email(id, "attachments", bodyProperties=["header:X-Much"])
        self.assertEqual(len(shown["attachments"]), 100)
        more = [f"header:X-Much:as{form}" for form in ("Raw", "Text", "URLs")]
        await self.refused([id], ALL, bodyProperties=more)
        await self.refused([id], ["attachments"], bodyProperties=["headers", *more])

    async def test_a_header_of_tiny_fields(self) -> None:
        self.kit = await Kit.start(self, LIMITS)
        id = await self.kit.add(mail(extra="a:\r\n" * 50_000))
        await self.refused([id], ["headers"])
        await self.refused([id], ["header:From"])
        await self.kit.email(id)

    async def test_too_many_properties_of_headers(self) -> None:
        self.kit = await Kit.start(self, replace(LIMITS, header_properties=10))
        id = await self.kit.add()
        for count in (10, 11):
            names = [f"header:X-{number}" for number in range(count)]
            for asked in ({"properties": names * 2}, {"bodyProperties": names * 2}):
                asked.setdefault("properties", ["attachments"])
                if count == 10:
                    await self.kit.call("Email/get", ids=[id], **asked)
                else:
                    self.assertEqual(
                        await self.kit.error("Email/get", ids=[id], **asked), "requestTooLarge"
                    )

    async def test_also_parse_and_snippets(self) -> None:
        kit = await self.start(replace(LIMITS, get_octets=MEGABYTE))
        blobs = [
            each["blobId"]
            for id in self.ids[:15]
            for each in (await kit.call("Email/get", ids=[id], properties=["blobId"]))["list"]
        ]
        error = await kit.error("Email/parse", blobIds=blobs, properties=ALL)
        self.assertEqual(error, "requestTooLarge")
        await kit.call("Email/parse", blobIds=blobs[:1], properties=ALL)
        filter = {"text": "x"}
        error = await kit.error("SearchSnippet/get", emailIds=self.ids, filter=filter)
        self.assertEqual(error, "requestTooLarge")
        await kit.call("SearchSnippet/get", emailIds=self.ids[:1], filter=filter)

    async def test_long_headers_are_not_taken_apart_on_the_reactor(self) -> None:
        self.patch(kits, "here", deferToThread)
        kit = await Kit.start(self, JmapLimits())
        long = await kit.add(mail(extra=f"X-Much: {'y' * 100_000}\r\n"))
        short = await kit.add()
        where: list[int] = []
        read = Headers.read

        def seen(*arguments: Any) -> Headers:
            where.append(threading.get_ident())
            return read(*arguments)

        self.patch(Headers, "read", seen)
        await kit.email(long, "headers")
        self.assertNotIn(threading.get_ident(), where)
        await kit.email(short, "headers")
        self.assertEqual(where[-1], threading.get_ident())

    def test_weight(self) -> None:
        self.assertEqual(weight("x" * 100), 108)
        self.assertGreater(weight({"name": ["a", None, {"b": True}]}), 40)
        deep: Any = None
        for _ in range(10_000):
            deep = [deep]
        self.assertGreater(weight(deep), 80_000)
