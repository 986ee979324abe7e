"""Sample messages for the tests of the mail formats, made by code."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping

_numbers = itertools.count(1)


def entity(fields: Mapping[str, str | bytes], body: bytes = b"") -> bytes:
    """Write header fields, a blank line and a body; text in `body` has its CRLF already."""
    lines = [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
        for name, value in fields.items()
    ]
    return b"".join(lines) + b"\r\n" + body


def multipart(subtype: str, *parts: bytes, **fields: str) -> bytes:
    """Write a multipart entity with a boundary of its own; `fields` come first."""
    boundary = f"=_boundary_{next(_numbers)}"
    kind = {"Content-Type": f'multipart/{subtype}; boundary="{boundary}"'}
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return entity(named | kind, body + mark + b"--\r\n")


def leaf(kind: str, body: bytes = b"x", disposition: str = "", **fields: str) -> bytes:
    """Write an entity that holds no other."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    if disposition:
        named["Content-Disposition"] = disposition
    return entity({"Content-Type": kind} | named, body)


def in_base64(kind: str, content: bytes, **fields: str) -> bytes:
    """Write a leaf in base64 with lines of 76 characters."""
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return leaf(kind, encoded, Content_Transfer_Encoding="base64", **fields)


PLAIN = entity(
    {
        "From": "Anna Ek <anna@example.org>",
        "To": '"Berg, Bo" <bo@example.com>, cecilia@example.net (Cecilia)',
        "Subject": "Re: [team] Lunch on Friday? (fwd)",
        "Date": "Fri, 20 Nov 2026 11:55:06 +0100",
        "Message-ID": "<lunch.2@example.org>",
        "In-Reply-To": "<lunch.1@example.com>",
        "References": "<lunch.0@example.com>\r\n <lunch.1@example.com>",
    },
    b"Friday is fine.\r\n\r\n> Shall we?\r\n-- \r\nAnna\r\n",
)

# The subject and text say "Nihongo" in ISO-2022-JP, with and without encoded words.
JAPANESE = entity(
    {
        "From": "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?= <jp@example.org>",
        "Subject": b"\x1b$BF|K\\8l\x1b(B raw",
        "Content-Type": "text/plain; charset=ISO-2022-JP",
    },
    "日本語のテキスト\r\n".encode("iso2022_jp"),
)

# Curly quotes and a euro sign labelled as ISO-8859-1, as old Outlooks do.
MISLABELLED = entity(
    {"Subject": "quotes", "Content-Type": "text/plain; charset=iso-8859-1"},
    "“5 €” – fünf\r\n".encode("cp1252"),
)

CHINESE = entity(
    {
        "Subject": "项目进展".encode("gb18030"),
        "Content-Type": "text/plain; charset=gb2312",
    },
    "我们的项目进展顺利，𠮷\r\n".encode("gb18030"),
)

FILENAMES = multipart(
    "mixed",
    leaf("text/plain", b"see files"),
    in_base64(
        "application/pdf",
        b"%PDF",
        Content_Disposition=(
            "attachment; filename*0*=UTF-8''%E6%97%A5%E6%9C%AC;\r\n"
            ' filename*1=" plan";\r\n filename*2*=%20f%C3%BCr.pdf;\r\n filename=fallback.pdf'
        ),
    ),
    in_base64("image/png; name==?utf-8?q?gr=C3=BC=C3=9Fe.png?=", b"\x89PNG"),
    leaf("text/csv", b"a;b", disposition='attachment; filename="..\\\\..\\\\etc/pass\\"wd.csv"'),
    leaf("text/x-log", b"log", disposition="attachment; filename=my report (final).log"),
)

FORWARDED = multipart(
    "mixed",
    leaf("text/plain", b"fyi\r\n"),
    leaf(
        "message/rfc822",
        multipart(
            "alternative",
            leaf("text/plain", b"inner text"),
            leaf("text/html", b"<p>inner html</p>"),
            Subject="inner subject",
        ),
    ),
    leaf("message/rfc822", PLAIN),
    Subject="Fwd: two",
)

HTML_ONLY = entity(
    {"Subject": "Offer", "Content-Type": "text/html; charset=utf-8"},
    "<html><head><title>No title</title><style>p{color:red}</style></head><body>"
    "<script>alert(1)</script><p>Hello <b>wörld</b></p><p>5 &lt; 6 &amp;&nbsp;so on</p>"
    "<!-- not this --></body></html>".encode(),
)

INVITATION = multipart(
    "mixed",
    multipart(
        "alternative",
        leaf("text/plain", b"You are invited"),
        leaf("text/html", b"<p>You are invited</p>"),
        leaf("text/calendar; method=REQUEST; charset=utf-8", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR"),
    ),
    in_base64("application/ics; name=invite.ics", b"BEGIN:VCALENDAR\r\n"),
)

PICTURES = multipart(
    "related",
    leaf("text/html", b'<img src="cid:logo@x">'),
    in_base64("image/png", b"\x89PNG", Content_ID="<logo@x>"),
)


def rfc8621_example() -> bytes:
    """Write the structure RFC 8621 section 4.1.4 explains its algorithm with."""
    inline, attached = "inline", "attachment"
    return multipart(
        "mixed",
        leaf("text/plain", b"A", inline),
        multipart(
            "mixed",
            multipart(
                "alternative",
                multipart(
                    "mixed",
                    leaf("text/plain", b"B", inline),
                    leaf("image/jpeg", b"C", inline),
                    leaf("text/plain", b"D", inline),
                ),
                multipart("related", leaf("text/html", b"E"), leaf("image/jpeg", b"F")),
            ),
            leaf("image/jpeg", b"G", attached),
            leaf("application/x-excel", b"H"),
            leaf("message/rfc822", entity({"Subject": "J"}, b"J")),
        ),
        leaf("text/plain", b"K", inline),
    )


ALL = [
    PLAIN, JAPANESE, MISLABELLED, CHINESE, FILENAMES, FORWARDED, HTML_ONLY, INVITATION, PICTURES,
    rfc8621_example(),
]  # fmt: skip
