"""Mail that comes between the first list and the stream of changes is shown."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.browser.desk import BrowserCase, Office
from tests.browser.sample_mail import week


def of_its_own() -> Office:
    """Start an office whose Alice has a mail."""
    office = Office()
    office.collect("alice", week()[0])
    return office


class LateStreamTests(BrowserCase):
    make_office = staticmethod(of_its_own)

    def test_what_came_in_between_is_shown(self) -> None:
        page = self.window().page
        held: list[Route] = []
        page.route("**/jmap/eventsource?*", lambda route: held.append(route))
        self._windows[0].sign_in("alice")
        grid = page.get_by_role("grid")
        expect(grid.get_by_text("Lunch?")).to_be_visible()
        self.office.collect("alice", week()[1])
        for route in held:
            route.continue_()
        expect(grid.get_by_text("Your stand at the spring fair")).to_be_visible()
