"""What senders want to be told (RFC 3461), kept beside the spool's entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Integer, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from mailim.interfaces.dsn import NOTHING_SAID, MailDsn, RecipientDsn
from mailim.store.connection import Connection
from mailim.store.schema.dsn import spool_dsn, spool_dsn_recipient
from mailim.store.statements import Statement, id_list, insert_into, one_of_ids

_ADD: Final = Statement(insert_into(spool_dsn))
_ADD_RECIPIENT: Final = Statement(
    insert(spool_dsn_recipient)
    .values({each.name: bindparam(each.name) for each in spool_dsn_recipient.c})
    .on_conflict_do_nothing()
)
_FORGET_RECIPIENT: Final = Statement(
    delete(spool_dsn_recipient).where(
        spool_dsn_recipient.c.spool_id == bindparam("spool_id", type_=Integer),
        spool_dsn_recipient.c.address == bindparam("address"),
    )
)
_MAILS: Final = Statement(
    select(spool_dsn.c.spool_id, spool_dsn.c.ret, spool_dsn.c.envid).where(
        one_of_ids(spool_dsn.c.spool_id, "ids")
    )
)
_RECIPIENTS: Final = Statement(
    select(
        spool_dsn_recipient.c.spool_id,
        spool_dsn_recipient.c.address,
        spool_dsn_recipient.c.notify,
        spool_dsn_recipient.c.orcpt,
    ).where(one_of_ids(spool_dsn_recipient.c.spool_id, "ids"))
)


class DsnRows:
    """Part of the spool's rows: they go with their entry."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, spool_id: int, dsn: MailDsn) -> None:
        """Keep what was said with a mail."""
        self._db.run(_ADD, spool_id=spool_id, ret=dsn.ret, envid=dsn.envid)
        for address, said in dsn.recipients.items():
            self._add_recipient(spool_id, address, said)

    def of(self, spool_ids: Sequence[int]) -> Mapping[int, MailDsn]:
        """Give what was said with these mails; most are not among the keys."""
        ids = id_list(spool_ids)
        mails = self._db.all(_MAILS, ids=ids)
        if not mails:
            return {}
        said: dict[int, dict[str, RecipientDsn]] = {}
        for spool_id, address, notify, orcpt in self._db.all(_RECIPIENTS, ids=ids):
            words = tuple(notify.split(",")) if notify else ()
            said.setdefault(spool_id, {})[address] = RecipientDsn(words, orcpt)
        return {
            spool_id: MailDsn(ret, envid, said.get(spool_id, {})) for spool_id, ret, envid in mails
        }

    def expand(self, spool_id: int, address: str, addresses: Sequence[str]) -> None:
        """Hand on what was said of an address to what it stands for (RFC 3461 5.2.7).

        Of several recipients only failures are told on: that the mail reached the list is
        the success its sender asked about.
        """
        found = self.of((spool_id,)).get(spool_id)
        if found is None:
            return
        said = found.of(address)
        notify = said.notify
        if len(addresses) > 1 and "SUCCESS" in notify:
            notify = tuple(word for word in notify if word != "SUCCESS") or ("NEVER",)
        handed_on = RecipientDsn(notify, said.orcpt or f"rfc822;{address}")
        for each in addresses:
            self._add_recipient(spool_id, each, handed_on)

    def silence(self, spool_id: int, address: str) -> None:
        """Let nobody be told what becomes of a recipient the sender does not know of."""
        if spool_id not in self.of((spool_id,)):
            self.add(spool_id, NOTHING_SAID)
        self._db.run(_FORGET_RECIPIENT, spool_id=spool_id, address=address)
        self._add_recipient(spool_id, address, RecipientDsn(("NEVER",)))

    def _add_recipient(self, spool_id: int, address: str, said: RecipientDsn) -> None:
        self._db.run(
            _ADD_RECIPIENT,
            spool_id=spool_id,
            address=address,
            notify=",".join(said.notify),
            orcpt=said.orcpt,
        )
