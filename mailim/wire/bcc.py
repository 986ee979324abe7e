"""Taking the Bcc fields out of a header (RFC 5322 section 3.6.3) and nothing else."""

from __future__ import annotations

import re
from typing import Final

# A field goes on while lines begin with white space; the last may lack its line end.
_BCC: Final = re.compile(
    rb"^(?:resent-)?bcc[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)", re.IGNORECASE | re.MULTILINE
)


def without_bcc(header: bytes) -> bytes:
    """Give a header block without its Bcc and Resent-Bcc fields, every other octet as it was.

    header: what stands before a message's body, the empty line included. Linear in time.
    """
    return _BCC.sub(b"", header)
