"""Email/set, Email/changes, threads and snippets (RFC 8621 sections 3, 4.3, 4.6 and 5)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.protocols.jmap.search_snippets import MAX_SNIPPET, marked, words_of
from tests.protocols.jmap.kit import BOB, Kit, mail


class SetTests(TestCase):
    async def change(self, kit: Kit, id: str, **patch: Any) -> Any:
        """Give None, or the SetError."""
        result = await kit.call("Email/set", update={id: patch})
        if result["notUpdated"]:
            return result["notUpdated"][id]
        self.assertEqual(result["updated"], {id: None})
        return None

    async def keywords(self, kit: Kit, id: str) -> set[str]:
        return set((await kit.email(id, "keywords"))["keywords"])

    async def test_keywords_whole(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(keywords=("old",))
        self.assertIsNone(await self.change(kit, id, keywords={"$Seen": True, "new": True}))
        self.assertEqual(await self.keywords(kit, id), {"$seen", "new"})
        self.assertIsNone(await self.change(kit, id, keywords={}))
        self.assertEqual(await self.keywords(kit, id), set())

    async def test_keywords_patched(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(keywords=("a", "b"))
        patch = {
            "keywords/$seen": True,
            "keywords/A": None,
            "keywords/c~1d": True,
            "keywords/z": None,
        }
        self.assertIsNone(await self.change(kit, id, **patch))
        self.assertEqual(await self.keywords(kit, id), {"$seen", "b", "c/d"})

    async def test_move(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        archive, inbox = kit.boxes["archive"], kit.boxes["inbox"]
        self.assertIsNone(await self.change(kit, id, mailboxIds={archive: True}))
        self.assertEqual((await kit.email(id, "mailboxIds"))["mailboxIds"], {archive: True})
        patch = {f"mailboxIds/{archive}": None, f"mailboxIds/{inbox}": True}
        self.assertIsNone(await self.change(kit, id, **patch))
        self.assertEqual((await kit.email(id, "mailboxIds"))["mailboxIds"], {inbox: True})
        counts = await kit.call("Mailbox/get", ids=[inbox, archive], properties=["totalEmails"])
        self.assertEqual([each["totalEmails"] for each in counts["list"]], [1, 0])

    async def test_move_into_what_was_just_created(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        here = {"accountId": kit.account_id}
        responses = await kit.request(
            ["Mailbox/set", {**here, "create": {"k": {"name": "new"}}}],
            ["Email/set", {**here, "update": {id: {"mailboxIds": {"#k": True}}}}],
        )
        box = responses[0][1]["created"]["k"]["id"]
        self.assertEqual((await kit.email(id, "mailboxIds"))["mailboxIds"], {box: True})

    async def test_refusals(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(keywords=("kept",))
        inbox, archive = kit.boxes["inbox"], kit.boxes["archive"]
        many = {f"k{number}": True for number in range(200)}
        refusals: list[tuple[dict[str, Any], str, list[str] | None]] = [
            ({"keywords": {"a": False}}, "invalidProperties", ["keywords"]),
            ({"keywords": ["a"]}, "invalidProperties", ["keywords"]),
            ({"keywords": None}, "invalidProperties", ["keywords"]),
            ({"keywords": {"a b": True}}, "invalidProperties", ["keywords"]),
            ({"keywords": {"": True}}, "invalidProperties", ["keywords"]),
            ({"keywords": {"é": True}}, "invalidProperties", ["keywords"]),
            ({"keywords/a": False}, "invalidProperties", ["keywords/a"]),
            ({"keywords/a(": True}, "invalidProperties", ["keywords"]),
            ({"keywords": many}, "tooManyKeywords", None),
            ({"mailboxIds": {}}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": {"m999": True}}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": {"x": True}}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": {inbox: True, archive: True}}, "tooManyMailboxes", ["mailboxIds"]),
            ({f"mailboxIds/{archive}": True}, "tooManyMailboxes", ["mailboxIds"]),
            ({f"mailboxIds/{inbox}": None}, "invalidProperties", ["mailboxIds"]),
            ({"subject": "new"}, "invalidProperties", ["subject"]),
            ({"nothing": 1}, "invalidProperties", ["nothing"]),
            ({"from/0": 1}, "invalidProperties", ["from"]),
            ({"keywords": {}, "keywords/a": True}, "invalidPatch", None),
            ({"keywords/a/b": True}, "invalidPatch", None),
        ]
        for patch, type, properties in refusals:
            error = await self.change(kit, id, **patch)
            self.assertEqual((error["type"], error.get("properties")), (type, properties), patch)
        # One bad property spoils the whole patch.
        await self.change(kit, id, **{"keywords/new": True, "mailboxIds": {"m999": True}})
        self.assertEqual(await self.keywords(kit, id), {"kept"})

    async def test_what_is_so_already(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        email = await kit.email(id, "threadId", "size", "blobId", "receivedAt")
        result = await kit.call("Email/set", update={id: {**email, "keywords": {"a": True}}})
        self.assertEqual(result["updated"], {id: None})

    async def test_destroy(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        result = await kit.call("Email/set", destroy=[id, id, "e999", "x"])
        self.assertEqual(result["destroyed"], [id])
        self.assertEqual(set(result["notDestroyed"]), {"e999", "x"})
        self.assertEqual(result["notDestroyed"]["x"]["type"], "notFound")
        self.assertEqual(await kit.ids(), [])

    async def test_update_and_destroy(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        result = await kit.call("Email/set", update={id: {"keywords": {}}}, destroy=[id])
        self.assertEqual(result["notUpdated"][id]["type"], "willDestroy")
        self.assertEqual(result["destroyed"], [id])

    async def test_states(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        result = await kit.call("Email/set", update={id: {"keywords/a": True}})
        self.assertLess(int(result["oldState"]), int(result["newState"]))
        error = await kit.error("Email/set", ifInState=result["oldState"], destroy=[id])
        self.assertEqual(error, "stateMismatch")
        again = await kit.call(
            "Email/set", ifInState=result["newState"], update={id: {"keywords/a": True}}
        )
        self.assertEqual(again["oldState"], again["newState"])  # nothing changed

    async def test_mail_of_others(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add()
        bob = await kit.site.directory.find(BOB)
        assert bob is not None
        account = {"accountId": f"a{bob.id}"}
        responses = await kit.request(
            ["Email/get", {**account, "ids": [id]}],
            ["Email/set", {**account, "update": {id: {"keywords/x": True}}, "destroy": [id]}],
            ["Email/query", account],
            ["Email/set", {**account, "destroy": [id]}],
            who=BOB,
        )
        self.assertEqual(responses[0][1]["notFound"], [id])
        self.assertEqual(responses[1][1]["notDestroyed"][id]["type"], "notFound")
        self.assertEqual(responses[2][1]["ids"], [])
        self.assertEqual(responses[3][1]["notDestroyed"][id]["type"], "notFound")
        self.assertEqual(await kit.ids(), [id])
        folders = await kit.store.read(lambda tx: tx.folders.list(bob.id))
        error = await self.change(kit, id, mailboxIds={f"m{folders[0].id}": True})
        self.assertEqual(error["type"], "invalidProperties")


class ChangesTests(TestCase):
    async def test_changes(self) -> None:
        kit = await Kit.start(self)
        kept, gone = await kit.add(), await kit.add()
        state = (await kit.call("Email/get", ids=[]))["state"]
        new = await kit.add()
        await kit.call("Email/set", update={kept: {"keywords/a": True}}, destroy=[gone])
        changes = await kit.call("Email/changes", sinceState=state)
        self.assertEqual(
            (changes["created"], changes["updated"], changes["destroyed"]), ([new], [kept], [gone])
        )
        self.assertFalse(changes["hasMoreChanges"])
        page = await kit.call("Email/changes", sinceState=state, maxChanges=1)
        self.assertTrue(page["hasMoreChanges"])
        self.assertEqual(page["created"], [new])

    async def test_threads(self) -> None:
        kit = await Kit.start(self)
        one = await kit.add(mail("talk", extra="Message-ID: <1@x>\r\n"))
        state = (await kit.call("Thread/get", ids=[]))["state"]
        two = await kit.add(mail("Re: talk", extra="In-Reply-To: <1@x>\r\n"))
        thread = (await kit.email(one, "threadId"))["threadId"]
        found = await kit.call("Thread/get", ids=[thread, "t999", "x"])
        self.assertEqual(found["list"], [{"id": thread, "emailIds": [one, two]}])
        self.assertEqual(found["notFound"], ["t999", "x"])
        changes = await kit.call("Thread/changes", sinceState=state)
        self.assertEqual(changes["updated"], [thread])
        self.assertEqual(await kit.error("Thread/get", ids=None), "requestTooLarge")
        await kit.call("Email/set", destroy=[one, two])
        changes = await kit.call("Thread/changes", sinceState=changes["newState"])
        self.assertEqual(changes["destroyed"], [thread])


class SnippetTests(TestCase):
    async def test_snippets(self) -> None:
        kit = await Kit.start(self)
        far = "word " * 200 + "the needle & <more> " + "hay " * 200
        a = await kit.add(mail("Needle <1>", far))
        b = await kit.add(mail("nothing", "here"))
        html = "Content-Type: text/html\r\n"
        c = await kit.add(mail("x", "<p>" + "y " * 200 + "<b>needle</b>s</p>", extra=html))
        found = await kit.call(
            "SearchSnippet/get", filter={"text": "needle"}, emailIds=[a, b, c, "e999"]
        )
        first, second, third = found["list"]
        self.assertEqual(first["subject"], "<mark>Needle</mark> &lt;1&gt;")
        self.assertIn("the <mark>needle</mark> &amp; &lt;more&gt; hay", first["preview"])
        self.assertEqual((second["subject"], second["preview"]), (None, None))
        self.assertIn("<mark>needle", third["preview"])
        self.assertNotIn("<b>", third["preview"])
        self.assertEqual(found["notFound"], ["e999"])

    async def test_no_words(self) -> None:
        kit = await Kit.start(self)
        a = await kit.add()
        for filter in (None, {}, {"hasKeyword": "x"}, {"from": "carol"}):
            found = await kit.call("SearchSnippet/get", filter=filter, emailIds=[a])
            self.assertEqual(found["list"], [{"emailId": a, "subject": None, "preview": None}])


class MarkTests(SynchronousTestCase):
    def test_words(self) -> None:
        filter = {
            "operator": "AND",
            "conditions": [
                {"text": 'big "red" fox'},
                {"operator": "NOT", "conditions": [{"text": "dog"}]},
                {"subject": "cat"},
            ],
        }
        self.assertEqual(set(words_of(filter, ("text",))), {"big", "red", "fox"})
        self.assertEqual(set(words_of(filter, ("subject",))), {"cat"})

    def test_never_too_long_and_never_broken(self) -> None:
        for text in ("<&>" * 200, "ä" * 500, "needle " * 100, "x" * 300 + " needle" + "<" * 99):
            snippet = marked(f"{text} needle", ["needle"])
            assert snippet is not None
            self.assertLessEqual(len(snippet.encode()), MAX_SNIPPET)
            self.assertEqual(snippet.count("<mark>"), snippet.count("</mark>"))
            self.assertEqual(snippet.count("<"), 2 * snippet.count("<mark>"))
        self.assertIsNone(marked("nothing here", ["needle"]))
        self.assertIsNone(marked("needle", []))
