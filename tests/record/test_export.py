"""Searching and exporting; whoever gets an export can check it without us."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.errors import Invalid, Unavailable
from mailim.interfaces.record import Checkpoint, RecordQuery
from mailim.interfaces.store import Priority
from mailim.record import export as export_module
from mailim.record.entries import Entry
from mailim.record.export import export, verify_export
from mailim.record.query import search
from mailim.wire.notes import Verifier
from tests.fakes.record import a_signer
from tests.record.sites import ALICE, BOB, START, RecordSite, message

NOW = START * 1_000_000


class SearchTests(TestCase):
    async def test_objects(self) -> None:
        site = RecordSite(self)
        [leaf] = await site.say("Grüße")
        site.record.disposition(leaf, "delivered to bob@example.test/phone")
        site.record.disposition(leaf, "read")
        await site.record.append(Entry("login", BOB, "", details={"peer": "192.0.2.1"}))
        found = await search(site.store, RecordQuery())
        self.assertEqual([each["kind"] for each in found], ["login", "message"])
        self.assertEqual(found[0]["details"], {"peer": "192.0.2.1"})
        self.assertEqual(found[0]["disposition"], "")
        self.assertEqual(
            found[1],
            {
                "id": 0,
                "time": "2026-11-18T11:06:40.000000Z",
                "kind": "message",
                "from": ALICE,
                "to": BOB,
                "body": "Grüße",
                "details": {},
                "refers": None,
                "erased": False,
                "disposition": "delivered to bob@example.test/phone; read",
            },
        )
        json.dumps(found)

    async def test_questions(self) -> None:
        site = RecordSite(self)
        await site.say("one", "two", "Three")
        await site.record.append(message("back", BOB, ALICE))

        async def bodies(**asked: Any) -> list[str]:
            return [each["body"] for each in await search(site.store, RecordQuery(**asked))]

        self.assertEqual(await bodies(sender=BOB), ["back"])
        self.assertEqual(await bodies(recipient=BOB), ["Three", "two", "one"])
        self.assertEqual(await bodies(text="THREE"), ["Three"])
        self.assertEqual(
            await bodies(since=NOW + 1_000_000, until=NOW + 2_000_000), ["Three", "two"]
        )
        self.assertEqual(await bodies(limit=1), ["back"])
        self.assertEqual(await bodies(before=1), ["one"])
        self.assertEqual(await bodies(kinds=("login",)), [])

    async def test_refused(self) -> None:
        site = RecordSite(self)
        for query, path in (
            (RecordQuery(limit=0), "limit"),
            (RecordQuery(limit=10_001), "limit"),
            (RecordQuery(kinds=("gossip",)), "kind"),
            (RecordQuery(text="x" * 1001), "text"),
        ):
            error: Any = await self.assertFailure(
                Deferred.fromCoroutine(search(site.store, query)), Invalid
            )
            self.assertEqual(error.path, path)

    async def test_erased(self) -> None:
        site = RecordSite(self)
        await site.say("one")
        site.edit("UPDATE leaf SET salt = NULL, content = NULL, body = ''")
        [found] = await search(site.store, RecordQuery())
        self.assertEqual((found["erased"], found["body"], found["details"]), (True, "", {}))


class ExportCase(TestCase):
    async def site(self) -> RecordSite:
        site = RecordSite(self)
        leaves = await site.say(*(f"text {number}" for number in range(30)))
        site.record.disposition(leaves[3], "stored")
        await site.store.write(lambda tx: None, Priority.BACKGROUND)
        await site.record.append(message("back", BOB, ALICE))
        return site

    async def exported(
        self, site: RecordSite, query: RecordQuery, checkpoint: Checkpoint | None = None
    ) -> list[bytes]:
        out = io.BytesIO()
        made = checkpoint or await site.checkpoints().checkpoint()
        count = await export(site.store, query, made, site.signer.verifier, out, NOW)
        lines = out.getvalue().splitlines(keepends=True)
        self.assertEqual(len(lines), count + 2)
        return lines


class ExportTests(ExportCase):
    async def test_found_and_what_became_of_it_in_order(self) -> None:
        site = await self.site()
        lines = await self.exported(site, RecordQuery(sender=ALICE))
        data = [json.loads(line) for line in lines]
        self.assertEqual([each["id"] for each in data[1:-1]], list(range(31)))
        self.assertEqual(data[0]["leaves"], 31)
        self.assertEqual(data[0]["key"], site.signer.verifier.vkey)
        self.assertEqual(data[0]["query"]["sender"], ALICE)
        self.assertEqual(data[31]["kind"], "disposition")
        self.assertEqual(verify_export(lines, site.signer.verifier), (31, ""))
        self.assertEqual(verify_export(lines), (31, ""))

    async def test_checked_by_hand(self) -> None:
        """As docs/admin/record.md tells an outsider to do it, with hashlib alone."""
        site = await self.site()
        lines = await self.exported(site, RecordQuery(text="text 17"))
        manifest, leaf = json.loads(lines[0]), json.loads(lines[1])
        root = base64.b64decode(manifest["checkpoint"].split("\n")[2])
        size = int(manifest["checkpoint"].split("\n")[1])
        salt = base64.b64decode(leaf["salt"])
        inner = sha256(salt + leaf["content"].encode()).digest()
        hash_ = sha256(b"\x00" + leaf["header"].encode() + inner).digest()
        node, last = leaf["id"], size - 1
        for sibling in map(base64.b64decode, leaf["proof"]):
            if node % 2 or node == last:
                hash_ = sha256(b"\x01" + sibling + hash_).digest()
                while not node % 2 and node:
                    node, last = node // 2, last // 2
            else:
                hash_ = sha256(b"\x01" + hash_ + sibling).digest()
            node, last = node // 2, last // 2
        self.assertEqual(hash_, root)

    async def test_over_many_tiles_and_pages(self) -> None:
        self.patch(export_module, "_PAGE", 7)
        self.patch(export_module, "_TILES_AT_ONCE", 1)
        self.patch(export_module, "TILE", 8)
        from mailim.wire import merkle

        self.patch(merkle, "TILE", 8)
        site = await self.site()
        for asked, count in ((RecordQuery(), 32), (RecordQuery(limit=5), 5)):
            lines = await self.exported(site, asked)
            self.assertEqual(verify_export(lines, site.signer.verifier), (count, ""))
        newest = [json.loads(line)["id"] for line in lines[1:-1]]
        self.assertEqual(newest, [26, 27, 28, 29, 31])

    async def test_nothing_found(self) -> None:
        site = await self.site()
        lines = await self.exported(site, RecordQuery(sender="nobody@example.test"))
        self.assertEqual(verify_export(lines, site.signer.verifier), (0, ""))

    async def test_empty_record(self) -> None:
        site = RecordSite(self)
        lines = await self.exported(site, RecordQuery())
        self.assertEqual(verify_export(lines, site.signer.verifier), (0, ""))

    async def test_leaves_behind_the_checkpoint_are_left_out(self) -> None:
        site = await self.site()
        made = await site.checkpoints().checkpoint()
        await site.say("later")
        lines = await self.exported(site, RecordQuery(), made)
        self.assertEqual(verify_export(lines, site.signer.verifier), (32, ""))

    async def test_erased(self) -> None:
        site = await self.site()
        site.edit("UPDATE leaf SET salt = NULL, content = NULL, body = '' WHERE seq = 2")
        lines = await self.exported(site, RecordQuery(before=4))
        self.assertTrue(json.loads(lines[3])["erased"])
        self.assertEqual(verify_export(lines, site.signer.verifier)[1], "")

    async def test_refused(self) -> None:
        site = await self.site()
        made = await site.checkpoints().checkpoint()

        async def attempt(query: RecordQuery) -> int:
            return await export(site.store, query, made, site.signer.verifier, io.BytesIO(), NOW)

        for query in (RecordQuery(limit=0), RecordQuery(limit=1_000_001)):
            await self.assertFailure(Deferred.fromCoroutine(attempt(query)), Invalid)
        site.edit("UPDATE leaf SET hash = zeroblob(32) WHERE seq = 2")
        await self.assertFailure(Deferred.fromCoroutine(attempt(RecordQuery())), Unavailable)


class TamperedExportTests(ExportCase):
    async def test_every_change_is_found(self) -> None:
        site = await self.site()
        lines = await self.exported(site, RecordQuery(recipient=BOB))
        changes: dict[str, Callable[[dict[str, Any]], Any]] = {
            "id": lambda leaf: leaf.update(id=leaf["id"] + 1),
            "time": lambda leaf: leaf.update(time="2026-11-18T11:06:40.000001Z"),
            "kind": lambda leaf: leaf.update(kind="presence"),
            "from": lambda leaf: leaf.update({"from": "mallory@example.test"}),
            "to": lambda leaf: leaf.update(to=""),
            "body": lambda leaf: leaf.update(body="I never said that"),
            "details": lambda leaf: leaf.update(details={"a": "b"}),
            "refers": lambda leaf: leaf.update(refers=1),
            "header": lambda leaf: leaf.update(header=leaf["header"].replace(ALICE, "m@x.test")),
            "content": lambda leaf: leaf.update(content=leaf["content"].replace("text", "test")),
            "erased": lambda leaf: leaf.update(content=None, salt=None),
            "salt": lambda leaf: leaf.update(salt="AAAA"),
            "inner": lambda leaf: leaf.update(inner=base64.b64encode(b"x" * 32).decode()),
            "proof": lambda leaf: leaf["proof"].pop(),
            "no proof": lambda leaf: leaf.pop("proof"),
            "types": lambda leaf: leaf.update(proof=[1], inner=5),
        }
        for name, change in changes.items():
            leaf = json.loads(lines[5])
            change(leaf)
            changed = [*lines[:5], json.dumps(leaf).encode() + b"\n", *lines[6:]]
            changed[-1] = self.end(changed[:-1])
            count, problem = verify_export(changed, site.signer.verifier)
            self.assertTrue(problem.startswith("line 6"), (name, problem))
            self.assertEqual(count, 4)

    def end(self, lines: list[bytes]) -> bytes:
        """Give the last line somebody would write who changed the others."""
        digest = sha256(b"".join(lines)).hexdigest()
        return json.dumps({"end": len(lines) - 1, "sha256": digest}).encode() + b"\n"

    async def test_lines_removed_added_cut(self) -> None:
        site = await self.site()
        lines = await self.exported(site, RecordQuery(recipient=BOB))
        for changed in (
            lines[:-1],
            lines[:5],
            [],
            [*lines[:5], *lines[6:]],
            [*lines[:5], lines[5], *lines[5:]],
            [*lines, lines[5]],
            lines[1:],
            [b"junk\n"],
            [b"[" * 100_000],
            [lines[0], b"[]\n"],
        ):
            self.assertTrue(verify_export(changed, site.signer.verifier)[1])
        fewer = [*lines[:5], *lines[6:-1]]
        self.assertTrue(verify_export([*fewer, self.end(fewer)], site.signer.verifier)[1])

    async def test_of_another_record(self) -> None:
        site = await self.site()
        lines = await self.exported(site, RecordQuery())
        other: Verifier = a_signer(b"t" * 32).verifier
        self.assertIn("not signed", verify_export(lines, other)[1])
