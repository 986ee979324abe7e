"""Method calls: who makes one, and how it is dispatched (RFC 8620 section 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.errors import MailimError
from mailim.interfaces.accounts import Account
from mailim.protocols.jmap.arguments import AccountArguments, Arguments, read_arguments
from mailim.protocols.jmap.budget import Budget
from mailim.protocols.jmap.errors import MethodError, method_error_of
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.references import Invocation, resolve_references
from mailim.wire.jmap_ids import ACCOUNT, write_id

CORE: Final = "urn:ietf:params:jmap:core"
MAIL: Final = "urn:ietf:params:jmap:mail"
SUBMISSION: Final = "urn:ietf:params:jmap:submission"


@dataclass(slots=True)
class Caller:
    """Who makes the calls of one request, the ids it created (section 3.3), what it may cost."""

    account: Account
    created: dict[str, str] = field(default_factory=dict)
    using: frozenset[str] = frozenset()  # capabilities the client knows (section 1.8)
    budget: Budget = field(default_factory=lambda: Budget(JmapLimits()))

    @property
    def number(self) -> int:
        """The account's number."""
        return self.account.id

    @property
    def account_id(self) -> str:
        """The account's JMAP id."""
        return write_id(ACCOUNT, self.account.id)

    def resolve(self, id: str) -> str:
        """Replace a reference "#creation-id" by the id of what was created (section 5.3)."""
        return self.created.get(id[1:], id) if id.startswith("#") else id


@dataclass(frozen=True, slots=True)
class Implied:
    """What a method gives that did the work of others, too (RFC 8621 section 7.5, say).

    Their responses come behind its own, under the same call id.
    """

    response: Mapping[str, Any]
    behind: Sequence[tuple[str, Mapping[str, Any]]]  # name, arguments of the response


class Method(Protocol):
    """One method; `call` gives the arguments of its response."""

    name: str
    capability: str
    arguments: type[Any]

    async def call(self, caller: Caller, arguments: Any) -> Mapping[str, Any] | Implied:
        """Do it; raises `MethodError`, or an expected error of the house."""


class Methods:
    """All methods there are, by name."""

    _log = Logger()

    def __init__(self, methods: Iterable[Method], extensions: Iterable[str] = ()) -> None:
        """`extensions`: capabilities that add to methods of others (section 1.8)."""
        self._methods = {method.name: method for method in methods}
        named = {each.capability for each in self._methods.values()}
        self.capabilities = frozenset({CORE, *named, *extensions})

    async def dispatch(
        self,
        caller: Caller,
        using: frozenset[str],
        invocation: Invocation,
        responses: list[Invocation],
    ) -> list[Invocation]:
        """Make one call; gives its response, which may be an error. Never raises.

        Responses of what it implied come behind.
        """
        name, raw, call_id = invocation
        method = self._methods.get(name)
        if method is None or method.capability not in using:
            return [("error", MethodError("unknownMethod").arguments(), call_id)]
        answered, response = await self._answer(method, caller, raw, responses)
        if not isinstance(response, Implied):
            return [(answered, response, call_id)]
        implied = [(each, given, call_id) for each, given in response.behind]
        return [(answered, response.response, call_id), *implied]

    async def _answer(
        self, method: Method, caller: Caller, raw: Any, responses: list[Invocation]
    ) -> tuple[str, Mapping[str, Any] | Implied]:
        """Make one call; gives the name and the arguments of its response."""
        try:
            resolved = resolve_references(raw, responses)
            arguments: Arguments = read_arguments(method.arguments, resolved)
            if isinstance(arguments, AccountArguments) and (
                arguments.account_id != caller.account_id
            ):
                raise MethodError("accountNotFound")
            return method.name, await method.call(caller, arguments)
        except MethodError as error:
            return "error", error.arguments()
        except MailimError as error:
            return "error", method_error_of(error).arguments()
        except CancelledError:
            raise
        except Exception as error:
            self._log.failure("{method} failed", failure=Failure(error), method=method.name)
            return "error", MethodError("serverFail").arguments()
