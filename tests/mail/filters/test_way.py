"""Rules on the way of a mail: what they want is done, and no failure loses a mail."""

from __future__ import annotations

from typing import Any

from mailim.errors import Invalid
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from mailim.interfaces.filters import Action, Ruling, Verdict
from mailim.interfaces.mail_events import COPIED, FILTERED, HELD, REMOVED
from mailim.mail.backoff import WAITS
from mailim.mail.bounce import Bounces
from tests.fakes.filters import ToldFilter
from tests.fakes.relay import RememberingRelay
from tests.mail.filters.kit import rule
from tests.mail.filters.office import TELL, RulesCase
from tests.store.mails import message


class ActionTest(RulesCase):
    """What rules want is done."""

    async def test_folder_keywords_and_headers(self) -> None:
        self.begin(rule(then=(
            'do = "move", folder = "Lists/News" }, { do = "keyword", keyword = "$flagged" }, '
            '{ do = "add_header", name = "X-Rule", value = "$FILTERRULENAME$"'
        )))  # fmt: skip
        await self.send("bob")
        await self.send("bob", data=message("Two"))
        await self.settle()
        self.assertEqual(await self.folders_of(1), {"Inbox": 0, "Lists": 0, "Lists/News": 2})
        found = await self.store.read(lambda tx: tx.items.get(1, [1, 2]))
        for item in found.values():
            self.assertEqual(item.keywords, {"$flagged"})
            names = [line.partition(b":")[0] for line in item.prefix.split(b"\r\n")[:3]]
            self.assertEqual(names, [b"Return-Path", b"X-Rule", b"Received"])

    async def test_junk(self) -> None:
        self.begin(rule())
        await self.send("bob")
        await self.settle()
        self.assertEqual((len(await self.mail_of(1, "junk")), await self.mail_of(1)), (1, []))

    async def test_inbox_by_its_name(self) -> None:
        self.begin(rule(then='do = "move", folder = "INBOX"'))
        await self.send("bob")
        await self.settle()
        self.assertEqual(await self.folders_of(1), {"Inbox": 1})

    async def test_a_folder_that_cannot_be_made(self) -> None:
        self.begin(rule(then='do = "move", folder = "Lists"'))
        self.patch(__import__("mailim.store.folders", fromlist=["x"]), "FOLDERS_PER_ACCOUNT", 1)
        await self.send("bob")
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), await self.waiting()), (1, []))

    async def test_delete(self) -> None:
        self.begin(rule('of = "recipient", is = "bob@example.test"', 'do = "delete"'))
        spool_id = await self.send("bob", "ann")
        await self.settle()
        self.assertEqual((await self.mail_of(1), len(await self.mail_of(2))), ([], 1))
        self.assertEqual(await self.waiting(), [])
        lines = await self.trace(spool_id)
        self.assertIn((REMOVED, "bob@example.test", "by rule Rule"), lines)

    async def test_hold_and_release(self) -> None:
        """What is let go is not judged again, and goes where the rules said."""
        then = 'do = "hold", reason = "Look: $SUBJECT$" }, { do = "move", folder = "Odd" }, { '
        self.begin(rule('of = "recipient", starts = "bob"', then + TELL))
        spool_id = await self.send("bob", "ann")
        await self.settle()
        ((held,),) = [each.recipients for each in await self.waiting()]
        self.assertEqual((held.held, held.last_error), (True, "Look: Lunch"))
        self.assertEqual((len(await self.mail_of(2)), len(await self.notices())), (1, 1))
        self.assertIn((HELD, "bob@example.test", "Look: Lunch"), await self.trace(spool_id))
        await self.store.write(lambda tx: tx.spool.hold(spool_id, False))
        await self.settle()
        self.assertEqual((await self.folders_of(1))["Odd"], 1)
        self.assertEqual((await self.waiting(), len(await self.notices())), ([], 1))

    async def test_held_junk_is_junk_when_it_is_let_go(self) -> None:
        self.begin(rule(then='do = "junk" }, { do = "hold"'))
        spool_id = await self.send("bob")
        await self.settle()
        await self.store.write(lambda tx: tx.spool.hold(spool_id, False))
        await self.settle()
        self.assertEqual(len(await self.mail_of(1, "junk")), 1)

    async def test_copies(self) -> None:
        """They are not judged, do not copy again, and say that they are copies."""
        everyone = 'do = "copy", to = ["ann@example.test", "all@example.test"]'
        self.begin(rule(then=everyone), rule(more='name = "Junk"'))
        spool_id = await self.send("bob")
        await self.settle()
        self.assertEqual(len(await self.mail_of(1, "junk")), 1)
        (copy,) = await self.mail_of(2)
        self.assertIn(b"X-Mailim-Copy: ", copy.prefix)
        self.assertEqual(await self.waiting(), [])
        lines = await self.trace(spool_id)
        self.assertIn((COPIED, "ann@example.test", ""), lines)
        self.assertEqual(len([one for one in lines if one[0] == FILTERED]), 1)

    async def test_a_copy_to_who_gets_the_mail_anyway(self) -> None:
        self.begin(rule(then='do = "copy", to = "ann@example.test"'))
        await self.send("bob", "ann")
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), len(await self.mail_of(2))), (1, 1))

    async def test_a_copy_to_who_had_his_own_deleted(self) -> None:
        """Whichever rule is asked first: the copy is another rule's, and not judged."""
        named = 'name = "Copy"'
        copy = rule('of = "recipient", is = "bob@example.test"', 'do = "copy", to = "TO"', named)
        delete = rule('of = "recipient", is = "ann@example.test"', 'do = "delete"')
        for number, (recipients, to) in enumerate(
            (
                (("ann", "bob"), "ann@example.test"),
                (("bob", "ann"), "ann@example.test"),
                (("ann", "bob"), "anna@example.test"),  # an alias brings the copy to her row
                (("anna", "bob"), "anna@example.test"),  # and is there already
                (("bob", "anna"), "anna@example.test"),
                (("anna", "bob"), "ann@example.test"),
                (("bob", "team"), "anna@example.test"),
            ),
            1,
        ):
            if number == 1:
                await self.store.write(
                    lambda tx: tx.accounts.add_alias("anna@example.test", "ann@example.test")
                )
                self.begin(copy.replace("TO", to), delete)
            self.write(copy.replace("TO", to), delete)
            await self.later(2)
            spool_id = await self.send(*recipients)
            await self.settle()
            case = (recipients, to)
            self.assertEqual(len(await self.mail_of(1)), number, case)
            hers = await self.mail_of(2)
            self.assertEqual(len(hers), number, case)
            self.assertIn(b"X-Mailim-Copy: ", hers[-1].prefix, case)
            self.assertEqual(await self.waiting(), [], case)
            lines = await self.trace(spool_id)
            self.assertIn((REMOVED, "ann@example.test", "by rule Rule"), lines, case)

    async def test_a_copy_to_oneself_instead_of_the_mail(self) -> None:
        to_self = 'do = "copy", to = "$RECIPIENT$" }, { do = "delete"'
        self.begin(rule(then=to_self))
        await self.send("bob", "robert")
        await self.settle()
        (item,) = await self.mail_of(1)
        self.assertIn(b"X-Mailim-Copy: ", item.prefix)

    async def test_no_copy_to_who_has_the_mail(self) -> None:
        relay = RememberingRelay()
        copy = 'do = "copy", to = ["bob@example.test", "robert@example.test", "carl@example.net"]'
        self.begin(
            rule(then=copy), rule(then=copy, more='name = "Out"\nqueue = "remote"'), relay=relay
        )
        await self.send("bob", "carl@example.net", "dora@example.net")
        await self.settle()
        self.assertEqual(len(await self.mail_of(1)), 1)
        self.assertEqual(
            sorted(to for _, to in relay.sent), ["carl@example.net", "dora@example.net"]
        )

    async def test_nobody_is_told_of_a_copy_instead_of_the_mail(self) -> None:
        bounces = Bounces(self.store, self.intake, "mail.example.test", "example.test")
        address = "ann@example.test"
        self.begin(
            rule(
                'of = "recipient", is = "bob@example.test"',
                f'do = "copy", to = "{address}"',
                'name = "Copy"',
            ),
            rule(f'of = "recipient", is = "{address}"', 'do = "delete"'),
            bounces=bounces,
        )
        wants = MailDsn("", "", {address: RecipientDsn(("SUCCESS",))})
        await self.send("ann", "bob", sender="bob@example.test", dsn=wants)
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), len(await self.mail_of(2))), (1, 1))

    async def test_copies_of_collected_mail_go_where_the_rule_says(self) -> None:
        relay = RememberingRelay()
        everyone = 'do = "copy", to = ["ann@example.test", "carl@example.net"]'
        self.begin(rule(then=f'{everyone} }}, {{ do = "delete"'), relay=relay)
        await self.send("bob", origin="multipop", account_id=1)
        await self.settle()
        self.assertEqual((len(await self.mail_of(1)), len(await self.mail_of(2))), (0, 1))
        self.assertEqual(relay.sent, [("carl@example.org", "carl@example.net")])
        self.assertEqual(await self.waiting(), [])

    async def test_a_copy_that_comes_back_is_not_copied_again(self) -> None:
        relay = RememberingRelay()
        self.begin(rule(then='do = "copy", to = "carl@example.net"'), relay=relay)
        await self.send("bob", data=message(message_id="one@example.org"))
        await self.settle()
        self.assertEqual(relay.sent, [("carl@example.org", "carl@example.net")])
        returned = relay.headers[0] + message(message_id="one@example.org")
        await self.send("bob", data=returned)
        await self.settle()
        self.assertEqual((len(relay.sent), len(await self.mail_of(1))), (1, 2))
        # Another mail with the same mark is none of ours.
        await self.send("bob", data=relay.headers[0] + message(message_id="two@example.org"))
        await self.settle()
        self.assertEqual(len(relay.sent), 2)

    async def test_nobody_is_told_of_a_copy_that_failed(self) -> None:
        bounces = Bounces(self.store, self.intake, "mail.example.test", "example.test")
        relay = RememberingRelay(Invalid("No such user."))
        then = 'do = "copy", to = ["gone@example.test", "carl@example.net"]'
        self.begin(rule(then=then), relay=relay, bounces=bounces)
        await self.send("bob", sender="ann@example.test")
        await self.settle()
        (entry,) = await self.waiting()
        self.assertEqual(
            {each.address: (each.held, each.last_error) for each in entry.recipients},
            {
                "gone@example.test": (True, "There is no such address here."),
                "carl@example.net": (True, "No such user."),
            },
        )
        self.assertEqual((len(await self.mail_of(1)), await self.mail_of(2)), (1, []))

    async def test_mail_that_leaves(self) -> None:
        """Headers go with it; mail that stays is not meant."""
        relay = RememberingRelay()
        text = rule(
            then='do = "add_header", name = "X-Out", value = "$RECIPIENT$"',
            more='queue = "remote"',
        )
        self.begin(text, relay=relay)
        await self.send("bob", "dora@example.net", "dan@example.net")
        await self.settle()
        self.assertEqual(
            sorted(zip((to for _, to in relay.sent), relay.headers, strict=True)),
            [
                ("dan@example.net", b"X-Out: dan@example.net\r\n"),
                ("dora@example.net", b"X-Out: dora@example.net\r\n"),
            ],
        )
        (item,) = await self.mail_of(1)
        self.assertNotIn(b"X-Out", item.prefix)

    async def test_groups_of_the_directory(self) -> None:
        """Members of members too; a sender by any of his names."""
        self.begin(
            rule(
                'of = "recipient", in_group = "all@example.test"', 'do = "keyword", keyword = "to"'
            ),
            rule(
                'of = "sender", in_group = "team@example.test"',
                'do = "keyword", keyword = "from"',
                'name = "From"',
            ),
        )
        await self.send("bob", data=message(sender="robert@example.test"))
        await self.send("ann", data=message(sender="eve@example.test"))
        await self.settle()
        (first,), (second,) = await self.mail_of(1), await self.mail_of(2)
        self.assertEqual((first.keywords, second.keywords), ({"to", "from"}, {"to"}))


