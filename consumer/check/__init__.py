"""Check: look at the settings, the broker and the database as a process would find them, and say what is wrong.

Nothing is changed and nothing is published. Each finding says how to mend it.
"""

from consumer.check.broker import check_broker
from consumer.check.configuration import check_settings
from consumer.check.database import check_database
from consumer.check.finding import Finding, Level, Role
from consumer.settings import Settings

__all__ = ["Finding", "Level", "Role", "check"]


async def check(settings: Settings, role: Role = "all") -> list[Finding]:
    """Give the findings for the process that these settings are for: an ingress has no database, a worker no keys."""
    findings = check_settings(settings, webhooks=role != "worker")
    findings += await check_broker(settings, role)
    if role != "ingress":
        findings += await check_database(settings)
    return findings
