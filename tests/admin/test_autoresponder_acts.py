"""Operations on automatic replies."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailim.admin.autoresponder_acts import AutoresponderActs
from mailim.admin.table import BY_NAME
from mailim.errors import Invalid, NotFound
from tests.accounts.sites import PASSWORD, Site

BOB = "bob@example.test"


class AutoresponderActsTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.site = Site(self)
        await self.site.people()
        await self.site.accounts.add(BOB, PASSWORD, "Bob")
        self.acts = AutoresponderActs(self.site.accounts, self.site.store).acts()

    async def act(self, verb: str, /, **values: Any) -> Any:
        name = f"autoresponder.{verb}"
        given = {key.rstrip("_"): value for key, value in values.items()}
        checked = BY_NAME[name].checked({"address": BOB} | given)
        return await self.acts[name](checked, "anna@example.test")

    async def test_show_and_set(self) -> None:
        before = await self.act("show")
        self.assertEqual((before["address"], before["enabled"], before["days"]), (BOB, False, 1))
        after = await self.act(
            "set", state="on", from_="2026-12-20", until="2027-01-07T08:00:00Z",
            subject="Away", text="Back soon", html="<p>Back soon</p>", days=7,
            exclude=" *@x.test, a@y.test ", colleagues=False,
        )  # fmt: skip
        self.assertEqual(after, await self.act("show"))
        self.assertEqual(
            after,
            {
                "address": BOB,
                "enabled": True,
                "from": "2026-12-20T00:00:00.000000Z",
                "until": "2027-01-07T08:00:00.000000Z",
                "subject": "Away",
                "message": "Back soon",
                "html": "<p>Back soon</p>",
                "days": 7,
                "exclude": ["*@x.test", "a@y.test"],
                "colleagues": False,
            },
        )

    async def test_what_is_not_named_stays_and_an_empty_word_takes_back(self) -> None:
        await self.act("set", state="on", text="Back soon", subject="Away", from_="2026-12-20")
        after = await self.act("set", subject="", from_="", exclude=" ")
        self.assertEqual((after["subject"], after["from"], after["exclude"]), (None, None, []))
        self.assertEqual((after["enabled"], after["message"]), (True, "Back soon"))
        self.assertFalse((await self.act("set", state="off"))["enabled"])

    async def test_what_is_refused(self) -> None:
        bad: tuple[tuple[str, Any], ...] = (
            ("from", "tomorrow"), ("until", "x"), ("days", 0), ("days", 61),
            ("subject", "a\r\nBcc: x@y.test"), ("subject", "x" * 300), ("state", "maybe"),
            ("exclude", "x" * 300), ("html", "x" * 70_000),
        )  # fmt: skip
        for name, value in bad:
            with self.assertRaises(Invalid) as caught:
                await self.act("set", **{name: value})
            self.assertEqual(caught.exception.path, name)
        with self.assertRaises(Invalid) as caught:
            await self.act("set", from_="2026-12-20", until="2026-12-20")
        self.assertEqual(caught.exception.path, "until")
        with self.assertRaises(NotFound):
            await self.act("show", address="nobody@example.test")
        self.assertFalse((await self.act("show"))["enabled"])
