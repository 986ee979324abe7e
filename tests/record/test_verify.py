"""Whatever is done to the file behind the server's back is found, and said where.

Every test edits the SQLite file itself. `forge` does it as somebody would who knows the
format, but has not the record's private key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailim.interfaces.record import Leaf
from mailim.record import verify as verify_module
from mailim.record.entries import Draft, Seal
from mailim.record.verify import MAX_PROBLEMS, Report, verify, verify_leaves
from tests.fakes.record import a_signer
from tests.record.sites import RecordSite, message

COLUMNS = "seq, hash, header, inner, salt, content, time, kind, sender, recipient, refers, body"
NO_KEY = Seal(b"guessed " * 4)


class VerifyCase(TestCase):
    async def site(self, count: int = 10) -> RecordSite:
        """Give a record of some leaves with a checkpoint after 4 and one after all."""
        site = RecordSite(self)
        checkpoints = site.checkpoints()
        await site.say(*(f"text {number}" for number in range(4)))
        await checkpoints.checkpoint()
        await site.say(*(f"text {number}" for number in range(4, count)))
        await checkpoints.checkpoint()
        return site

    async def verify(
        self, site: RecordSite, external: str = "", noted: bool = False, key: bool = False
    ) -> Report:
        return await verify(
            site.store,
            site.signer.verifier,
            Seal.of(site.signer) if key else None,
            site.notes.read_text() if noted else "",
            external,
        )

    async def found(self, site: RecordSite, *texts: str, **options: Any) -> Report:
        """Verify; it must not be sound, and each text must be in some problem."""
        report = await self.verify(site, **options)
        self.assertFalse(report.sound)
        told = [problem.text for problem in report.problems]
        for text in texts:
            self.assertTrue(any(text in each for each in told), (text, told))
        return report

    async def leaves(self, site: RecordSite) -> list[Leaf]:
        return list(await site.store.read(lambda tx: tx.record.leaves(0, 100_000)))

    def forge(self, site: RecordSite, leaves: Sequence[Leaf]) -> None:
        """Replace the whole table."""
        driver = sqlite3.connect(site.database)
        driver.execute("DELETE FROM leaf")
        marks = ", ".join("?" * 12)
        driver.executemany(
            f"INSERT INTO leaf ({COLUMNS}) VALUES ({marks})", [astuple(leaf) for leaf in leaves]
        )
        driver.commit()
        driver.close()

    def renumbered(self, leaf: Leaf, seq: int, body: str | None = None) -> Leaf:
        """Give a leaf said again with another number, hashes and all, without the key."""
        entry = message(leaf.body if body is None else body)
        return Draft(entry, leaf.time, NO_KEY).leaf(seq)


class SoundTests(VerifyCase):
    async def test_empty(self) -> None:
        site = RecordSite(self)
        report = await self.verify(site)
        self.assertTrue(report.sound)
        self.assertEqual((report.size, report.checkpoints), (0, 0))
        await site.checkpoints().checkpoint()
        report = await self.verify(site, noted=True, key=True)
        self.assertTrue(report.sound)
        self.assertEqual((report.size, report.checkpoints), (0, 1))

    async def test_sound(self) -> None:
        site = await self.site()
        await site.say("not signed yet")
        for noted in (False, True):
            for key in (False, True):
                report = await self.verify(site, noted=noted, key=key)
                self.assertEqual(report.problems, ())
                self.assertTrue(report.sound)
                self.assertEqual(
                    (report.size, report.covered, report.checkpoints, report.erased),
                    (11, 10, 2, 0),
                )

    async def test_in_portions(self) -> None:
        self.patch(verify_module, "_AT_ONCE", 3)
        self.assertTrue((await self.verify(await self.site(), key=True)).sound)

    async def test_earlier_checkpoint_kept_elsewhere(self) -> None:
        site = await self.site()
        notes = site.notes.read_text()
        await site.say("more", "and more")
        report = await self.verify(site, external=notes)
        self.assertTrue(report.sound)

    async def test_erased(self) -> None:
        """Retention takes the content away; every proof still holds, and it is told."""
        site = await self.site()
        site.edit("UPDATE leaf SET salt = NULL, content = NULL, body = '' WHERE seq IN (2, 7)")
        report = await self.verify(site, key=True)
        self.assertEqual(report.problems, ())
        self.assertEqual(report.erased, 2)

    async def test_while_the_server_writes(self) -> None:
        site = await self.site(200)
        self.patch(verify_module, "_AT_ONCE", 7)
        running = Deferred.fromCoroutine(self.verify(site, noted=True, key=True))
        await site.say(*map(str, range(50)))
        await site.checkpoints().checkpoint()
        self.assertEqual((await running).problems, ())

    async def test_given_leaves(self) -> None:
        site = await self.site()
        rows = await site.store.read(lambda tx: tx.record.checkpoints())
        leaves = await self.leaves(site)
        verifier = site.signer.verifier
        self.assertTrue(verify_leaves(leaves, verifier, None, rows).sound)
        self.assertFalse(verify_leaves(leaves[:9], verifier, None, rows).sound)
        self.assertFalse(verify_leaves(leaves[1:], verifier, None, rows).sound)
        self.assertFalse(verify_leaves(leaves[::-1], verifier, None, rows).sound)
        again = [*leaves[:5], leaves[4], *leaves[5:]]
        self.assertFalse(verify_leaves(again, verifier, None, rows).sound)


class ChangedTests(VerifyCase):
    async def test_any_octet_of_any_column(self) -> None:
        for column in ("hash", "header", "inner", "salt", "content"):
            site = await self.site()
            [leaf] = await site.store.read(lambda tx: tx.record.leaves(6, 1))
            data = bytearray(getattr(leaf, column))
            data[len(data) // 2] ^= 1
            site.edit((f"UPDATE leaf SET {column} = ? WHERE seq = 6", [bytes(data)]))
            report = await self.found(site, "leaf 6")
            self.assertEqual({p.seq for p in report.problems} - {None}, {6}, column)

    async def test_any_searchable_column(self) -> None:
        for change in (
            "body = 'I never said that'",
            "body = ''",
            "time = time + 1",
            "sender = 'mallory@example.test'",
            "recipient = 'mallory@example.test'",
            "refers = 1",
            "kind = 'presence'",
            "salt = NULL",
            "content = NULL",
            "salt = NULL, content = NULL",
            "folded = 'something else'",
        ):
            site = await self.site()
            site.edit(f"UPDATE leaf SET {change} WHERE seq = 6")
            report = await self.found(site, "leaf 6")
            self.assertEqual([problem.seq for problem in report.problems], [6], change)

    async def test_text_for_searching_of_other_scripts(self) -> None:
        site = RecordSite(self)
        await site.say("GRÜSSE", "Straße", "plain")
        self.assertTrue((await self.verify(site)).sound)
        site.edit("UPDATE leaf SET folded = NULL WHERE seq = 1")
        await self.found(site, "leaf 1: what a search by text looks at")

    async def test_changed_with_all_its_hashes(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        leaves[6] = self.renumbered(leaves[6], 6, "I never said that")
        self.forge(site, leaves)
        # Without the key the checkpoints tell between which two it was, and no leaf stands out.
        report = await self.found(site, "of the leaves 4 to 9")
        self.assertEqual([problem.seq for problem in report.problems], [None])
        self.assertEqual(report.covered, 4)
        await self.found(site, "leaf 6: it was not written with this record's key", key=True)

    async def test_changed_before_any_checkpoint(self) -> None:
        site = RecordSite(self)
        await site.say("one", "two")
        leaves = await self.leaves(site)
        leaves[1] = self.renumbered(leaves[1], 1, "I never said that")
        self.forge(site, leaves)
        await self.found(site, "leaf 1", key=True)


class RemovedTests(VerifyCase):
    async def test_removed(self) -> None:
        site = await self.site()
        site.edit("DELETE FROM leaf WHERE seq = 6")
        report = await self.found(site, "leaf 6 is missing", "of the leaves 4 to 9")
        self.assertEqual(report.problems[0].seq, 6)

    async def test_several(self) -> None:
        site = await self.site()
        site.edit("DELETE FROM leaf WHERE seq IN (5, 6, 7)")
        await self.found(site, "leaves 5 to 7 are missing")

    async def test_first(self) -> None:
        site = await self.site()
        site.edit("DELETE FROM leaf WHERE seq = 0")
        await self.found(site, "leaf 0 is missing", "of the leaves 0 to 3")

    async def test_removed_and_the_rest_moved_up(self) -> None:
        site = await self.site()
        site.edit("DELETE FROM leaf WHERE seq = 6", "UPDATE leaf SET seq = seq - 1 WHERE seq > 6")
        await self.found(site, "leaf 6: it was written as leaf 7")

    async def test_removed_and_the_rest_forged(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        rest = [self.renumbered(leaf, leaf.seq - 1) for leaf in leaves[7:]]
        self.forge(site, [*leaves[:6], *rest])
        await self.found(site, "10 leaves, but there are only 9")
        await self.found(site, "leaf 6", "leaf 8", key=True)


class AddedTests(VerifyCase):
    async def test_copy_of_a_row_at_the_end(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        self.forge(site, [*leaves, replace(leaves[3], seq=10)])
        await self.found(site, "leaf 10: it was written as leaf 3")

    async def test_row_without_hashes(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        self.forge(site, [*leaves, replace(leaves[9], seq=10, header=b"", hash=b"x" * 32)])
        await self.found(site, "leaf 10")

    async def test_behind_a_gap(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        self.forge(site, [*leaves, self.renumbered(leaves[9], 12)])
        await self.found(site, "leaves 10 to 11 are missing")

    async def test_in_between(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        added = self.renumbered(leaves[5], 5, "put in")
        rest = [self.renumbered(leaf, leaf.seq + 1) for leaf in leaves[5:]]
        self.forge(site, [*leaves[:5], added, *rest])
        await self.found(site, "of the leaves 4 to 9")
        await self.found(site, "leaf 5", key=True)

    async def test_well_made_at_the_end(self) -> None:
        """No checkpoint speaks of it: only the key tells that we did not write it."""
        site = await self.site()
        leaves = await self.leaves(site)
        self.forge(site, [*leaves, self.renumbered(leaves[9], 10, "put in")])
        report = await self.verify(site)
        self.assertEqual((report.sound, report.size, report.covered), (True, 11, 10))
        await self.found(site, "leaf 10: it was not written with this record's key", key=True)


class MovedTests(VerifyCase):
    async def test_swapped(self) -> None:
        site = await self.site()
        site.edit(
            "UPDATE leaf SET seq = 1000 WHERE seq = 5",
            "UPDATE leaf SET seq = 5 WHERE seq = 6",
            "UPDATE leaf SET seq = 6 WHERE seq = 1000",
        )
        await self.found(
            site,
            "leaf 5: it was written as leaf 6",
            "leaf 6: it was written as leaf 5",
            "of the leaves 4 to 9",
        )

    async def test_swapped_and_forged(self) -> None:
        site = await self.site()
        leaves = await self.leaves(site)
        leaves[5], leaves[6] = self.renumbered(leaves[6], 5), self.renumbered(leaves[5], 6)
        self.forge(site, leaves)
        await self.found(site, "of the leaves 4 to 9")


class CutTests(VerifyCase):
    async def test_tail(self) -> None:
        site = await self.site()
        site.edit("DELETE FROM leaf WHERE seq >= 8")
        await self.found(site, "10 leaves, but there are only 8: the end was cut off")

    async def test_tail_and_stored_checkpoints(self) -> None:
        site = await self.site()
        elsewhere = site.notes.read_text()
        site.edit("DELETE FROM leaf WHERE seq >= 8", "DELETE FROM checkpoint WHERE size > 8")
        self.assertTrue((await self.verify(site)).sound)  # nothing here says otherwise
        await self.found(site, "checkpoints.txt (10 leaves)", "cut off", noted=True)
        await self.found(site, "the given checkpoint (10 leaves)", "cut off", external=elsewhere)

    async def test_everything(self) -> None:
        site = await self.site()
        elsewhere = site.notes.read_text()
        site.edit("DELETE FROM leaf", "DELETE FROM checkpoint")
        await self.found(site, "there are only 0", external=elsewhere)

    async def test_history_rewritten_by_who_has_the_key(self) -> None:
        """Even the server itself cannot get around a checkpoint that is kept elsewhere."""
        site = await self.site()
        elsewhere = site.notes.read_text()
        site.edit("DELETE FROM leaf", "DELETE FROM checkpoint")
        site.notes.unlink()
        await site.reopen()
        await site.say(*(f"rewritten {number}" for number in range(12)))
        await site.checkpoints().checkpoint()
        self.assertTrue((await self.verify(site, noted=True, key=True)).sound)
        await self.found(site, "of the leaves 0 to 3", external=elsewhere, key=True)


class CheckpointTests(VerifyCase):
    async def test_changed_row(self) -> None:
        site = await self.site()
        site.edit("UPDATE checkpoint SET root = zeroblob(32) WHERE size = 4")
        await self.found(site, "the stored checkpoint of 4 leaves differs from its own")

    async def test_changed_note(self) -> None:
        site = await self.site()
        site.edit("UPDATE checkpoint SET note = replace(note, '10', '11') WHERE size = 10")
        await self.found(site, "the stored checkpoint of 10 leaves: the signature is wrong")

    async def test_note_of_another_key(self) -> None:
        site = await self.site()
        other = a_signer(b"t" * 32).checkpoint(4, b"r" * 32)
        await self.found(site, "not signed by this log's key", external=other)

    async def test_external_must_be_whole(self) -> None:
        site = await self.site()
        for text in ("\n", "junk", site.notes.read_text()[:-20]):
            await self.found(site, "the given checkpoint", external=text)

    async def test_own_file_may_end_torn(self) -> None:
        site = await self.site()
        with site.notes.open("a") as file:
            file.write("example.test/rec")
        self.assertTrue((await self.verify(site, noted=True)).sound)
        await site.say("more")
        await site.checkpoints().checkpoint()
        report = await self.verify(site, noted=True)
        self.assertEqual((report.sound, report.covered), (True, 11))
        with site.notes.open("a") as file:
            file.write(a_signer().checkpoint(3, b"r" * 32))
        await self.found(site, "checkpoints.txt (3 leaves) does not fit", noted=True)
        with site.notes.open("a") as file:
            file.write(a_signer(b"t" * 32).checkpoint(3, b"r" * 32))
        await self.found(site, "note 6: the note is not signed", noted=True)


class BoundTests(VerifyCase):
    async def test_problems_are_counted_but_not_all_told(self) -> None:
        site = RecordSite(self)
        await site.say(*map(str, range(MAX_PROBLEMS + 50)))
        site.edit("UPDATE leaf SET time = time + 1")
        report = await self.verify(site)
        self.assertEqual(report.problem_count, MAX_PROBLEMS + 50)
        self.assertEqual(len(report.problems), MAX_PROBLEMS)

    async def test_nothing_in_a_row_can_break_it(self) -> None:
        site = await self.site()
        site.edit(
            "UPDATE leaf SET header = x'ff00' WHERE seq = 1",
            "UPDATE leaf SET header = '[]' WHERE seq = 2",
            'UPDATE leaf SET header = \'{"id":[],"from":1}\' WHERE seq = 3',
            "UPDATE leaf SET content = x'ff' WHERE seq = 4",
            "UPDATE leaf SET content = '[1]' WHERE seq = 5",
            "UPDATE leaf SET hash = x'' WHERE seq = 6",
            "UPDATE leaf SET salt = x'', content = x'' WHERE seq = 7",
            "UPDATE leaf SET time = 9223372036854775807 WHERE seq = 8",
        )
        report = await self.verify(site, key=True)
        self.assertLessEqual(set(range(1, 9)), {problem.seq for problem in report.problems})

    async def test_what_the_driver_cannot_read(self) -> None:
        site = await self.site()
        site.edit(
            "UPDATE leaf SET body = CAST(x'ff' AS TEXT) WHERE seq = 3",
            "UPDATE leaf SET body = x'00' WHERE seq = 5",
            "UPDATE leaf SET sender = x'00' WHERE seq = 6",
            "UPDATE leaf SET hash = 'x' WHERE seq = 7",
            "UPDATE leaf SET refers = 'x', time = 'y' WHERE seq = 8",
        )
        report = await self.found(site, "leaf 3 cannot be read")
        self.assertEqual({p.seq for p in report.problems}, {3, 5, 6, 7, 8, None})

    async def test_reactor_is_not_held_up(self) -> None:
        """It runs in reader threads: the reactor turns between and during portions."""
        site = await self.site(50)
        self.patch(verify_module, "_AT_ONCE", 5)
        turns: list[int] = []
        running = Deferred.fromCoroutine(self.verify(site))
        while not running.called:
            await deferToThread(lambda: None)
            turns.append(1)
        self.assertGreater(len(turns), 3)
        self.assertTrue((await running).sound)
