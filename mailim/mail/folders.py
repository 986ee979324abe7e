"""Which folder a mail goes into, inside the unit that puts it there."""

from __future__ import annotations

from twisted.logger import Logger

from mailim.errors import MailimError
from mailim.interfaces.filters import Action, Verdict
from mailim.interfaces.items import Folder
from mailim.interfaces.store import ITransaction

_log = Logger()


def folder_of(tx: ITransaction, account_id: int, verdict: Verdict) -> Folder:
    """Give the folder a verdict names, made if it is missing.

    One that cannot be made (the account has too many) must not keep the mail from its
    reader: then it is the Inbox.
    """
    if verdict.action is Action.JUNK:
        return folder_for(tx, account_id, "junk")
    if verdict.folder:
        try:
            return folder_at(tx, account_id, verdict.folder)
        except MailimError as error:
            _log.warn(
                "folder {folder} of account {account_id} cannot be made: {error}",
                folder=verdict.folder, account_id=account_id, error=error.text,
            )  # fmt: skip
    return folder_for(tx, account_id, "inbox")


def folder_at(tx: ITransaction, account_id: int, path: str) -> Folder:
    """Find or make a folder by its path from the root; raises as `folders.create`.

    Names count as the same without regard to case if none is the same with it: somebody who
    writes "lists" means the folder "Lists".
    """
    folders = tx.folders.list(account_id)
    parent: Folder | None = None
    for name in path.split("/"):
        parent_id = None if parent is None else parent.id
        beside = [each for each in folders if each.parent_id == parent_id]
        found = next((each for each in beside if each.name == name), None) or next(
            (each for each in beside if each.name.casefold() == name.casefold()), None
        )
        parent = found or tx.folders.create(account_id, name, parent_id=parent_id)
    assert parent is not None  # noqa: S101 - split gives at least one name
    return parent


def folder_for(tx: ITransaction, account_id: int, role: str) -> Folder:
    """Find the folder with a role; somebody may have removed it, then it is made again.

    If another folder has taken its name, that one gets the mail.
    """
    found = tx.folders.by_role(account_id, role)
    if found is not None:
        return found
    name = role.capitalize()
    for folder in tx.folders.list(account_id):
        if folder.parent_id is None and folder.name == name:
            return folder
    return tx.folders.create(account_id, name, role=role)
