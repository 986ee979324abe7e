"""Settings of mail and what makes itself known: replies, signatures, cards, completion."""

from __future__ import annotations

import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import DESK, PASSWORD, PHONE, BrowserCase, Office, still
from tests.browser.sample_mail import week
from tests.fakes.jmap import CAPABILITIES, Jmap
from tests.fakes.site import DOMAIN

_MORE = ["urn:ietf:params:jmap:vacationresponse", "urn:mailim:params:jmap:vacation"]
# Notices of the system are seen by nobody here: the page is told that it is hidden, and
# what it asks to be shown is kept.
_HIDDEN = """() => {
    window.notices = [];
    window.Notification = class { static permission = 'granted';
        static requestPermission() { return Promise.resolve('granted'); }
        constructor(title, options) { window.notices.push([title, options.body]); } };
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });
}"""

_RULE = """
enabled = true
[[rule]]
name = "Announce"
when = [{ all = true }]
[[rule.then]]
do = "instant_message"
to = "$RECIPIENT$"
from = "$PRIMARYDOMAIN$"
text = "Mail from $SENDER$: $SUBJECT$"
"""
# Tones are counted instead of being played.
_DEAF = """
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...given) {
        window.tones += 1; return start.apply(this, given); };
"""


def with_mail() -> Office:
    """Start an office whose Alice has mail."""
    office = Office()
    office.site.call("alias.add", address=f"sales@{DOMAIN}", target=f"alice@{DOMAIN}")
    office.site.call("group.add", address=f"board@{DOMAIN}", name="The board")
    office.collect("alice", *week()[:4])
    return office


class SettingsCase(BrowserCase):
    make_office = staticmethod(with_mail)

    def jmap(self, name: str) -> Jmap:
        return Jmap(self.site, f"{name}@{DOMAIN}", PASSWORD)

    def vacation(self, name: str) -> dict[str, Any]:
        """Read an account's automatic replies over JMAP."""
        CAPABILITIES.extend(each for each in _MORE if each not in CAPABILITIES)
        [answer] = self.jmap(name).call(("VacationResponse/get", {"ids": None}))
        [found] = answer["list"]
        assert isinstance(found, dict)
        return found


