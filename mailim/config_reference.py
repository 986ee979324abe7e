"""Writes `docs/admin/configuration.md` from the models: every key, its default and its bounds.

    python -m mailim.config_reference > docs/admin/configuration.md

A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mailim.config import STANDARD_PORTS, Config

_RESTART = "(restart)"
_HEAD = """\
# The configuration file

This page is written by `python -m mailim.config_reference`; a test keeps it equal to the code.

`etc/mailim.toml` holds what the administrator of the machine decides: names, ports, certificate,
limits. Accounts, domains, aliases, groups and MultiPOP boxes are not in it: they are in the
database, are changed with the [command line](command-line.md) or the admin page, and take effect
at once.

`mailim init` writes the file complete, with every key, its default and a comment. A key that is
left out keeps its default. Relative paths are meant from the site's directory, the one above
`etc/`.

The file is checked as a whole. Unknown keys and wrong types are refused, and all problems are
told at once:

    $ mailim --config etc/mailim.toml check
    mailim: /srv/mailim/etc/mailim.toml: 3 problems
      server.port_base: Input should be a valid integer (got '10000')
      server.hostnam: unknown key (did you mean 'hostname'?)
      im.stanzas_per_second: Input should be greater than or equal to 1 (got 0)

**Takes effect**: *reload* means with `mailim reload`, or with SIGHUP to the server; *restart*
means at the next start. A reload with a wrong file changes nothing. `mailim reload` names the keys
that were changed and wait for a restart.

Two more things are looked for beside the file. `etc/secret.key` seals the passwords of MultiPOP
boxes in the database; without it they cannot be read, so back it up. `etc/webmail/templates/`, if
it is there, holds templates that win over our own (`login.html`, `app.html`, `layout.html`).
"""


def render() -> str:
    """Give the text of the page."""
    lines = [_HEAD]
    for name, field in Config.model_fields.items():
        lines += _section(name, field.default)
    return "\n".join(lines)


def _section(name: str, section: BaseModel) -> Iterator[str]:
    yield f"## [{name}]\n"
    yield f"{(type(section).__doc__ or '').splitlines()[0]}\n"
    if name == "listeners":
        yield from _listeners(section)
        return
    yield "| key | default | allowed | takes effect | what |"
    yield "|---|---|---|---|---|"
    for key, field in type(section).model_fields.items():
        yield _row(key, field)
    yield ""


def _listeners(section: BaseModel) -> Iterator[str]:
    yield "Each listener is a table of its own, `[listeners.https]` and so on.\n"
    yield "| listener | standard port | what |"
    yield "|---|---|---|"
    for name, field in type(section).model_fields.items():
        yield f"| `{name}` | {STANDARD_PORTS[name]} | {field.description} |"
    yield ""
    yield "| key of each | default | allowed | takes effect | what |"
    yield "|---|---|---|---|---|"
    listener = next(iter(type(section).model_fields.values())).default
    for key, field in type(listener).model_fields.items():
        yield _row(key, field)
    yield ""


def _row(key: str, field: FieldInfo) -> str:
    text = field.description or ""
    effect = "restart" if _RESTART in text else "reload"
    what = text.replace(f" {_RESTART}", "")
    return f"| `{key}` | {_shown(field.default)} | {_allowed(field)} | {effect} | {what} |"


def _shown(value: Any) -> str:
    if value is None:
        return "standard port"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, tuple):
        return ", ".join(f'`"{one}"`' for one in value)
    if isinstance(value, str | Path):
        return f'`"{value}"`'
    return f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return " or ".join(f'`"{one}"`' for one in get_args(field.annotation))
    bounds: dict[str, Any] = {}
    for one in (*field.metadata, *_inner(field.annotation)):
        for name in ("ge", "le", "max_length", "pattern"):
            bound = getattr(one, name, None)
            if bound is not None:
                bounds.setdefault(name, bound)
    if "ge" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    if "pattern" in bounds:
        return "a language tag"
    if "max_length" in bounds:
        return f"up to {bounds['max_length']} characters"
    words: dict[Any, str] = {bool: "`true`, `false`", Path: "a path", str: "a domain name"}
    return words.get(field.annotation, "a list")


def _inner(annotation: Any) -> Iterator[Any]:
    """Give the bounds inside `Port | None`."""
    for one in get_args(annotation):
        for part in get_args(one)[1:]:
            yield from getattr(part, "metadata", ())


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - this is what it is for
