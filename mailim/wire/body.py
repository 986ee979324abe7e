"""Which parts of a message are its text and which are attachments (RFC 8621 section 4.1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailim.wire.part import Part

_MEDIA: Final = ("image/", "audio/", "video/")
_SIGNATURES: Final = ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature")
_TEXT: Final = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class Body:
    """The three lists of RFC 8621, each in the order of display."""

    text: tuple[Part, ...]
    html: tuple[Part, ...]
    attachments: tuple[Part, ...]

    @property
    def has_attachment(self) -> bool:
        """A reader should show a paper clip.

        What is shown inline does not count, nor do pictures an HTML part refers to by
        Content-ID, unless they say they are attachments; nor do signatures.
        """
        return any(not _embedded(part) for part in self.attachments)


def _embedded(part: Part) -> bool:
    if part.subtype in _SIGNATURES:
        return True
    if part.disposition is not None:
        return part.disposition == "inline"
    return part.cid is not None and part.content_type.startswith("image/")


def body_of(structure: Part) -> Body:
    """Sort the leaves of a structure; message/rfc822 counts as a leaf."""
    sorting = _Sorting()
    sorting.sort((structure,), "mixed", False, sorting.text, sorting.html)
    return Body(tuple(sorting.text), tuple(sorting.html), tuple(sorting.attachments))


class _Sorting:
    def __init__(self) -> None:
        self.text: list[Part] = []
        self.html: list[Part] = []
        self.attachments: list[Part] = []

    def sort(
        self,
        parts: tuple[Part, ...],
        subtype: str,
        in_alternative: bool,
        text: list[Part] | None,
        html: list[Part] | None,
    ) -> None:
        """Sort the parts of one multipart; `text` or `html` is None where it is settled."""
        text_before = len(text) if text is not None else -1
        html_before = len(html) if html is not None else -1
        for place, part in enumerate(parts):
            if part.is_multipart:
                alternative = in_alternative or part.subtype == "alternative"
                self.sort(part.children, part.subtype, alternative, text, html)
            elif not _is_inline(part, place, subtype):
                self.attachments.append(part)
            elif subtype == "alternative":
                self._choose(part, text, html)
            else:
                if in_alternative and part.content_type == "text/plain":
                    html = None
                elif in_alternative and part.content_type == "text/html":
                    text = None
                self._show(part, text, html)
        if subtype == "alternative" and text is not None and html is not None:
            # Only one of the two was offered: it stands for the other as well.
            new_text, new_html = text[text_before:], html[html_before:]
            if not new_text:
                text.extend(new_html)
            elif not new_html:
                html.extend(new_text)

    def _choose(self, part: Part, text: list[Part] | None, html: list[Part] | None) -> None:
        wanted = {"text/plain": text, "text/html": html}.get(part.content_type)
        (wanted if wanted is not None else self.attachments).append(part)

    def _show(self, part: Part, text: list[Part] | None, html: list[Part] | None) -> None:
        for shown in (text, html):
            if shown is not None:
                shown.append(part)
        if (text is None or html is None) and part.content_type.startswith(_MEDIA):
            self.attachments.append(part)


def _is_inline(part: Part, place: int, subtype: str) -> bool:
    if part.disposition == "attachment":
        return False
    media = part.content_type.startswith(_MEDIA)
    if not media and part.content_type not in _TEXT:
        return False
    # Behind the first place, a named text is a file, and in multipart/related all are parts
    # of the first.
    return place == 0 or (subtype != "related" and (media or part.filename is None))
