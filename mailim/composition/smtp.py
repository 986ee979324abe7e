"""Joins what receives mail over SMTP."""

from __future__ import annotations

from mailim.composition.core import Core
from mailim.config import Config
from mailim.config_mail import Smtp as SmtpSection
from mailim.mail.holding import Holding
from mailim.mail.rejections import RejectionLimits, Rejections
from mailim.protocols.smtp.addresses import Addresses
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.service import Smtp
from mailim.protocols.smtp.session import SmtpServices
from mailim.tls import Certificates


def make_rejections(core: Core) -> Rejections:
    """Give what notes the mail that is refused."""
    return Rejections(core.reactor, core.store, _rejection_limits(core.site.config))


def _rejection_limits(config: Config) -> RejectionLimits:
    a_minute = config.smtp.rejections_per_minute if config.mail.trace_days else 0
    return RejectionLimits(a_minute, config.smtp.rejections_kept, config.mail.trace_days)


def make_smtp(core: Core, certificates: Certificates, rejections: Rejections) -> Smtp:
    """Give the SMTP conversations."""
    config = core.site.config
    services = SmtpServices(
        core.reactor,
        core.intake,
        core.passwords,
        Addresses(core.envelopes),
        core.allowances,
        rejections,
        config.server.hostname,
        config.server.domain,
        Holding(core.store, core.intake),
    )
    return Smtp(services, certificates, smtp_limits(config.smtp))


def smtp_limits(smtp: SmtpSection) -> SmtpLimits:
    """Give the limits of connections as the configuration has them."""
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
