"""Identities and submissions of every shape: always a proper answer, and nothing odd is sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.threads import blockingCallFromThread, deferToThread

from mailim.interfaces.store import ITransaction
from tests.protocols.jmap.kit import ALICE, BOB, USING
from tests.protocols.jmap.submitting import SubmissionCase
from tests.protocols.jmap.test_garbage import IDS, NUMBERS, STATES, TEXT, VALUES, kit_post

reactor: Any = installed
TYPES = ("Identity", "EmailSubmission")
SOME_IDS = IDS | st.sampled_from(["i1", "i2", "s1", "s2", "s3", "#s", "e1", "e2"])
EMAILS = st.sampled_from(
    [ALICE, BOB, "sales@example.test", "", "<>", "a@b", f"{BOB}>\r\nDATA", '"a b"@example.test',
     "x" * 400, "\u00e9@example.test", "nobody@example.test", "@", "postmaster"]
) | TEXT  # fmt: skip
PARAMETERS = st.dictionaries(
    st.sampled_from(["HOLDFOR", "HOLDUNTIL", "RET", "ENVID", "NOTIFY", "ORCPT", "SIZE", "x"])
    | TEXT,
    st.sampled_from(["0", "5", "999999999", "FULL", "NEVER", "SUCCESS,DELAY", "rfc822;a@b", ""])
    | VALUES,
    max_size=2,
)
ADDRESSES = st.fixed_dictionaries(
    {"email": EMAILS | VALUES}, optional={"parameters": st.none() | PARAMETERS, "name": TEXT}
)
ENVELOPES = st.fixed_dictionaries(
    {"mailFrom": ADDRESSES | VALUES, "rcptTo": st.lists(ADDRESSES | VALUES, max_size=3) | VALUES},
    optional={"more": VALUES},
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "identityId": SOME_IDS | VALUES, "emailId": SOME_IDS | VALUES,
        "envelope": st.none() | ENVELOPES | VALUES,
        "undoStatus": st.sampled_from(["canceled", "final", "pending"]) | VALUES,
        "sendAt": VALUES, "name": TEXT | VALUES, "email": EMAILS | VALUES,
        "replyTo": st.lists(ADDRESSES, max_size=2) | VALUES, "bcc": VALUES,
        "textSignature": TEXT | VALUES, "htmlSignature": VALUES, "x/y": VALUES,
    },
)  # fmt: skip
GOOD = st.fixed_dictionaries(
    {"identityId": st.just("i1"), "emailId": st.integers(1, 30).map("e{}".format)},
    optional={"envelope": st.none() | ENVELOPES},
)
FILTERS = st.dictionaries(
    st.sampled_from(["identityIds", "emailIds", "undoStatus", "before", "after", "operator", "x"]),
    st.lists(SOME_IDS) | VALUES,
    max_size=3,
)
KNOWN: dict[str, st.SearchStrategy[Any]] = {
    "ids": st.none() | st.lists(SOME_IDS, max_size=3), "sinceState": STATES, "maxChanges": NUMBERS,
    "sinceQueryState": STATES, "filter": FILTERS | VALUES, "position": NUMBERS, "anchor": SOME_IDS,
    "anchorOffset": NUMBERS, "limit": NUMBERS, "properties": st.lists(TEXT, max_size=2),
    "create": st.dictionaries(TEXT.filter(len), GOOD | OBJECTS, max_size=2),
    "update": st.dictionaries(SOME_IDS, OBJECTS, max_size=2),
    "destroy": st.lists(SOME_IDS, max_size=2), "ifInState": STATES,
    "onSuccessUpdateEmail": st.dictionaries(SOME_IDS, OBJECTS, max_size=2),
    "onSuccessDestroyEmail": st.lists(SOME_IDS, max_size=2),
    "sort": st.lists(st.fixed_dictionaries(
        {"property": st.sampled_from(["sentAt", "emailId", "threadId", "x"])}), max_size=2),
}  # fmt: skip
OF_METHOD = {
    "get": ("ids", "properties"),
    "changes": ("sinceState", "maxChanges"),
    "query": ("filter", "sort", "position", "anchor", "anchorOffset", "limit"),
    "queryChanges": ("filter", "sort", "sinceQueryState", "maxChanges"),
    "set": ("create", "update", "destroy"),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(("EmailSubmission", *TYPES)))
    known = OF_METHOD if name == "EmailSubmission" else ("get", "changes", "set")
    method = draw(st.sampled_from([*sorted(known), "set", "set", "set"]))
    usual = list(OF_METHOD[method])
    if (name, method) == ("EmailSubmission", "set"):
        usual += ["onSuccessUpdateEmail", "onSuccessDestroyEmail"]
    arguments = draw(st.fixed_dictionaries({}, optional={each: KNOWN[each] for each in usual}))
    if draw(st.integers(0, 5)) == 0:
        arguments[draw(st.sampled_from(sorted(KNOWN)))] = draw(VALUES)
    return f"{name}/{method}", arguments


class GarbageTests(SubmissionCase):
    async def test_garbage(self) -> None:
        kit = await self.start()
        kit.undo_seconds = 0
        for _ in range(30):
            await self.draft(extra="Bcc: admin@example.test\r\n")

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(calls(), min_size=1, max_size=3))
        def garbage(made: list[tuple[str, dict[str, Any]]]) -> None:
            # The share of the hour comes back.
            blockingCallFromThread(reactor, kit.clock.advance, 3600)
            numbered = [
                [name, {"accountId": kit.account_id, **given}, str(place)]
                for place, (name, given) in enumerate(made)
            ]
            post = {"using": USING, "methodCalls": numbered}
            answer = blockingCallFromThread(reactor, kit_post, kit, post)
            assert answer.status == 200, answer.body
            responses = json.loads(answer.body)["methodResponses"]
            asked = {id: name for name, _, id in numbered}
            for name, value, id in responses:
                assert name in ("error", asked[id], "Email/set")
                assert name != "error" or value["type"] != "serverFail", (asked[id], value)
            assert {id for _, _, id in responses} == set(asked)

        await deferToThread(garbage)
        await self.later(0)
        self.assertEqual(self.flushLoggedErrors(), [])

        def envelopes(tx: ITransaction) -> list[tuple[str, list[str]]]:
            entries = tx.spool.list(10_000)
            return [(each.sender, [r.address for r in each.recipients]) for each in entries]

        sent = await kit.store.read(envelopes)
        self.assertGreater(len(sent), 0)
        for sender, recipients in sent:
            self.assertTrue(sender in ("", ALICE, "sales@example.test"), sender)
            for each in recipients:
                self.assertTrue(each.endswith("@example.test"), each)
