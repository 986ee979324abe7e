"""The trace of mails in words, a line for each thing that happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_BY: Final = {
    "smtp": "from another server",
    "submission": "from an account's program",
    "multipop": "collected from a box",
    "jmap": "from an account in the browser",
    "system": "made here",
}
_TIME_CHARS: Final = len("2026-11-23 08:15:30.123")
_WORD_CHARS: Final = 9


def listed(mails: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, Any]]) -> str:
    """Give a line for each mail of a list, and for what was refused at the door."""
    lines = [_row(each) for each in mails]
    if refused:
        lines += ["", "refused at the door:", *map(_refusal, refused)]
    return "\n".join(lines).lstrip("\n") or "(none)"


def told(mails: Iterable[Mapping[str, Any]], cut: bool) -> str:
    """Give the way of each mail, an empty line between them."""
    text = "\n\n".join("\n".join(_way(each)) for each in mails)
    return f"{text}\n(there is more than is shown)" if cut else text


def _row(mail: Mapping[str, Any]) -> str:
    more = mail["recipients"] - len(mail["to"])
    to = ", ".join(map(_one_line, mail["to"])) + (f" and {more} more" if more > 0 else "")
    last = mail["last"]
    state = "accepted" if last is None else last["what"]
    if mail["under_way"]:
        state += ", under way"
    return (
        f"{_when(mail['time'])}  mail {mail['id']}  {_one_line(mail['from'])} -> {to or '-'}"
        f"  {state}  <{_one_line(mail['message_id'])}>"
    )


def _refusal(row: Mapping[str, Any]) -> str:
    times = f"  {row['count']} times" if row["count"] > 1 else ""
    said = f"{row['code']} {_one_line(row['reply'])}" if row["code"] else row["reply"]
    return (
        f"{_when(row['last'])}  [{row['peer']}]  {_one_line(row['from'])} ->"
        f" {_one_line(row['to']) or '-'}  {said}{times}"
    )


def _way(mail: Mapping[str, Any]) -> Iterable[str]:
    name = f" <{_one_line(mail['message_id'])}>" if mail["message_id"] else ""
    yield f"mail {mail['id']}{name} from {_one_line(mail['from'])}, {mail['size']} octets"
    origin = _BY.get(mail["origin"], mail["origin"])
    source = f", {_one_line(mail['source'])}" if mail["source"] else ""
    yield _line(_when(mail["time"]), "accepted", f"{origin}{source}")
    for each in mail["events"]:
        yield _line(_when(each["time"]), each["what"], _words(each))
    for each in mail["waiting"]:
        state = "is held" if each["state"] == "held" else f"due {_when(each['next_attempt'])}"
        yield _line("now", each["state"], f"{_one_line(each['address'])}: {state}")


def _words(event: Mapping[str, Any]) -> str:
    words = ": ".join(_one_line(event[name]) for name in ("address", "detail") if event[name])
    if event["next_attempt"]:
        words += f"; next attempt {_when(event['next_attempt'])}"
    if event["other"]:
        words += f" (mail {event['other']})" if words else f"mail {event['other']}"
    return words


def _line(when: str, what: str, words: str) -> str:
    return f"  {when:<{_TIME_CHARS}}  {_one_line(what):<{_WORD_CHARS}}  {words}".rstrip()


def _when(iso: str) -> str:
    """Shorten an ISO time to what people read: milliseconds, no letters."""
    return iso[:_TIME_CHARS].replace("T", " ")


def _one_line(text: str) -> str:
    """Line breaks of strangers must not look like lines of ours."""
    return " ".join(text.split("\n"))
