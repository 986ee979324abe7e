"""What programs hand in instant messages through: semaphore files and HTTP."""

from __future__ import annotations

from mailim.composition.core import Core
from mailim.im.expiry import Expiry
from mailim.im.notices import Notices
from mailim.im.semaphore import Semaphores
from mailim.im.semaphore_folder import SemaphoreFolder
from mailim.webmail.notices_api import NoticesApi, Rates


def make_semaphores(core: Core, notices: Notices) -> Semaphores | None:
    """Give what looks into the folder, None if there is to be none."""
    config = core.site.config.im
    if not config.semaphore_folder:
        return None
    folder = SemaphoreFolder(core.site.var / config.semaphore_folder)
    return Semaphores(core.reactor, notices, folder, core.threads)


def make_notices_api(core: Core, notices: Notices) -> NoticesApi:
    """Give what serves `/api/im/send`."""
    rates = Rates(core.reactor, lambda: core.site.config.im.token_messages_per_minute)
    domain = core.site.config.server.domain
    return NoticesApi(core.store, core.api_tokens, notices, rates, domain, core.intake.now)


def make_expiry(core: Core) -> Expiry:
    """Give what forgets messages nobody came for."""
    return Expiry(core.reactor, core.store, core.record, core.site.config.im.offline_days)