class VacationTests(SettingsCase):
    def test_replies_are_set_and_read_back(self) -> None:
        page = self.window(DESK).sign_in("alice")
        page.goto("/#/settings")
        page.get_by_role("link", name="Automatic replies").click()
        expect(page.get_by_text("Nobody gets a reply.")).to_be_visible()
        save = page.get_by_role("button", name="Save")
        expect(save).to_be_disabled()
        page.get_by_role("switch", name="Automatic replies").check()
        page.get_by_label("Subject").fill("Away until Monday")
        page.get_by_label("From", exact=True).fill("2031-03-03T09:00")
        page.get_by_label("Until", exact=True).fill("2031-03-01T09:00")
        expect(page.get_by_role("alert")).to_contain_text("before the beginning")
        expect(save).to_be_disabled()
        page.get_by_label("Until", exact=True).fill("2031-03-10T09:00")
        text = page.get_by_role("textbox", name="Text of the reply")
        text.click()
        page.keyboard.type("I am ")
        page.keyboard.press("Control+b")
        page.keyboard.type("away")
        page.get_by_label("Never reply to").fill("*@lists.example\nboss@x.example")
        page.get_by_label("Days until").fill("7")
        self.picture(page, "vacation")
        save.click()
        expect(page.get_by_text("Saved. Automatic replies are on.")).to_be_visible()
        found = self.vacation("alice")
        self.assertTrue(found["isEnabled"])
        self.assertEqual(found["subject"], "Away until Monday")
        self.assertEqual(found["textBody"], "I am away")
        self.assertIn("<b>away</b>", found["htmlBody"])
        self.assertEqual(found["periodDays"], 7)
        self.assertEqual(found["excludedAddresses"], ["*@lists.example", "boss@x.example"])
        self.assertLess(found["fromDate"], found["toDate"])
        page.reload()
        expect(page.get_by_role("textbox", name="Text of the reply")).to_have_text("I am away")
        expect(page.get_by_label("Until", exact=True)).to_have_value("2031-03-10T09:00")
        page.get_by_role("switch", name="Automatic replies").uncheck()
        save.click()
        expect(page.get_by_text("Saved. Automatic replies are off.")).to_be_visible()
        self.assertFalse(self.vacation("alice")["isEnabled"])

    def test_who_writes_gets_the_reply(self) -> None:
        page = self.window(DESK).sign_in("carla")
        page.goto("/#/settings/vacation")
        page.get_by_role("switch", name="Automatic replies").check()
        page.get_by_role("textbox", name="Text of the reply").click()
        page.keyboard.type("On leave, $SENDER$.")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. Automatic replies are on.")).to_be_visible()
        other = self.window(DESK).sign_in("bob")
        expect(other.get_by_role("link", name=re.compile("Inbox")).first).to_be_visible()
        other.get_by_role("button", name="New message").first.click()
        expect(other.get_by_role("combobox", name="To")).to_be_focused()
        other.keyboard.type("carl")
        expect(other.get_by_role("option", name=re.compile("Carla Ruiz")).first).to_be_visible()
        other.keyboard.press("Enter")
        other.get_by_label("Subject").fill("Keys of the store room")
        other.get_by_role("button", name="Send", exact=True).click()
        reply = other.get_by_role("grid").get_by_text("Auto: Keys of the store room")
        expect(reply).to_be_visible(timeout=60_000)  # sending is held back for some seconds
        expect(other.locator(".notice-card")).to_have_count(1)
        reply.click()
        expect(other.locator(".notice-card")).to_have_count(0)  # it is open
        expect(other.get_by_text(f"On leave, bob@{DOMAIN}.").last).to_be_visible()
        self.picture(other, "reply")
        page.get_by_role("switch", name="Automatic replies").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. Automatic replies are off.")).to_be_visible()

    def test_what_the_server_refuses_stands_at_its_field(self) -> None:
        page = self.window(PHONE).sign_in("bob")
        page.goto("/#/more")
        page.get_by_role("link", name="Automatic replies").click()
        page.get_by_label("Never reply to").fill("x" * 300)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_text("Not saved yet")).to_be_visible()
        page.get_by_role("link", name="General").click()
        page.get_by_role("link", name="Automatic replies").click()
        expect(page.get_by_label("Never reply to")).to_have_value("x" * 300)
        self.assertEqual(self.vacation("bob")["excludedAddresses"], [])


class IdentityTests(SettingsCase):
    def test_a_signature_is_kept_as_html_and_text(self) -> None:
        page = self.window(DESK).sign_in("alice")
        page.goto("/#/settings/identities")
        page.get_by_role("button", name=f"Change the identity alice@{DOMAIN}").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("Alice Berg, Sales")
        dialog.get_by_role("textbox", name="Signature").click()
        page.keyboard.type("Alice Berg")
        page.keyboard.press("Enter")
        page.keyboard.type("www.example.test ")
        self.picture(page, "identity")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("heading", name="Alice Berg, Sales")).to_be_visible()
        [answer] = self.jmap("alice").call(("Identity/get", {"ids": None}))
        [identity] = answer["list"]
        self.assertEqual(identity["textSignature"], "Alice Berg\nwww.example.test")
        self.assertIn('<a href="https://www.example.test">', identity["htmlSignature"])

    def test_another_identity_is_one_of_ones_own_addresses(self) -> None:
        page = self.window(PHONE).sign_in("carla")
        self.site.call("alias.add", address=f"press@{DOMAIN}", target=f"carla@{DOMAIN}")
        page.goto("/#/settings/identities")
        page.get_by_role("button", name="Add an identity").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Address").fill(f"alice@{DOMAIN}")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert").last).to_contain_text("not an address of yours")
        dialog.get_by_label("Address").fill(f"press@{DOMAIN}")
        dialog.get_by_label("Name").fill("The press")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        page.get_by_role("button", name=f"Remove the identity press@{DOMAIN}").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_role("heading", name="The press")).to_have_count(0)


