"""What a user may choose, with its defaults; kept as JSON with the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Settings(BaseModel):
    """The user's choices; every one has a default."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    theme: Literal["system", "light", "dark"] = "system"
    density: Literal["comfortable", "compact"] = "comfortable"
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")
    reading_pane: Literal["right", "bottom", "off"] = "right"
    sounds: bool = True
    notifications: bool = False
    mail_notice: Literal["off", "page", "browser", "both"] = "page"
    remote_images: Literal["ask", "always"] = "ask"


def kept(stored: Mapping[str, Any], language: str) -> Settings:
    """Give what is in force; a stored value that is no longer valid counts as not chosen."""
    values = {"language": language}
    for name in Settings.model_fields:
        if name in stored:
            try:
                Settings.model_validate({name: stored[name]})
            except ValidationError:
                continue
            values[name] = stored[name]
    return Settings.model_validate(values)
