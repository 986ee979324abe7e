"""Writing mail in Chromium on a real site: files of 50 MB, undo, drafts, answers."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.composing import ComposeCase
from tests.browser.desk import PHONE, noted
from tests.fakes.site import DOMAIN

LARGE = 50_000_000
SLOW = 120_000  # milliseconds for 50 MB on a loaded machine

_PASTE = """async () => {
    const canvas = new OffscreenCanvas(80, 60);
    canvas.getContext('2d').fillRect(0, 0, 80, 60);
    const data = new DataTransfer();
    const blob = await canvas.convertToBlob();
    data.items.add(new File([blob], 'red.png', { type: 'image/png' }));
    document.activeElement.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
}"""

_DROP = """([selector, name, size]) => {
    const data = new DataTransfer();
    const octets = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536)
        crypto.getRandomValues(octets.subarray(at, at + 65536));
    data.items.add(new File([octets], name, { type: 'application/octet-stream' }));
    const fire = (where, type) => document.querySelector(where).dispatchEvent(
        new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    fire(selector, 'dragenter');
    return new Promise((resolve) => setTimeout(() => {
        const zone = document.querySelector('.compose-drop') !== null;
        fire('.compose-drop', 'drop');
        resolve(zone);
    }, 300));
}"""


class LargeTests(ComposeCase):
    def test_fifty_megabytes_by_button_and_by_drop_undone_and_sent(self) -> None:
        octets = hashlib.sha256(b"seed").digest() * (LARGE // 32)
        directory = tempfile.mkdtemp(prefix="mi")
        self.addCleanup(shutil.rmtree, directory)
        path = Path(directory, "drawing.bin")
        path.write_bytes(octets)
        page, other = self.start(), self.start(name="bob")
        self.undo_within(60)
        self.addCleanup(self.undo_within, 10)
        window = self.write(page, "bob", "The drawing", "Have a look.")
        window.locator("input[type=file]").set_input_files(path)
        expect(window.get_by_text("50 MB").first).to_be_visible()
        expect(window.get_by_role("button", name="Remove drawing.bin")).to_be_visible(timeout=SLOW)
        self.saved_slowly(window)
        window.get_by_role("button", name="Send", exact=True).click()
        sent = page.get_by_role("status").filter(has_text="Sent")
        expect(sent).to_be_visible(timeout=SLOW)
        sent.get_by_role("button", name="Undo").click()
        window = self.window_of(page, "The drawing")
        expect(window.get_by_text("Have a look.")).to_be_visible()
        expect(window.get_by_role("button", name="Remove drawing.bin")).to_be_visible()
        expect(window.get_by_role("button", name="Remove Bob Öz")).to_be_visible()
        self.assertEqual(len(self._named("alice", "drafts")), 1)
        self.assertEqual(self._named("alice", "sent"), [])
        self.undo_within(10)
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window).to_have_count(0, timeout=SLOW)
        row = other.get_by_role("grid").get_by_text("The drawing")
        expect(row).to_be_visible(timeout=SLOW)
        row.click()
        with other.expect_download(timeout=SLOW) as waiting:
            other.get_by_role("link", name="drawing.bin").click()
        self.assertEqual(
            hashlib.sha256(Path(waiting.value.path()).read_bytes()).digest(),
            hashlib.sha256(octets).digest(),
        )
        [mail] = self._named("alice", "sent")
        self.assertEqual(mail["keywords"], {"$seen": True})
        self.assertEqual(self._named("alice", "drafts"), [])

    def _named(self, name: str, role: str) -> list[dict[str, Any]]:
        found = self.mails(name, role, "keywords")
        return [each for each in found if each["subject"] == "The drawing"]

    def saved_slowly(self, window: Locator) -> None:
        expect(window.get_by_text("Saved", exact=True)).to_be_visible(timeout=SLOW)

    def test_by_drop(self) -> None:
        page, other = self.start(), self.start(name="carla")
        window = self.write(page, "carla", "By drop", "Here.")
        zone = page.evaluate(_DROP, [".compose-window", "photos.bin", LARGE])
        self.assertTrue(zone)
        expect(window.get_by_role("button", name="Remove photos.bin")).to_be_visible(timeout=SLOW)
        page.evaluate(_DROP, [".compose-window", "too-much.bin", 40_000_000])
        expect(page.get_by_text("too-much.bin has no room")).to_be_visible()
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window).to_have_count(0, timeout=SLOW)
        row = other.get_by_role("grid").get_by_text("By drop")
        expect(row).to_be_visible(timeout=SLOW)
        row.click()
        expect(other.get_by_text("50 MB").first).to_be_visible()

    def test_an_upload_is_cancelled_and_one_that_breaks_off_is_tried_again(self) -> None:
        page = self.start()
        window = self.write(page, "bob", "Broken", "x")
        fails = [True]

        def upload(route: Any) -> None:
            if fails:
                route.fulfill(status=413, content_type="application/problem+json",
                              body=json.dumps({"detail": "Too large for today."}))  # fmt: skip
            else:
                route.continue_()

        page.route("**/jmap/upload/**", upload)
        small = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"abc"}
        window.locator("input[type=file]").set_input_files(small)  # type: ignore[arg-type]
        expect(window.get_by_text("Too large for today.")).to_be_visible()
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window.get_by_role("alert")).to_contain_text("could not be uploaded")
        fails.clear()
        window.get_by_role("button", name="Upload a.txt again").click()
        expect(window.get_by_role("button", name="Remove a.txt")).to_be_visible()
        window.get_by_role("button", name="Remove a.txt").click()
        expect(window.get_by_text("a.txt")).to_have_count(0)
        self._windows[-1].forgive("413")
        window.get_by_role("button", name="Discard").click()


class DraftTests(ComposeCase):
    def test_comes_back_after_a_reload_and_from_the_folder(self) -> None:
        page = self.start(name="carla")
        window = self.write(page, "bob", "Half a letter", "The first half")
        self.saved(window)
        page.keyboard.type(" is here.")
        page.goto("/#/settings")  # it survives walking about
        expect(window.get_by_text("The first half is here.")).to_be_visible()
        draft = self.kept("carla", "The first half is here.")
        self.assertTrue(draft["keywords"]["$draft"])
        page.reload()
        window = self.window_of(page, "Half a letter")
        expect(window.get_by_text("The first half is here.")).to_be_visible()
        expect(window.get_by_role("button", name="Remove Bob Öz")).to_be_visible()
        page.keyboard.press("Escape")
        expect(window).to_have_count(0)
        page.goto("/#/mail/drafts")
        page.get_by_role("grid").get_by_text("Half a letter").click()
        expect(window.get_by_text("The first half is here.")).to_be_visible()
        window.get_by_role("button", name="Discard").click()
        expect(window).to_have_count(0)
        expect(page.get_by_role("grid").get_by_text("Half a letter")).to_have_count(0)
        page.get_by_role("status").get_by_role("button", name="Undo").click()
        expect(window.get_by_text("The first half is here.")).to_be_visible()
        self.assertEqual(len(self.mails("carla", "drafts")), 1)
        window.get_by_role("button", name="Discard").click()

    def test_without_a_server_it_is_kept_in_the_browser(self) -> None:
        page = self.start(name="admin")
        window = self.write(page, "bob", "Tunnel", "Written before")
        self.saved(window)
        page.route("**/jmap/api", lambda route: route.abort())
        page.keyboard.type(" and in the tunnel.")
        expect(window.get_by_text("Not saved. It is kept in this browser.")).to_be_visible()
        page.unroute("**/jmap/api")
        page.once("dialog", lambda dialog: dialog.accept())  # the browser warns
        page.reload()
        window = self.window_of(page, "Tunnel")
        expect(window.get_by_text("Written before and in the tunnel.")).to_be_visible()
        self.saved(window)
        [draft] = self.mails("admin", "drafts", "preview")
        self.assertIn("in the tunnel", draft["preview"])
        for fault in [each for each in self._windows[-1].faults if "jmap/api" in each]:
            self._windows[-1].forgive(fault)
        window.get_by_role("button", name="Discard").click()

    def test_a_send_whose_answer_is_lost_is_not_sent_twice(self) -> None:
        page = self.start()
        lost: list[str] = []

        def lose(route: Route) -> None:
            if lost or "EmailSubmission/set" not in (route.request.post_data or ""):
                route.continue_()
                return
            lost.append(route.fetch().text())  # the server has done it
            route.abort()

        page.route("**/jmap/api", lose)
        window = self.write(page, "bob", "Once only", "Really.")
        self.saved(window)
        told = noted(page, "The server cannot be reached.", "It is sent again in")
        window.get_by_role("button", name="Send", exact=True).click()
        told()
        self.assertIn("sendAt", lost[0])
        # It asks by itself what became of it.
        expect(page.get_by_role("status").filter(has_text="Sent")).to_be_visible()
        expect(window).to_have_count(0)
        here = {
            role: [each["id"] for each in self.mails("alice", role)
                   if each["subject"] == "Once only"]
            for role in ("sent", "drafts")
        }  # fmt: skip
        self.assertEqual((len(here["sent"]), here["drafts"]), (1, []))
        # Other tests' submissions are there, too: they are kept for weeks.
        of_this = {"filter": {"emailIds": here["sent"]}}
        [answer] = self.jmap("alice").call(("EmailSubmission/query", of_this))
        self.assertEqual(len(answer["ids"]), 1)
        self._windows[0].forgive("Failed to load resource")

    def test_what_waits_for_the_server_goes_when_it_is_back(self) -> None:
        page = self.start()
        window = self.write(page, "bob", "Through the tunnel", "Hello")
        self.saved(window)
        page.context.set_offline(True)
        page.keyboard.press("Control+Enter")
        expect(window.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        window.get_by_role("button", name="Do not send").click()
        expect(window.get_by_text("The server cannot be reached.")).to_have_count(0)
        expect(window.get_by_text("Not saved. It is kept in this browser.")).to_be_visible()
        expect(window.get_by_text("Tries again in")).to_be_visible()
        page.keyboard.press("Control+Enter")
        expect(window.get_by_text("It is sent again in")).to_be_visible()
        self.picture(page, "sends-when-the-server-is-back")
        page.context.set_offline(False)
        expect(page.get_by_role("status").filter(has_text="Sent")).to_be_visible()
        expect(window).to_have_count(0)
        found = [each["subject"] for each in self.mails("alice", "sent")]
        self.assertEqual(found.count("Through the tunnel"), 1)
        faults = self._windows[-1].faults
        faults[:] = [each for each in faults if "ERR_INTERNET_DISCONNECTED" not in each]

    def test_several_at_once(self) -> None:
        page = self.start()
        first = self.write(page, "bob", "First", "one")
        page.get_by_role("button", name="New message").first.click()
        second = self.window_of(page)
        expect(second.get_by_role("combobox", name="To")).to_be_focused()
        expect(first.get_by_text("one", exact=True)).to_be_visible()
        first.get_by_role("button", name="Fold").click()
        expect(first.get_by_role("textbox", name="Text")).to_be_hidden()
        first.get_by_role("button", name="First").click()
        expect(first.get_by_text("one", exact=True)).to_be_visible()
        first.get_by_role("button", name="Full size").click()
        expect(page.locator(".app")).to_have_attribute("inert", "")
        page.keyboard.press("Escape")
        expect(page.locator(".app[inert]")).to_have_count(0)
        second.get_by_role("button", name="Close and keep").click()
        expect(page.locator(".compose-window")).to_have_count(1)
        first.get_by_role("button", name="Discard").click()


class SenderTests(ComposeCase):
    def test_identity_signature_and_a_picture_in_the_text(self) -> None:
        self.site.call("alias.add", address=f"shop@{DOMAIN}", target=f"carla@{DOMAIN}")
        shop = {"name": "The shop", "email": f"shop@{DOMAIN}", "textSignature": "Our shop",
                "htmlSignature": "<p>Our <b>shop</b></p>"}  # fmt: skip
        [made] = self.jmap("carla").call(("Identity/set", {"create": {"new": shop}}))
        self.assertIn("new", made["created"] or {}, made)
        page, other = self.start(name="carla"), self.start(name="bob")
        page.keyboard.press("c")
        window = self.window_of(page)
        text = window.get_by_role("textbox", name="Text")
        expect(text).to_be_visible()
        window.get_by_label("From").select_option(label=f"The shop <shop@{DOMAIN}>")
        expect(text.locator("strong, b")).to_have_text("shop")
        self.recipient(page, window.get_by_role("combobox", name="To"), "bob")
        window.get_by_label("Subject").fill("A picture")
        window = self.window_of(page, "A picture")
        text = window.get_by_role("textbox", name="Text")
        text.locator("p").first.click()
        page.keyboard.type("Look: ")
        page.evaluate(_PASTE)
        expect(text.get_by_role("img", name="red.png")).to_be_visible()
        self.saved(window)
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window).to_have_count(0)
        row = other.get_by_role("grid").get_by_text("A picture")
        expect(row).to_be_visible()
        row.click()
        frame = other.frame_locator("iframe.html-frame")
        expect(frame.get_by_role("img")).to_be_visible()
        expect(frame.get_by_text("Our shop")).to_be_visible()
        [mail] = [each for each in self.mails("bob", "inbox", "from", "attachments")
                  if each["subject"] == "A picture"]  # fmt: skip
        self.assertEqual(mail["from"], [{"name": "The shop", "email": f"shop@{DOMAIN}"}])
        [picture] = mail["attachments"]
        self.assertEqual((picture["type"], picture["disposition"]), ("image/png", "inline"))

    def test_by_keys_the_text_follows_the_subject(self) -> None:
        page = self.start(name="bob")
        page.keyboard.press("c")
        window = self.window_of(page)
        expect(window.get_by_role("textbox", name="Text")).to_be_visible()
        window.get_by_label("Subject").fill("By keys")
        page.keyboard.press("Tab")
        page.keyboard.type("A word")
        text = self.window_of(page, "By keys").get_by_role("textbox", name="Text")
        expect(text).to_have_text("A word")
        expect(text.locator("strong")).to_have_count(0)  # the toolbar took no blank
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_role("button", name="Bold")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        expect(text).to_be_focused()
        page.keyboard.type(" more")
        expect(text).to_have_text("A word more")  # the cursor was where it had been left
        page.keyboard.press("Escape")
        expect(page.locator(".compose-window")).to_have_count(0)
        expect(page.get_by_text("Saved in Drafts")).to_be_visible()

    def test_on_a_phone_each_way_back_closes_one(self) -> None:
        page = self.start(name="bob")
        page.goto("/#/mail/sent")
        page.goto("/#/mail/inbox")
        for _ in range(3):
            page.get_by_role("button", name="New message").first.click()
        expect(page.locator(".compose-window")).to_have_count(3)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        for left in (2, 1, 0):
            expect(page.locator(".compose-window")).to_have_count(1)  # one at a time
            page.wait_for_function("history.state && history.state.composing")
            page.go_back()
            page.wait_for_timeout(300)
            self.assertTrue(page.url.endswith("/mail/inbox"), f"{left} {page.url}")
        expect(page.locator(".compose-window")).to_have_count(0)


class AnswerTests(ComposeCase):
    def _open(self, page: Page) -> None:
        page.goto("/#/mail/inbox")
        page.get_by_role("grid").get_by_text("AW: Planks").click()
        expect(page.get_by_role("button", name="Forward").last).to_be_visible()

    def test_reply_to_all_quotes_and_threads(self) -> None:
        page = self.start()
        self._open(page)
        page.keyboard.press("a")
        window = self.window_of(page, "Re: Planks")
        text = window.get_by_role("textbox", name="Text")
        expect(text).to_be_focused()
        expect(text.locator("blockquote")).to_contain_text("Twelve planks, please.")
        expect(text).to_contain_text(re.compile(r"On .*2026.*, Mara Lind .* wrote:"))
        self.assertNotEqual(page.title(), "changed")
        page.keyboard.type("You get them.")
        self.saved(window)
        [draft] = [each for each in self.mails(
            "alice", "drafts", "to", "cc", "inReplyTo", "references", "bodyValues", "attachments",
            "textBody", "htmlBody") if each["subject"] == "Re: Planks"]  # fmt: skip
        self.assertEqual(
            [each["email"] for each in draft["to"]], ["office@customer.example", f"carla@{DOMAIN}"]
        )
        self.assertEqual([each["email"] for each in draft["cc"]], ["tomas@customer.example"])
        self.assertEqual(draft["inReplyTo"], ["planks@customer.example"])
        self.assertEqual(draft["references"], ["first@customer.example", "planks@customer.example"])
        values = [each["value"] for each in draft["bodyValues"].values()]
        self.assertTrue(any(each.startswith("You get them.") for each in values), values)
        self.assertTrue(any("> Twelve planks, please." in each for each in values), values)
        self.assertTrue(any("cid:plank" in each for each in values), values)
        [picture] = draft["attachments"]
        self.assertEqual((picture["cid"], picture["disposition"]), ("plank", "inline"))
        window.get_by_role("button", name="Formatted text").click()
        field = window.get_by_role("textbox", name="Text")
        expect(field).to_have_value(re.compile(r"^You get them\.(.|\n)*> Twelve planks, please\."))
        window.get_by_role("button", name="Discard").click()

    def test_forward_takes_the_files_along(self) -> None:
        page = self.start()
        self._open(page)
        page.keyboard.press("f")
        window = self.window_of(page, "Fwd: AW: Planks")
        expect(window.get_by_role("combobox", name="To")).to_be_focused()
        expect(window.get_by_role("button", name="Remove plan.pdf")).to_be_visible()
        self.recipient(page, window.get_by_role("combobox", name="To"), "carla")
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window).to_have_count(0)
        other = self.start(name="carla")
        row = other.get_by_role("grid").get_by_text("Fwd: AW: Planks")
        expect(row).to_be_visible()
        row.click()
        expect(other.get_by_role("link", name="plan.pdf")).to_be_visible()
        frame = other.frame_locator("iframe.html-frame")
        expect(frame.get_by_text("Forwarded message")).to_be_visible()
        expect(frame.get_by_role("img", name="a plank")).to_be_visible()
        found = self.mails("alice", "inbox", "keywords")
        [mail] = [each for each in found if each["subject"] == "AW: Planks"]
        self.assertTrue(mail["keywords"].get("$forwarded"))

    def test_what_keeps_it_from_being_sent_is_said(self) -> None:
        page = self.start()
        window = self.write(page, f"nobody-here@{DOMAIN},", "", "See the attached plan.")
        page.keyboard.press("Control+Enter")
        page.get_by_role("dialog").get_by_role("button", name="Send").last.click()  # no file
        page.get_by_role("dialog").get_by_role("button", name="Send").last.click()  # no subject
        window = page.locator(".compose-window")
        expect(window.get_by_role("alert")).to_be_visible()
        expect(window.locator(".recipient-wrong")).to_have_count(1)
        field = window.get_by_role("combobox", name="To")
        field.fill("bob at home,")
        window.get_by_role("button", name="Send", exact=True).click()
        expect(window.get_by_role("alert")).to_contain_text("“bob at home” is not a mail address")
        window.get_by_role("button", name="Discard").click()

    def test_links_to_addresses(self) -> None:
        page = self.start(name="bob")
        page.evaluate("""() => { const link = document.createElement('a');
            link.href = 'mailto:order@customer.example?subject=Order%207&body=Seven';
            link.textContent = 'order'; document.querySelector('main').prepend(link); }""")
        page.get_by_role("link", name="order", exact=True).click()
        window = self.window_of(page, "Order 7")
        expect(window.get_by_role("button", name="Remove order@customer.example")).to_be_visible()
        expect(window.get_by_role("textbox", name="Text")).to_have_text("Seven")
        window.get_by_role("button", name="Discard").click()

    def test_links_in_formatted_mail(self) -> None:
        page = self.start()
        self._open(page)
        link = page.frame_locator("iframe.html-frame").get_by_role("link", name="Order")
        with page.context.expect_page() as opened:
            link.click()
        window = self.window_of(opened.value, "Order 7")
        expect(window.get_by_role("button", name="Remove order@customer.example")).to_be_visible()
        expect(opened.value).to_have_url(re.compile("#/mail/inbox$"))

    def test_on_a_phone_the_way_back_keeps_the_draft(self) -> None:
        page = self.start(PHONE, name="bob")
        page.get_by_role("button", name="New message").click()
        window = self.window_of(page)
        self.recipient(page, window.get_by_role("combobox", name="To"), "carla")
        window.get_by_label("Subject").fill("From the tram")
        page.go_back()
        expect(page.locator(".compose-window")).to_have_count(0)
        expect(page.get_by_text("Saved in Drafts")).to_be_visible()
        page.get_by_role("button", name="Continue writing").click()
        window = self.window_of(page, "From the tram")
        expect(window.get_by_role("button", name="Remove Carla Ruiz")).to_be_visible()
        window.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_role("status").filter(has_text="Sent")).to_be_visible()
        expect(page).to_have_url(re.compile("#/mail/inbox$|/$"))
