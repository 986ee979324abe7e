"""XMPP addresses: RFC 6122."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber import jid as twisted_jid

from mailim.wire.jid import JID, JIDError
from tests.wire.memory import growth

MEGABYTE = 1024 * 1024


class ParseTests(SynchronousTestCase):
    def test_parts(self) -> None:
        for text, parts in {
            "example.test": ("", "example.test", ""),
            "alice@example.test": ("alice", "example.test", ""),
            "alice@example.test/desk": ("alice", "example.test", "desk"),
            "example.test/desk": ("", "example.test", "desk"),
            # RFC 6122 section 2.1: the resource begins at the first slash and may hold both.
            "alice@example.test/a/b@c": ("alice", "example.test", "a/b@c"),
            "example.test/a@b": ("", "example.test", "a@b"),
            "a.b-c_d+e=f~g!h#i$j%k*l?m^n`o{p|q}r(s)t[u]v\\w;x,y@e": (
                "a.b-c_d+e=f~g!h#i$j%k*l?m^n`o{p|q}r(s)t[u]v\\w;x,y",
                "e",
                "",
            ),
            "alice@127.0.0.1": ("alice", "127.0.0.1", ""),
            "alice@[2001:DB8::0:1]/x": ("alice", "[2001:db8::1]", "x"),
            "alice@example.test/ spaced out ": ("alice", "example.test", " spaced out "),
        }.items():
            self.assertEqual(JID(*parts), JID.parse(text))

    def test_preparation(self) -> None:
        for text, parts in {
            "Alice@EXAMPLE.Test/Desk": ("alice", "example.test", "Desk"),
            "ÄPFEL@BÜCHER.example/Ä": ("äpfel", "bücher.example", "Ä"),
            "straße@x": ("strasse", "x", ""),
            "\u03a3@x": ("\u03c3", "x", ""),
            "a\u00adb@x": ("ab", "x", ""),
            "\uff21@\uff22\u3002test/\uff23": ("a", "b.test", "C"),
            "x/e\u0301": ("", "x", "\u00e9"),
            "example.test./x": ("", "example.test", "x"),
        }.items():
            self.assertEqual(JID(*parts), JID.parse(text), text)

    def test_refused(self) -> None:
        for text in [
            "", "@", "/", "@example.test", "alice@", "alice@/x", "example.test/",
            "alice@example.test/", "a@b@c", "a b@c", "a&b@c", "a'b@c", 'a"b@c', "a:b@c", "a<b@c",
            "a>b@c", "a\x00b@c", "a\x7fb@c", "a@b c", "a@b\n", "a@b_c", "a@-b", "a@b-", "a@b..c",
            "a@.b", "a@b..", "a@.", "a@b/\x07", "a@b/\n", "a@[::1", "a@[::g]", "a@[fe80::1%eth0]",
            "a@[]", "\ud800@b", "a@\ud800", "a@b/\ud800", "\u00ad@b", "b/\u00ad", "\u00ad",
            "\u05d0a@b", "\u0221@b", "a\u2024b", "a\u2026b", "a\u2024", "\u2100",
            "a@b\uff20c", "a@b\uff0fc", "\uff20@b", "a@xn--" + "b" * 60,
        ]:  # fmt: skip
            self.assertRaises(JIDError, JID.parse, text)
        self.assertTrue(issubclass(JIDError, ValueError))

    def test_lengths(self) -> None:
        domain = ".".join(["b" * 61] * 4) + ".b.bb"
        self.assertEqual(252, len(domain))
        for good in [
            "a" * 1023 + "@b",
            "A" * 1023 + "@b",
            "ä" * 511 + "a@b",
            "a@b/" + "c" * 1023,
            "a@b/" + "é" * 511,
            "a" * 1023 + "@" + domain + "b/" + "c" * 1023,
            "b" * 63,
            "ü" * 57,
            domain + "b",
        ]:
            JID.parse(good)
        for bad in [
            "a" * 1024 + "@b",
            "A" * 1024 + "@b",
            "ä" * 512 + "@b",
            "a@b/" + "c" * 1024,
            "a@b/" + "é" * 512,
            "\ufdfa" * 100 + "@b",  # one character becomes 18
            "b" * 64,
            "ü" * 60,
            domain + "bb",
            ".".join(["ü" * 20] * 10),
            "a" * 10**6,
            "a@b/" + "é" * 10**6,
        ]:
            self.assertRaises(JIDError, JID.parse, bad)

    def test_from_parts(self) -> None:
        self.assertEqual(JID("a", "b", "C/d@e"), JID.from_parts("A", "B", "C/d@e"))
        self.assertEqual(JID("", "b", ""), JID.from_parts("", "B"))
        for parts in [("a@b", "c"), ("a/b", "c"), ("a", ""), ("a", "b/c"), ("a", "b@c")]:
            self.assertRaises(JIDError, JID.from_parts, *parts)


class UseTests(SynchronousTestCase):
    FULL = JID("alice", "example.test", "desk")

    def test_text(self) -> None:
        for text in ["b", "a@b", "b/c", "a@b/c"]:
            self.assertEqual(text, str(JID.parse(text)))

    def test_bare(self) -> None:
        self.assertEqual(JID("alice", "example.test", ""), self.FULL.bare)
        self.assertFalse(self.FULL.is_bare)
        self.assertTrue(self.FULL.bare.is_bare)
        self.assertIs(self.FULL.bare.bare.bare.domain, self.FULL.domain)

    def test_with_resource(self) -> None:
        self.assertEqual("alice@example.test/e\u0301x", str(self.FULL.bare) + "/e\u0301x")
        self.assertEqual(
            JID("alice", "example.test", "\u00e9x"), self.FULL.with_resource("e\u0301x")
        )
        self.assertEqual(self.FULL.bare, self.FULL.with_resource(""))
        for bad in ["\x00", "\u00ad", "x" * 1024, "é" * 512, "\ud800"]:
            self.assertRaises(JIDError, self.FULL.with_resource, bad)

    def test_ascii_domain(self) -> None:
        self.assertEqual("xn--bcher-kva.example", JID.parse("a@BÜCHER.example").ascii_domain)
        self.assertEqual("example.test", self.FULL.ascii_domain)

    def test_order_and_hash(self) -> None:
        texts = ["b", "a@b", "a@b/c", "a@b/d", "a@c"]
        self.assertEqual(texts, [str(each) for each in sorted(map(JID.parse, reversed(texts)))])
        self.assertEqual(1, len({JID.parse("A@b"), JID.parse("a@B")}))


class PropertyTests(SynchronousTestCase):
    TEXTS = st.text(
        st.sampled_from("aZ0.-_@/[]: \x00\u00ad\u00df\u0130\u2024\u3002\uff0e\uff20\u05d0\ud800")
        | st.characters(),
        max_size=12,
    )

    @given(TEXTS)
    @settings(deadline=None, max_examples=500)
    def test_preparing_twice_changes_nothing(self, text: str) -> None:
        try:
            jid = JID.parse(text)
        except JIDError:
            return
        self.assertEqual(jid, JID.parse(str(jid)))
        self.assertEqual(jid, JID.from_parts(jid.local, jid.domain, jid.resource))
        jid.ascii_domain.encode("ascii")

    @given(st.text(st.characters(max_codepoint=0x7F, exclude_characters="["), max_size=12))
    @settings(deadline=None, max_examples=500)
    def test_the_fast_path_agrees_with_twisted(self, text: str) -> None:
        try:
            mine: tuple[str, str, str] | None = None
            jid = JID.parse(text)
            mine = (jid.local, jid.domain, jid.resource)
        except JIDError:
            pass
        theirs: tuple[str, str, str] | None = None
        try:
            local, domain, resource = twisted_jid.parse(text)
            theirs = (local or "", domain.removesuffix("."), resource or "")
        except (twisted_jid.InvalidFormat, IndexError):
            pass
        # Twisted takes an empty part for an absent one.
        empty = text.startswith("@") or text.partition("/")[1:] == ("/", "")
        if theirs is not None and (empty or not theirs[1]):
            theirs = None
        self.assertEqual(theirs, mine)


class MemoryTests(SynchronousTestCase):
    def test_ever_new_addresses_do_not_accumulate(self) -> None:
        numbers = iter(range(10**9))

        def attempt() -> None:
            number = next(numbers)
            JID.parse(f"user{number}@example.test/{'x' * 100}{number}")
            JID.parse(f"ü{number}@bücher.example/ä")
            self.assertRaises(JIDError, JID.parse, f"a b{number}@c")

        objects, process = growth(attempt, 10_000)
        self.assertLess(objects, MEGABYTE)
        self.assertLess(process, 5 * MEGABYTE)
