"""Completion of recipients: who is known, who comes first, who is kept from whom."""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.im import RosterItem
from mailim.interfaces.people import LETTER_PEOPLE, Letter
from mailim.interfaces.store import ITransaction
from mailim.webmail.people import KEPT_PEOPLE, Correspondents, Person, matching
from mailim.wire.message import Mailbox
from tests.fakes.inside import PASSWORD
from tests.fakes.store import open_transaction
from tests.fakes.web import WebClient
from tests.store.mails import add_account, add_item, message
from tests.webmail.test_pages import PagesCase

DAY = 86_400_000_000
NOW = 1_700_000_000_000_000
ME = frozenset({"me@example.test"})


def letter(sender: str, *to: str, age: int = 0, role: str = "inbox", name: str = "") -> Letter:
    recipients = tuple(Mailbox(None, each) for each in to)
    return Letter(1, NOW - age * DAY, role, (Mailbox(name or None, sender),), recipients)


def learnt(*letters: Letter) -> Correspondents:
    people = Correspondents()
    people.learn(letters, ME)
    return people


def ranked(people: Correspondents, words: str = "") -> list[str]:
    return [each.email for each in matching(people.persons(), words, 10)]


class LearningTests(SynchronousTestCase):
    def test_who_is_written_to_comes_before_who_writes(self) -> None:
        people = learnt(
            letter("shop@x.test"), letter("shop@x.test"), letter("me@example.test", "ann@x.test")
        )
        self.assertEqual(ranked(people), ["ann@x.test", "shop@x.test"])

    def test_lately_counts_more_than_long_ago(self) -> None:
        old = [letter("old@x.test", age=400)] * 5
        self.assertEqual(ranked(learnt(*old, letter("new@x.test"))), ["new@x.test", "old@x.test"])

    def test_often_counts_more_than_once(self) -> None:
        people = learnt(letter("once@x.test"), *[letter("often@x.test", age=20)] * 5)
        self.assertEqual(ranked(people), ["often@x.test", "once@x.test"])

    def test_nobody_is_learnt_from_junk_robots_oneself_or_garbage(self) -> None:
        people = learnt(
            letter("spam@x.test", role="junk"),
            letter("gone@x.test", role="trash"),
            letter("no-reply@x.test"),
            letter("MAILER-DAEMON@x.test"),
            letter("me@example.test", "ME@example.test", "not an address", "", "a@b@c", "@x"),
        )
        self.assertEqual(ranked(people), [])

    def test_the_name_somebody_gives_wins_over_what_others_call_them(self) -> None:
        people = Correspondents()
        people.learn([letter("ann@x.test", name="Ann  Berg", age=5)], ME)
        to_ann = Letter(2, NOW, "sent", (), (Mailbox("ANNIE", "ann@x.test"),))
        people.learn([to_ann, letter("ann@x.test", name="ann@x.test")], ME)
        self.assertEqual([each.name for each in people.persons()], ["Ann Berg"])
        self.assertEqual(people.modseq, 2)

    def test_only_so_many_are_kept_those_that_matter(self) -> None:
        crowd = [letter(f"p{at}@x.test", age=300) for at in range(KEPT_PEOPLE + 50)]
        people = learnt(*crowd, letter("me@example.test", "friend@x.test"))
        self.assertEqual(len(people.people), KEPT_PEOPLE)
        self.assertEqual(ranked(people)[0], "friend@x.test")

    @given(st.text(max_size=300), st.text(max_size=50))
    def test_whatever_stands_in_a_mail_is_taken(self, email: str, name: str) -> None:
        people = learnt(letter(email, email, name=name))
        for each in people.persons():
            self.assertIn("@", each.email)

    def test_a_hostile_address_costs_little(self) -> None:
        learnt(*[letter("=" * 100_000, "+=" * 50_000 + "@x")] * 10)  # would take minutes

    def test_times_beyond_reason_do_no_harm(self) -> None:
        people = learnt(letter("a@x.test", age=-(10**8)), letter("b@x.test", age=10**8))
        self.assertEqual(ranked(people), ["a@x.test", "b@x.test"])


class MatchingTests(SynchronousTestCase):
    people = (
        Person("Bob Öz", "bob@example.test", "colleague", 1),
        Person("Alice Berg", "alice.berg@example.test", "colleague", 2),
        Person("", "robert@elsewhere.test", "earlier", 3),
    )

    def found(self, words: str, limit: int = 10) -> list[str]:
        return [each.email.partition("@")[0] for each in matching(self.people, words, limit)]

    def test_words_begin_words_of_name_or_address(self) -> None:
        self.assertEqual(self.found("bo"), ["bob"])
        self.assertEqual(self.found("OZ"), ["bob"])
        self.assertEqual(self.found("berg al"), ["alice.berg"])
        self.assertEqual(self.found("elsewh"), ["robert"])
        self.assertEqual(self.found("alice.berg@exam"), ["alice.berg"])
        self.assertEqual(self.found("ob"), [])
        self.assertEqual(self.found("bob zz"), [])
        self.assertEqual(self.found("%"), [])

    def test_no_words_give_the_likeliest(self) -> None:
        self.assertEqual(self.found("", 2), ["robert", "alice.berg"])

    def test_each_address_once_with_its_greatest_weight(self) -> None:
        again = Person("B.", "BOB@example.test", "earlier", 9)
        [first, *rest] = matching((*self.people, again), "", 10)
        self.assertEqual((first.name, first.kind, first.weight), ("Bob Öz", "colleague", 9))
        self.assertEqual(len(rest), 2)


