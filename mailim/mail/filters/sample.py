"""The sample `etc/filters.toml` of a new site: everything a rule can say, with all rules off.

`python -m mailim.mail.filters.sample > etc/filters.toml` writes the one in the repository.
"""

from __future__ import annotations

from typing import Final

SAMPLE: Final = r'''# Rules for mail. Every mail that is delivered here, or sent to another server,
# is looked at once for each of its recipients, whichever way it came: SMTP, webmail, MultiPOP.
# Rules are asked in their order; those whose conditions hold do their actions.
#
# A change takes effect with the next mail, without reload or restart. What is wrong in the
# file is told by `mailim check` and `mailim filter list`; the last good rules stay in force
# meanwhile. `mailim filter test FILE.eml` explains rule by rule what would happen to a mail.
# All keys, limits and macros: docs/admin/filters.md

# false: no rule is asked.
enabled = true

# --- Tell people about new mail by instant message ------------------------------------------
# Switch it on by enabled = true.

[[rule]]
name = "Announce new mail"
enabled = false
queue = "local"      # mail for accounts here; "remote": mail that leaves; "both"
match = "all"        # all conditions must hold; "any": one of them

[[rule.when]]
all = true           # every mail

[[rule.then]]
do = "instant_message"
to = "$RECIPIENT$"           # an address here or a list of them; macros may stand in it
from = "$PRIMARYDOMAIN$"     # an address or a domain
text = """
You have received an email from $SENDER$.
Subject: $SUBJECT$"""
about_automatic = false      # true: also about bounces and automatic replies

# --- Every condition ------------------------------------------------------------------------
# header = "Subject" or ["To", "Cc"] (any of them), or of = "sender", "envelope_sender",
# "recipient", "body" (the text), "attachment" (names of files), and one test of it:
#   contains, not_contains, is, not_is, starts, ends, like and not_like (with * and ?),
#   matches and not_matches (regular expression, RE2), exists = true or false
# of = "sender", "envelope_sender", "recipient" also: in_group, not_in_group (a group's address)
# of = "size": over, under (octets)
# all = true: every mail
# Upper and lower case are the same. Macros may stand in the texts.

[[rule]]
name = "Every condition"
enabled = false
match = "any"
when = [
    { header = "Subject", contains = "invoice" },
    { header = ["To", "Cc"], not_contains = "$RECIPIENT$" },
    { header = "From", is = "news@example.org" },
    { header = "Reply-To", not_is = "$SENDER$" },
    { header = "Subject", starts = "[ticket" },
    { of = "sender", ends = "@example.org" },
    { of = "attachment", like = "*.exe" },
    { of = "attachment", exists = true },
    { of = "envelope_sender", not_like = "*@example.org" },
    { header = "Subject", matches = "(order|bill) no\\. [0-9]{4,}" },
    { of = "body", not_matches = "unsubscribe|abbestellen" },
    { header = "List-Id", exists = true },
    { header = "Date", exists = false },
    { of = "sender", in_group = "sales@example.test" },
    { of = "recipient", not_in_group = "sales@example.test" },
    { of = "size", over = 10_000_000 },
    { of = "size", under = 1_000 },
]
then = [{ do = "keyword", keyword = "$flagged" }]

# --- Every action ---------------------------------------------------------------------------

[[rule]]
name = "Every action"
enabled = false
queue = "both"
when = [{ header = "X-Nobody-Sends-This", exists = true }]
then = [
    { do = "move", folder = "Lists/Announcements" },       # made if it is missing
    { do = "junk" },                                       # into Junk; the last of the two counts
    { do = "keyword", keyword = "$flagged" },              # or $seen, or one of your own
    { do = "add_header", name = "X-Rule", value = "$FILTERRULENAME$ at $CURRENTTIME$" },
    { do = "copy", to = ["archive@example.test"] },
    { do = "instant_message", to = ["postmaster@$PRIMARYDOMAIN$"], text = "Look: $SUBJECT$" },
    { do = "hold", reason = "Somebody should look at it." },  # stays in the queue until released
    { do = "delete" },                                     # nobody is told
    { do = "skip", rules = 1 },                            # leave out the next rule
    { do = "jump", rule = "Last" },                        # go on with a later rule
    { do = "stop" },                                       # ask no further rule
]

[[rule]]
name = "Programs go no further"
enabled = false
match = "any"
when = [
    { of = "attachment", like = "*.exe" },
    { of = "attachment", like = "*.scr" },
    { of = "attachment", like = "*.js" },
]
then = [{ do = "hold", reason = "A program is attached." }, { do = "stop" }]

[[rule]]
name = "Last"
enabled = false
when = [{ all = true }]
then = [{ do = "stop" }]
'''


if __name__ == "__main__":
    print(SAMPLE, end="")  # noqa: T201 - this is what it is for
