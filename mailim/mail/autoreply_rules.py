"""Who is answered automatically (RFC 3834 section 2, RFC 5230 sections 4.5 and 4.6).

An automatic reply goes to a person who wrote to the account himself. Never to programs,
lists, robots that answer robots, or oneself; when in doubt there is no reply: a mail that
was not answered is in the folder all the same, a loop is in everybody's.

The reply goes to the envelope's sender. Mail that MultiPOP collected has lost its envelope;
there it goes to Return-Path, which the other server wrote at its delivery, and only where
that is missing to Reply-To or From (RFC 3834 section 4). Such mail is written to the user
of the box; if that is no address, nobody here knows which it is, and any addressee will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from mailim.address import Address, parse_address
from mailim.errors import Invalid
from mailim.interfaces.vacation import Vacation
from mailim.wire.encoded_words import unfold
from mailim.wire.mailboxes import parse_mailboxes
from mailim.wire.message import MessageFacts
from mailim.wire.parameters import token

OLDEST_SECONDS: Final = 3 * 86_400  # mail that was written or came longer ago is not answered

_JOINTS: Final = re.compile(r"[-_.]+")
_NO_REPLY: Final = re.compile(r"noreply|donotreply|dontreply|nepasrepondre|nichtantworten")
_PROGRAMS: Final = frozenset(
    {
        "mailerdaemon", "mdaemon", "daemon", "postmaster", "listserv", "listproc", "majordomo",
        "mailman", "root", "uucp", "nobody", "null", "devnull", "bounce", "bounces", "owner",
        "autoreply", "autoresponder", "autorespond",
    }
)  # fmt: skip
_LISTS: Final = re.compile(
    r"(?:owner|bounces?|return)[-+=].*|.*[-+](?:owner|request|bounces?|errors|return)(?:[-+=].*)?"
)
_AUTOMATIC_FIELDS: Final = frozenset(
    {
        "mailing-list", "x-mailing-list", "x-beenthere", "x-loop", "x-autoreply",
        "x-autorespond", "x-auto-reply-from", "x-failed-recipients",
    }
)  # fmt: skip
_BULK: Final = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})
_SUPPRESSES: Final = frozenset({"all", "oof", "autoreply"})
_SPAM_FIELDS: Final = frozenset({"x-spam-flag", "x-spam-status", "x-spam"})
# Senders whose local part changes from day to day: BATV tags, and what forwarders make of them
# (SRS): "prvs=0123456789=carl@x", "srs0=hash=tt=example.org=carl@x", "ann+srs=…" as above.
_TAGGED: Final = re.compile(r"(?:prvs=[^=]+=|btv1==[^=]+==)(?P<local>[^=]+)")
_FORWARDED: Final = re.compile(r"(?:.*\+)?srs[01]?[-+=].*=(?P<domain>[^=]+)=(?P<local>[^=]+)")
_COMMENT: Final = re.compile(r"\([^()]*\)")
_ADDRESSEES: Final = ("resent-to", "resent-cc", "resent-bcc")

Fields = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Respondent:
    """The account that would answer.

    own: its addresses: its own, aliases, the boxes collected for it. any_addressee: it is
    not known whom mail to it is written to. hosted: the domains here if nothing can be sent
    to others, else None. names: of its identities, by their addresses.
    """

    address: str
    name: str
    settings: Vacation
    own: frozenset[str]
    any_addressee: bool = False
    hosted: frozenset[str] | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail, as far as it decides about a reply; times in microseconds.

    own_fields: of the message itself; added_fields: what was put before it here. Names are
    in lower case. sent_to: the recipient of its envelope, as the sender knew it.
    """

    origin: str
    sender: str
    received: int
    junk: bool
    facts: MessageFacts
    own_fields: Fields
    added_fields: Fields = ()
    sent_to: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """`sender` is answered; or "" and why nobody is, for the log."""

    sender: str
    reason: str = ""


def decide(mail: Incoming, me: Respondent, now: int) -> Decision:
    """Say who is answered, if anybody; never raises, whatever the mail holds."""
    for rule in _OF_THE_MAIL:
        reason = rule(mail, me, now)
        if reason:
            return Decision("", reason)
    found = reverse_path(mail)
    if found is None:
        return Decision("", "it has no sender that could be answered")
    reason = _of_the_sender(found, mail, me)
    return Decision("", reason) if reason else Decision(str(found))


def answers_as(mail: Incoming, me: Respondent) -> str:
    """Give the address a reply comes from: the one written to (RFC 3834 4).

    The sender knows no other, and is not told what is behind an alias. What was written to a
    group goes by the addressees. Collected mail was written to an address of another server,
    which would not want to have ours write in its name.
    """
    if mail.origin != "multipop":
        for address in (mail.sent_to, *_addressees(mail)):
            found = _address(address) if _is_own(address, me.own) else None
            if found is not None:
                return str(found)
    return me.address


def reverse_path(mail: Incoming) -> Address | None:
    """Give the address a reply goes to; None if there is none, or none we could write to."""
    if mail.origin != "multipop":
        return _address(mail.sender)
    written = [value for name, value in mail.own_fields if name == "return-path"]
    if written:
        path = unfold(written[0]).strip()
        return _address(path.removeprefix("<").removesuffix(">"))
    for mailboxes in (mail.facts.reply_to, mail.facts.from_):
        if mailboxes:
            return _address(mailboxes[0].email) if len(mailboxes) == 1 else None
    return None


