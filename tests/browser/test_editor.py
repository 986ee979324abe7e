"""The rich text editor under the page's policy: what goes in, what comes out, keys, toolbar."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import DESK, PASSWORD, BrowserCase, Office
from tests.fakes.jmap import Jmap
from tests.fakes.site import DOMAIN

# As a paste comes from another program: the browser's own clipboard is not for tests.
_PASTE = """(element, html) => {
    const data = new DataTransfer();
    data.setData('text/html', html);
    data.setData('text/plain', 'plain');
    element.dispatchEvent(new ClipboardEvent('paste',
        {clipboardData: data, bubbles: true, cancelable: true}));
}"""
_HOSTILE = """<html><head><style>p { color: red } body { display: none }</style></head><body>
<p class="MsoNormal" style="margin:0cm;font-family:Wingdings" onclick="window.ran = 1">From
<b>a word processor<o:p></o:p></b></p><script>window.ran = 1</script>
<img src="x" onerror="window.ran = 1"><img src="https://counts.example/p.gif" width="1" height="1">
<iframe srcdoc="&lt;script&gt;top.ran = 1&lt;/script&gt;"></iframe>
<svg onload="window.ran = 1"></svg>
<a href="javascript:window.ran = 1">bad</a> <a href="https://good.example/">good</a>
<a href="&#106;avascript:window.ran=1">hidden</a><p style="display:none">unseen</p>
<form action="https://evil.example"><input value="typed"></form>
<img src="https://pictures.example/a.png" alt="A picture">
<ul><li>one<ul><li>two</li></ul></li></ul></body></html>"""


def of_its_own() -> Office:
    """Start an office without mail."""
    return Office()


class EditorTests(BrowserCase):
    """The editor is tried in the field of a signature: it is the same everywhere."""

    make_office = staticmethod(of_its_own)

    def _open(self, name: str) -> tuple[Page, Locator]:
        page = self.window(DESK).sign_in(name)
        page.goto("/#/settings/identities")
        page.get_by_role("button", name="Change the identity").click()
        text = page.get_by_role("textbox", name="Signature")
        text.click()
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        return page, text

    def _saved(self, page: Page, name: str) -> tuple[str, str]:
        """Save; gives HTML and text as the server has them."""
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        jmap = Jmap(self.site, f"{name}@{DOMAIN}", PASSWORD)
        [answer] = jmap.call(("Identity/get", {"ids": None}))
        [identity] = answer["list"]
        return identity["htmlSignature"], identity["textSignature"]

    def test_hostile_html_leaves_its_words_only(self) -> None:
        page, text = self._open("alice")
        text.evaluate(_PASTE, _HOSTILE)
        expect(text).to_contain_text("From a word processor")
        self.assertIsNone(page.evaluate("window.ran ?? null"))
        html, plain = self._saved(page, "alice")
        for word in ("script", "onerror", "counts.example", "iframe", "svg", "form", "Wingdings"):
            self.assertNotIn(word, html)
        for word in ("unseen", "typed", "color: red"):
            self.assertNotIn(word, plain)
        self.assertIn("<b>a word processor</b>", html)
        self.assertIn('<a href="https://good.example/">good</a>', html)
        self.assertEqual(re.findall(r"<a [^>]*>(?:bad|hidden)", html), [])
        self.assertIn('<img src="https://pictures.example/a.png" alt="A picture">', html)
        self.assertIn("<ul><li>one<ul><li>two</li></ul></li></ul>", html)
        self.assertIn("- one\n  - two", plain)

    def test_nesting_and_size_beyond_measure(self) -> None:
        page, text = self._open("alice")
        text.evaluate(_PASTE, "<blockquote>" * 5000 + "deep" + "<b><i>" * 20_000)
        expect(text).to_contain_text("deep")
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        text.evaluate(_PASTE, "<p>many words in a line</p>" * 20_000)
        expect(text).to_contain_text("many words in a line")
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        page.keyboard.type("still here")
        self.assertEqual(self._saved(page, "alice")[1], "still here")

    def test_written_by_keys_alone(self) -> None:
        page, _ = self._open("bob")
        page.keyboard.type("Dear all")
        page.keyboard.press("Enter")
        for line in ("- one", "two", "", "> said", "", "See www.example.test/a, and"):
            page.keyboard.type(line)
            page.keyboard.press("Enter")
        page.keyboard.press("Control+b")
        page.keyboard.type("bold")
        page.keyboard.press("Control+b")
        page.keyboard.type(" gone")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+y")
        html, plain = self._saved(page, "bob")
        self.assertIn("<ul><li>one</li><li>two</li></ul>", html)
        self.assertIn('<a href="https://www.example.test/a">www.example.test/a</a>, and', html)
        self.assertIn("<b>bold</b> gone", html)
        self.assertTrue(plain.startswith("Dear all\n\n- one\n- two\n\n> said\n"), plain)

    def test_the_toolbar(self) -> None:
        page, text = self._open("carla")
        page.keyboard.type("The offer")
        page.keyboard.press("Control+a")
        bar = page.get_by_role("toolbar", name="Formatting")
        bold = bar.get_by_role("button", name="Bold")
        bold.click()
        expect(bold).to_have_attribute("aria-pressed", "true")
        expect(text).to_be_focused()
        page.keyboard.press("Shift+Tab")  # one stop for the whole bar
        expect(bold).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(bar.get_by_role("button", name="Redo")).to_be_focused()
        page.keyboard.press("Home")
        page.keyboard.press("Tab")
        expect(text).to_be_focused()
        page.keyboard.press("Control+k")
        dialog = page.get_by_role("dialog", name="Add a link").or_(
            page.get_by_role("dialog").filter(has_text="Add a link")
        )
        dialog.last.get_by_label("Address").fill("javascript:alert(1)")
        page.get_by_role("button", name="Set the link").click()
        expect(page.get_by_role("alert")).to_contain_text("web page or to a mail address")
        dialog.last.get_by_label("Address").fill("shop.example/offer")
        page.get_by_role("button", name="Set the link").click()
        expect(text).to_be_focused()
        html, plain = self._saved(page, "carla")
        self.assertIn('<a href="https://shop.example/offer"><b>The offer</b></a>', html)
        self.assertEqual(plain, "The offer <https://shop.example/offer>")
