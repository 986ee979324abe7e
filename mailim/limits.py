"""Limits that no administrator sets: what one account, item or question may contain.

They protect the store from input nobody means seriously; each names what it counts. Limits
an administrator chooses stand in `mailim.config`, those of a format beside its parser.
Exceeding one raises `LimitExceeded` (or `Invalid` for what is not well-formed at all).
"""

from __future__ import annotations

from typing import Final

# Folders
FOLDER_NAME_OCTETS: Final = 255  # UTF-8; RFC 8621 1.3.1 maxSizeMailboxName
FOLDER_DEPTH: Final = 10  # RFC 8621 1.3.1 maxMailboxDepth
FOLDERS_PER_ACCOUNT: Final = 2000

# Items
KEYWORD_OCTETS: Final = 255  # RFC 8621 4.1.1
KEYWORDS_PER_ITEM: Final = 128
PREFIX_OCTETS: Final = 64 * 1024  # trace headers put before a body

# Threads
THREAD_REFERENCES: Final = 50  # identifiers of one message that are followed, the last ones

# Questions to the store
FILTER_DEPTH: Final = 8  # FilterOperators inside each other, RFC 8620 5.5
FILTER_CONDITIONS: Final = 100  # FilterConditions and operators in one filter
FILTER_TEXT_CHARS: Final = 1000  # of one text to look for
SORT_PROPERTIES: Final = 8
HEADER_CANDIDATES: Final = 20_000  # messages whose header fields one `header` filter compares

# Identities (RFC 8621 section 6)
IDENTITIES_PER_ACCOUNT: Final = 100
IDENTITY_NAME_CHARS: Final = 200
IDENTITY_ADDRESSES: Final = 50  # in replyTo, and in bcc
SIGNATURE_CHARS: Final = 65_536  # of each

# Submissions (RFC 8621 section 7)
SUBMISSIONS_PENDING: Final = 2000  # of an account that wait to be sent
SUBMISSIONS_KEPT: Final = 5000  # of an account that were sent or canceled, the newest
SUBMISSION_NOTICES: Final = 100  # about one submission; what comes later is mail like any other

# The full-text index
INDEXED_CHARS: Final = 64 * 1024  # of one message's text
INDEXED_HEADER_CHARS: Final = 16 * 1024  # of one message's header

# Mail under way
RECIPIENTS_PER_MAIL: Final = 1000  # RFC 5321 4.5.3.1.10 asks for at least 100
EXPANDED_RECIPIENTS: Final = 10_000  # that one alias or group stands for
TRACE_HOPS: Final = 100  # Received fields; more is a loop, RFC 5321 6.3
SPOOL_ERROR_CHARS: Final = 500  # of the reason kept with a recipient
EVENT_DETAIL_CHARS: Final = 1000  # of one line of a mail's trace
MESSAGE_ID_CHARS: Final = 998  # of a Message-ID that is kept for the trace; RFC 5322 2.1.1
BOX_ERROR_CHARS: Final = 500
UIDL_OCTETS: Final = 255  # RFC 1939 7 allows 70; some servers give more
