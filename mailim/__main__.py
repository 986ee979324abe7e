"""The `mailim` command.

With a running server it speaks the operations over `var/admin.sock`; without one it takes
the lock `var/lock` and composes the same operations itself. Exit status: 0 done, 1 failed,
2 wrong usage. Results go to standard output, errors to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mailim.admin.client import NoServer, call
from mailim.admin.command_line import collect, parser
from mailim.admin.display import shown
from mailim.admin.new_site import NewSite, dns_records, generated_password, make
from mailim.admin.table import Operation
from mailim.config import Site, load
from mailim.errors import MailimError, Unavailable
from mailim.tls import write_private


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:] if words is None else words))


def run(words: Sequence[str]) -> int:
    """Run a command line; gives the exit status."""
    namespace = parser().parse_args(words)
    try:
        if namespace.command == "init":
            return _init(namespace)
        operation: Operation = namespace.operation
        result = perform(load(namespace.config), operation, collect(namespace, operation))
    except MailimError as error:
        print(f"mailim: {error.text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return _print(result, namespace.json, operation)


def perform(site: Site, operation: Operation, arguments: dict[str, Any]) -> Any:
    """Run an operation in the running server, or here; raises `MailimError`."""
    arguments = operation.checked(arguments)
    try:
        return call(site.admin_socket, operation.name, arguments)
    except NoServer:
        if operation.needs_server:
            raise Unavailable(f"no server is running; {operation.name} needs it") from None
    # Composes everything: only when needed.
    from mailim.composition.offline import perform_without_server

    return perform_without_server(site, [(operation.name, arguments)])[0]


def _print(result: Any, as_json: bool, operation: Operation) -> int:
    text = shown(result, as_json)
    try:
        if text:
            print(text)
        sys.stdout.flush()
    except BrokenPipeError:  # `mailim … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    failed = isinstance(result, dict) and (
        result.get("sound") is False or result.get("ok") is False
    )
    return 1 if failed else 0


def _init(namespace: argparse.Namespace) -> int:
    site = NewSite(namespace.directory, namespace.domain, namespace.port_base, namespace.listen)
    file = make(site)
    made = load(file)
    names = [name.strip() for name in namespace.accounts.split(",") if name.strip()]
    lines = _make_accounts(made, names)
    if lines:
        write_private(Path(namespace.directory) / "accounts.txt", "".join(lines).encode())
    config = made.config
    print(f"The site is in {namespace.directory}; its configuration is {file}.")
    if lines:
        print(f"Accounts and their passwords are in {namespace.directory}/accounts.txt.")
    else:
        print(f"Next: mailim --config {file} user add you@{config.server.domain} --admin")
    print(f"Start it: twistd -n mailim --config {file}")
    print("Publish these DNS records:")
    ports = {name: config.port(name) for name in ("xmpp", "xmpps", "https")}
    for record in dns_records(config.server.hostname, config.server.domain, ports):
        print(f"  {record}")
    return 0


def _make_accounts(site: Site, names: list[str]) -> list[str]:
    """Make accounts with generated passwords, the first an administrator."""
    if not names:
        return []
    from mailim.composition.offline import perform_without_server

    calls, lines = [], []
    for place, name in enumerate(names):
        address = f"{name}@{site.config.server.domain}"
        password = generated_password()
        lines.append(f"{address} {password}\n")
        given = {"address": address, "password": password, "admin": place == 0 or None}
        calls.append(("user.add", given))
    perform_without_server(site, calls)
    return lines


if __name__ == "__main__":
    main()
