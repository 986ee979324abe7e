"""The limits of JMAP; the session object tells clients of most of them (RFC 8620 section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailim.config_mail import Mail
from mailim.config_sections import Http

MAX_INT: Final = 2**53 - 1  # RFC 8620 section 1.3
MAX_ID: Final = 255  # octets, RFC 8620 section 1.2


@dataclass(frozen=True, slots=True)
class JmapLimits:
    """What one client may ask; octets, objects, seconds."""

    size_upload: int = 104_857_600
    concurrent_uploads: int = 4
    size_request: int = 10_000_000
    concurrent_requests: int = 10  # of one account
    calls_in_request: int = 32
    objects_in_get: int = 500
    objects_in_set: int = 500
    size_attachments: int = 75_000_000  # of one message, before they are encoded

    # Not in the session object:
    uploads_octets: int = 1 << 30  # waiting, of one account
    upload_seconds: int = 24 * 3600  # an upload nobody uses is kept so long
    objects_in_query: int = 5000  # ids given at once
    changes: int = 5000  # ids of /changes given at once
    changed_for_query: int = 10_000  # changed objects a /queryChanges looks at
    body_value_octets: int = 8 * 1024 * 1024  # of one body value
    body_values_octets: int = 32 * 1024 * 1024  # of all in one request
    get_octets: int = 32 * 1024 * 1024  # of all else one request reads and shows of messages
    header_properties: int = 100  # properties "header:…" of messages, and of parts
    header_reads: int = 2000  # headers, of messages and parts, read for one call
    submission_recipients: int = 10_000  # of all submissions given by one call
    objects_in_parse: int = 20  # blobs looked at by one Email/parse
    size_message: int = 104_857_600  # of a message that is created or imported
    created_octets: int = 1 << 29  # after so many octets one call creates no more messages
    created_parts: int = 500  # of a message
    created_depth: int = 20  # parts inside each other
    created_header_octets: int = 512 * 1024  # of a message's header, and of all but its texts
    created_text_octets: int = 8 * 1024 * 1024  # characters of all its texts
    streams: int = 20  # event sources of one account
    streams_in_all: int = 2000
    stream_seconds: int = 3600  # then the client connects anew, and is asked who it is

    @classmethod
    def of(cls, section: Http, mail: Mail) -> JmapLimits:
        """Take over what the administrator chose."""
        # Base64 takes 78 octets for 57; what is left is for texts and headers.
        rest = max(0, mail.message_octets - mail.message_octets // 64)
        return cls(
            size_upload=section.upload_octets,
            uploads_octets=section.uploads_octets_per_account,
            get_octets=section.get_octets,
            size_message=mail.message_octets,
            size_attachments=rest * 57 // 78,
        )
