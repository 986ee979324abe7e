"""The tables of RFC 6121 appendix A, row by row."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.im.states import KINDS, State, received, sent

# A.1, in the RFC's order
STATES = {
    "None": State(),
    "None + Pending Out": State(asked=True),
    "None + Pending In": State(requested=True),
    "None + Pending Out+In": State(asked=True, requested=True),
    "To": State(to=True),
    "To + Pending In": State(to=True, requested=True),
    "From": State(from_=True),
    "From + Pending Out": State(from_=True, asked=True),
    "Both": State(to=True, from_=True),
}
SAME = ""
APPROVED = "pre-approval"
# One line for each state: routed (or delivered)?, new state
OUTBOUND = {
    "subscribe": (  # table 2
        (True, "None + Pending Out"),
        (True, SAME),
        (True, "None + Pending Out+In"),
        (True, SAME),
        (True, SAME),
        (True, SAME),
        (True, "From + Pending Out"),
        (True, SAME),
        (True, SAME),
    ),
    "unsubscribe": (  # table 3
        (True, SAME),
        (True, "None"),
        (True, SAME),
        (True, "None + Pending In"),
        (True, "None"),
        (True, "None + Pending In"),
        (True, SAME),
        (True, "From"),
        (True, "From"),
    ),
    "subscribed": (  # table 4
        (False, APPROVED),
        (False, APPROVED),
        (True, "From"),
        (True, "From + Pending Out"),
        (False, APPROVED),
        (True, "Both"),
        (False, SAME),
        (False, SAME),
        (False, SAME),
    ),
    "unsubscribed": (  # table 5
        (False, SAME),
        (False, SAME),
        (True, "None"),
        (True, "None + Pending Out"),
        (False, SAME),
        (True, "To"),
        (True, "None"),
        (True, "None + Pending Out"),
        (True, "To"),
    ),
}
# The third column: the reply made for the user
INBOUND = {
    "subscribe": (  # table 6
        (True, "None + Pending In", ""),
        (True, "None + Pending Out+In", ""),
        (False, SAME, ""),
        (False, SAME, ""),
        (True, "To + Pending In", ""),
        (False, SAME, ""),
        (False, SAME, "subscribed"),
        (False, SAME, "subscribed"),
        (False, SAME, "subscribed"),
    ),
    "unsubscribe": (  # table 7
        (False, SAME, ""),
        (False, SAME, ""),
        (True, "None", "unsubscribed"),
        (True, "None + Pending Out", "unsubscribed"),
        (False, SAME, ""),
        (True, "To", "unsubscribed"),
        (True, "None", "unsubscribed"),
        (True, "None + Pending Out", "unsubscribed"),
        (True, "To", "unsubscribed"),
    ),
    "subscribed": (  # table 8
        (False, SAME, ""),
        (True, "To", ""),
        (False, SAME, ""),
        (True, "To + Pending In", ""),
        (False, SAME, ""),
        (False, SAME, ""),
        (False, SAME, ""),
        (True, "Both", ""),
        (False, SAME, ""),
    ),
    "unsubscribed": (  # table 9
        (False, SAME, ""),
        (True, "None", ""),
        (False, SAME, ""),
        (True, "None + Pending In", ""),
        (True, "None", ""),
        (True, "None + Pending In", ""),
        (False, SAME, ""),
        (True, "From", ""),
        (True, "From", ""),
    ),
}
SUBSCRIPTIONS = ("none", "none", "none", "none", "to", "to", "from", "from", "both")


class StateTests(SynchronousTestCase):
    def test_outbound_tables(self) -> None:
        for kind, rows in OUTBOUND.items():
            for (name, state), (routed, new) in zip(STATES.items(), rows, strict=True):
                after, route = sent(kind, state)
                with self.subTest(kind=kind, state=name):
                    self.assertEqual(route, routed)
                    if new == APPROVED:
                        self.assertTrue(after.approved)
                        self.assertEqual(after.subscription, state.subscription)
                        self.assertEqual(after.asked, state.asked)
                    else:
                        self.assertEqual(after, STATES[new] if new else state)

    def test_inbound_tables(self) -> None:
        for kind, rows in INBOUND.items():
            for (name, state), (delivered, new, reply) in zip(STATES.items(), rows, strict=True):
                with self.subTest(kind=kind, state=name):
                    self.assertEqual(
                        received(kind, state), (STATES[new] if new else state, delivered, reply)
                    )

    def test_pre_approval_grants_the_request(self) -> None:
        """RFC 6121 section 3.4.2 and note 1 of table 6."""
        for state in (State(approved=True), State(to=True, approved=True)):
            after, deliver, reply = received("subscribe", state)
            self.assertEqual((deliver, reply), (False, "subscribed"))
            self.assertTrue(after.from_ and not after.requested)

    def test_pre_approval_is_cancelled(self) -> None:
        """RFC 6121 section 3.2.2, rule 2: removed, not routed."""
        self.assertEqual(sent("unsubscribed", State(approved=True)), (State(), False))

    def test_attributes(self) -> None:
        for (name, state), attribute in zip(STATES.items(), SUBSCRIPTIONS, strict=True):
            with self.subTest(state=name):
                self.assertEqual(state.subscription, attribute)
                made = State.of(attribute, state.asked, state.requested, False)
                self.assertEqual(made, state)

    def test_nothing_leads_outside_the_nine_states(self) -> None:
        seen = {State()}
        while True:
            new = {sent(kind, state)[0] for state in seen for kind in KINDS}
            new |= {received(kind, state)[0] for state in seen for kind in KINDS}
            if new <= seen:
                break
            seen |= new
        for state in seen:
            self.assertFalse(state.to and state.asked)
            self.assertFalse(state.from_ and state.requested)
