"""What the mail repositories should know, in the plainest Python: lists, loops, no counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mailim.interfaces.items import ItemQuery


@dataclass
class ModelItem:
    id: int
    folder: int
    uid: int
    size: int
    keywords: frozenset[str]
    received: int
    thread: int
    sender: str
    subject: str
    base_subject: str
    body: str

    @property
    def unread(self) -> bool:
        return not self.keywords & {"$seen", "$draft"}


@dataclass
class Model:
    """Folders (id → role) and items (id → item) of one account."""

    folders: dict[int, str | None] = field(default_factory=dict)
    items: dict[int, ModelItem] = field(default_factory=dict)

    def in_folder(self, folder_id: int) -> list[ModelItem]:
        return [each for each in self.items.values() if each.folder == folder_id]

    def in_thread(self, thread_id: int) -> list[ModelItem]:
        return [each for each in self.items.values() if each.thread == thread_id]

    def counts(self, folder_id: int) -> tuple[int, int, int, int]:
        """Give total, unread, total_threads, unread_threads."""
        mine = self.in_folder(folder_id)
        threads = {each.thread for each in mine}
        if self.folders[folder_id] == "trash":
            unread = {each.thread for each in mine if each.unread}
        else:
            unread = {
                each.thread
                for each in self.items.values()
                if each.unread and self.folders[each.folder] != "trash"
            }
        return len(mine), sum(i.unread for i in mine), len(threads), len(threads & unread)

    def matches(self, item: ModelItem, given: dict[str, Any]) -> bool:
        if "operator" in given:
            found = [self.matches(item, each) for each in given["conditions"]]
            operator = given["operator"]
            return {"AND": all(found), "OR": any(found), "NOT": not any(found)}[operator]
        return all(self._condition(item, name, value) for name, value in given.items())

    def _condition(self, item: ModelItem, name: str, value: Any) -> bool:
        words = value.lower().split() if isinstance(value, str) else []
        in_thread = (
            [value in each.keywords for each in self.in_thread(item.thread)] if words else []
        )
        fields = {"subject": item.subject.lower(), "from": item.sender.lower()}
        body = item.body.lower().split()
        in_body = [any(each.startswith(word) for each in body) for word in words]
        condition: Callable[[], bool] = {
            "inMailbox": lambda: item.folder == value,
            "inMailboxOtherThan": lambda: item.folder not in value,
            "before": lambda: item.received < value,
            "after": lambda: item.received >= value,
            "minSize": lambda: item.size >= value,
            "maxSize": lambda: item.size < value,
            "hasKeyword": lambda: value in item.keywords,
            "notKeyword": lambda: value not in item.keywords,
            "allInThreadHaveKeyword": lambda: all(in_thread),
            "someInThreadHaveKeyword": lambda: any(in_thread),
            "noneInThreadHaveKeyword": lambda: not any(in_thread),
            "subject": lambda: all(word in fields["subject"] for word in words),
            "from": lambda: all(word in fields["from"] for word in words),
            "body": lambda: all(in_body),
            "text": lambda: all(
                found or any(word in each for each in fields.values())
                for word, found in zip(words, in_body, strict=True)
            ),
            "header": lambda: value[1] in fields["subject"],
        }[name]
        return condition()

    def query(self, query: ItemQuery) -> list[int]:
        """Give the ids of the whole result in order."""
        found = [i for i in self.items.values() if self.matches(i, dict(query.filter or {}))]
        sort = query.sort or (("receivedAt", False, None),)
        found.sort(key=lambda item: item.id, reverse=not sort[0][1])
        for name, ascending, word in reversed(sort):
            found.sort(key=lambda item: self._key(item, name, word), reverse=not ascending)
        if query.collapse_threads:
            first = {each.thread: each for each in reversed(found)}
            found = [each for each in found if first[each.thread] is each]
        return [each.id for each in found]

    def _key(self, item: ModelItem, name: str, word: str | None) -> Any:
        thread = [word in each.keywords for each in self.in_thread(item.thread)]
        return {
            "receivedAt": item.received,
            "size": item.size,
            "from": item.sender.lower(),
            "subject": item.base_subject.lower(),
            "hasKeyword": word in item.keywords,
            "allInThreadHaveKeyword": all(thread),
            "someInThreadHaveKeyword": any(thread),
        }[name]


class Replica:
    """What a client knows that only ever asks for changes."""

    def __init__(self) -> None:
        self.state = 0
        self.known: dict[int, Any] = {}
