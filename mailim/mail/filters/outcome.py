"""What becomes of a mail while rule after rule does its actions."""

from __future__ import annotations

from collections.abc import Callable
from email.charset import QP, Charset
from email.header import Header
from typing import Final

from mailim.interfaces.filters import Action, Ping, Ruling, Verdict
from mailim.mail.filters.actions import (
    AddHeader,
    Copy,
    Deed,
    Hold,
    Junk,
    Keyword,
    Move,
    SendInstantMessage,
)
from mailim.mail.filters.limits import (
    ADDED_OCTETS,
    COPIES,
    KEYWORDS,
    PINGS,
    TEXT_CHARS,
    VALUE_CHARS,
)
from mailim.mail.filters.macros import expand, has_macro, one_line
from mailim.mail.filters.view import MailView, Occasion, normal

_UTF8: Final = Charset("utf-8")
_UTF8.header_encoding = QP
_LINE: Final = 76


class Outcome:
    """Gathers what the actions of matching rules come to, for one recipient."""

    def __init__(self, mail: MailView, occasion: Occasion, copied: bool) -> None:
        """`copied`: a rule of this server copied this mail before, and it came back."""
        self._mail = mail
        self._occasion = occasion
        self._copied = copied
        self._action = Action.ACCEPT
        self._folder = ""
        self._keywords: dict[str, None] = {}
        self._headers = b""
        self._added: list[str] = []
        self._copies: dict[str, None] = {}
        self._pings: dict[Ping, None] = {}
        self._notes: list[str] = []
        self._hold = ""
        self.deleted = False
        self.rules: list[str] = []

    @property
    def over(self) -> bool:
        """No further rule looks at the mail."""
        return self.deleted or bool(self._hold)

    def do(self, deed: Deed, macro: Callable[[str], str]) -> str:
        """Do one action; gives it in words, with all macros expanded and what it came to."""
        if isinstance(deed, Move | Junk | Keyword):
            return self._local(deed)
        if isinstance(deed, AddHeader):
            return self._add_header(deed, macro)
        if isinstance(deed, Copy):
            return self._copy(deed, macro)
        if isinstance(deed, SendInstantMessage):
            return self._ping(deed, macro)
        if isinstance(deed, Hold):
            self._hold = one_line(expand(deed.reason, macro)) or "Held by a rule."
            return f"hold: {self._hold}"
        if deed.do == "delete":
            self.deleted = True
        return deed.text

    def ruling(self, copy_headers: bytes) -> Ruling:
        """Give all of it."""
        keywords = frozenset(self._keywords)
        return Ruling(
            Verdict(self._action, "", self._headers, self._folder, keywords),
            self._hold,
            self.deleted,
            tuple(self._copies),
            copy_headers if self._copies else b"",
            tuple(self._pings),
            tuple(self.rules),
            tuple(self._notes),
        )

    def text(self) -> str:
        """Say in one sentence what becomes of the mail."""
        if self.deleted:
            end = "deleted"
        elif self._hold:
            end = f"held in the queue: {self._hold}"
        elif not self._occasion.local:
            end = f"sent on to {self._occasion.recipient}"
        elif self._action is Action.JUNK:
            end = "delivered into Junk"
        else:
            end = f'delivered into folder "{self._folder}"' if self._folder else "delivered"
        more = []
        if self._keywords and self._occasion.local and not self.over:
            more.append(f"keywords {', '.join(self._keywords)}")
        if self._headers and not self.deleted:
            more.append(f"headers {', '.join(self._added)}")
        if self._copies:
            more.append(f"copied to {', '.join(self._copies)}")
        if self._pings:
            more.append(f"instant messages to {', '.join(one.recipient for one in self._pings)}")
        return "; ".join([end, *more])

    # --- one action -------------------------------------------------------------------------

    def _local(self, deed: Move | Junk | Keyword) -> str:
        if not self._occasion.local:
            return f"{deed.text} (nothing: the mail leaves this server)"
        if isinstance(deed, Keyword):
            if len(self._keywords) < KEYWORDS:
                self._keywords[deed.keyword] = None
            return deed.text
        self._action = Action.JUNK if isinstance(deed, Junk) else Action.ACCEPT
        self._folder = "" if isinstance(deed, Junk) else deed.folder
        return deed.text

    def _add_header(self, deed: AddHeader, macro: Callable[[str], str]) -> str:
        value = one_line(expand(deed.value, macro, most=VALUE_CHARS))
        field = header_field(deed.name, value)
        if len(self._headers) + len(field) > ADDED_OCTETS:
            return self._note(f"add header {deed.name} (nothing: there are too many)")
        self._headers += field
        self._added.append(deed.name)
        return f"add header {deed.name}: {value}"

    def _copy(self, deed: Copy, macro: Callable[[str], str]) -> str:
        addresses = self._addresses(deed.to, macro)
        if self._copied:
            return self._note("copy (nothing: this mail was copied here before)")
        if not addresses or len(self._copies) + len(addresses) > COPIES:
            return self._note("copy (nothing: no address, or too many)")
        self._copies |= dict.fromkeys(addresses)
        return f"copy to {', '.join(addresses)}"

    def _ping(self, deed: SendInstantMessage, macro: Callable[[str], str]) -> str:
        if self._mail.automatic and not deed.about_automatic:
            return self._note("send instant message (nothing: the mail is automatic)")
        addresses = self._addresses(deed.to, macro)
        if not addresses or len(self._pings) + len(addresses) > PINGS:
            return self._note("send instant message (nothing: no address, or too many)")
        sender = normal(one_line(expand(deed.from_, macro)))
        body = expand(deed.text_, macro).strip()[:TEXT_CHARS]
        if not body:
            return self._note("send instant message (nothing: the text is empty)")
        told = has_macro(deed.from_)
        self._pings |= {Ping(each, sender, body, told): None for each in addresses}
        return f"send instant message to {', '.join(addresses)} from {sender}: {body}"

    def _addresses(self, texts: list[str], macro: Callable[[str], str]) -> list[str]:
        given = [normal(one_line(expand(text, macro))) for text in texts]
        return [each for each in dict.fromkeys(given) if "@" in each]

    def _note(self, text: str) -> str:
        self._notes.append(text)
        return text


def header_field(name: str, value: str) -> bytes:
    """Give a whole field, folded; what is not ASCII in encoded words (RFC 2047)."""
    plain = value.isascii() and "=?" not in value  # what looks encoded would be decoded
    charset: Charset | str = "us-ascii" if plain else _UTF8
    text = Header(value, charset, maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")
    return f"{name}: {text}\r\n".encode("ascii")
