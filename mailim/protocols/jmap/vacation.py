"""VacationResponse/get and /set (RFC 8621 section 8), and more settings of automatic replies.

There is one object, its id is "singleton". Its properties under the capability
`urn:ietf:params:jmap:vacationresponse`, as the RFC has them:

    isEnabled   Boolean
    fromDate    UTCDate|null     mail that arrives from then on, in whole seconds
    toDate      UTCDate|null     and before then is answered
    subject     String|null      null: "Auto: " and the subject answered; one line, 255 characters
    textBody    String|null      65,536 characters
    htmlBody    String|null      65,536 characters; both null: a text of the server's

`$SENDER$`, `$SUBJECT$` and `$RECIPIENT$` in the last three stand for what the mail says.

A client that also names `urn:mailim:params:jmap:vacation` in `using` has three more:

    periodDays          UnsignedInt   nobody is answered twice within so many days: 1 (the
                                      default) to 60
    excludedAddresses   String[]      who is not answered: addresses, or patterns in which "*" is
                                      any text and "?" any character; at most 500
    answersColleagues   Boolean       whether people of the own domain are answered (default: true)

Null sets one of these three to its default. The limits stand in the session object, as
`maxPeriodDays`, `maxExcludedAddresses`, `maxSubjectChars` and `maxBodyChars` of that capability.

The state is that of the settings alone: mail that comes does not change it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from mailim.errors import Invalid
from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.vacation import EXCLUDED, MAX_DAYS, SUBJECT_CHARS, TEXT_CHARS, Vacation
from mailim.protocols.jmap.arguments import GetArguments, SetArguments
from mailim.protocols.jmap.emails import utc_date
from mailim.protocols.jmap.errors import SetError, invalid_properties
from mailim.protocols.jmap.getting import check_size, check_state, get_response, wanted_properties
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import Caller, Method
from mailim.protocols.jmap.setting import Outcome
from mailim.times import micros

VACATION: Final = "urn:ietf:params:jmap:vacationresponse"
MORE: Final = "urn:mailim:params:jmap:vacation"
SINGLETON: Final = "singleton"

_UTC_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_SHOWN: Final[Mapping[str, Callable[[Vacation], Any]]] = {
    "id": lambda vacation: SINGLETON,
    "isEnabled": lambda vacation: vacation.enabled,
    "fromDate": lambda vacation: _date(vacation.from_date),
    "toDate": lambda vacation: _date(vacation.to_date),
    "subject": lambda vacation: vacation.subject,
    "textBody": lambda vacation: vacation.text,
    "htmlBody": lambda vacation: vacation.html,
}
_SHOWN_MORE: Final[Mapping[str, Callable[[Vacation], Any]]] = {
    "periodDays": lambda vacation: vacation.days,
    "excludedAddresses": lambda vacation: list(vacation.excluded),
    "answersColleagues": lambda vacation: vacation.colleagues,
}
_COLUMNS: Final = {
    "isEnabled": "enabled", "fromDate": "from_date", "toDate": "to_date", "subject": "subject",
    "textBody": "text", "htmlBody": "html", "periodDays": "days",
    "excludedAddresses": "excluded", "answersColleagues": "colleagues",
}  # fmt: skip
_PROPERTIES: Final = {column: name for name, column in _COLUMNS.items()}


class VacationResponseGet:
    """Reads the one object."""

    name = "VacationResponse/get"
    capability = VACATION
    arguments = GetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read."""
        properties = wanted_properties(arguments.properties, _known(caller))
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)
        vacation = await self._store.read(lambda tx: tx.vacation.get(caller.number))
        ids = [SINGLETON] if arguments.ids is None else list(dict.fromkeys(arguments.ids))
        shown = _shown(vacation, caller)
        found = [{name: shown[name] for name in shown if name in properties}]
        return get_response(
            caller,
            vacation.modseq,
            found if SINGLETON in ids else [],
            [id for id in ids if id != SINGLETON],
        )


class VacationResponseSet:
    """Changes the one object; it can be neither made nor removed (RFC 8621 section 8.2)."""

    name = "VacationResponse/set"
    capability = VACATION
    arguments = SetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: SetArguments) -> Mapping[str, Any]:
        """Do it all in one transaction."""
        check_size(arguments.size, self._limits.objects_in_set)
        outcome = await self._store.write(lambda tx: _set(tx, caller, arguments))
        return outcome.response(caller)


