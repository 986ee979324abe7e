"""Registers mailim with twistd, nothing else."""

from twisted.application.service import ServiceMaker

mailim = ServiceMaker(
    "mailim",
    "mailim.tap",
    "Mail and instant messaging for a small office.",
    "mailim",
)
