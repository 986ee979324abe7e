"""Arguments of every shape: always a proper response, never a serverFail, no crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import TestCase

from mailim.protocols.jmap.methods import CORE, MAIL
from tests.protocols.jmap.kit import Kit, mail
from tests.protocols.jmap.test_email_get import RICH

reactor: Any = installed
NAMES = [
    "Mailbox/get", "Mailbox/changes", "Mailbox/query", "Mailbox/queryChanges", "Mailbox/set",
    "Thread/get", "Thread/changes", "Email/get", "Email/changes", "Email/query",
    "Email/queryChanges", "Email/set", "SearchSnippet/get",
]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
IDS = st.sampled_from(
    ["e1", "e2", "e3", "e4", "e5", "e6", "e999", "m1", "m7", "m8", "t1", "a2", "#k", "x", "", "e0"]
)
NUMBERS = st.sampled_from([0, 1, -1, 2, 50, 2**31, 2**53 - 1, 2**53, 2**70, 1.5, -(2**53)])
STATES = st.sampled_from(["0", "1", "9", "12", "999", "x", ""])
DATES = st.sampled_from(["2023-11-14T22:13:20Z", "9999-12-31T23:59:60Z", "0001-01-01T00:00:00Z"])
SMALL = st.none() | st.booleans() | NUMBERS | TEXT | IDS | STATES | DATES
VALUES = st.recursive(
    SMALL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | IDS, inner, max_size=3),
    max_leaves=6,
)
CONDITION_NAMES = [
    "inMailbox", "inMailboxOtherThan", "before", "after", "minSize", "maxSize", "hasKeyword",
    "notKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword", "noneInThreadHaveKeyword",
    "hasAttachment", "text", "from", "to", "cc", "bcc", "subject", "body", "header",
    "parentId", "name", "role", "hasAnyRole", "isSubscribed",
]  # fmt: skip
CONDITIONS = st.dictionaries(
    st.sampled_from(CONDITION_NAMES), SMALL | st.lists(TEXT | IDS), max_size=3
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.fixed_dictionaries(
        {
            "operator": st.sampled_from(["AND", "OR", "NOT", "XOR"]),
            "conditions": st.lists(inner, max_size=3),
        }
    ),
    max_leaves=5,
)
SORTS = st.lists(
    st.fixed_dictionaries(
        {
            "property": st.sampled_from(
                ["receivedAt", "size", "subject", "from", "hasKeyword", "name", "sortOrder", "x"]
            )
        },
        optional={"isAscending": st.booleans(), "keyword": TEXT, "collation": TEXT},
    ),
    max_size=3,
)
PROPERTIES = st.lists(
    st.sampled_from(
        ["id", "subject", "keywords", "bodyStructure", "bodyValues", "headers", "textBody", "name",
         "header:From:asAddresses", "header:X:all", "header:Date:asDate", "header:", "header:a b",
         "role", "myRights", "emailIds", "nothing"]
    ),
    max_size=4,
)  # fmt: skip
OBJECTS = st.dictionaries(
    st.sampled_from(
        ["name", "parentId", "role", "sortOrder", "isSubscribed", "keywords", "mailboxIds",
         "keywords/$seen", "keywords/a b", "mailboxIds/m1", "mailboxIds/x", "a/b/c", "/", "~1"]
    )
    | TEXT,
    SMALL | st.dictionaries(IDS | TEXT, st.sampled_from([True, False, None, 1]), max_size=2),
    max_size=4,
)  # fmt: skip
KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "ids": st.lists(IDS, max_size=4), "properties": PROPERTIES, "bodyProperties": PROPERTIES,
    "fetchAllBodyValues": st.booleans(), "maxBodyValueBytes": NUMBERS, "sinceState": STATES,
    "sinceQueryState": STATES, "maxChanges": NUMBERS, "filter": FILTERS, "sort": SORTS,
    "position": NUMBERS, "anchor": IDS, "anchorOffset": NUMBERS, "limit": NUMBERS,
    "calculateTotal": st.booleans(), "collapseThreads": st.booleans(), "upToId": IDS,
    "sortAsTree": st.booleans(), "filterAsTree": st.booleans(), "ifInState": STATES,
    "create": st.dictionaries(IDS, OBJECTS, max_size=2),
    "update": st.dictionaries(IDS, OBJECTS, max_size=2), "destroy": st.lists(IDS, max_size=2),
    "onDestroyRemoveEmails": st.just(False), "emailIds": st.lists(IDS, max_size=3),
    "#ids": st.fixed_dictionaries(
        {"resultOf": st.sampled_from(["c0", "c1"]), "name": st.sampled_from(NAMES),
         "path": st.sampled_from(["/list/*/id", "/ids", "", "/x", "/list/0", "/created/*"])}
    ),
}  # fmt: skip
OF_METHOD = {
    "get": ("ids", "properties", "bodyProperties", "fetchAllBodyValues", "maxBodyValueBytes"),
    "changes": ("sinceState", "maxChanges"),
    "query": ("filter", "sort", "position", "anchor", "anchorOffset", "limit", "calculateTotal"),
    "queryChanges": ("filter", "sort", "sinceQueryState", "maxChanges", "upToId"),
    "set": ("ifInState", "create", "update", "destroy", "onDestroyRemoveEmails"),
}


@st.composite
def calls(draw: st.DrawFn) -> list[Any]:
    name = draw(st.sampled_from(NAMES))
    kind = name.partition("/")[2]
    usual = ("filter", "emailIds") if name == "SearchSnippet/get" else OF_METHOD[kind]
    fitting = draw(st.fixed_dictionaries({}, optional={each: KNOWN[each] for each in usual}))
    if draw(st.integers(0, 3)) == 0:
        odd = draw(st.sampled_from(sorted(KNOWN)))
        fitting[odd] = draw(KNOWN[odd] | VALUES)
    if draw(st.integers(0, 9)) == 0:
        fitting = draw(st.dictionaries(TEXT, VALUES, max_size=3))
    return [name, fitting]


class GarbageTests(TestCase):
    """The store is real, so hypothesis runs in a thread and calls the reactor's."""

    async def test_garbage(self) -> None:
        kit = await Kit.start(self)
        for number in range(20):
            await kit.add(mail(f"mail {number}"))
        await kit.add(RICH, prefix=b"Received: x\r\n")

        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(calls(), max_size=4))
        def garbage(made: list[Any]) -> None:
            for call in made:
                call[1].setdefault("accountId", kit.account_id)
            numbered = [[*call, f"c{place}"] for place, call in enumerate(made)]
            answer = blockingCallFromThread(
                reactor, lambda: kit_post(kit, {"using": [CORE, MAIL], "methodCalls": numbered})
            )
            assert answer.status == 200, answer.body
            responses = json.loads(answer.body)["methodResponses"]
            assert len(responses) == len(made)
            for (name, value, call_id), (asked, _, id) in zip(responses, numbered, strict=True):
                assert name in ("error", asked)
                assert call_id == id
                assert name != "error" or value["type"] != "serverFail", (asked, value)

        await deferToThread(garbage)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_garbage_as_a_request(self) -> None:
        kit = await Kit.start(self)

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            VALUES
            | st.fixed_dictionaries(
                {"using": VALUES, "methodCalls": st.lists(st.lists(VALUES, max_size=3), max_size=3)}
            )
        )
        def garbage(value: Any) -> None:
            answer = blockingCallFromThread(reactor, lambda: kit_post(kit, value))
            assert answer.status in (200, 400)

        await deferToThread(garbage)
        self.assertEqual(self.flushLoggedErrors(), [])


def kit_post(kit: Kit, value: Any) -> Any:
    return Deferred.fromCoroutine(kit.post(value))
