"""Errors of methods (RFC 8620 section 3.6.2) and of objects in a /set (section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mailim.errors import (
    Invalid,
    LimitExceeded,
    MailimError,
    NotFound,
    NotPermitted,
    StateMismatch,
    Unavailable,
)

# The first class an error is an instance of counts.
_TYPES: Final[tuple[tuple[type[MailimError], str], ...]] = (
    (Invalid, "invalidArguments"),
    (NotFound, "invalidArguments"),
    (NotPermitted, "forbidden"),
    (StateMismatch, "cannotCalculateChanges"),
    (LimitExceeded, "requestTooLarge"),
    (Unavailable, "serverUnavailable"),
)


class MethodError(Exception):
    """A method call that failed; `type` is of RFC 8620 or 8621."""

    def __init__(self, type: str, description: str = "") -> None:
        super().__init__(f"{type}: {description}")
        self.type = type
        self.description = description

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of the "error" response."""
        value: dict[str, Any] = {"type": self.type}
        if self.description:
            value["description"] = self.description
        return value


class SetError(Exception):
    """One object that could not be created, updated or destroyed."""

    def __init__(
        self, type: str, description: str = "", properties: Sequence[str] = (), **details: Any
    ) -> None:
        """`details` are further members of the object."""
        super().__init__(f"{type}: {description}")
        self.type = type
        self.description = description
        self.properties = tuple(properties)
        self.details = details

    def to_json(self) -> dict[str, Any]:
        """Give the SetError object."""
        value: dict[str, Any] = {"type": self.type}
        if self.description:
            value["description"] = self.description
        if self.properties:
            value["properties"] = list(self.properties)
        return value | self.details


def method_error_of(error: MailimError) -> MethodError:
    """Give the method error an expected failure is answered with."""
    type = next((type for kind, type in _TYPES if isinstance(error, kind)), "serverFail")
    return MethodError(type, error.text)


def invalid_properties(description: str, *properties: str) -> SetError:
    """Make the commonest SetError."""
    return SetError("invalidProperties", description, properties)
