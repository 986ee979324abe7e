"""What the content filter looks at and does at most; an administrator sees them in the docs."""

from __future__ import annotations

from typing import Final

# The file
FILE_OCTETS: Final = 1024 * 1024
RULES: Final = 1000
CONDITIONS: Final = 50  # of one rule
ACTIONS: Final = 20  # of one rule
HEADER_NAMES: Final = 20  # of one condition
COPY_ADDRESSES: Final = 20  # of one action
NAME_CHARS: Final = 100  # of a rule
VALUE_CHARS: Final = 1000  # of a condition's value, of a header to add, of a reason
TEXT_CHARS: Final = 4000  # of an instant message, before and after its macros are expanded
FOLDER_CHARS: Final = 500
PATTERN_OCTETS: Final = 1024 * 1024  # memory of one regular expression

# A mail
OCTETS: Final = 1024 * 1024  # of the message, from its beginning
BODY_CHARS: Final = 256 * 1024  # of its text
TEXT_PARTS: Final = 20
ATTACHMENTS: Final = 2000
HEADER_CHARS: Final = 8 * 1024  # of one field
SAME_HEADERS: Final = 100  # fields of one name
MACRO_CHARS: Final = 1000  # that a macro gives
SEEN_CHARS: Final = 200  # of a value, in an explanation

# What is done for one recipient
COPIES: Final = 100
PINGS: Final = 50
KEYWORDS: Final = 50
ADDED_OCTETS: Final = 16 * 1024  # of header fields
