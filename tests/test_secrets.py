"""Whatever ends in a log or a traceback by its repr shows no secret."""

from __future__ import annotations

from dataclasses import fields

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.accounts import Credential, WebSession
from mailim.interfaces.boxes import Box
from mailim.remote.multipop.login import Where
from mailim.webmail.multipop_api import BoxChange, NewBox
from mailim.wire.scram import ScramKeys

SECRET = "hunter2-hunter2"


class ReprTests(SynchronousTestCase):
    def test_no_repr_shows_a_secret(self) -> None:
        octets = SECRET.encode()
        box = dict.fromkeys((field.name for field in fields(Box)), "") | {"secret": octets}
        for thing in (
            Credential("argon2", {"hash": SECRET}),
            Box(**box),  # type: ignore[arg-type]
            Where("h", 995, "u", SECRET, "tls", ""),
            NewBox(host="h", user="u", password=SECRET),
            BoxChange(password=SECRET),
            ScramKeys("SCRAM-SHA-1", b"salt", 4096, octets, octets),
            WebSession(octets, 1, 0, 0, 0, "", ""),
        ):
            self.assertNotIn(SECRET, repr(thing), type(thing).__name__)
            self.assertNotIn(SECRET, str(thing), type(thing).__name__)
