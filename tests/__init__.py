"""Tests. Hypothesis measures no time here: a busy machine is no fault.

Before a change lands (MAILIM_REQUIRE_PEERS, see .ci/run) it draws the same examples each
time, so that what is found was caused by the change; everywhere else it draws others.
"""

from __future__ import annotations

import os
import sys

if "twisted.trial" in sys.modules:  # the processes that tests kill by the hundred need none of it
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "mailim",
        deadline=None,
        derandomize=bool(os.environ.get("MAILIM_REQUIRE_PEERS")),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("mailim")
