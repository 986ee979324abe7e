"""HTML mail made fit for its frame: one pass of nh3, and nothing touches the string after it.

The frame's policy (`frames`) stops script and loading whatever stands in here; this pass
removes what has no use in a mail, rewrites cid: references inside the parser's callback
and notices images from the internet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

import nh3

MAX_HTML = 5 * 1024 * 1024  # characters of one body
_TAGS = frozenset(
    "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col"
    " colgroup dd del details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6"
    " header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp section small span"
    " strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr".split()
)
_DROPPED_WHOLE = frozenset(
    "script style title head noscript template iframe object svg math".split()
)
_LINKS = ("http:", "https:", "mailto:", "xmpp:", "tel:")
_EVERYWHERE = frozenset({"style", "dir", "lang", "title", "align", "valign", "bgcolor", "color"})
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height", "border", "hspace", "vspace"},
    "font": {"size", "face"},
    "table": {"width", "height", "border", "cellpadding", "cellspacing", "summary"},
    "td": {"width", "height", "colspan", "rowspan", "nowrap", "headers"},
    "th": {"width", "height", "colspan", "rowspan", "nowrap", "scope"},
    "tr": {"height"},
    "col": {"width", "span"},
    "colgroup": {"width", "span"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "blockquote": {"cite", "type"},
    "time": {"datetime"},
    "hr": {"width", "size", "noshade"},
    "details": {"open"},
    "body": set(),
}
_STYLES = frozenset(
    "background background-color background-image background-position background-repeat"
    " background-size border border-bottom border-bottom-color border-bottom-style"
    " border-bottom-width border-collapse border-color border-left border-left-color"
    " border-left-style border-left-width border-radius border-right border-right-color"
    " border-right-style border-right-width border-spacing border-style border-top"
    " border-top-color border-top-style border-top-width border-width box-sizing clear color"
    " direction display float font font-family font-size font-style font-variant font-weight"
    " height letter-spacing line-height list-style-type margin margin-bottom margin-left"
    " margin-right margin-top max-height max-width min-height min-width opacity overflow padding"
    " padding-bottom padding-left padding-right padding-top table-layout text-align"
    " text-decoration text-indent text-transform vertical-align white-space width word-break"
    " word-spacing word-wrap".split()
)
_URL_IN_STYLE = re.compile(r"url\s*\(\s*['\"]?\s*(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned fragment, and whether it names images from the internet."""

    html: str
    remote_images: bool


def cleaned(html: str, inline: Callable[[str], str | None], images: bool = True) -> Cleaned:
    """Clean a fragment; slow: for a thread.

    `inline` gives the URL of a Content-ID. Without `images` those from the internet are
    left out; it is the frame's policy that keeps them from being loaded, this keeps broken
    pictures from being shown.
    """
    remote = False

    def attribute(tag: str, name: str, value: str) -> str | None:
        nonlocal remote
        if name == "style" and _URL_IN_STYLE.search(value):
            remote = True
        if name == "href":  # a relative one would lead into the application
            if value.strip().lower().startswith("mailto:"):
                return f"/#/mailto/{quote(value.strip(), safe='')}"  # written in the application
            return value if value.strip().lower().startswith(_LINKS) else None
        if tag != "img" or name != "src":
            return value
        scheme, _, rest = value.strip().partition(":")
        if scheme.lower() == "cid":
            return inline(rest)
        if scheme.lower() in ("http", "https"):
            remote = True
            return value if images else None
        return value if value.strip().lower().startswith("data:image/") else None

    html = nh3.clean(
        html[:MAX_HTML],
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "xmpp", "tel", "cid", "data"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
        filter_style_properties=set(_STYLES),
    )
    return Cleaned(html, remote)


def plain(text: str) -> str:
    """Give plain text as a fragment."""
    return f'<pre class="plain">{escape(text)}</pre>'
