"""The table of operations: what an administrator can do, said once.

The command line makes its parser from it, `/admin/api/` checks bodies with it, and the
admin page lists it. What an operation does stands in the files `*_acts.py`, bound by name.
An operation's name is "group.verb"; a name without a dot is a command of its own.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailim.errors import Invalid

MAX_TEXT = 65_536  # characters of one text argument
MAX_FILE = 200_000  # characters of a file
MAX_OCTETS = 700_000  # of a binary file; in base64 it fits into a request


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument.

    `kind` is text, int, yesno (true/false), flag (only true), file, octets or secret.
    A positional one is given by its place on the command line, a secret one by
    --password-stdin or a prompt, a flag or a choice's word by --word. Of a file the text is
    given: the command line reads it, so that nobody makes the server read files. Octets are
    a file whose content is given in base64.
    """

    name: str
    doc: str
    kind: str = "text"
    required: bool = False
    positional: bool = False
    choices: tuple[str, ...] = ()

    def checked(self, value: Any) -> Any:
        """Give the value if it is of the right kind; raises `Invalid`."""
        wanted = {"int": int, "yesno": bool, "flag": bool}.get(self.kind, str)
        if type(value) is not wanted:
            words = {int: "a whole number", bool: "true or false", str: "a text"}
            raise Invalid(f"{self.name} must be {words[wanted]}", self.name)
        if isinstance(value, str):
            (self._check_octets if self.kind == "octets" else self._check_text)(value)
        if self.choices and value not in self.choices:
            raise Invalid(f"{self.name} must be one of {', '.join(self.choices)}", self.name)
        return value

    def _check_octets(self, text: str) -> None:
        if len(text) > MAX_OCTETS * 4 // 3 + 4:
            raise Invalid(f"{self.name} has more than {MAX_OCTETS} octets", self.name)
        try:
            b64decode(text, validate=True)
        except ValueError:
            raise Invalid(f"{self.name} is not base64", self.name) from None

    def _check_text(self, text: str) -> None:
        longest = MAX_FILE if self.kind == "file" else MAX_TEXT
        if len(text) > longest or "\x00" in text:
            raise Invalid(f"{self.name} is too long or holds a NUL", self.name)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Invalid(f"{self.name} is not valid UTF-8", self.name) from None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing an administrator can do."""

    name: str
    doc: str
    arguments: tuple[Argument, ...] = ()
    needs_server: bool = False

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give the arguments, checked; None counts as not given; raises `Invalid`."""
        known = {argument.name: argument for argument in self.arguments}
        for name in given:
            if name not in known:
                raise Invalid(f"{self.name} has no argument {name[:60]!r}", name[:60])
        values = {}
        for argument in self.arguments:
            if given.get(argument.name) is not None:
                values[argument.name] = argument.checked(given[argument.name])
            elif argument.required:
                raise Invalid(f"{argument.name} is missing", argument.name)
        return values


def _place(name: str, doc: str, required: bool = True, kind: str = "text") -> Argument:
    return Argument(name, doc, kind, required=required, positional=True)


_ADDRESS = _place("address", "the account, as name@domain")
_SOME_ADDRESS = _place("address", "only this account", required=False)
_PASSWORD = Argument("password", "the password", "secret", required=True)
_BOX = _place("id", "number of the box, see multipop list")
_MAIL = _place("id", "number of the mail, see queue list")
_SEARCH = (
    Argument("from", "sender: an address, or a domain"),
    Argument("to", "recipient: an address, or a domain"),
    Argument("since", "not before this time (ISO 8601; UTC unless it says otherwise)"),
    Argument("until", "before this time"),
    Argument("kind", "only this kind: message, presence, subscription, login, logout, …"),
    Argument("limit", "at most so many, newest first", "int"),
    Argument("before", "only leaves before this id, for paging", "int"),
    _place("text", "words the message contains", required=False),
)

