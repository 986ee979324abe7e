"""What rules said of a recipient, as it stands in its row until the recipient ends.

A row that holds something was judged, and is not judged again however often delivery is
tried. What was held and then let go is delivered as the rest of the verdict says.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from mailim.errors import Unavailable
from mailim.interfaces.filters import Action, Ruling, Verdict
from mailim.interfaces.spool import SpoolRecipient

_COPY: Final = "copy"


def kept(ruling: Ruling) -> str:
    """Give the text to keep of a ruling; never ""."""
    verdict = ruling.verdict
    return _text(
        {
            "junk": verdict.action is Action.JUNK,
            "headers": verdict.headers.decode("ascii"),
            "folder": verdict.folder,
            "keywords": sorted(verdict.keywords),
            "rules": list(ruling.rules),
        }
    )


def kept_of_copy(headers: bytes) -> str:
    """Give the text to keep of a copy, which no rule looks at."""
    return _text({_COPY: True, "headers": headers.decode("ascii")})


def verdict_of(recipient: SpoolRecipient) -> Verdict | None:
    """Give what was kept, None if the recipient was not judged.

    Raises `Unavailable` for what cannot be read: the mail waits.
    """
    if not recipient.verdict:
        return None
    try:
        value = json.loads(recipient.verdict)
        return Verdict(
            Action.JUNK if value.get("junk") else Action.ACCEPT,
            "",
            str(value.get("headers", "")).encode("ascii"),
            str(value.get("folder", "")),
            frozenset(map(str, value.get("keywords", ()))),
        )
    except (ValueError, AttributeError, TypeError):
        raise Unavailable("What the rules said of this mail cannot be read.") from None


def is_copy(recipient: SpoolRecipient) -> bool:
    """Tell whether a rule made this recipient: the sender does not know of it."""
    try:
        value = json.loads(recipient.verdict or "{}")
    except ValueError:
        return False
    return isinstance(value, dict) and value.get(_COPY) is True


def together(whole: Verdict, one: Verdict) -> Verdict:
    """Join what filters said of the mail and what rules said of the recipient.

    Junk stays junk; the rules' headers stand above the filters'.
    """
    action = Action.JUNK if Action.JUNK in (whole.action, one.action) else one.action
    return replace(one, action=action, headers=one.headers + whole.headers)


def _text(value: dict[str, Any]) -> str:
    return json.dumps({key: one for key, one in value.items() if one}, ensure_ascii=True)
