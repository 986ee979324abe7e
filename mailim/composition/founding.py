"""`mailim init`: a new site with its first accounts, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailim.address import normal_domain, parse_account_address
from mailim.admin.new_site import NewSite, generated_password, lay_out
from mailim.composition.offline import perform_without_server
from mailim.config import Config, Site, load
from mailim.errors import Invalid

ACCOUNTS = "accounts.txt"


@dataclass(frozen=True, slots=True)
class Founded:
    """A site that was made; the first of its accounts is an administrator."""

    site: Site
    accounts: tuple[str, ...]
    passwords: Path | None  # where the accounts' passwords stand


def found(new: NewSite, names: Sequence[str] = ()) -> Founded:
    """Make a site with accounts of these names and generated passwords.

    Raises what is wrong as a `MailimError`; then nothing is left of it. Runs the reactor if
    there are names, so it can be called once in a process.
    """
    addresses = account_addresses(names, normal_domain(new.domain))
    file = new.directory.absolute() / "etc" / "mailim.toml"
    _ = Site(Config(), file, new.directory.absolute()).admin_socket  # raises for a long path
    passwords = {address: generated_password() for address in addresses}
    lines = "".join(f"{address} {password}\n" for address, password in passwords.items())
    made = lay_out(new, {ACCOUNTS: lines.encode()} if addresses else {})
    try:
        site = load(made.file)
        if addresses:
            perform_without_server(
                site,
                [
                    ("user.add", {"address": address, "password": password, "admin": admin})
                    for (address, password), admin in zip(
                        passwords.items(), (True, *[None] * len(passwords)), strict=False
                    )
                ],
            )
    except BaseException:
        made.undo()
        raise
    return Founded(site, addresses, new.directory / ACCOUNTS if addresses else None)


def account_addresses(names: Sequence[str], domain: str) -> tuple[str, ...]:
    """Give the addresses of accounts of a domain; raises `Invalid`, also for one named twice."""
    addresses = []
    for name in names:
        if "@" in name:
            raise Invalid(f"give {name[:80]!r} without its domain", "accounts")
        address = str(parse_account_address(f"{name}@{domain}"))
        if address in addresses:
            raise Invalid(f"{address} is named twice", "accounts")
        addresses.append(address)
    return tuple(addresses)
