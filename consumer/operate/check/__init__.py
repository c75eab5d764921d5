"""Check: look at the settings, the broker and the database as a process would find them, and say what is wrong.

Nothing is changed and nothing is published. Each finding says how to mend it.
"""

from consumer.common.errors import Fatal
from consumer.common.saying import say
from consumer.common.settings import Settings
from consumer.operate.check.balances import check_balances
from consumer.operate.check.broker import check_broker
from consumer.operate.check.configuration import check_settings
from consumer.operate.check.database import check_database
from consumer.operate.check.finding import Finding, Level, Role
from consumer.operate.check.sender import check_sender

__all__ = ["Finding", "Level", "Role", "check", "run_check"]


async def check(settings: Settings, role: Role = "all") -> list[Finding]:
    """Give the findings for the process that these settings are for.

    An ingress has no database, a worker no keys; only reconcile asks the sender, and needs no broker.
    """
    findings = check_settings(settings, webhooks=role in {"all", "ingress"})
    if role != "reconcile":
        findings += await check_broker(settings, role)
    if role != "ingress":
        findings += await check_database(settings)
    if role in {"all", "balances"}:
        findings += await check_balances(settings)
    if role == "reconcile" or (role == "all" and settings.sender_api_url):
        findings += await check_sender(settings)
    return findings


async def run_check(settings: Settings, role: Role) -> None:
    """Print the findings. Raises Fatal when one of them is a problem."""
    findings = await check(settings, role)
    for finding in findings:
        for line in finding.lines():
            say(line)
    wrong = sum(finding.level is Level.PROBLEM for finding in findings)
    if wrong:
        raise Fatal(f"{wrong} thing{'s' * (wrong != 1)} to mend.")
