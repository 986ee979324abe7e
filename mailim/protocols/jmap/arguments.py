"""Arguments of methods: strict models with RFC names, and the ones most methods share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mailim.protocols.http.input import field_errors
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import MAX_ID, MAX_INT

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Int = Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)]
UnsignedInt = Annotated[int, Field(ge=0, le=MAX_INT)]
Positive = Annotated[int, Field(gt=0, le=MAX_INT)]
State = Annotated[str, Field(max_length=MAX_ID)]
Object = dict[str, Any]


class Arguments(BaseModel):
    """Arguments of a method: nothing unknown, nothing coerced."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False
    )


class AccountArguments(Arguments):
    """Arguments of a method on an account."""

    account_id: Id


class GetArguments(AccountArguments):
    """RFC 8620 section 5.1."""

    ids: list[Id] | None = None
    properties: list[str] | None = None


class ChangesArguments(AccountArguments):
    """RFC 8620 section 5.2."""

    since_state: State
    max_changes: Positive | None = None


class SetArguments(AccountArguments):
    """RFC 8620 section 5.3."""

    if_in_state: State | None = None
    create: dict[Id, Object] | None = None
    update: dict[Id, Object] | None = None
    destroy: list[Id] | None = None

    @property
    def size(self) -> int:
        """How many objects it is about."""
        return sum(len(each or ()) for each in (self.create, self.update, self.destroy))


class Comparator(Arguments):
    """RFC 8620 section 5.5; `keyword` is RFC 8621 section 4.4.2's."""

    # COMPAT jmapc 0.4: sends members of the query in each Comparator.
    model_config = ConfigDict(extra="ignore")

    property: str
    is_ascending: bool = True
    collation: str | None = None
    keyword: str | None = None


class QueryArguments(AccountArguments):
    """RFC 8620 section 5.5."""

    filter: Object | None = None
    sort: list[Comparator] | None = None
    position: Int = 0
    anchor: Id | None = None
    anchor_offset: Int = 0
    limit: UnsignedInt | None = None
    calculate_total: bool = False


class QueryChangesArguments(AccountArguments):
    """RFC 8620 section 5.6."""

    filter: Object | None = None
    sort: list[Comparator] | None = None
    since_query_state: State
    max_changes: Positive | None = None
    up_to_id: Id | None = None
    calculate_total: bool = False


A = TypeVar("A", bound=Arguments)


def read_arguments(model: type[A], value: dict[str, Any]) -> A:
    """Check arguments; raises `MethodError` "invalidArguments" saying what is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        told = "; ".join(f"{path}: {text}" for path, text in field_errors(error)[:5])
        raise MethodError("invalidArguments", told) from None


def state_number(state: str) -> int:
    """Read a state string of ours; raises `MethodError` "cannotCalculateChanges"."""
    if state.isascii() and state.isdigit() and len(state) < 18:
        return int(state)
    raise MethodError("cannotCalculateChanges", "that is no state of this server")
