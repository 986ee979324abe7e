"""Core/echo (RFC 8620 section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from mailim.protocols.jmap.arguments import Arguments
from mailim.protocols.jmap.methods import CORE, Caller


class AnyArguments(Arguments):
    """Whatever it is."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class CoreEcho:
    """Gives back its arguments."""

    name = "Core/echo"
    capability = CORE
    arguments = AnyArguments

    async def call(self, caller: Caller, arguments: AnyArguments) -> Mapping[str, Any]:
        """Give them back."""
        return dict(arguments.model_extra or {})
