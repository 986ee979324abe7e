"""SearchSnippet/get (RFC 8621 section 5.1): why a message was found, with `<mark>`.

The words of the filter are looked for in the subject and, where the preview does not hold
one, in the beginning of the text. What is given is HTML: all else in it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any, Final

from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.arguments import AccountArguments, Id, Object
from mailim.protocols.jmap.body_parts import listed_parts
from mailim.protocols.jmap.body_values import body_value
from mailim.protocols.jmap.email_filter import read_filter
from mailim.protocols.jmap.getting import check_size, numbers_of
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.jmap_ids import EMAIL, write_id
from mailim.wire.message import MessageFacts
from mailim.wire.preview import html_to_text

MAX_SNIPPET: Final = 255  # octets, RFC 8621 section 5.1
MAX_WORDS: Final = 20
_AROUND: Final = 60  # characters shown before the first word found
_LOOKED_AT: Final = 64 * 1024  # octets of a text
_READ: Final = 50  # messages whose text is read for one call
_MARKS: Final = len("<mark></mark>")


class SearchSnippetArguments(AccountArguments):
    """RFC 8621 section 5.1."""

    filter: Object | None = None
    email_ids: list[Id]


class SearchSnippetGet:
    """Makes snippets."""

    name = "SearchSnippet/get"
    capability = MAIL
    arguments = SearchSnippetArguments

    def __init__(self, store: IStore, threads: Threads, limits: JmapLimits) -> None:
        self._store = store
        self._threads = threads
        self._limits = limits

    async def call(self, caller: Caller, arguments: SearchSnippetArguments) -> Mapping[str, Any]:
        """Make them."""
        check_size(len(arguments.email_ids), self._limits.objects_in_get)
        filter = read_filter(arguments.filter or {}, caller)
        subject_words = words_of(filter, ("text", "subject"))
        body_words = words_of(filter, ("text", "body"))
        numbers = numbers_of(EMAIL, arguments.email_ids, caller)

        def unit(tx: ITransaction) -> list[tuple[Item, MessageFacts]]:
            items = tx.items.get(caller.number, [each for each in numbers.values() if each])
            chosen = [items[each] for each in numbers.values() if each and each in items]
            facts = {}
            for body_id, octets, each in tx.items.facts_one_by_one([i.body_id for i in chosen]):
                if len(chosen) > 1:  # one alone can always be had
                    caller.budget.read(octets)
                facts[body_id] = each
            return [(item, facts[item.body_id]) for item in chosen if item.body_id in facts]

        found = await self._store.read(unit)
        budget = [_READ if body_words else 0]
        snippets = []
        for item, facts in found:
            snippets.append(
                {
                    "emailId": write_id(EMAIL, item.id),
                    "subject": marked(facts.subject or "", subject_words),
                    "preview": await self._preview(item, facts, body_words, budget),
                }
            )
        there = {each["emailId"] for each in snippets}
        missing = [id for id in numbers if id not in there]
        return {
            "accountId": caller.account_id,
            "list": snippets,
            "notFound": missing or None,
        }

    async def _preview(
        self, item: Item, facts: MessageFacts, words: Sequence[str], reads: list[int]
    ) -> str | None:
        snippet = marked(facts.preview, words)
        if snippet is not None or reads[0] <= 0:
            return snippet
        for part in listed_parts(facts, "textBody")[:4]:
            if part.content_type.startswith("text/") and reads[0] > 0:
                reads[0] -= 1
                value = await body_value(
                    self._store.bodies,
                    self._threads,
                    item.sha256,
                    part,
                    _LOOKED_AT,
                )
                text: str = value["value"]
                if part.content_type == "text/html":
                    text = await self._threads(partial(html_to_text, text))
                snippet = marked(" ".join(text.split()), words)
                if snippet is not None:
                    return snippet
        return None


def words_of(filter: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Give the words a filter looks for in these properties, not those it excludes."""
    words: dict[str, None] = {}
    waiting = [filter]
    while waiting:
        each = waiting.pop()
        if each.get("operator") != "NOT":
            waiting.extend(each.get("conditions", ()))
        for name in names:
            words.update(dict.fromkeys(re.findall(r"\w+", each.get(name) or "")))
    return sorted(words, key=len, reverse=True)[:MAX_WORDS]


def marked(text: str, words: Sequence[str]) -> str | None:
    """Give at most 255 octets of HTML around the first word found, None if there is none."""
    if not words:
        return None
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\w*", re.IGNORECASE)
    first = pattern.search(text)
    if first is None:
        return None
    start = max(0, first.start() - _AROUND)
    pieces: list[str] = []
    left = MAX_SNIPPET
    at = start
    for found in pattern.finditer(text, first.start()):
        plain, left = _fitting(text[at : found.start()], left)
        word, after = _fitting(found[0], left - _MARKS)
        pieces.append(plain)
        if not word:
            return "".join(pieces)
        pieces.append(f"<mark>{word}</mark>")
        left, at = after, found.end()
    pieces.append(_fitting(text[at : at + MAX_SNIPPET], left)[0])
    return "".join(pieces)


def _fitting(text: str, octets: int) -> tuple[str, int]:
    """Escape as much of a text as fits; gives it and the octets left."""
    escaped: list[str] = []
    for char in text:
        piece = escape(char)
        octets -= len(piece.encode("utf-8"))
        if octets < 0:
            return "".join(escaped), 0
        escaped.append(piece)
    return "".join(escaped), octets