def vacation_methods(store: IStore, limits: JmapLimits) -> list[Method]:
    """Give the methods of the capability."""
    return [VacationResponseGet(store, limits), VacationResponseSet(store, limits)]


def vacation_capabilities() -> dict[str, Any]:
    """Give what an account can, by capability (RFC 8621 section 1.3.3)."""
    more = {
        "maxPeriodDays": MAX_DAYS,
        "maxExcludedAddresses": EXCLUDED,
        "maxSubjectChars": SUBJECT_CHARS,
        "maxBodyChars": TEXT_CHARS,
    }
    return {VACATION: {}, MORE: more}


def _known(caller: Caller) -> dict[str, Callable[[Vacation], Any]]:
    """Give the properties a client knows of (RFC 8620 section 1.8)."""
    return {**_SHOWN, **(_SHOWN_MORE if MORE in caller.using else {})}


def _shown(vacation: Vacation, caller: Caller) -> dict[str, Any]:
    return {name: show(vacation) for name, show in _known(caller).items()}


def _set(tx: ITransaction, caller: Caller, arguments: SetArguments) -> Outcome:
    state = tx.vacation.get(caller.number).modseq
    check_state(arguments, state)
    outcome = Outcome(old_state=state)
    for key in arguments.create or ():
        outcome.not_created[key] = SetError("singleton", "there is one already")
    for id, patch in (arguments.update or {}).items():
        try:
            if id != SINGLETON:
                raise SetError("notFound")
            outcome.updated[id] = _update(tx, caller, patch)
        except SetError as error:
            outcome.not_updated[id] = error
    for id in dict.fromkeys(arguments.destroy or ()):
        kind = "singleton" if id == SINGLETON else "notFound"
        outcome.not_destroyed[id] = SetError(kind, "it cannot be destroyed")
    outcome.new_state = tx.vacation.get(caller.number).modseq
    return outcome


def _update(tx: ITransaction, caller: Caller, patch: Mapping[str, Any]) -> dict[str, Any] | None:
    before = _shown(tx.vacation.get(caller.number), caller)
    # What the server sets may be given as it is (RFC 8620 section 5.3).
    patch = {name: each for name, each in patch.items() if name != "id" or each != SINGLETON}
    columns: dict[str, Any] = {}
    wrong = []
    for name, value in patch.items():
        if name == "id" or name not in before:
            wrong.append(name)
            continue
        try:
            columns[_COLUMNS[name]] = _column(name, value)
        except ValueError:
            wrong.append(name)
    if wrong:
        raise invalid_properties("unknown, or of the wrong type", *wrong)
    try:
        after = _shown(tx.vacation.set(caller.number, **columns), caller)
    except Invalid as error:
        raise invalid_properties(error.text, _PROPERTIES.get(error.path, error.path)) from None
    told = {name: after[name] for name, value in patch.items() if after[name] != value}
    return told or None


def _column(name: str, value: Any) -> Any:
    """Give the store's value of a property; raises `ValueError` for one of a wrong type."""
    if value is None and name != "isEnabled":
        return getattr(Vacation(), _COLUMNS[name])
    if name in ("isEnabled", "answersColleagues"):
        return _of_type(value, bool)
    if name in ("fromDate", "toDate"):
        return _moment(value)
    if name == "periodDays":
        return _of_type(value, int)
    if name == "excludedAddresses":
        return tuple(_of_type(each, str) for each in _of_type(value, list))
    return _of_type(value, str)


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:  # True is no number
        raise ValueError
    return value


def _moment(value: Any) -> int:
    """Read a UTCDate (RFC 8620 section 1.4) as microseconds of a whole second."""
    if not isinstance(value, str) or not _UTC_DATE.fullmatch(value):
        raise ValueError
    try:
        return micros(value, "date") // 1_000_000 * 1_000_000
    except Invalid:
        raise ValueError from None


def _date(moment: int | None) -> str | None:
    return None if moment is None else utc_date(moment)
