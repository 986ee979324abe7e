"""Element: the tree of a stanza."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.xml import Element


def chat() -> Element:
    return Element(
        "message",
        "jabber:client",
        {"to": "bob@example.test", "xml:lang": "en"},
        Element("body", "jabber:client", None, "hel", "lo"),
        " ",
        Element("active", "urn:states"),
        Element("body", "urn:other", None, "no"),
    )


class ReadingTests(SynchronousTestCase):
    def test_get(self) -> None:
        self.assertEqual("en", chat().get("xml:lang"))
        self.assertIsNone(chat().get("from"))
        self.assertEqual("x", chat().get("from", "x"))

    def test_find_looks_in_own_namespace_unless_told(self) -> None:
        body = chat().find("body")
        assert body is not None
        self.assertEqual("jabber:client", body.ns)
        other = chat().find("body", "urn:other")
        assert other is not None
        self.assertEqual("no", other.text)
        self.assertIsNone(chat().find("active"))
        self.assertIsNone(chat().find("body", ""))

    def test_elements(self) -> None:
        names = [each.name for each in chat().elements()]
        self.assertEqual(["body", "active", "body"], names)
        self.assertEqual(2, len(list(chat().elements("body"))))
        self.assertEqual(1, len(list(chat().elements("body", "urn:other"))))
        self.assertEqual(1, len(list(chat().elements(ns="urn:states"))))

    def test_text_is_the_direct_text_only(self) -> None:
        self.assertEqual(" ", chat().text)
        body = chat().find("body")
        assert body is not None
        self.assertEqual("hello", body.text)

    def test_repr_shows_no_content(self) -> None:
        self.assertNotIn("bob", repr(chat()))
        self.assertIn("message", repr(chat()))


class ChangingTests(SynchronousTestCase):
    def test_the_attributes_given_are_not_shared(self) -> None:
        attrs = {"a": "1"}
        element = Element("x", "", attrs)
        element.attrs["a"] = "2"
        self.assertEqual({"a": "1"}, attrs)

    def test_add(self) -> None:
        parent = Element("x")
        child = Element("y")
        self.assertIs(child, parent.add(child))
        self.assertIs(parent, parent.add("text"))
        self.assertEqual([child, "text"], parent.children)

    def test_with_attrs_leaves_the_original(self) -> None:
        original = chat()
        twin = original.with_attrs({"from": "a@example.test", "xml:lang": None}, to="c", id=None)
        self.assertEqual(chat(), original)
        self.assertEqual({"to": "c", "from": "a@example.test"}, twin.attrs)
        twin.add("more")
        self.assertEqual(chat(), original)
        self.assertIs(original.children[0], twin.children[0])

    def test_copy_is_deep(self) -> None:
        original = chat()
        twin = original.copy()
        self.assertEqual(original, twin)
        body = twin.find("body")
        assert body is not None
        body.add("!")
        body.attrs["x"] = "y"
        self.assertEqual(chat(), original)


class EqualityTests(SynchronousTestCase):
    def test_cutting_of_text_does_not_matter(self) -> None:
        self.assertEqual(Element("x", "", None, "a", "", "b"), Element("x", "", None, "ab"))
        self.assertEqual(Element("x", "", None, ""), Element("x"))

    def test_each_difference_counts(self) -> None:
        different = [
            Element("X", "n", {"a": "1"}, "t", Element("y")),
            Element("x", "N", {"a": "1"}, "t", Element("y")),
            Element("x", "n", {"a": "2"}, "t", Element("y")),
            Element("x", "n", {"a": "1"}, "T", Element("y")),
            Element("x", "n", {"a": "1"}, "t", Element("z")),
            Element("x", "n", {"a": "1"}, Element("y"), "t"),
            Element("x", "n", {"a": "1"}, "t"),
        ]
        for each in different:
            self.assertNotEqual(Element("x", "n", {"a": "1"}, "t", Element("y")), each)
        self.assertNotEqual(Element("x"), "x")

    def test_any_depth(self) -> None:
        def deep(innermost: str) -> Element:
            element = Element("x", "", None, innermost)
            for _ in range(20_000):
                element = Element("x", "", None, element)
            return element

        self.assertEqual(deep("a"), deep("a").copy())
        self.assertNotEqual(deep("a"), deep("b"))
