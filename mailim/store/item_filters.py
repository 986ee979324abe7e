"""JMAP filters as SQL: RFC 8621 4.4.1 conditions, RFC 8620 5.5 operators.

A filter is taken apart once into its *shape* (operators and names of conditions, hashable)
and its *values*. Statements are made and compiled from shapes alone and are kept; values
only ever travel as parameters. Both walk in the same order, so the n-th parameter of the
statement is the n-th value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from mailim.errors import Invalid, LimitExceeded
from mailim.limits import FILTER_CONDITIONS, FILTER_DEPTH, FILTER_TEXT_CHARS
from mailim.store.keywords import keyword
from mailim.store.message_text import match_of, tokens, words_of
from mailim.store.schema.mail import item, message_key, message_search, no
from mailim.store.statements import id_list

Shape = tuple[Any, ...]  # ("AND" | "OR" | "NOT", shape, …) or (condition, variant)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MATCHES: Final = literal_column("message_search").op("MATCH")
_SEARCHED: Final = ("from", "to", "cc", "bcc", "subject")  # RFC 8621 4.4.1 `text`


class Corpus(Protocol):
    """What some conditions must ask the index for before a statement can be made."""

    def fresh_with(self, word: str) -> Sequence[int]:
        """Give bodies with a word in their text that the index does not know yet."""

    def with_header(self, name: str, value: str | None) -> Sequence[int]:
        """Give bodies with a header field (with a text in it)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How one property of a FilterCondition is read, and what it is in SQL."""

    read: Callable[[Any, Corpus], tuple[int | str, list[Any]]]  # variant, values
    clause: Callable[[int | str, Iterator[BindParameter[Any]]], ColumnElement[bool]]
    uses_keys: bool = False


def contains(column: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
    """Give "this text has that part"; no character means anything else than itself."""
    # COMPAT PostgreSQL calls it strpos.
    return func.instr(column, part) > 0


# --- reading values ----------------------------------------------------------------------


def _number(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid("A number was expected.", "filter")
    return 0, [value]


def _time(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    if isinstance(value, str):
        try:
            value = (datetime.fromisoformat(value) - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, TypeError, OverflowError):
            raise Invalid("A UTCDate was expected.", "filter") from None
    return _number(value, corpus)


def _ids(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, int) for each in value):
        raise Invalid("A list of ids was expected.", "filter")
    return 0, [id_list(value)]


def _yes_or_no(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    if not isinstance(value, bool):
        raise Invalid("true or false was expected.", "filter")
    return int(value), []


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("A text was expected.", "filter")
    if len(value) > FILTER_TEXT_CHARS:
        raise LimitExceeded(f"A text to look for may have {FILTER_TEXT_CHARS} characters.")
    return value


def _keyword(value: Any, corpus: Corpus) -> tuple[int | str, list[Any]]:
    word = keyword(_text(value))
    return ("$seen", []) if word == "$seen" else ("", [f" {word} "])


def _any_keyword(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    return 0, [f" {keyword(_text(value))} "]


def _words(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    words = words_of(_text(value))
    return len(words), list(words)


def _body_words(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    words = words_of(_text(value))
    return len(words), [each for word in words for each in _asked(word, corpus)]


def _all_words(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    words = words_of(_text(value))
    return len(words), [each for word in words for each in (word, *_asked(word, corpus))]


def _asked(word: str, corpus: Corpus) -> tuple[str, str]:
    """Give the question to the index and what it does not know yet."""
    return match_of("body", word), id_list(corpus.fresh_with(word))


def _header(value: Any, corpus: Corpus) -> tuple[int, list[Any]]:
    if not isinstance(value, list | tuple) or len(value) not in (1, 2):
        raise Invalid("A list of one or two texts was expected.", "filter")
    name, *rest = map(_text, value)
    if not name.isascii() or not tokens(name).strip() or ":" in name or " " in name:
        raise Invalid("That cannot be the name of a header field.", "filter")
    return 0, [id_list(corpus.with_header(name, rest[0] if rest else None))]


# --- clauses -------------------------------------------------------------------------------


def _listed(column: ColumnElement[int], ids: ColumnElement[str]) -> ColumnElement[bool]:
    return column.in_(select(func.json_each(ids).table_valued("value").c.value))


def _has(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    if variant == "$seen":
        return item.c.seen.is_(true())
    return contains(item.c.keywords, next(values))


def _has_not(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    return no(item.c.seen) if variant == "$seen" else not_(_has(variant, values))


def _in_thread(wanted: bool, negated: bool) -> Condition:
    """RFC 8621 4.4.1 allInThreadHaveKeyword and its kin: (no) item with(out) a keyword."""

    def clause(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
        other = item.alias("in_thread")
        has = contains(other.c.keywords, next(values))
        found = exists(
            select(literal_column("1")).where(
                other.c.thread_id == item.c.thread_id, has if wanted else not_(has)
            )
        )
        return not_(found) if negated else found

    return Condition(_any_keyword, clause)


def _in_fields(*fields: str) -> Condition:
    def clause(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
        words = [next(values) for _ in range(int(variant))]
        return and_(
            true(),
            *(or_(*(contains(message_key.c[each], word) for each in fields)) for word in words),
        )

    return Condition(_words, clause, uses_keys=True)


def _in_body(values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    match, fresh = next(values), next(values)
    indexed = select(message_search.c.rowid).where(_MATCHES(match))
    return or_(item.c.body_id.in_(indexed), _listed(item.c.body_id, fresh))


def _body(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    return and_(true(), *(_in_body(values) for _ in range(int(variant))))


def _anywhere(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    each_word = []
    for _ in range(int(variant)):
        word = next(values)
        in_fields = (contains(message_key.c[field], word) for field in _SEARCHED)
        each_word.append(or_(*in_fields, _in_body(values)))
    return and_(true(), *each_word)


def _attachment(variant: int | str, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    return message_key.c.has_attachment.is_(true() if variant else false())


CONDITIONS: Final[Mapping[str, Condition]] = {
    "inMailbox": Condition(_number, lambda _, values: item.c.folder_id == next(values)),
    "inMailboxOtherThan": Condition(
        _ids, lambda _, values: not_(_listed(item.c.folder_id, next(values)))
    ),
    "before": Condition(_time, lambda _, values: item.c.received < next(values)),
    "after": Condition(_time, lambda _, values: item.c.received >= next(values)),
    "minSize": Condition(_number, lambda _, values: item.c.size >= next(values)),
    "maxSize": Condition(_number, lambda _, values: item.c.size < next(values)),
    "allInThreadHaveKeyword": _in_thread(wanted=False, negated=True),
    "someInThreadHaveKeyword": _in_thread(wanted=True, negated=False),
    "noneInThreadHaveKeyword": _in_thread(wanted=True, negated=True),
    "hasKeyword": Condition(_keyword, _has),
    "notKeyword": Condition(_keyword, _has_not),
    "hasAttachment": Condition(_yes_or_no, _attachment, uses_keys=True),
    "text": Condition(_all_words, _anywhere, uses_keys=True),
    "from": _in_fields("from"),
    "to": _in_fields("to"),
    "cc": _in_fields("cc"),
    "bcc": _in_fields("bcc"),
    "subject": _in_fields("subject"),
    "body": Condition(_body_words, _body),
    "header": Condition(_header, lambda _, values: _listed(item.c.body_id, next(values))),
}


# --- filters -------------------------------------------------------------------------------


def take_apart(given: Mapping[str, Any], corpus: Corpus) -> tuple[Shape, list[Any]]:
    """Give shape and values of a filter; raises `Invalid`, `LimitExceeded`."""
    values: list[Any] = []
    count = 0

    def walk(node: Any, depth: int) -> Shape:
        nonlocal count
        count += 1 if not isinstance(node, Mapping) else max(1, len(node))
        if depth > FILTER_DEPTH or count > FILTER_CONDITIONS:
            raise LimitExceeded("The filter is too large.")
        if not isinstance(node, Mapping):
            raise Invalid("A filter is an object.", "filter")
        if "operator" in node:
            operator, below = node["operator"], node.get("conditions")
            if operator not in ("AND", "OR", "NOT") or not isinstance(below, list | tuple):
                raise Invalid("There is no such filter operator.", "filter")
            return (operator, *(walk(each, depth + 1) for each in below))
        return ("AND", *(leaf(name, node[name]) for name in sorted(node)))

    def leaf(name: str, value: Any) -> Shape:
        condition = CONDITIONS.get(name)
        if condition is None:
            raise Invalid(f"Nobody can filter by {name[:40]!r}.", "filter")
        variant, found = condition.read(value, corpus)
        values.extend(found)
        return (name, variant)

    return walk(given, 1), values


def names_folder(shape: Shape) -> bool:
    """Say whether every match is in one folder that the filter names."""
    return shape[0] == "AND" and any(
        each[0] == "inMailbox" or names_folder(each) for each in shape[1:]
    )


def folder_of(given: Mapping[str, Any]) -> int | None:
    """Give the folder that a filter names for every match."""
    if "operator" not in given:
        return given.get("inMailbox")
    below = given["conditions"] if given["operator"] == "AND" else ()
    return next((found for each in below if (found := folder_of(each)) is not None), None)


def clause_of(shape: Shape) -> ColumnElement[bool]:
    """Give the SQL of a shape; its parameters are named `v0`, `v1`, … in order."""
    return _clause(shape, _parameters())


def uses_keys(shape: Shape) -> bool:
    """Say whether the SQL of a shape needs the table `message_key`."""
    if shape[0] in ("AND", "OR", "NOT"):
        return any(uses_keys(each) for each in shape[1:])
    return CONDITIONS[shape[0]].uses_keys


def _parameters() -> Iterator[BindParameter[Any]]:
    count = 0
    while True:
        yield bindparam(f"v{count}")
        count += 1


def _clause(shape: Shape, values: Iterator[BindParameter[Any]]) -> ColumnElement[bool]:
    name, *rest = shape
    if name == "AND":
        return and_(true(), *(_clause(each, values) for each in rest))
    if name == "OR":
        return or_(false(), *(_clause(each, values) for each in rest))
    if name == "NOT":  # RFC 8620 5.5: none of them
        return not_(or_(false(), *(_clause(each, values) for each in rest)))
    return CONDITIONS[name].clause(rest[0], values)
