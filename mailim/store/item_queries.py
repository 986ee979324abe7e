"""Looking for items (RFC 8621 4.4): filter, order, one item of each thread, a window.

Nothing here reads a whole folder into Python. A folder's plain list in the order of arrival
is answered from an index alone, also at a position far down, at an anchor, and with
`collapse_threads`; other orders and filters let SQLite sort ids.

Ties are broken by item id, in the direction of the first property sorted by. Statements are
kept by the shape of the question, at most `KEPT_PLANS` of them for each connection.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Protocol

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from mailim.errors import NotFound
from mailim.interfaces.items import ItemIds, ItemQuery
from mailim.store.connection import Connection
from mailim.store.item_filters import (
    CONDITIONS,
    Corpus,
    Shape,
    clause_of,
    folder_of,
    names_folder,
    take_apart,
    uses_keys,
)
from mailim.store.item_order import (
    NEWEST_FIRST,
    Order,
    columns_of,
    order_of,
    ordered,
    precedes,
    sorts_by_keys,
)
from mailim.store.mail_state import MailState
from mailim.store.message_search import MessageSearch
from mailim.store.message_text import MessageText
from mailim.store.removed_folders import removed_folders
from mailim.store.schema.mail import REMOVED, folder, item, message_key, thread_folder
from mailim.store.statements import Statement

KEPT_PLANS: Final = 100

_ELSEWHERE: Final = "inMailboxOtherThan"
_IN_FOLDER: Final[Shape] = ("AND", ("inMailbox", 0))
_WINDOW: Final[Mapping[str, BindParameter[Any]]] = {
    "limit": bindparam("limit"),
    "offset": bindparam("position"),
}
_FOLDER: Final = Statement(
    select(folder.c.account_id, folder.c.total, folder.c.total_threads).where(
        folder.c.id == bindparam("folder_id", type_=Integer), folder.c.kind != REMOVED
    )
)


class Plan(Protocol):
    """The statements that answer questions of one shape."""

    @property
    def page(self) -> Statement:
        """Ids and threads of a window: `limit` rows behind `position`."""

    @property
    def count(self) -> Statement:
        """How many there are."""

    @property
    def anchor(self) -> Statement:
        """The columns sorted by of one row."""

    @property
    def before(self) -> Statement:
        """How many stand before a row with such columns."""


class ItemPlan:
    """Statements over the items that match."""

    def __init__(self, shape: Shape, order: Order, collapse: bool) -> None:
        self._order = order
        self._collapse = collapse
        columns = columns_of(order)
        self._match = item.c.id == bindparam("anchor", type_=Integer)
        source: Any = item
        if uses_keys(shape) or sorts_by_keys(order):
            source = item.join(message_key, message_key.c.body_id == item.c.body_id)
        self._source = source
        self._where = clause_of(shape)
        if not names_folder(shape):
            self._where &= item.c.account_id == bindparam("account_id", type_=Integer)
        self._id: ColumnElement[int] = item.c.id
        self._thread: ColumnElement[int] = item.c.thread_id
        self._columns: Sequence[ColumnElement[Any]] = columns
        if collapse:
            self._take_first_of_threads()

    def _take_first_of_threads(self) -> None:
        """RFC 8621 4.4.3: of each thread the item that stands first in the order."""
        place = func.row_number().over(
            partition_by=item.c.thread_id, order_by=ordered(self._columns, self._order)
        )
        labels = [each.label(f"s{at}") for at, each in enumerate(self._columns)]
        inner = (
            select(item.c.id, item.c.thread_id, *labels, place.label("place"))
            .select_from(self._source)
            .where(self._where)
            .subquery("matching")
        )
        self._source = inner
        self._where = inner.c.place == literal_column("1")
        self._match = inner.c.id == bindparam("anchor", type_=Integer)
        self._id, self._thread = inner.c.id, inner.c.thread_id
        self._columns = [inner.c[each.name] for each in labels]

    def _select(self, *what: ColumnElement[Any]) -> Select[Any]:
        return select(*what).select_from(self._source).where(self._where)

    @cached_property
    def page(self) -> Statement:
        """Ids and threads of a window: `limit` rows behind `position`."""
        found = self._select(self._id, self._thread)
        rows = found.order_by(*ordered(self._columns, self._order))
        return Statement(rows.limit(_WINDOW["limit"]).offset(_WINDOW["offset"]))

    @cached_property
    def count(self) -> Statement:
        """How many there are."""
        return Statement(self._select(func.count()))

    @cached_property
    def anchor(self) -> Statement:
        """The columns sorted by of one row."""
        return Statement(self._select(*self._columns).where(self._match))

    @cached_property
    def before(self) -> Statement:
        """How many stand before a row with such columns."""
        return Statement(self._select(func.count()).where(precedes(self._columns, self._order)))


class ThreadListing:
    """A folder's threads, newest first, from `thread_folder`: no item is looked at."""

    def __init__(self) -> None:
        columns = [thread_folder.c.latest_received, thread_folder.c.latest_item]
        rows = select(thread_folder.c.latest_item, thread_folder.c.thread_id)
        mine = thread_folder.c.folder_id == bindparam("v0", type_=Integer)
        found = rows.where(mine).order_by(*ordered(columns, NEWEST_FIRST))
        self.page = Statement(found.limit(_WINDOW["limit"]).offset(_WINDOW["offset"]))
        self.count = Statement(select(func.count()).where(mine))
        anchor = thread_folder.c.latest_item == bindparam("anchor", type_=Integer)
        # The thread of the anchor is found by its item, not by reading the folder.
        of_anchor = select(item.c.thread_id).where(item.c.id == bindparam("anchor"))
        self.anchor = Statement(
            select(*columns).where(
                mine, anchor, thread_folder.c.thread_id == of_anchor.scalar_subquery()
            )
        )
        self.before = Statement(select(func.count()).where(mine, precedes(columns, NEWEST_FIRST)))


