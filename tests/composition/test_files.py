"""Open files: as many as the configured connections need, as far as the system allows."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from mailim.composition.process import allow_files
from mailim.config import Config
from mailim.config_sections import Http, Im


class AllowFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set: list[tuple[int, int]] = []
        self.patch(resource, "setrlimit", lambda _what, limits: self.set.append(limits))

    def limits(self, soft: int, hard: int) -> None:
        self.patch(resource, "getrlimit", lambda _what: (soft, hard))

    def test_the_soft_limit_is_raised_to_what_is_needed(self) -> None:
        self.limits(1024, 1_048_576)
        allow_files(Config())
        [(soft, hard)] = self.set
        self.assertGreater(soft, Im().connections + Http().connections)
        self.assertEqual(hard, 1_048_576)

    def test_never_beyond_the_hard_one(self) -> None:
        self.limits(1024, 4096)
        allow_files(Config())
        self.assertEqual(self.set, [(4096, 4096)])

    def test_what_suffices_is_left_alone(self) -> None:
        for soft, hard in ((1_000_000, 1_000_000), (resource.RLIM_INFINITY,) * 2):
            self.limits(soft, hard)
            allow_files(Config())
        self.assertEqual(self.set, [])
