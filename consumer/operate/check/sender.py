"""Check the sender's API: whether it answers, takes our key, and lists any customer; only it knows what a token may."""

from consumer.common.errors import Fatal
from consumer.common.settings import Settings, SettingsError
from consumer.operate.check.finding import Finding, ok, problem, warning
from consumer.postgres.database import Connection, connect, statement
from consumer.postgres.requirements import unmet_schema
from consumer.sender.answers import read_page
from consumer.sender.client import NoAnswer, SenderApi, sender_api
from consumer.sender.undelivered import list_undelivered

SUBJECT = "sender's API"


async def check_sender(settings: Settings) -> list[Finding]:
    """Ask for one customer and for the undelivered webhooks, in turn with whoever else asks."""
    try:
        settings.sender_api  # noqa: B018 - before anything is opened
        connection = await connect(settings)
    except SettingsError as error:
        return [problem("SENDER_API_URL", str(error), "Give it, if reconcile is to run.")]
    except Fatal:
        return []  # what is wrong with Postgres stands above
    try:
        if await unmet_schema(connection):
            return []  # that stands above, too
        async with sender_api(settings, connection) as api:
            return [await _customer(settings, connection, api), await _undelivered(api)]
    except Fatal as error:
        return [problem(SUBJECT, str(error), "Mend what it names.")]
    finally:
        await connection.close()


async def _customer(settings: Settings, connection: Connection, api: SenderApi) -> Finding:
    number = await connection.fetchval(statement("sender/any_customer"), settings.sender_accounts)
    if number is None:
        return warning(SUBJECT, "was not tried: no customer of ours holds anything", "Check again when one does.")
    try:
        page = await api.get("operations/gift-certificates", read_page, customer=number, page="1")
    except NoAnswer as error:
        return problem(
            SUBJECT,
            f"does not list a customer of ours: {error}",
            "Look at SENDER_API_URL; ask the sender whether this key and token may list any customer.",
        )
    if not page.items:
        return warning(
            SUBJECT,
            "lists nothing of a customer who holds something",
            "Ask the sender whether this token may list any customer, and of which accounts (SENDER_API_ACCOUNTS).",
        )
    return ok(SUBJECT, f"lists a customer's certificates ({len(page.items)} on the first page)")


async def _undelivered(api: SenderApi) -> Finding:
    try:
        return ok(SUBJECT, f"has {len(await list_undelivered(api))} undelivered webhooks")
    except NoAnswer as error:
        return warning(
            SUBJECT,
            f"does not list undelivered webhooks: {error}",
            "Without them, ask the sender to send webhooks again.",
        )
