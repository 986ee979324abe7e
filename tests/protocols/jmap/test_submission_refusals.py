"""EmailSubmission: what is not sent."""

from __future__ import annotations

from typing import Any

from mailim.interfaces.dsn import RecipientDsn
from mailim.mail.intake import IntakeLimits
from mailim.protocols.jmap import submission_set
from mailim.wire.jmap_ids import ACCOUNT, write_id
from tests.protocols.jmap.kit import ALICE, BOB
from tests.protocols.jmap.submitting import FROM_ALICE, SubmissionCase


class RefusalTests(SubmissionCase):
    async def test_so_many_wait_and_no_more(self) -> None:
        """Also what was destroyed meanwhile: it is sent all the same."""
        self.patch(submission_set, "SUBMISSIONS_PENDING", 2)
        kit = await self.start()
        value = {"identityId": self.identity, "emailId": await self.draft()}
        creating = {name: value for name in "abc"}
        answer = await kit.call("EmailSubmission/set", create=creating)
        made = [each["id"] for each in answer["created"].values()]
        self.assertEqual((len(made), answer["notCreated"]["c"]["type"]), (2, "overQuota"))
        await kit.call("EmailSubmission/set", destroy=made)
        self.assertEqual((await self.refused(value["emailId"]))["type"], "overQuota")
        await self.later(11)
        await self.sent(value["emailId"])

    async def test_who_may_send(self) -> None:
        await self.start()
        for sender, kind in (
            (FROM_ALICE, None),
            ("Sales <sales+x@example.test>", None),
            (f"Alice <{ALICE}>, <{BOB}>", "forbiddenFrom"),
            ("bob@example.test", "forbiddenFrom"),
            (f"team: {ALICE}, carol@example.org;", "forbiddenFrom"),
            (f"{ALICE}\r\nFrom: {BOB}", "forbiddenFrom"),
            (f"{BOB}\r\nFROM : {ALICE}", "forbiddenFrom"),
            (", ".join(f"alice+{n}@example.test" for n in range(101)), "forbiddenFrom"),
            ("The boss", "invalidEmail"),
            ("", "invalidEmail"),
            (f"{ALICE}, sales@example.test", "invalidEmail"),
        ):
            answer = await self.send(await self.draft(sender=sender))
            error = (answer["notCreated"] or {"s": {"type": None}})["s"]
            self.assertEqual(error["type"], kind, sender)
            if kind == "invalidEmail":
                self.assertEqual(error["properties"], ["from"])

    async def test_a_from_field_that_others_may_find(self) -> None:
        """What the relay, or who reads it, would make a header of."""
        await self.start()
        good = f"From: {ALICE}\r\nTo: {BOB}\r\n"
        for data in (
            f"{good}Subject: x\rFrom: {BOB}\r\n\r\ntext",
            f"{good}\rFrom: {BOB}\r\n\r\ntext",
            f"{good}no field\r\nFrom: {BOB}\r\n",
            f"no field\r\n{good}\r\ntext",
            f"{good}{'X: y' * 2**18}\r\nFrom: {BOB}\r\n\r\ntext",
        ):
            email = await self.kit.add(data.encode(), "drafts")
            error = await self.refused(email)
            self.assertEqual(error["type"], "invalidEmail", data[:100])
        for data in (good, good.replace("\r\n", "\n"), f"{good}\r\n", f"{good}no field\r\n\r\nx"):
            await self.sent(await self.kit.add(data.encode(), "drafts"))

    async def test_the_envelope_says_who_sends(self) -> None:
        await self.start()
        email = await self.draft(sender=f"{ALICE}, sales@example.test")
        for sender, kind in (
            (ALICE, None),
            ("Sales+a@EXAMPLE.test", None),
            ("", None),
            (BOB, "forbiddenMailFrom"),
            ("nobody@example.test", "forbiddenMailFrom"),
            ("alice@[127.0.0.1]", "forbiddenMailFrom"),
            ("postmaster", "forbiddenMailFrom"),
            ("not an address", "forbiddenMailFrom"),
            (f"{ALICE}> SIZE=1\r\nRCPT TO:<x", "forbiddenMailFrom"),
        ):
            envelope = {"mailFrom": {"email": sender}, "rcptTo": [{"email": BOB}]}
            answer = await self.send(email, envelope)
            error = (answer["notCreated"] or {"s": {"type": None}})["s"]
            self.assertEqual(error["type"], kind, sender)

    async def test_without_an_envelope_the_sender_field_counts(self) -> None:
        await self.start()
        email = await self.draft(extra="Sender: sales@example.test\r\n")
        made = await self.sent(email)
        self.assertEqual(made["envelope"]["mailFrom"]["email"], "sales@example.test")
        # Somebody else's is replaced by the identity's.
        made = await self.sent(await self.draft(extra="Sender: secretary@example.org\r\n"))
        self.assertEqual(made["envelope"]["mailFrom"]["email"], ALICE)

    async def test_to_whom(self) -> None:
        await self.start()
        for to, wrong in (
            ("nobody@example.test", ["nobody@example.test"]),
            (f"{BOB}, carol@example.org, x@", ["carol@example.org", "x@"]),
            ("bob@[127.0.0.1]", ["bob@[127.0.0.1]"]),
            ("A name only", [""]),
        ):
            error = await self.refused(await self.draft(to=to))
            self.assertEqual(error["type"], "invalidRecipients", to)
            self.assertEqual(error["invalidRecipients"], wrong)
        self.assertEqual(
            (await self.refused(await self.draft(to="undisclosed-recipients:;")))["type"],
            "noRecipients",
        )
        many = ", ".join(f"bob+{n}@example.test" for n in range(6))
        error = await self.refused(await self.draft(to=many))
        self.assertEqual((error["type"], error["maxRecipients"]), ("tooManyRecipients", 5))
        made = await self.sent(
            await self.draft(to=f"{BOB}, BOB@example.test", extra=f"Cc: {BOB}\r\n")
        )
        await self.later(11)
        [entry] = await self.spooled()
        self.assertEqual([each.address for each in entry.recipients], [BOB])
        self.assertIsNotNone(made["id"])

    async def test_too_large_or_odd(self) -> None:
        kit = await self.start()
        kit.intake._limits = IntakeLimits(message_octets=200)
        error = await self.refused(await self.draft(extra=f"X: {'x' * 200}\r\n"))
        self.assertEqual((error["type"], error["maxSize"]), ("tooLarge", 200))
        kit.intake._limits = IntakeLimits()
        long = "X-Long: x\r\n" * 100_000
        error = await self.refused(await self.draft(extra=long))
        self.assertEqual(error["type"], "invalidEmail")

    async def test_wrong_properties(self) -> None:
        kit = await self.start()
        email = await self.draft()
        for properties, value in (
            (["identityId"], {"emailId": email}),
            (["identityId", "emailId"], {}),
            (["emailId"], {"identityId": self.identity, "emailId": None}),
            (["emailId"], {"identityId": self.identity, "emailId": "e99"}),
            (["identityId"], {"identityId": "i99", "emailId": email}),
            (["sendAt"], {"identityId": self.identity, "emailId": email, "sendAt": "x"}),
            (["nonsense"], {"identityId": self.identity, "emailId": email, "nonsense": 1}),
        ):
            answer = await kit.call("EmailSubmission/set", create={"s": value})
            error = answer["notCreated"]["s"]
            self.assertEqual(
                (error["type"], error["properties"]), ("invalidProperties", properties)
            )
        self.assertEqual(await kit.error("EmailSubmission/set", ifInState="999"), "stateMismatch")
        self.assertEqual(await self.spooled(), [])

    async def test_another_account_has_nothing_of_it(self) -> None:
        kit = await self.start()
        email = await self.draft()
        made = await self.sent(email)
        bob = await kit.site.directory.find(BOB)
        assert bob is not None
        account = write_id(ACCOUNT, bob.id)
        answers = await kit.request(
            ["Identity/get", {"accountId": account}],
            ["EmailSubmission/get", {"accountId": account, "ids": [made["id"]]}],
            ["EmailSubmission/set", {
                "accountId": account, "update": {made["id"]: {"undoStatus": "canceled"}},
                "destroy": [made["id"]],
                "create": {"s": {"identityId": self.identity, "emailId": email}},
            }],
            who=BOB,
        )  # fmt: skip
        self.assertEqual([each["email"] for each in answers[0][1]["list"]], [BOB])
        self.assertEqual(answers[1][1]["notFound"], [made["id"]])
        self.assertEqual(answers[2][1]["notUpdated"][made["id"]]["type"], "willDestroy")
        self.assertEqual(answers[2][1]["notDestroyed"][made["id"]]["type"], "notFound")
        self.assertEqual(answers[2][1]["notCreated"]["s"]["type"], "invalidProperties")
        await self.later(11)
        self.assertEqual(len(await self.spooled()), 1)

    async def test_a_share_for_each_hour(self) -> None:
        kit = await self.start()
        email = await self.draft()
        value = {"identityId": self.identity, "emailId": email}
        answer = await kit.call("EmailSubmission/set", create={f"s{n}": value for n in range(22)})
        self.assertEqual(len(answer["created"]), 20)
        self.assertEqual({each["type"] for each in answer["notCreated"].values()}, {"rateLimit"})

    async def test_a_disabled_account_sends_nothing(self) -> None:
        kit = await self.start()
        made = await self.sent(await self.draft())
        hidden = await self.sent(await self.draft())
        await kit.call("EmailSubmission/set", destroy=[hidden["id"]])
        await kit.store.write(lambda tx: tx.accounts.update(kit.alice.id, enabled=False))
        await self.later(11)
        self.assertEqual(await self.spooled(), [])
        await kit.store.write(lambda tx: tx.accounts.update(kit.alice.id, enabled=True))
        self.assertEqual((await self.shown(made["id"]))["undoStatus"], "canceled")


