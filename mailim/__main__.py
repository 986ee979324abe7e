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
from io import TextIOWrapper
from typing import Any

from mailim.admin.client import NoServer, call
from mailim.admin.command_line import collect, parser
from mailim.admin.display import shown
from mailim.admin.new_site import NewSite, dns_records
from mailim.admin.table import Operation
from mailim.config import STANDARD_PORTS, Site, load
from mailim.errors import MailimError, Unavailable


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # whatever the locale cannot say is escaped
            stream.reconfigure(errors="backslashreplace")
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
    return _print(result, namespace.json)


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


def _print(result: Any, as_json: bool) -> int:
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
    from mailim.composition.founding import found

    names = [name.strip() for name in namespace.accounts.split(",") if name.strip()]
    new = NewSite(namespace.directory, namespace.domain, namespace.port_base, namespace.listen)
    founded = found(new, names)
    config, file = founded.site.config, founded.site.file
    ports = {name: config.port(name) for name in STANDARD_PORTS}
    records = dns_records(config.server.hostname, config.server.domain, ports)
    if namespace.json:
        passwords = str(founded.passwords) if founded.passwords else None
        made = {"config": str(file), "accounts": [*founded.accounts], "passwords": passwords}
        return _print({**made, "dns": records}, True)
    lines = [f"The site is in {namespace.directory}; its configuration is {file}."]
    if founded.passwords is not None:
        lines.append(f"Accounts and their passwords are in {founded.passwords}.")
    else:
        lines.append(f"Next: mailim --config {file} user add you@{config.server.domain} --admin")
    lines += [f"Start it: twistd -n mailim --config {file}", "Publish these DNS records:"]
    return _print("\n".join([*lines, *(f"  {record}" for record in records)]), False)


if __name__ == "__main__":
    main()
