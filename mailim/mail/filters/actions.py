"""What a rule does with a mail: `[[rule.then]]`."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mailim.address import normal_domain, parse_account_address
from mailim.errors import Invalid
from mailim.limits import FOLDER_DEPTH, FOLDER_NAME_OCTETS
from mailim.mail.filters.conditions import HeaderName, Line, Model, address, one_or_many, printable
from mailim.mail.filters.limits import (
    COPY_ADDRESSES,
    FOLDER_CHARS,
    NAME_CHARS,
    RULES,
    TEXT_CHARS,
    VALUE_CHARS,
)
from mailim.mail.filters.macros import expand, has_macro

# RFC 8621 4.1.1
_KEYWORD: Final = re.compile(r"[!#$&'+-Z\[^-z|}~]{1,255}")
# Fields that say what the mail is or how it came; a second one would be a lie.
_OWN_FIELDS: Final = re.compile(
    r"content-.*|mime-version|received|return-path|date|from|sender|to|cc|bcc|message-id", re.I
)


def _folder(text: str) -> str:
    names = text.split("/")
    if len(names) > FOLDER_DEPTH:
        raise ValueError(f"has more than {FOLDER_DEPTH} names")
    if has_macro(text):
        raise ValueError("a folder's name holds no macros: senders would make folders")
    for name in names:
        if not name or name != name.strip() or len(name.encode()) > FOLDER_NAME_OCTETS:
            raise ValueError("is not a path of folder names with / between them")
    return printable(text)


def _keyword(text: str) -> str:
    if not _KEYWORD.fullmatch(text):
        raise ValueError('is no keyword: ASCII without blanks and ( ) { ] % * " \\')
    return text.lower()


def _added_name(text: str) -> str:
    if _OWN_FIELDS.fullmatch(text):
        raise ValueError(f"{text} is the mail's own; use a name like X-Checked")
    return text


def is_sender(text: str) -> bool:
    """Tell whether an instant message can come from this address or domain (RFC 7622 3)."""
    try:
        if "@" in text:
            parse_account_address(text)
        else:
            normal_domain(text)
    except Invalid:
        return False
    return True


def _recipient(text: str) -> str:
    """Check an address that may hold macros."""
    if has_macro(text):
        address(expand(text, lambda name: "a@b.example" if name in _WHOLE else "b.example"))
        return text
    return address(text)


def _sender(text: str) -> str:
    """Check an address or domain that may hold macros."""
    tried = expand(text, lambda name: "a@b.example" if name in _WHOLE else "b.example")
    if not is_sender(tried):
        raise ValueError("is neither an address nor a domain")
    return text


def _text(text: str) -> str:
    for char in text:
        if not char.isprintable() and char not in "\n\t":
            raise ValueError("must not hold control characters but line ends and tabs")
    if not text.strip():
        raise ValueError("is empty")
    return text


_WHOLE: Final = ("SENDER", "RECIPIENT", "ACTUALFROM", "ACTUALTO", "REPLYTO")
_FROM: Final = "$PRIMARYDOMAIN$"
Address = Annotated[str, Field(max_length=VALUE_CHARS), AfterValidator(_recipient)]


class Move(Model):
    """Deliver into a folder instead of the Inbox."""

    do: Literal["move"]
    folder: Annotated[str, Field(min_length=1, max_length=FOLDER_CHARS), AfterValidator(_folder)]

    @property
    def text(self) -> str:
        """The action in words."""
        return f'move to folder "{self.folder}"'


class Junk(Model):
    """Deliver into Junk."""

    do: Literal["junk"]

    @property
    def text(self) -> str:
        """The action in words."""
        return "move to Junk"


class Keyword(Model):
    """Give the mail a flag or keyword."""

    do: Literal["keyword"]
    keyword: Annotated[str, AfterValidator(_keyword)]

    @property
    def text(self) -> str:
        """The action in words."""
        return f"set keyword {self.keyword}"


class AddHeader(Model):
    """Put a header field before the mail."""

    do: Literal["add_header"]
    name: Annotated[HeaderName, AfterValidator(_added_name)]
    value: Line

    @property
    def text(self) -> str:
        """The action in words."""
        return f"add header {self.name}: {self.value}"


class Copy(Model):
    """Give the mail to others too."""

    do: Literal["copy"]
    to: Annotated[
        list[Address], BeforeValidator(one_or_many), Field(min_length=1, max_length=COPY_ADDRESSES)
    ]

    @property
    def text(self) -> str:
        """The action in words."""
        return f"copy to {', '.join(self.to)}"


class Delete(Model):
    """Do not deliver; nobody is told."""

    do: Literal["delete"]

    @property
    def text(self) -> str:
        """The action in words."""
        return "delete"


class Hold(Model):
    """Keep it in the queue until an administrator decides."""

    do: Literal["hold"]
    reason: Line = "Held by rule $FILTERRULENAME$."

    @property
    def text(self) -> str:
        """The action in words."""
        return f"hold: {self.reason}"


class SendInstantMessage(Model):
    """Tell somebody by instant message."""

    do: Literal["instant_message"]
    to: Annotated[
        list[Address], BeforeValidator(one_or_many), Field(min_length=1, max_length=COPY_ADDRESSES)
    ] = ["$RECIPIENT$"]
    from_: Annotated[
        str, Field(min_length=1, max_length=VALUE_CHARS, alias="from"), AfterValidator(_sender)
    ] = _FROM
    text_: Annotated[str, Field(max_length=TEXT_CHARS, alias="text"), AfterValidator(_text)]
    about_automatic: bool = False

    @property
    def text(self) -> str:
        """The action in words."""
        body = " / ".join(self.text_.strip().splitlines())
        return f'send instant message to {", ".join(self.to)} from {self.from_}: "{body}"'


class Stop(Model):
    """No further rule looks at the mail."""

    do: Literal["stop"]

    @property
    def text(self) -> str:
        """The action in words."""
        return "stop"


class Skip(Model):
    """Leave out the next rules."""

    do: Literal["skip"]
    rules: Annotated[int, Field(ge=1, le=RULES)]

    @property
    def text(self) -> str:
        """The action in words."""
        return f"skip the next {self.rules} rules"


class Jump(Model):
    """Go on with a later rule."""

    do: Literal["jump"]
    rule: Annotated[str, Field(min_length=1, max_length=NAME_CHARS), AfterValidator(printable)]

    @property
    def text(self) -> str:
        """The action in words."""
        return f'jump to rule "{self.rule}"'


Deed = Annotated[
    Move
    | Junk
    | Keyword
    | AddHeader
    | Copy
    | Delete
    | Hold
    | SendInstantMessage
    | Stop
    | Skip
    | Jump,
    Field(discriminator="do"),
]
DEEDS: Final = (
    "move", "junk", "keyword", "add_header", "copy", "delete", "hold", "instant_message", "stop",
    "skip", "jump",
)  # fmt: skip
ONLY_LOCAL: Final = ("move", "junk", "keyword")  # mean nothing for mail that leaves
