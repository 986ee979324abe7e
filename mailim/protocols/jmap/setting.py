"""What every /set has in common: outcomes, and patches (RFC 8620 section 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, MailimError, NotFound
from mailim.protocols.jmap.errors import SetError
from mailim.protocols.jmap.methods import Caller


@dataclass(slots=True)
class Outcome:
    """What became of each object; ids as the client wrote them."""

    old_state: int = 0
    new_state: int = 0
    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    updated: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    destroyed: list[str] = field(default_factory=list)
    not_created: dict[str, SetError] = field(default_factory=dict)
    not_updated: dict[str, SetError] = field(default_factory=dict)
    not_destroyed: dict[str, SetError] = field(default_factory=dict)

    def response(self, caller: Caller) -> dict[str, Any]:
        """Make the response of a /set."""
        return {
            "accountId": caller.account_id,
            "oldState": str(self.old_state),
            "newState": str(self.new_state),
            "created": self.created or None,
            "updated": self.updated or None,
            "destroyed": self.destroyed or None,
            "notCreated": _errors(self.not_created),
            "notUpdated": _errors(self.not_updated),
            "notDestroyed": _errors(self.not_destroyed),
        }


def _errors(errors: Mapping[str, SetError]) -> dict[str, Any] | None:
    return {id: error.to_json() for id, error in errors.items()} or None


def set_error_of(error: MailimError | SetError, *properties: str) -> SetError:
    """Give the SetError of an expected failure with one object.

    A failure of the store as a whole is raised again: it concerns all objects.
    """
    if isinstance(error, SetError):
        return error
    if isinstance(error, NotFound) and not properties:
        return SetError("notFound", error.text)
    if isinstance(error, Invalid):
        return SetError("invalidProperties", error.text, [error.path] if error.path else properties)
    if isinstance(error, AlreadyExists | NotFound):
        return SetError("invalidProperties", error.text, properties)
    if isinstance(error, LimitExceeded):
        return SetError("overQuota", error.text)
    raise error


def split_patch(patch: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split a PatchObject into whole properties and, by property, what is in it.

    `{"a": 1, "b/c": true}` gives `{"a": 1}` and `{"b": {"c": True}}`. Raises `SetError`
    "invalidPatch" where one pointer lies in another, or deeper than any property of ours.
    """
    whole: dict[str, Any] = {}
    inside: dict[str, dict[str, Any]] = {}
    for pointer, value in patch.items():
        name, *steps = (each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/"))
        if not steps:
            whole[name] = value
        elif len(steps) == 1:
            inside.setdefault(name, {})[steps[0]] = value
        else:
            raise SetError("invalidPatch", f"{pointer[:100]!r} leads too deep")
    for name in inside:
        if name in whole:
            raise SetError("invalidPatch", f"{name!r} and something in it are both given")
    return whole, inside
