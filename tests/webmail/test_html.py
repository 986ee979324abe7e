"""Cleaning HTML mail: what stays, what goes, what is noticed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.webmail.html import cleaned, plain


def clean(html: str) -> str:
    return cleaned(html, lambda cid: f"/m/T/part/{cid}" if cid == "logo" else None).html


class CleanTests(SynchronousTestCase):
    def test_ordinary_mail_stays(self) -> None:
        html = '<h2 style="color:#246">Hi</h2><p>a <b>b</b></p><table><tbody><tr><td>1</td></tr>'
        result = clean(html)
        for piece in ("<h2", "color:#246", "<b>b</b>", "<td>1</td>"):
            self.assertIn(piece, result)

    def test_light_text_keeps_its_dark_ground(self) -> None:
        html = '<td style="background:#5b3a21;color:#fff">x</td>'
        self.assertIn("background:#5b3a21;color:#fff", clean(f"<table><tr>{html}</table>"))

    def test_active_content_goes(self) -> None:
        for html in (
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg><animate onbegin=alert(1)></svg>",
            '<a href="javascript:alert(1)">x</a>',
            '<a href="JaVa&#10;Script:alert(1)">x</a>',
            "<iframe src=https://evil.example></iframe>",
            '<form action="/logout"><button>x</button></form>',
            "<style>@import 'https://evil.example/x.css'</style>",
            '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
            '<base href="https://evil.example/">',
            '<meta http-equiv="refresh" content="0;url=https://evil.example">',
            '<object data="data:text/html,<script>alert(1)</script>"></object>',
            '<input autofocus onfocus=alert(1)>',
            '<img src="data:text/html,<script>alert(1)</script>">',
        ):  # fmt: skip
            result = clean(html).lower()
            for word in ("script:", "<script", "onerror", "onfocus", "onbegin", "evil.example",
                         "<form", "<svg", "<math", "<base", "<meta", "text/html"):  # fmt: skip
                self.assertNotIn(word, result, html)

    def test_links_open_outside_and_tell_nothing(self) -> None:
        result = clean('<a href="https://a.example/">x</a>')
        self.assertIn('href="https://a.example/"', result)
        self.assertIn('target="_blank"', result)
        self.assertIn("noopener noreferrer", result)

    def test_links_to_addresses_are_written_in_the_application(self) -> None:
        result = clean(
            """<a href=" MAILTO:a@b.example?subject=x%20y&amp;body='&quot;&gt;<">x</a>"""
        )
        inside = "MAILTO%3Aa%40b.example%3Fsubject%3Dx%2520y%26body%3D%27%22%3E%3C"
        self.assertIn(f'href="/#/mailto/{inside}"', result)

    def test_a_relative_link_cannot_lead_into_the_application(self) -> None:
        for link in ("/logout", "#x", "//evil.example/x", "admin/"):
            self.assertNotIn("href", clean(f'<a href="{link}">x</a>'), link)

    def test_inline_images_become_parts_and_unknown_ones_go(self) -> None:
        self.assertIn('src="/m/T/part/logo"', clean('<img src="cid:logo">'))
        self.assertNotIn("src", clean('<img src="cid:other">'))

    def test_images_from_the_internet_are_noticed(self) -> None:
        for html in (
            '<img src="https://t.example/p.gif">',
            '<p style="background-color: url(http://t.example/x)">x</p>',
        ):
            self.assertTrue(cleaned(html, lambda _: None).remote_images, html)
        self.assertFalse(
            cleaned('<img src="data:image/png;base64,AA==">', lambda _: None).remote_images
        )

    def test_plain_text_is_escaped(self) -> None:
        self.assertIn("&lt;script&gt;", plain("<script>"))

    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=300))
    def test_garbage_never_raises_and_never_runs(self, html: str) -> None:
        self.assertNotIn("<script", clean(html).lower())
