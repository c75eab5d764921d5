"""A command: what each of them needs, and what becomes of its failures. Only the command line is built on it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

import asyncpg
import click
from aiokafka.errors import KafkaConnectionError, KafkaError

from consumer.common import log
from consumer.common.errors import Fatal, Unavailable
from consumer.common.interrupts import end_in_order
from consumer.common.saying import harmless
from consumer.common.settings import SettingsError, load, not_settings

Result = TypeVar("Result")


class Failure(click.ClickException):
    """Something went wrong that the message explains: exit 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(map(harmless, message.splitlines())))


def command(main: Callable[..., None]) -> Callable[..., None]:
    """Give a command its settings, and turn what it cannot bear into a message and an exit status."""

    @wraps(main)
    def run(**options: Any) -> None:
        try:
            settings = load()
            log.configure(settings)
            log.name_unread(not_settings())
            main(settings, **options)
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None
        except SettingsError as error:
            raise click.UsageError(str(error)) from None
        except (Fatal, Unavailable) as error:
            raise Failure(str(error)) from None
        except KafkaConnectionError:
            from consumer.common.diagnosis import diagnose_kafka
            from consumer.kafka.options import connection_options

            raise Failure(f"Kafka at {asyncio.run(diagnose_kafka(connection_options(settings)))}") from None
        except KafkaError as error:
            from consumer.common.diagnosis import explain_kafka

            raise Failure(f"Kafka at {settings.kafka_bootstrap_servers}: {explain_kafka(error)}") from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            from consumer.common.diagnosis import explain_database

            raise Failure(explain_database(error)) from None

    return run


def finish(work: Coroutine[Any, Any, Result]) -> Result:
    """Do what a command is for, now that all of it is loaded."""
    end_in_order()
    return asyncio.run(work)