# --- the mail ------------------------------------------------------------------------------


def _when(mail: Incoming, me: Respondent, now: int) -> str:
    if not me.settings.covers(mail.received):
        return "automatic replies are off"
    if now - mail.received > OLDEST_SECONDS * 1_000_000:
        return "it came long ago"
    date = mail.facts.date
    if date is None:
        return "it is not known when it was written" if mail.origin == "multipop" else ""
    age = (datetime.fromtimestamp(now / 1e6, UTC) - date).total_seconds()
    return "it was written long ago" if age > OLDEST_SECONDS else ""


def _whence(mail: Incoming, _me: Respondent, _now: int) -> str:
    if mail.origin == "system":
        return "it is from this server"
    return "it is junk" if mail.junk else ""


def _fields(mail: Incoming, _me: Respondent, _now: int) -> str:
    """Look for marks of programs and lists."""
    if mail.facts.structure.content_type == "multipart/report":
        return "it is a report"
    for name, raw in (*mail.added_fields, *mail.own_fields):
        if name.startswith("list-") or name in _AUTOMATIC_FIELDS:
            return f"it has a field {name}"
        found = _MARKS.get(name)
        if found is not None and found(unfold(raw).strip().lower()):
            return f"its {name} forbids it"
    return ""


_MARKS: Final[dict[str, Callable[[str], bool]]] = {
    # RFC 3834 5: anything but "no"; what cannot be read is not "no".
    "auto-submitted": lambda value: _word(value) != "no",
    "precedence": lambda value: _word(value) in _BULK,
    "x-auto-response-suppress": lambda value: (
        not _SUPPRESSES.isdisjoint(re.split(r"[\s,;]+", value))
    ),
    **{name: lambda value: value.startswith(("yes", "true")) for name in _SPAM_FIELDS},
}


def _word(value: str) -> str | None:
    return token(_COMMENT.sub(" ", value))


def _written_to(mail: Incoming, me: Respondent, _now: int) -> str:
    """RFC 5230 4.5: the account stands in an addressee field itself, not by a list or copy."""
    found = False
    for address in _addressees(mail):
        if _is_own(address, me.own):
            return ""
        found = True
    if me.any_addressee and found:
        return ""
    return "it is not addressed to this account"


_OF_THE_MAIL: Final = (_when, _whence, _fields, _written_to)


def _addressees(mail: Incoming) -> Iterator[str]:
    facts = mail.facts
    for mailboxes in (facts.to, facts.cc, facts.bcc):
        yield from (each.email for each in mailboxes)
    for name, raw in mail.own_fields:
        if name in _ADDRESSEES:
            yield from (each.email for each in parse_mailboxes(raw))


# --- the sender ----------------------------------------------------------------------------


def _of_the_sender(sender: Address, mail: Incoming, me: Respondent) -> str:
    if is_automatic(sender.local):
        return "its sender is a program"
    if _is_own(str(sender), me.own):
        return "it is from the account itself"
    domain = me.address.rpartition("@")[2]
    if not me.settings.colleagues and sender.domain == domain:
        return "it is from a colleague"
    if me.hosted is not None and sender.domain not in me.hosted:
        return "nothing is sent to other servers"
    names = {str(sender), *(each.email.lower() for each in mail.facts.from_[:100])}
    for pattern in me.settings.excluded:
        if any(matches(pattern.lower(), name) for name in names):
            return "its sender is excluded"
    return ""


def person_of(address: str) -> str:
    """Give what stays the same of an address, for remembering who was answered.

    What follows a plus is not part of it, nor what forwarders and tags change every day.
    """
    local, _, domain = address.rpartition("@")
    if tagged := _TAGGED.fullmatch(local):
        local = tagged["local"]
    elif forwarded := _FORWARDED.fullmatch(local):
        local, domain = forwarded["local"], forwarded["domain"]
    return f"{local.partition('+')[0] or local}@{domain}"


def is_automatic(local: str) -> bool:
    """Say whether a local part is one that programs write with."""
    local = local.lower()
    squeezed = _JOINTS.sub("", local.partition("+")[0])
    return bool(squeezed in _PROGRAMS or _NO_REPLY.search(squeezed) or _LISTS.fullmatch(local))


def matches(pattern: str, text: str) -> bool:
    """Compare with a pattern in which `*` is any text and `?` any character.

    In time proportional to both lengths, whatever the pattern.
    """
    at = place = 0
    star, tried = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, tried = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            tried += 1
            at, place = star + 1, tried
        else:
            return False
    return not pattern[at:].strip("*")


def _is_own(address: str, own: frozenset[str]) -> bool:
    """Compare without what follows a plus (RFC 5233); cheap for what is not ours."""
    local, _, domain = address.strip().lower().rpartition("@")
    names = {f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"}
    if not names.isdisjoint(own):
        return True
    base = local.partition("+")[0]
    if domain.isascii() or not any(each.startswith(f"{base}@") for each in own):
        return False
    found = _address(f"{base}@{domain}")  # our own are A-labels
    return found is not None and str(found) in own


def _address(text: str) -> Address | None:
    try:
        return parse_address(text)
    except Invalid:
        return None