class CompletionTests(SettingsCase):
    def _field(self, page: Page) -> Locator:
        page.goto("/#/settings/identities")
        page.get_by_role("button", name="Change the identity").click()
        field = page.get_by_role("combobox", name="Answers go to")
        field.click()
        return field

    def test_colleagues_groups_and_people_of_mail_are_offered(self) -> None:
        page = self.window(DESK).sign_in("alice")
        field = self._field(page)
        page.keyboard.type("oz")
        option = page.get_by_role("option", name=re.compile("Bob Öz"))
        expect(option).to_have_attribute("aria-selected", "true")
        expect(field).to_have_attribute("aria-expanded", "true")
        self.picture(page, "completion")
        page.keyboard.press("Enter")
        chosen = page.get_by_role("list", name="Entered for Answers go to")
        expect(chosen.get_by_role("button", name=f"Bob Öz, bob@{DOMAIN}")).to_be_visible()
        page.keyboard.type("boa")
        expect(page.get_by_role("option", name=re.compile("The board.*Group"))).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("option")).to_have_count(0)
        expect(page.get_by_role("dialog")).to_be_visible()  # Escape closed the list only
        field.fill("")
        sender = week()[0].decode().partition("From:")[2].split("<")[1].split(">")[0]
        field.press_sequentially(sender[:5])
        expect(page.get_by_role("option", name=re.compile(re.escape(sender)))).to_be_visible()

    def test_chips_by_keyboard_and_what_is_no_address(self) -> None:
        page = self.window(DESK).sign_in("alice")
        field = self._field(page)
        page.keyboard.type("one@x.test,nonsense;two@x.test ")
        chosen = page.get_by_role("list", name="Entered for Answers go to")
        expect(chosen.get_by_role("listitem")).to_have_count(3)
        expect(
            chosen.get_by_role("button", name="nonsense: This is not a mail address.")
        ).to_be_visible()
        page.keyboard.press("Backspace")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Delete")
        expect(chosen.get_by_role("listitem")).to_have_count(2)
        expect(field).to_be_focused()
        page.keyboard.press("Backspace")
        page.keyboard.press("Enter")
        expect(field).to_have_value("two@x.test")