class FailureTest(RulesCase):
    """What goes wrong with rules never loses or passes a mail."""

    async def test_rules_that_cannot_be_read_let_mail_wait(self) -> None:
        self.write(text="enabled = ")
        self.start(rules=self.filter)
        await self.send("bob")
        await self.settle()
        ((recipient,),) = [each.recipients for each in await self.waiting()]
        self.assertEqual(recipient.last_error, "The rules for mail cannot be read.")
        self.write(rule())
        await self.later(WAITS[0])
        self.assertEqual(len(await self.mail_of(1, "junk")), 1)

    async def test_rules_that_raise(self) -> None:
        """Also what would be final elsewhere is only for now."""

        class Broken:
            def __init__(self, *answers: Any) -> None:
                self.answers = list(answers)

            def about(self, entry: Any, facts: Any) -> Any:
                return self

            async def judge(self, recipient: Any, account_id: Any) -> Ruling:
                answer = self.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                assert isinstance(answer, Ruling)
                return answer

        broken = Broken(Invalid("no"), ValueError("bug"), Ruling())
        self.start(rules=broken)  # type: ignore[arg-type]
        await self.send("bob")
        await self.settle()
        await self.later(WAITS[0])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        await self.later(WAITS[1])
        self.assertEqual((len(await self.mail_of(1)), await self.waiting()), (1, []))

    async def test_a_verdict_nobody_can_read(self) -> None:
        self.begin(rule())
        await self.send("nobody")
        await self.settle()
        bad = lambda tx: tx.spool.judged(1, "garbage")  # noqa: E731
        await self.store.write(bad)
        add = lambda tx: tx.accounts.add_alias("nobody@example.test", "bob@example.test")  # noqa: E731
        await self.store.write(add)
        await self.store.write(lambda tx: tx.spool.hold(1, False))
        await self.settle()
        ((recipient,),) = [each.recipients for each in await self.waiting()]
        self.assertIn("cannot be read", recipient.last_error)

    async def test_a_change_counts_for_the_next_mail(self) -> None:
        self.begin(rule())
        await self.send("bob")
        await self.settle()
        self.write()
        await self.later(1)
        await self.send("bob")
        await self.settle()
        self.assertEqual((len(await self.mail_of(1, "junk")), len(await self.mail_of(1))), (1, 1))

    async def test_with_filters_of_the_whole_mail(self) -> None:
        told = ToldFilter(Verdict(Action.JUNK, "spam", b"X-Spam: yes\r\n"))
        add = 'do = "add_header", name = "X-Rule", value = "1" }, { do = "move", folder = "A"'
        self.begin(rule(then=add), filters=[told])
        await self.send("bob")
        await self.settle()
        (item,) = await self.mail_of(1, "junk")
        names = [line.partition(b":")[0] for line in item.prefix.split(b"\r\n")[:3]]
        self.assertEqual(names, [b"Return-Path", b"X-Rule", b"X-Spam"])