class LetterTests(SynchronousTestCase):
    def test_what_came_since_newest_first_up_to_the_limit(self) -> None:
        tx: ITransaction = open_transaction(self)
        account = add_account(tx)
        inbox = tx.folders.create(account.id, "Inbox", role="inbox").id
        for at in range(5):
            add_item(tx, inbox, message(sender=f"P <p{at}@x.test>", body=str(at)))
        other = add_account(tx, "carol@example.test")
        theirs = tx.folders.create(other.id, "Inbox", role="inbox").id
        add_item(tx, theirs, message(sender="secret@x.test"))
        letters = tx.people.letters(account.id, 0, 3)
        self.assertEqual(
            [each.senders[0].email for each in letters], [f"p{n}@x.test" for n in (4, 3, 2)]
        )
        self.assertEqual([each.role for each in letters], ["inbox"] * 3)
        self.assertEqual(tx.people.letters(account.id, letters[0].modseq, 3), [])
        add_item(tx, inbox, message(to=", ".join(f"t{n}@x.test" for n in range(200)), body="many"))
        [newest] = tx.people.letters(account.id, letters[0].modseq, 3)
        self.assertEqual(len(newest.recipients), LETTER_PEOPLE)

    def test_mail_that_is_too_much_to_look_at(self) -> None:
        """A stranger can make facts of a megabyte with little; thousands are read at once."""
        tx: ITransaction = open_transaction(self)
        inbox = tx.folders.create(add_account(tx).id, "Inbox", role="inbox").id
        add_item(tx, inbox, message(to=", ".join(f"t{n}@x.test" for n in range(5000))))
        [letter] = tx.people.letters(1, 0, 3)
        self.assertEqual((letter.senders, letter.recipients, letter.role), ((), (), "inbox"))


class PeopleApiTests(PagesCase):
    async def ask(self, client: WebClient, words: str, **more: object) -> list[dict[str, str]]:
        answer = await client.request("GET", f"/api/people?{urlencode({'q': words, **more})}")
        self.assertEqual(answer.status, 200, answer.text)
        people: list[dict[str, str]] = answer.json["people"]
        return people

    async def signed_in(self) -> WebClient:
        client = await self.client()
        for name in ("bob", "hidden"):
            await self.server.core.accounts.add(f"{name}@example.test", PASSWORD)
        await client.sign_in("alice", PASSWORD)
        return client

    async def write(self, unit) -> None:  # type: ignore[no-untyped-def]
        await self.server.core.store.write(unit)

    async def test_colleagues_groups_contacts_and_people_of_mail(self) -> None:
        client = await self.signed_in()
        core = self.server.core
        alice = await core.accounts.show("alice@example.test")
        hidden = await core.accounts.show("hidden@example.test")

        def unit(tx: ITransaction) -> None:
            tx.accounts.update(hidden.id, published=False)
            tx.accounts.add_group("team@example.test", "The team")
            tx.accounts.add_alias("sales@example.test", "bob@example.test")
            tx.accounts.add_alias("secret@example.test", "hidden@example.test")
            tx.im.set_roster_item(alice.id, RosterItem("chat@far.test", "Chatty", "both"))
            inbox = tx.folders.by_role(alice.id, "inbox")
            assert inbox is not None
            add_item(tx, inbox.id, message(sender="Zoë Ek <zoe@far.test>"))

        await self.write(unit)
        everybody = {each["email"]: each for each in await self.ask(client, "", limit=50)}
        self.assertEqual(
            set(everybody),
            {
                "alice@example.test", "bob@example.test", "admin@example.test",
                "team@example.test", "sales@example.test", "chat@far.test", "zoe@far.test",
            },
        )  # fmt: skip
        self.assertEqual(everybody["team@example.test"]["kind"], "group")
        self.assertEqual(
            everybody["chat@far.test"],
            {"name": "Chatty", "email": "chat@far.test", "kind": "contact"},
        )
        [zoe] = await self.ask(client, "zoe e")
        self.assertEqual(zoe, {"name": "Zoë Ek", "email": "zoe@far.test", "kind": "earlier"})

    async def test_new_mail_and_new_colleagues_are_found_at_once(self) -> None:
        client = await self.signed_in()
        self.assertEqual(await self.ask(client, "nina"), [])
        core = self.server.core
        alice = await core.accounts.show("alice@example.test")
        await core.accounts.add("nina@example.test", PASSWORD)

        def unit(tx: ITransaction) -> None:
            inbox = tx.folders.by_role(alice.id, "inbox")
            assert inbox is not None
            for at in range(3):
                add_item(
                    tx, inbox.id, message(sender="nina@far.test", body=str(at)), received=NOW * 2
                )

        await self.write(unit)
        found = [each["email"] for each in await self.ask(client, "nina")]
        self.assertEqual(found, ["nina@far.test", "nina@example.test"])

    async def test_other_peoples_correspondents_stay_theirs(self) -> None:
        client = await self.signed_in()
        bob = await self.server.core.accounts.show("bob@example.test")

        def unit(tx: ITransaction) -> None:
            inbox = tx.folders.by_role(bob.id, "inbox")
            assert inbox is not None
            add_item(tx, inbox.id, message(sender="lover@far.test"))

        await self.write(unit)
        self.assertEqual(await self.ask(client, "lover"), [])

    async def test_it_needs_a_session_and_a_sound_question(self) -> None:
        client = await self.signed_in()
        for query in (
            "limit=0",
            "limit=51",
            "limit=x",
            "limit=9" + "9" * 5000,
            "limit=0001" + "9" * 5000,
            "q=" + "a" * 201,
            "q=%ff",
        ):
            answer = await client.request("GET", f"/api/people?{query}")
            self.assertIn(answer.status, (400, 414), query[:40])
        client.cookie = ""
        self.assertEqual((await client.request("GET", "/api/people?q=a")).status, 401)
