"""What the tables of the administrator's file are made of: the kind of table, checked values."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mailim.address import normal_domain
from mailim.errors import Invalid


def _domain(text: str) -> str:
    try:
        return normal_domain(text)
    except Invalid as error:
        raise ValueError(error.text) from None


def name_server(text: str) -> tuple[str, int]:
    """Split "address", "address:port" or "[address]:port"; raises ValueError."""
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), 53
    except ValueError:
        address, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise ValueError("not an IP address, or address:port") from None
        return str(ipaddress.ip_address(address.strip("[]"))), int(port)


def _name_server(text: str) -> str:
    name_server(text)
    return text


NameServer = Annotated[str, AfterValidator(_name_server)]


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("not an IP address") from None
    return text


DomainName = Annotated[str, AfterValidator(_domain)]
IpAddress = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A table of the file: strict types, no unknown keys, unchangeable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