class CardTests(SettingsCase):
    def _send(self, to: str, words: str) -> None:
        done = self.site.command("im", "send", f"{to}@{DOMAIN}", words)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_announcement_pops_up_and_stays_in_the_chat(self) -> None:
        page = self.window(DESK).sign_in("bob")
        expect(page.get_by_role("button", name="Your presence")).to_be_visible()
        self._send("bob", "The server restarts at noon.")
        card = page.locator(".notice-card", has_text="The server restarts at noon.")
        expect(card).to_be_visible()
        expect(card).to_contain_text("Announcement")
        self.picture(page, "announcement")
        card.hover()  # then it stays
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            still(page)
            found = Axe().run(page, context=".notice-cards").response["violations"]
            self.assertEqual([one["help"] for one in found], [], scheme)
        page.get_by_role("link", name="Chat, 1 unread message").click()
        page.get_by_role("link", name=re.compile(re.escape(DOMAIN))).first.click()
        expect(page.get_by_role("log").get_by_text("The server restarts at noon.")).to_be_visible()
        expect(card).to_have_count(0)  # seen is seen

    def test_an_announcement_waits_for_who_is_away(self) -> None:
        self._send("carla", "While you were away.")
        page = self.window(PHONE).sign_in("carla")
        card = page.locator(".notice-card", has_text="While you were away.")
        expect(card).to_be_visible()
        self.picture(page, "announcement-phone")
        card.get_by_role("button", name="While you were away.").click()
        expect(page.get_by_role("log").get_by_text("While you were away.")).to_be_visible()

    def test_a_rule_for_mail_announces_it(self) -> None:
        rules = self.site.directory / "etc" / "filters.toml"
        before = rules.read_text()

        def put(text: str) -> None:
            rules.write_text(text)
            self.site.call("filter.list")  # which looks at once; mail does so once a second

        self.addCleanup(put, before)
        page = self.window(DESK).sign_in("carla")
        expect(page.get_by_role("button", name="Your presence: Online")).to_be_visible()
        put(_RULE)
        self.office.collect("carla", week()[0])
        card = page.locator(".notice-card", has_text="Mail from")
        expect(card).to_contain_text("Announcement")
        expect(card).to_contain_text("Mail from friend@post.example: Lunch?")
        expect(page.locator(".notice-card", has_text="New mail")).to_be_visible()
        self.picture(page, "rule")

    def test_new_mail_as_a_card_that_opens_it(self) -> None:
        page = self.window(DESK).sign_in("alice")
        page.goto("/#/settings")
        expect(page.get_by_role("link", name=re.compile("Inbox")).first).to_be_visible()
        self.office.collect("alice", week()[4])
        card = page.locator(".notice-card")
        expect(card).to_contain_text("New mail")
        self.picture(page, "new-mail")
        card.get_by_role("button").first.click()
        expect(page).to_have_url(re.compile("#/mail/inbox/"))
        expect(card).to_have_count(0)

    def test_new_mail_by_the_system_only_where_the_person_wants_it(self) -> None:
        page = self.window(DESK).sign_in("alice")
        page.goto("/#/settings")
        choice = page.get_by_role("radiogroup", name="New mail")
        choice.get_by_role("radio", name="System").click()  # this browser refuses
        expect(page.get_by_text("does not allow notifications")).to_be_visible()
        expect(choice.get_by_role("radio", name="Page")).to_be_checked()
        page.evaluate(_HIDDEN)
        choice.get_by_role("radio", name="System").click()
        expect(choice.get_by_role("radio", name="System")).to_be_checked()
        self.office.collect("alice", week()[5])
        page.wait_for_function("() => window.notices.length === 1")
        expect(page.locator(".notice-card")).to_have_count(0)
        choice.get_by_role("radio", name="Off").click()
        unread = page.get_by_role("link", name=re.compile("Inbox")).first
        before = unread.inner_text()
        self.office.collect("alice", week()[6])
        expect(unread).not_to_have_text(before)
        self.assertEqual(page.evaluate("window.notices.length"), 1)
        expect(page.locator(".notice-card")).to_have_count(0)
        choice.get_by_role("radio", name="Page").click()
        expect(choice.get_by_role("radio", name="Page")).to_be_checked()


class SoundTests(SettingsCase):
    def test_a_sound_for_mail_and_chat_that_can_be_switched_off(self) -> None:
        window = self.window(DESK)
        window.context.add_init_script(_DEAF)
        page = window.sign_in("alice")
        page.goto("/#/settings")
        inbox = page.get_by_role("link", name=re.compile("Inbox")).first
        expect(inbox).to_be_visible()
        self.office.collect("alice", week()[7])
        page.wait_for_function("() => window.tones === 2")
        expect(page.get_by_role("button", name="Your presence: Online")).to_be_visible()
        page.wait_for_timeout(1600)  # two sounds have a rest between them
        self.site.call("im.send", to=f"alice@{DOMAIN}", body="For the ear.")
        page.wait_for_function("() => window.tones === 4")
        page.get_by_role("switch", name="Sounds").uncheck()
        page.wait_for_timeout(1600)
        before = inbox.inner_text()
        self.office.collect("alice", week()[8])
        expect(inbox).not_to_have_text(before)
        expect(page.locator(".notice-card", has_text="New mail").first).to_be_visible()
        self.assertEqual(page.evaluate("window.tones"), 4)
        page.get_by_role("switch", name="Sounds").check()


class FrameTests(SettingsCase):
    def test_a_menu_closes_when_the_page_changes(self) -> None:
        page = self.window(DESK).sign_in("alice")
        page.goto("/#/settings")
        page.get_by_role("button", name="Account of").click()
        expect(page.get_by_role("menu")).to_be_visible()
        page.evaluate("history.back()")
        expect(page).to_have_url(re.compile("#/mail|/$"))
        expect(page.get_by_role("menu")).to_have_count(0)
