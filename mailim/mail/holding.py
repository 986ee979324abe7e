"""Mail submitted over SMTP that is to be sent later (RFC 4865).

It waits as a submission of its account, which `Submitting` sends when it is due; no client of
JMAP sees it, and its sender cannot call it back, as SMTP has it; an administrator can.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from mailim.errors import RateLimited
from mailim.interfaces.dsn import MailDsn
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.submissions import NewSubmission, Sending
from mailim.limits import SUBMISSIONS_PENDING
from mailim.mail.intake import Intake, PreparedMail

_CROWDED_SECONDS = 3600.0


class Holding:
    """Keeps mail until its time has come."""

    _log = Logger()

    def __init__(self, store: IStore, intake: Intake) -> None:
        self._store = store
        self._intake = intake

    async def keep(self, mail: NewMail, prepared: PreparedMail, release: int) -> None:
        """Hold a mail of an account until a time in microseconds; returns once it is durable.

        Raises `RateLimited` if too much of that account waits already.
        """
        account_id = mail.account_id
        assert account_id is not None  # noqa: S101 - only who has logged in may ask for it

        def unit(tx: ITransaction) -> None:
            if tx.submissions.count_pending(account_id) >= SUBMISSIONS_PENDING:
                text = f"At most {SUBMISSIONS_PENDING} mails may wait to be sent."
                raise RateLimited(text, _CROWDED_SECONDS)
            new = NewSubmission(
                account_id,
                0,
                0,
                0,
                tx.bodies.add(prepared.body),
                mail.sender,
                tuple(Sending(each, each) for each in mail.recipients),
                _envelope(mail),
                mail.received,
                release,
                mail.origin,
                mail.source,
                self._intake.trace(prepared, mail),
                hidden=True,
            )
            tx.submissions.add(new, prepared.facts)

        await self._store.write(unit)
        self._log.info(
            "mail of account {account_id} from {source} is held until {release}",
            account_id=account_id,
            source=mail.source,
            release=release,
            sender=mail.sender,
            recipients=len(mail.recipients),
            octets=prepared.body.size,
        )


def _envelope(mail: NewMail) -> dict[str, Any]:
    """Give the envelope as JMAP writes it, with what was said of notices (RFC 8621 7)."""
    return {
        "mailFrom": {
            "email": mail.sender,
            "parameters": {"RET": mail.dsn.ret, "ENVID": mail.dsn.envid},
        },
        "rcptTo": [
            {"email": each, "parameters": _of_recipient(mail.dsn, each)} for each in mail.recipients
        ],
    }


def _of_recipient(dsn: MailDsn, address: str) -> dict[str, str]:
    said = dsn.of(address)
    return {"NOTIFY": ",".join(said.notify), "ORCPT": said.orcpt}
