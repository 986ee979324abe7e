"""Joins what receives mail over SMTP."""

from __future__ import annotations

from mailim.composition.core import Core
from mailim.config_sections import Smtp as SmtpSection
from mailim.protocols.smtp.addresses import Addresses
from mailim.protocols.smtp.connections import Allowances
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.service import Smtp
from mailim.protocols.smtp.session import SmtpServices
from mailim.tls import Certificates


def make_smtp(core: Core, certificates: Certificates, can_relay: bool) -> Smtp:
    """Give the SMTP conversations; `can_relay`: mail for other servers has a way out."""
    config = core.site.config
    services = SmtpServices(
        core.reactor,
        core.intake,
        core.passwords,
        Addresses(core.directory, config.server.domain, can_relay),
        Allowances(core.reactor, config.smtp.messages_per_hour),
        config.server.hostname,
        config.server.domain,
    )
    return Smtp(services, certificates, _limits(config.smtp))


def _limits(smtp: SmtpSection) -> SmtpLimits:
    return SmtpLimits(
        recipients=smtp.recipients,
        recipients_of_accounts=smtp.recipients_of_accounts,
        messages=smtp.messages_per_connection,
        errors=smtp.errors_per_connection,
        connections=smtp.connections,
        connections_per_address=smtp.connections_per_address,
        command_seconds=float(smtp.command_seconds),
        data_seconds=float(smtp.data_seconds),
        message_seconds=smtp.message_minutes * 60.0,
    )