class EnvelopeTests(SubmissionCase):
    async def hold(self, **parameters: Any) -> dict[str, Any]:
        mail_from = {"email": ALICE, "parameters": parameters}
        envelope = {"mailFrom": mail_from, "rcptTo": [{"email": BOB}]}
        return await self.send(await self.draft(), envelope)

    async def test_held_for_a_time(self) -> None:
        await self.start()
        for parameters, send_at in (
            ({"HOLDFOR": "3600"}, "2023-11-14T23:13:20Z"),
            ({"holduntil": "2023-11-15T00:13:20+01:00"}, "2023-11-14T23:13:20Z"),
            ({"HOLDFOR": "0"}, "2023-11-14T22:13:20Z"),
            ({"HOLDUNTIL": "2020-01-01T00:00:00Z"}, "2023-11-14T22:13:20Z"),
        ):
            answer = await self.hold(**parameters)
            self.assertEqual(answer["created"]["s"]["sendAt"], send_at)
        await self.later(0)
        self.assertEqual(len(await self.spooled()), 2)
        await self.later(3599)
        self.assertEqual(len(await self.spooled()), 2)
        await self.later(1)
        self.assertEqual(len(await self.spooled()), 4)

    async def test_parameters_that_cannot_be(self) -> None:
        await self.start()
        for parameters in (
            {"HOLDFOR": "x"}, {"HOLDFOR": None}, {"HOLDFOR": 5}, {"HOLDFOR": "-1"},
            {"HOLDFOR": "2678401"}, {"HOLDFOR": "1", "holdfor": "2"},
            {"HOLDFOR": "1", "HOLDUNTIL": "2023-11-15T00:13:20Z"}, {"HOLDUNTIL": "tomorrow"},
            {"HOLDUNTIL": "2023-11-15"}, {"HOLDUNTIL": "9999-12-31T23:59:59Z"},
            {"X-MINE": None}, {"\u0130": ""}, {"RET": "ALL"}, {"ENVID": ""}, {"ENVID": "\r\n"},
            {"SMTPUTF8": "x"}, {"BODY": "BINARYMIME"}, {"SIZE": "big"},
        ):  # fmt: skip
            answer = await self.hold(**parameters)
            error = answer["notCreated"]["s"]
            self.assertEqual(error["type"], "invalidProperties", parameters)
            self.assertTrue(error["properties"][0].startswith("envelope/mailFrom/parameters"))

    async def test_envelopes_that_cannot_be(self) -> None:
        await self.start()
        email = await self.draft()
        good = {"email": BOB}
        envelope: Any
        for envelope in (
            [], 5, {}, {"mailFrom": good}, {"mailFrom": good, "rcptTo": good},
            {"mailFrom": good, "rcptTo": [good], "more": 1}, {"mailFrom": None, "rcptTo": [good]},
            {"mailFrom": good, "rcptTo": [{"email": None}]},
            {"mailFrom": good, "rcptTo": [{"email": "x" * 999}]},
            {"mailFrom": good, "rcptTo": [{"email": BOB, "name": "Bob"}]},
            {"mailFrom": good, "rcptTo": [{"email": BOB, "parameters": {"NOTIFY": "LATER"}}]},
            {"mailFrom": good, "rcptTo": [{"email": BOB, "parameters": {"ORCPT": "bob"}}]},
        ):  # fmt: skip
            error = await self.refused(email, envelope)
            self.assertEqual(error["type"], "invalidProperties", envelope)
        error = await self.refused(email, {"mailFrom": {"email": ALICE}, "rcptTo": []})
        self.assertEqual(error["type"], "noRecipients")
        error = await self.refused(email, {"mailFrom": good, "rcptTo": [good] * 6})
        self.assertEqual((error["type"], error["maxRecipients"]), ("tooManyRecipients", 5))

    async def test_what_the_sender_wants_to_be_told(self) -> None:
        await self.start()
        envelope = {
            "mailFrom": {"email": ALICE, "parameters": {"RET": "full", "ENVID": "E 1"}},
            "rcptTo": [
                {"email": BOB, "parameters": {"NOTIFY": "success,FAILURE", "ORCPT": "rfc822;b@x"}},
                {"email": "sales@example.test", "parameters": None},
            ],
        }
        made = await self.sent(await self.draft(), envelope)
        await self.later(11)
        [entry] = await self.spooled()
        self.assertEqual((entry.dsn.ret, entry.dsn.envid), ("FULL", "E 1"))
        self.assertEqual(entry.dsn.of(BOB), RecipientDsn(("SUCCESS", "FAILURE"), "rfc822;b@x"))
        self.assertEqual(entry.dsn.of("sales@example.test"), RecipientDsn())
        self.assertEqual((await self.shown(made["id"]))["envelope"], envelope)