TABLE: tuple[Operation, ...] = (
    Operation(
        "user.add",
        "Add an account.",
        (
            _ADDRESS,
            Argument("name", "the person's name"),
            Argument("admin", "may administer the server", "flag"),
            _PASSWORD,
        ),
    ),
    Operation("user.list", "List accounts.", (Argument("domain", "only this domain"),)),
    Operation("user.show", "Show one account.", (_ADDRESS,)),
    Operation(
        "user.set",
        "Change an account.",
        (
            _ADDRESS,
            Argument("name", "the person's name"),
            Argument("admin", "may administer the server", "yesno"),
            Argument("published", "listed among the colleagues", "yesno"),
        ),
    ),
    Operation("user.passwd", "Set an account's password.", (_ADDRESS, _PASSWORD)),
    Operation("user.disable", "Shut an account out; its mail still arrives.", (_ADDRESS,)),
    Operation("user.enable", "Let a disabled account in again.", (_ADDRESS,)),
    Operation("user.delete", "Delete an account with its mail; its record stays.", (_ADDRESS,)),
    Operation("domain.add", "Host one more domain.", (_place("domain", "its name"),)),
    Operation("domain.list", "List hosted domains."),
    Operation("domain.delete", "Stop hosting an empty domain.", (_place("domain", "its name"),)),
    Operation(
        "alias.add",
        "Give an address another name.",
        (_place("address", "the new name"), _place("target", "where its mail goes")),
    ),
    Operation("alias.list", "List aliases."),
    Operation("alias.delete", "Remove an alias.", (_place("address", "the alias"),)),
    Operation(
        "group.add",
        "Add a group of recipients.",
        (_place("address", "the group's address"), Argument("name", "its name")),
    ),
    Operation("group.list", "List groups and their members."),
    Operation("group.delete", "Remove a group.", (_place("address", "the group's address"),)),
    Operation(
        "group.join",
        "Add a member to a group.",
        (_place("address", "the group's address"), _place("member", "the member's address")),
    ),
    Operation(
        "group.leave",
        "Take a member out of a group.",
        (_place("address", "the group's address"), _place("member", "the member's address")),
    ),
    Operation(
        "multipop.add",
        "Collect mail for an account from an outside POP3 box.",
        (
            _ADDRESS,
            Argument("host", "the POP3 server", required=True),
            Argument("port", "its port; 995 if not given", "int"),
            Argument("user", "the login name there", required=True),
            Argument(
                "security",
                "TLS from the start (port 995) or by STLS (other ports); none only if the"
                " configuration allows it",
                choices=("tls", "stls", "plaintext"),
            ),
            Argument("ca", "PEM file with the CA to trust instead of the system's"),
            Argument("leave", "leave collected mail on the server", "flag"),
            _PASSWORD,
        ),
    ),
    Operation("multipop.list", "List boxes.", (_SOME_ADDRESS,)),
    Operation("multipop.status", "Tell how collecting goes.", (_SOME_ADDRESS,)),
    Operation("multipop.test", "Log in to a box and count its mail.", (_BOX,), needs_server=True),
    Operation(
        "multipop.run",
        "Collect now, and wait until that is over.",
        (_SOME_ADDRESS,),
        needs_server=True,
    ),
    Operation(
        "multipop.set",
        "Change a box.",
        (
            _BOX,
            Argument("host", "the POP3 server"),
            Argument("port", "its port", "int"),
            Argument("user", "the login name there"),
            Argument("security", "as for add", choices=("tls", "stls", "plaintext")),
            Argument("ca", "as for add"),
            Argument("leave", "leave collected mail on the server", "yesno"),
            Argument("enabled", "whether it is collected at all", "yesno"),
            Argument("password", "the password", "secret"),
        ),
    ),
    Operation("multipop.remove", "Stop collecting from a box.", (_BOX,)),
    Operation("autoresponder.show", "Show an account's automatic reply.", (_ADDRESS,)),
    Operation(
        "autoresponder.set",
        "Change an account's automatic reply; an empty word takes back what was set.",
        (
            _ADDRESS,
            Argument("state", "whether mail is answered", choices=("on", "off")),
            Argument("from", "mail that comes from this time on (ISO 8601; UTC if not said)"),
            Argument("until", "and before this time is answered"),
            Argument("subject", "the reply's subject; not set: Auto, and the subject answered"),
            Argument("text", "the reply's text; $SENDER$, $SUBJECT$, $RECIPIENT$ are replaced"),
            Argument("html", "file with the same as HTML", "file"),
            Argument("days", "answer nobody twice within so many days; 1 at first", "int"),
            Argument("exclude", "addresses not answered, * and ? allowed, commas between"),
            Argument("colleagues", "whether people of the same domain are answered", "yesno"),
        ),
    ),
    Operation(
        "queue.list",
        "List mail that is not yet where it belongs, oldest first.",
        (
            Argument("held", "only what waits for an administrator", "flag"),
            Argument("scheduled", "instead, what waits for the time its sender named", "flag"),
            Argument("limit", "at most so many; 100 if not given", "int"),
            Argument("after", "only mails behind this number, for paging", "int"),
        ),
    ),
    Operation("queue.show", "Show one mail, its recipients, and why they wait.", (_MAIL,)),
    Operation(
        "queue.hold",
        "Keep a mail where it is until it is released.",
        (_MAIL, Argument("reason", "why, for whoever looks at the queue")),
    ),
    Operation("queue.release", "Let a held or scheduled mail go now.", (_MAIL,)),
    Operation(
        "queue.retry",
        "Try now what waits: one mail, or all. What is held stays.",
        (_place("id", "only this mail", required=False),),
    ),
    Operation("queue.remove", "Throw a mail away; its sender is not told.", (_MAIL,)),
    Operation(
        "trace",
        "Tell the way of one mail, or list mails.",
        (
            _place("mail", "its Message-ID, or its number", required=False),
            Argument("from", "list mails of this sender: an address, a domain, or <>"),
            Argument("to", "list mails for this recipient: an address, or a domain"),
            Argument("since", "not before this time (ISO 8601; UTC unless it says otherwise)"),
            Argument("until", "before this time"),
            Argument("limit", "at most so many, newest first; 100 if not given", "int"),
            Argument("before", "only mails before this number, for paging", "int"),
        ),
    ),
    Operation("filter.list", "Show the rules for mail as they are in force."),
    Operation(
        "filter.test",
        "Explain what the rules would do with a mail; nothing is done.",
        (
            _place("file", "the mail, as an .eml file", kind="octets"),
            Argument("sender", "the envelope's sender; the mail's From if not given"),
            Argument("recipient", "the final recipient; the mail's first To if not given"),
            Argument("remote", "as mail for another server, not for an account here", "flag"),
        ),
    ),
    Operation("im.connections", "List who is connected.", needs_server=True),
    Operation(
        "im.kick",
        "End a connection, or all of an account.",
        (_place("jid", "name@domain or name@domain/resource"),),
        needs_server=True,
    ),
    Operation(
        "im.restore",
        "Give an account its contact list back as the server makes it; own contacts stay.",
        (_ADDRESS,),
    ),
    Operation(
        "im.send",
        "Send an instant message.",
        (
            _place("to", "the recipient's address"),
            _place("body", "the text"),
            Argument("from", "the sender's address; the server if not given"),
        ),
        needs_server=True,
    ),
    Operation(
        "token.add",
        "Make a token with which a program hands in instant messages over HTTP; shown once.",
        (
            _place("name", "what it is called in this list, such as backup"),
            Argument(
                "from",
                "as whom it sends: an address, or a domain for all its addresses; the server if"
                " not given",
            ),
        ),
    ),
    Operation("token.list", "List the tokens of programs."),
    Operation("token.revoke", "End a token at once.", (_place("name", "see token list"),)),
    Operation("record.search", "Search the record of instant messages.", _SEARCH),
    Operation("record.export", "Export a search as JSON lines with proofs.", _SEARCH),
    Operation(
        "record.verify",
        "Check that the record was not tampered with.",
        (Argument("checkpoint", "file with earlier checkpoints, kept elsewhere", "file"),),
    ),
    Operation("record.checkpoint", "Sign and print a checkpoint of the record."),
    Operation("reload", "Read the configuration and the certificate again.", needs_server=True),
    Operation("check", "Check the configuration, the files and the ports."),
)

BY_NAME: Mapping[str, Operation] = {operation.name: operation for operation in TABLE}