class ItemQueries:
    """Answers questions; keeps the statements for the shapes it met last."""

    def __init__(self, connection: Connection, state: MailState, search: MessageSearch) -> None:
        self._db = connection
        self._state = state
        self._search = search
        self._plans: OrderedDict[tuple[Shape, Order, bool], Plan] = OrderedDict()

    def run(self, query: ItemQuery) -> ItemIds:
        """Answer; raises `NotFound` (anchor), `Invalid`, `LimitExceeded`."""
        corpus = _Asking(self._search, query.account_id)
        shape, values = self._without_removed(query, *take_apart(query.filter or {}, corpus))
        order, keywords = order_of(query.sort)
        given = {f"v{place}": value for place, value in enumerate(values)} | keywords
        given["account_id"] = query.account_id
        state = self._state.newest(query.account_id)
        known = self._known_total(shape, query)
        if known == 0:
            if query.anchor is not None:
                raise _no_anchor()
            return ItemIds((), 0, 0 if query.count else None, state)
        plan = self._plan(shape, order, query.collapse_threads)
        total = known
        if total is None and (query.count or (query.anchor is None and query.position < 0)):
            total = self._db.value(plan.count, **given)
        position = self._position(plan, given, query, total)
        rows = self._db.all(plan.page, **given, limit=query.limit, position=position)
        return ItemIds(
            ids=tuple(row[0] for row in rows),
            position=position,
            total=total if query.count else None,
            state=state,
            thread_ids=tuple(row[1] for row in rows),
        )

    def _without_removed(
        self, query: ItemQuery, shape: Shape, values: list[Any]
    ) -> tuple[Shape, list[Any]]:
        """Leave out what is in folders that are deleted, while their items go."""
        going = () if names_folder(shape) else removed_folders(self._db, query.account_id)
        if not going:
            return shape, values
        variant, found = CONDITIONS[_ELSEWHERE].read(sorted(going), _Asking(self._search, 0))
        return ("AND", shape, (_ELSEWHERE, variant)), [*values, *found]

    def _known_total(self, shape: Shape, query: ItemQuery) -> int | None:
        """Give the total where it needs no counting; 0 for a folder of somebody else."""
        if not names_folder(shape):
            return None
        row = self._db.one(_FOLDER, folder_id=folder_of(query.filter or {}))
        if row is None or row[0] != query.account_id:
            return 0
        if shape != _IN_FOLDER:
            return None
        total: int = row[2] if query.collapse_threads else row[1]
        return total

    def _position(
        self, plan: Plan, given: Mapping[str, Any], query: ItemQuery, total: int | None
    ) -> int:
        """RFC 8620 5.5: the place of the window's first row."""
        if query.anchor is None:
            return query.position if query.position >= 0 else max(0, (total or 0) + query.position)
        row = self._db.one(plan.anchor, **given, anchor=query.anchor)
        if row is None:
            raise _no_anchor()
        columns = {f"a{place}": value for place, value in enumerate(row)}
        before: int = self._db.value(plan.before, **given, **columns)
        return max(0, before + query.anchor_offset)

    def _plan(self, shape: Shape, order: Order, collapse: bool) -> Plan:
        key = (shape, order, collapse)
        found = self._plans.get(key)
        if found is None:
            listing = collapse and shape == _IN_FOLDER and order == NEWEST_FIRST
            found = ThreadListing() if listing else ItemPlan(shape, order, collapse)
            self._plans[key] = found
            if len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return found


class _Asking(Corpus):
    """The index as one query sees it; reads what is not indexed at most once."""

    def __init__(self, search: MessageSearch, account_id: int) -> None:
        self._search = search
        self._account_id = account_id

    @cached_property
    def _fresh(self) -> Sequence[tuple[int, MessageText]]:
        return self._search.fresh(self._account_id)

    def fresh_with(self, word: str) -> Sequence[int]:
        return self._search.fresh_with(self._fresh, word)

    def with_header(self, name: str, value: str | None) -> Sequence[int]:
        return self._search.with_header(self._account_id, name, value, self._fresh)


def _no_anchor() -> NotFound:
    return NotFound("The anchor is not in the result.")
