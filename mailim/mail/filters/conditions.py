"""What a rule asks of a mail: `[[rule.when]]`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mailim.address import parse_address
from mailim.errors import Invalid
from mailim.mail.filters.expressions import Expression
from mailim.mail.filters.limits import HEADER_NAMES, VALUE_CHARS
from mailim.mail.filters.macros import without_macros

TEXT_TESTS: Final = (
    "contains", "not_contains", "is", "not_is", "starts", "ends", "like", "not_like", "matches",
    "not_matches", "exists",
)  # fmt: skip
MEMBER_TESTS: Final = ("in_group", "not_in_group")
_TESTS: Final = (*TEXT_TESTS, *MEMBER_TESTS, "over", "under")
_WORDS: Final = {
    "contains": "contains",
    "not_contains": "does not contain",
    "is": "is",
    "not_is": "is not",
    "starts": "starts with",
    "ends": "ends with",
    "like": "is like",
    "not_like": "is not like",
    "matches": "matches",
    "not_matches": "does not match",
    "in_group": "is a member of",
    "not_in_group": "is not a member of",
    "over": "is over",
    "under": "is under",
}
_SAID: Final = {"envelope_sender": "envelope sender", "attachment": "name of an attachment"}


class Model(BaseModel):
    """A table of the rule file: strict types, no unknown keys, unchangeable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def printable(text: str) -> str:
    """Refuse control characters; a line end in a text is one too."""
    if any(not char.isprintable() for char in text):
        raise ValueError("must not hold control characters")
    return text


def address(text: str) -> str:
    """Normalise an address."""
    try:
        return str(parse_address(text))
    except Invalid as error:
        raise ValueError(error.text) from None


def one_or_many(value: Any) -> Any:
    """Let one text stand for a list of it."""
    return [value] if isinstance(value, str) else value


def _pattern(text: str) -> str:
    Expression(without_macros(text))
    return text


HeaderName = Annotated[str, Field(pattern=r"^[!-9;-~]{1,76}$")]
Line = Annotated[str, Field(min_length=1, max_length=VALUE_CHARS), AfterValidator(printable)]
GroupAddress = Annotated[str, Field(max_length=VALUE_CHARS), AfterValidator(address)]
Pattern = Annotated[str, Field(min_length=1, max_length=VALUE_CHARS), AfterValidator(_pattern)]
Octets = Annotated[int, Field(ge=0, le=2**40)]


class Condition(Model):
    """One condition: what is looked at, and one test of it."""

    header: Annotated[
        list[HeaderName] | None,
        BeforeValidator(one_or_many),
        Field(min_length=1, max_length=HEADER_NAMES),
    ] = None
    of: Literal["sender", "envelope_sender", "recipient", "body", "attachment", "size"] | None = (
        None
    )
    all: Literal[True] | None = None
    contains: Line | None = None
    not_contains: Line | None = None
    is_: Line | None = Field(default=None, alias="is")
    not_is: Line | None = None
    starts: Line | None = None
    ends: Line | None = None
    like: Line | None = None
    not_like: Line | None = None
    matches: Pattern | None = None
    not_matches: Pattern | None = None
    exists: bool | None = None
    in_group: GroupAddress | None = None
    not_in_group: GroupAddress | None = None
    over: Octets | None = None
    under: Octets | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Condition:
        given = [name for name in ("header", "of", "all") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("say what is looked at by one of header, of, all")
        tests = [name for name in _TESTS if self.value(name) is not None]
        allowed = self._allowed()
        if not allowed and tests:
            raise ValueError(f"all = true stands alone, without {tests[0]}")
        if allowed and (len(tests) != 1 or tests[0] not in allowed):
            raise ValueError(f"say one of {', '.join(allowed)}")
        return self

    def _allowed(self) -> tuple[str, ...]:
        if self.all:
            return ()
        if self.of == "size":
            return ("over", "under")
        if self.of in ("sender", "envelope_sender", "recipient"):
            return (*TEXT_TESTS, *MEMBER_TESTS)
        return TEXT_TESTS

    def value(self, test: str) -> Any:
        """Give what stands behind a test's key, None if it is not there."""
        return getattr(self, "is_" if test == "is" else test)

    @property
    def test(self) -> str:
        """The name of the one test; "" for all mail."""
        return next((name for name in _TESTS if self.value(name) is not None), "")

    @property
    def group(self) -> str | None:
        """The address of the group it asks about."""
        return self.in_group or self.not_in_group

    @property
    def text(self) -> str:
        """The condition in words."""
        if self.all:
            return "every mail"
        if self.test == "exists":
            return self._existence()
        value = self.value(self.test)
        shown = f"{value} octets" if isinstance(value, int) else f'"{value}"'
        return f"{self._looked_at()} {_WORDS[self.test]} {shown}"

    def _looked_at(self) -> str:
        if self.header is not None:
            return " or ".join(self.header)
        return _SAID.get(str(self.of), str(self.of))

    def _existence(self) -> str:
        what = "attachment" if self.of == "attachment" else self._looked_at()
        return f"{what} {'exists' if self.exists else 'does not exist'}"
