"""Contract tests of IAccountRows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailim.errors import AlreadyExists, Invalid, NotFound
from mailim.events import AccountsChanged, Event, PasswordChanged
from mailim.interfaces.accounts import Alias, Credential, Group, IAccountRows, WebSession
from tests.fakes.store import open_transaction


class AccountRowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.rows = self.tx.accounts
        self.domain = self.rows.add_domain("example.test", 1)
        self.tx.effects.events.clear()

    def published(self) -> list[Event]:
        events = list(self.tx.effects.events)
        self.tx.effects.events.clear()
        return events

    def test_interface(self) -> None:
        verifyObject(IAccountRows, self.rows)

    # --- domains

    def test_domains(self) -> None:
        other = self.rows.add_domain("another.test", 2)
        self.assertEqual(self.published(), [AccountsChanged("")])
        self.assertEqual(self.rows.domains(), [other, self.domain])
        self.assertRaises(AlreadyExists, self.rows.add_domain, "another.test", 3)
        self.rows.remove_domain("another.test")
        self.assertEqual(self.rows.domains(), [self.domain])
        self.assertRaises(NotFound, self.rows.remove_domain, "another.test")

    def test_domain_in_use_stays(self) -> None:
        account = self.rows.add("a@example.test", "", False, 1)
        self.assertRaises(Invalid, self.rows.remove_domain, "example.test")
        self.rows.delete(account.id)
        self.rows.add_alias("b@example.test", "x@y.test")
        self.assertRaises(Invalid, self.rows.remove_domain, "example.test")
        self.rows.remove_alias("b@example.test")
        self.rows.add_group("c@example.test", "")
        self.assertRaises(Invalid, self.rows.remove_domain, "example.test")
        self.rows.remove_group("c@example.test")
        self.rows.remove_domain("example.test")

    # --- accounts

    def test_add_and_find(self) -> None:
        alice = self.rows.add("alice@example.test", "Alice", True, 7)
        self.assertEqual(self.published(), [AccountsChanged("alice@example.test")])
        self.assertEqual(
            (alice.address, alice.name, alice.admin, alice.enabled, alice.published),
            ("alice@example.test", "Alice", True, True, True),
        )
        self.assertEqual((alice.created, alice.last_login), (7, None))
        self.assertIs(alice.enabled, True)
        self.assertEqual(self.rows.get(alice.id), alice)
        self.assertEqual(self.rows.by_address("alice@example.test"), alice)
        self.assertIsNone(self.rows.get(alice.id + 1))
        self.assertIsNone(self.rows.by_address("bob@example.test"))

    def test_one_address_one_thing(self) -> None:
        self.rows.add("a@example.test", "", False, 1)
        self.rows.add_alias("b@example.test", "a@example.test")
        self.rows.add_group("c@example.test", "")
        for local in "abc":
            address = f"{local}@example.test"
            self.assertRaises(AlreadyExists, self.rows.add, address, "", False, 1)
            self.assertRaises(AlreadyExists, self.rows.add_alias, address, "x@y.test")
            self.assertRaises(AlreadyExists, self.rows.add_group, address, "")

    def test_unknown_domain(self) -> None:
        self.assertRaises(NotFound, self.rows.add, "a@other.test", "", False, 1)
        self.assertRaises(NotFound, self.rows.add_alias, "a@other.test", "x@y.test")
        self.assertRaises(NotFound, self.rows.add_group, "a@other.test", "")

    def test_list(self) -> None:
        self.rows.add_domain("another.test", 1)
        b = self.rows.add("b@example.test", "", False, 1)
        a = self.rows.add("a@example.test", "", False, 1)
        c = self.rows.add("aa@another.test", "", False, 1)
        self.assertEqual(self.rows.list(), [a, c, b])
        self.assertEqual(self.rows.list("example.test"), [a, b])
        self.assertEqual(self.rows.list("nowhere.test"), [])

    def test_update(self) -> None:
        a = self.rows.add("a@example.test", "A", False, 1)
        self.published()
        changed = self.rows.update(a.id, name="B", enabled=False)
        self.assertEqual((changed.name, changed.enabled, changed.admin), ("B", False, False))
        self.assertEqual(self.rows.get(a.id), changed)
        self.assertEqual(self.published(), [AccountsChanged("a@example.test")])
        self.assertRaises(Invalid, self.rows.update, a.id, address="x@example.test")
        self.assertRaises(NotFound, self.rows.update, a.id + 1, name="B")
        self.assertEqual(self.published(), [])

    def test_delete_takes_what_belongs_to_it(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        self.rows.set_credentials(a.id, [Credential("argon2id", {"hash": "h"})])
        self.rows.add_web_session(WebSession(b"t", a.id, 1, 1, 9, "::1", "x"))
        self.published()
        self.rows.delete(a.id)
        self.assertEqual(self.published(), [AccountsChanged("a@example.test")])
        self.assertIsNone(self.rows.get(a.id))
        self.assertEqual(self.rows.credentials(a.id), [])
        self.assertIsNone(self.rows.web_session(b"t"))
        self.assertRaises(NotFound, self.rows.delete, a.id)

    def test_ids_are_never_used_again(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        self.rows.delete(a.id)
        self.assertGreater(self.rows.add("a@example.test", "", False, 1).id, a.id)

    def test_touch_login(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        self.published()
        self.rows.touch_login(a.id, 99)
        found = self.rows.get(a.id)
        assert found is not None
        self.assertEqual(found.last_login, 99)
        self.assertEqual(self.published(), [])

    # --- credentials and settings

    def test_credentials_are_replaced_and_sessions_end(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        b = self.rows.add("b@example.test", "", False, 1)
        self.rows.add_web_session(WebSession(b"a", a.id, 1, 1, 9, "::1", "x"))
        self.rows.add_web_session(WebSession(b"b", b.id, 1, 1, 9, "::1", "x"))
        scram = Credential("SCRAM-SHA-256", {"salt": "c2FsdA==", "iterations": 4096})
        self.rows.set_credentials(a.id, [scram, Credential("argon2id", {"hash": "h"})])
        self.assertEqual(
            self.rows.credentials(a.id), [scram, Credential("argon2id", {"hash": "h"})]
        )
        self.assertIsNone(self.rows.web_session(b"a"))
        self.assertIsNotNone(self.rows.web_session(b"b"))
        self.published()
        self.rows.set_credentials(a.id, [])
        self.assertEqual(self.rows.credentials(a.id), [])
        self.assertEqual(
            self.published(), [AccountsChanged("a@example.test"), PasswordChanged(a.id)]
        )
        self.assertRaises(NotFound, self.rows.set_credentials, 99, [])

    def test_settings(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        self.assertEqual(self.rows.settings(a.id), {})
        self.published()
        self.rows.set_settings(a.id, {"theme": "dark", "größe": [1, None]})
        self.assertEqual(self.published(), [])  # nobody's caches have to be forgotten
        self.assertEqual(self.rows.settings(a.id), {"theme": "dark", "größe": [1, None]})
        self.assertRaises(NotFound, self.rows.settings, 99)
        self.assertRaises(NotFound, self.rows.set_settings, 99, {})

    # --- aliases and groups

    def test_aliases(self) -> None:
        b = self.rows.add_alias("b@example.test", "x@y.test")
        a = self.rows.add_alias("a@example.test", "b@example.test")
        self.assertEqual(self.rows.aliases(), [a, b])
        self.assertEqual(self.rows.alias("a@example.test"), Alias("a@example.test", b.address))
        self.published()
        self.rows.remove_alias("a@example.test")
        self.assertEqual(self.published(), [AccountsChanged("a@example.test")])
        self.assertIsNone(self.rows.alias("a@example.test"))
        self.assertRaises(NotFound, self.rows.remove_alias, "a@example.test")

    def test_groups(self) -> None:
        self.rows.add_group("b@example.test", "B")
        empty = self.rows.add_group("a@example.test", "A")
        self.rows.add_member("b@example.test", "z@y.test")
        self.rows.add_member("b@example.test", "a@y.test")
        self.assertRaises(AlreadyExists, self.rows.add_member, "b@example.test", "a@y.test")
        group = self.rows.group("b@example.test")
        assert group is not None
        self.assertEqual(group.members, ("a@y.test", "z@y.test"))
        self.assertEqual(self.rows.groups(), [empty, group])
        self.assertEqual(empty, Group(empty.id, "a@example.test", "A", ()))
        self.published()
        self.rows.remove_member("b@example.test", "z@y.test")
        self.assertEqual(self.published(), [AccountsChanged("b@example.test")])
        self.assertRaises(NotFound, self.rows.remove_member, "b@example.test", "z@y.test")
        self.assertRaises(NotFound, self.rows.add_member, "c@example.test", "z@y.test")
        self.assertRaises(NotFound, self.rows.remove_member, "c@example.test", "z@y.test")
        self.rows.remove_group("b@example.test")
        self.assertIsNone(self.rows.group("b@example.test"))
        self.assertRaises(NotFound, self.rows.remove_group, "b@example.test")

    # --- web sessions

    def test_web_sessions(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        session = WebSession(b"1", a.id, 1, 2, 10, "::1", "agent")
        self.published()
        self.rows.add_web_session(session)
        self.assertEqual(self.rows.web_session(b"1"), session)
        self.rows.touch_web_session(b"1", 5, 20)
        self.assertEqual(
            self.rows.web_session(b"1"), WebSession(b"1", a.id, 1, 5, 20, "::1", "agent")
        )
        self.assertEqual(self.published(), [])

    def test_removing_web_sessions(self) -> None:
        a = self.rows.add("a@example.test", "", False, 1)
        for number in range(5):
            self.rows.add_web_session(WebSession(bytes([number]), a.id, 1, 1, number, "", ""))
        self.assertEqual(self.rows.remove_web_sessions(token_hash=b"\x04"), 1)
        self.assertEqual(self.rows.remove_web_sessions(token_hash=b"\x04"), 0)
        self.assertEqual(self.rows.remove_web_sessions(expired_at=1), 2)
        self.assertIsNone(self.rows.web_session(b"\x01"))
        self.assertIsNotNone(self.rows.web_session(b"\x02"))
        self.assertEqual(self.rows.remove_web_sessions(account_id=a.id), 2)
        self.assertEqual(self.rows.remove_web_sessions(), 0)
