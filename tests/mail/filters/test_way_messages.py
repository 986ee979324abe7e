"""Instant messages that rules send, and that nothing happens twice."""

from __future__ import annotations

from typing import Any

from mailim.errors import Unavailable
from mailim.events import NoticesChanged
from mailim.interfaces.filters import Action, IHearing, Ruling, Verdict
from mailim.mail.backoff import WAITS
from tests.fakes.relay import RememberingRelay
from tests.mail.filters.kit import rule
from tests.mail.filters.office import TELL, RulesCase
from tests.mail.test_queue import FailingStore
from tests.store.mails import message


class InstantMessageTest(RulesCase):
    """The action the filter is for."""

    async def test_told(self) -> None:
        heard: list[NoticesChanged] = []
        self.events.subscribe(NoticesChanged, heard.append)
        self.begin(rule(then=TELL))
        await self.send("bob", data=message("=?utf-8?q?Gr=C3=BC=C3=9Fe=0A?="))
        await self.settle()
        expected = (
            "example.test",
            "bob@example.test",
            "From ann@example.org to bob@example.test: Grüße",
        )
        self.assertEqual(await self.notices(), [expected])
        self.assertEqual((len(heard), len(await self.mail_of(1))), (1, 1))

    async def test_collected_mail(self) -> None:
        """$RECIPIENT$ is the owner of the box, whatever the header says."""
        self.begin(rule(then=TELL))
        data = message(to="stranger@example.org")
        await self.send(
            "stranger@example.org", data=data, sender="", origin="multipop", account_id=1
        )
        await self.settle()
        ((_, recipient, body),) = await self.notices()
        self.assertEqual(recipient, "bob@example.test")
        self.assertEqual(body, "From ann@example.org to bob@example.test: Lunch")

    async def test_one_message_for_one_text(self) -> None:
        """However many recipients the mail has, and for each if the text is his."""
        to = 'to = "ann@example.test"'
        same = f'do = "instant_message", {to}, text = "Mail from $SENDER$"'
        self.begin(rule(then=same), rule(then=TELL, more='name = "Each"'))
        await self.send("all", "bob", "ann")
        await self.settle()
        self.assertEqual(
            sorted(body.partition(":")[0] for _, _, body in await self.notices()),
            [
                "From ann@example.org to ann@example.test",
                "From ann@example.org to bob@example.test",
                "Mail from ann@example.org",
            ],
        )

    async def test_nobody_there_is_no_error(self) -> None:
        to = 'to = ["nobody@example.test", "carl@example.org", "empty@example.test"]'
        self.begin(rule(then=f'do = "instant_message", {to}, text = "x"'))
        await self.send("bob")
        await self.settle()
        self.assertEqual((await self.notices(), len(await self.mail_of(1))), ([], 1))
        self.assertEqual(await self.waiting(), [])

    async def test_strangers_cannot_speak_as_colleagues(self) -> None:
        tell = 'do = "instant_message", from = "$SENDER$", text = "$SUBJECT$"'
        self.begin(rule(then=tell))
        forged = message("Give me money", sender="ann@example.test")
        await self.send("bob", data=forged)
        await self.send(
            "bob", data=message("Really", sender="ann@example.test"), origin="submission"
        )
        await self.send("bob", data=message("Outside", sender="carl@example.org"))
        await self.settle()
        found = {body: sender for sender, _, body in await self.notices()}
        self.assertEqual(
            found,
            {
                "Give me money": "example.test",
                "Really": "ann@example.test",
                "Outside": "carl@example.org",
            },
        )

    async def test_a_sender_that_is_no_jid(self) -> None:
        """RFC 7622 3.3.1: no apostrophe; the message must not be lost for it."""
        self.begin(rule(then='do = "instant_message", from = "$SENDER$", text = "$SUBJECT$"'))
        await self.send("bob", data=message("One", sender="o'neil@example.org"))
        await self.send("bob", data=message("Two", sender="nobody"), sender="x@example.org")
        await self.send("bob", data=message("", sender="carl@example.org"))
        await self.settle()
        self.assertEqual(
            sorted((body, sender) for sender, _, body in await self.notices()),
            [("One", "example.test"), ("Two", "example.test")],
        )
        self.assertEqual(len(await self.mail_of(1)), 3)

    async def test_our_own_mail_is_not_judged(self) -> None:
        text = rule(then=f'do = "junk" }}, {{ {TELL}, about_automatic = true')
        self.begin(text)
        await self.send("bob", origin="system", sender="")
        await self.settle()
        self.assertEqual((await self.notices(), len(await self.mail_of(1))), ([], 1))


class OnceTest(RulesCase):
    """Nothing happens twice."""

    async def test_a_delivery_that_is_tried_again(self) -> None:
        """Judged once: a rule that changed meanwhile changes nothing for this mail."""
        relay = RememberingRelay(Unavailable("Busy."), Unavailable("Busy."))
        add = 'do = "add_header", name = "X-A", value = "1"'
        both = f'{add} }}, {{ {TELL}, to = "bob@example.test"'
        self.begin(rule(then=both, more='queue = "remote"'), relay=relay)
        await self.send("carl@example.net")
        await self.settle()
        self.write(rule(then='do = "delete"', more='queue = "remote"'))
        await self.later(WAITS[0])
        await self.later(WAITS[1])
        self.assertEqual(relay.headers, [b"X-A: 1\r\n"])
        self.assertEqual(len(await self.notices()), 1)

    async def test_a_unit_that_fails_did_nothing(self) -> None:
        store = FailingStore(self.store)
        self.begin(rule(then=f'{TELL} }}, {{ do = "move", folder = "A"'), store=store)
        store.writes = 1
        await self.send("bob")
        await self.settle()
        self.assertEqual((await self.notices(), await self.mail_of(1)), ([], []))
        await self.later(WAITS[0])
        self.assertEqual((len(await self.notices()), (await self.folders_of(1))["A"]), (1, 1))

    async def test_ended_meanwhile(self) -> None:
        spool_id = 0
        case = self

        class Late:
            def about(self, entry: Any, facts: Any) -> IHearing:
                return self  # type: ignore[return-value]

            async def judge(self, recipient: Any, account_id: Any) -> Ruling:
                await case.store.write(lambda tx: tx.spool.remove(recipient_mail))
                return Ruling(Verdict(Action.JUNK), rules=("x",))

        self.write()
        recipient_mail = 1
        self.start(rules=Late())  # type: ignore[arg-type]
        spool_id = await self.send("bob")
        await self.settle()
        self.assertEqual(spool_id, recipient_mail)
        self.assertEqual((await self.mail_of(1), await self.waiting()), ([], []))

    async def test_a_mail_without_matching_rules_costs_no_unit(self) -> None:
        store = FailingStore(self.store)
        counted: list[Any] = []
        plain = store.write

        async def write(unit: Any, *priority: Any) -> Any:
            counted.append(unit)
            return await plain(unit, *priority)

        store.write = write  # type: ignore[method-assign]
        self.begin(rule('header = "X-No", exists = true'), store=store)
        await self.send("bob")
        await self.settle()
        self.assertEqual((len(counted), len(await self.mail_of(1))), (1, 1))
