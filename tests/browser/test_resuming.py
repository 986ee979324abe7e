"""The page loses its network for a moment: nobody notices, and nothing is lost (XEP-0198)."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.desk import BrowserCase, Window
from tests.fakes.site import DOMAIN

# Gives the page's WebSockets to the test, and lets it keep new ones from being made.
_SOCKETS = """() => {
    window.sockets = [];
    window.cable = true;
    const Real = window.WebSocket;
    window.WebSocket = class extends Real {
        constructor(...given) {
            if (!window.cable) given[0] = given[0].replace("xmpp-websocket", "nowhere");
            super(...given);
            window.sockets.push(this);
        }
    };
}"""


class ResumingTests(BrowserCase):
    def online(self, name: str) -> tuple[Window, Page]:
        window = self.window()
        window.page.add_init_script(f"({_SOCKETS})()")
        page = window.sign_in(name)
        expect(page.get_by_role("button", name="Account of")).to_be_visible()
        return window, page

    def say(self, page: Page, whom: str, name: str, text: str) -> None:
        page.goto(f"/#/chat/{whom}%40{DOMAIN}")
        box = page.get_by_role("textbox", name=f"Message to {name}")
        box.fill(text)
        box.press("Enter")
        expect(page.locator(".bubble").get_by_text(text)).to_be_visible()

    def sessions(self, name: str) -> list[str]:
        return [
            one["jid"]
            for one in self.site.call("im.connections")
            if one["jid"].startswith(f"{name}@")
        ]

    def test_a_short_loss(self) -> None:
        window, alice = self.online("alice")
        _, bob = self.online("bob")
        self.say(bob, "alice", "Alice Berg", "before")
        alice.goto(f"/#/chat/bob%40{DOMAIN}")
        expect(alice.locator(".bubble").get_by_text("before")).to_be_visible()
        expect(bob.get_by_role("button", name="Alice Berg, Online")).to_be_visible()
        [session] = self.sessions("alice")
        bob.evaluate("""() => {
            window.offline = false;
            const look = () => {
                if (/Alice Berg, Offline/.test(document.body.innerHTML)) window.offline = true;
            };
            new MutationObserver(look).observe(document.body, {
                subtree: true, childList: true, characterData: true, attributes: true,
            });
        }""")
        alice.evaluate("() => { window.cable = false; window.sockets.at(-1).close(); }")
        expect(alice.get_by_text("Not connected.").first).to_be_visible()
        self.say(bob, "alice", "Alice Berg", "in between")
        self.assertEqual(self.sessions("alice"), [session])
        alice.evaluate("() => { window.cable = true; }")
        alice.evaluate("() => { window.dispatchEvent(new Event('online')); }")
        expect(alice.locator(".bubble").get_by_text("in between")).to_have_count(1)
        self.say(alice, "bob", "Bob Öz", "behind")
        expect(bob.locator(".bubble").get_by_text("behind")).to_have_count(1)
        self.assertEqual(self.sessions("alice"), [session])
        self.assertFalse(bob.evaluate("() => window.offline"))
        window.faults[:] = [one for one in window.faults if "WebSocket" not in one]
