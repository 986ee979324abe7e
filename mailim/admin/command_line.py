"""The parser of the `mailim` command, made from the table of operations."""

from __future__ import annotations

import argparse
import getpass
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailim.admin.table import MAX_FILE, MAX_OCTETS, TABLE, Argument, Operation
from mailim.errors import Invalid

_GROUPS = {
    "user": "accounts",
    "domain": "hosted domains",
    "alias": "other names for addresses",
    "group": "groups of recipients",
    "multipop": "outside POP3 boxes",
    "autoresponder": "automatic replies",
    "queue": "mail under way",
    "filter": "rules for mail",
    "im": "instant messaging",
    "token": "what programs show to be let in",
    "record": "the record of instant messages",
}


def parser() -> argparse.ArgumentParser:
    """Give the whole parser; it exits with status 2 on wrong usage."""
    top = argparse.ArgumentParser(prog="mailim", description="Administer a mailim server.")
    top.add_argument("--config", type=Path, default=Path("etc/mailim.toml"), help="the site's file")
    _json(top, False)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _init(commands)
    groups: dict[str, Any] = {}
    for operation in TABLE:
        group, _, verb = operation.name.rpartition(".")
        if group and group not in groups:
            words = commands.add_parser(group, help=_GROUPS[group])
            groups[group] = words.add_subparsers(dest="verb", required=True, metavar="VERB")
        where = groups[group] if group else commands
        one = where.add_parser(verb, help=operation.doc, description=operation.doc)
        one.set_defaults(operation=operation)
        _json(one, argparse.SUPPRESS)
        for argument in operation.arguments:
            _add(one, argument)
    return top


def _json(where: argparse.ArgumentParser, default: Any) -> None:
    where.add_argument("--json", action="store_true", default=default, help="print JSON")


def _init(commands: Any) -> None:
    init = commands.add_parser("init", help="make a new site", description="Make a new site.")
    init.add_argument("directory", type=Path, metavar="DIR")
    init.add_argument("--domain", required=True, help="the domain it serves")
    init.add_argument("--port-base", type=int, default=0, help="added to every standard port")
    init.add_argument("--listen", metavar="ADDRESS", help="bind to this address only")
    init.add_argument(
        "--accounts",
        metavar="NAME,...",
        default="",
        help="make these accounts, the first an administrator, with passwords in DIR/accounts.txt",
    )


def _add(where: argparse.ArgumentParser, argument: Argument) -> None:
    option = "--" + argument.name.replace("_", "-")
    if argument.positional:
        count = None if argument.required else "?"
        where.add_argument(
            argument.name, help=argument.doc, nargs=count, metavar=argument.name.upper()
        )
    elif argument.kind == "secret":
        where.add_argument(
            "--password-stdin", action="store_true", help="read it from standard input"
        )
    elif argument.choices:
        choice = where.add_mutually_exclusive_group()
        for word in argument.choices:
            choice.add_argument(
                f"--{word}", dest=argument.name, action="store_const", const=word, help=argument.doc
            )
    elif argument.kind == "flag":
        where.add_argument(
            option, dest=argument.name, action="store_const", const=True, help=argument.doc
        )
    elif argument.kind == "yesno":
        where.add_argument(
            option, dest=argument.name, type=_yes_or_no, help=argument.doc, metavar="yes|no"
        )
    else:
        kind = int if argument.kind == "int" else str
        where.add_argument(
            option,
            dest=argument.name,
            type=kind,
            help=argument.doc,
            required=argument.required,
            metavar=argument.name.upper(),
        )


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError("say yes or no")
    return text == "yes"


def collect(
    namespace: argparse.Namespace,
    operation: Operation,
    ask: Callable[[str], str] = getpass.getpass,
) -> dict[str, Any]:
    """Give an operation's arguments from the parsed words, asking for a password if needed.

    Raises `Invalid` if standard input holds no password.
    """
    values: dict[str, Any] = {}
    for argument in operation.arguments:
        if argument.kind == "secret":
            if namespace.password_stdin:
                values[argument.name] = _from_stdin()
            elif argument.required:
                values[argument.name] = _asked(ask)
        elif argument.kind == "file" and getattr(namespace, argument.name) is not None:
            values[argument.name] = _text_of(Path(getattr(namespace, argument.name)), argument.name)
        elif argument.kind == "octets" and getattr(namespace, argument.name) is not None:
            path = Path(getattr(namespace, argument.name))
            values[argument.name] = b64encode(_octets_of(path, argument.name, MAX_OCTETS)).decode()
        elif getattr(namespace, argument.name, None) is not None:
            values[argument.name] = getattr(namespace, argument.name)
    if values.get("ca"):  # the server runs elsewhere in the tree
        values["ca"] = str(Path(values["ca"]).absolute())
    return values


def _asked(ask: Callable[[str], str]) -> str:
    try:
        return ask("Password: ")
    except EOFError:  # no terminal, and nothing on standard input
        raise Invalid("no password was given; say it with --password-stdin", "password") from None


def _text_of(path: Path, name: str) -> str:
    octets = _octets_of(path, name, MAX_FILE)
    return octets.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _octets_of(path: Path, name: str, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            octets = stream.read(most + 1)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", name) from None
    if len(octets) > most:
        raise Invalid(f"{path} is larger than {most} octets", name)
    return octets


def _from_stdin() -> str:
    try:
        line = sys.stdin.readline(4096).rstrip("\r\n")
    except UnicodeDecodeError:
        raise Invalid("the password on standard input is not UTF-8", "password") from None
    if not line:
        raise Invalid("no password on standard input", "password")
    return line
