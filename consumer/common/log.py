"""Logs: one JSON object (or one console line) an event. A steady state writes one line a minute, trouble a few.

What is logged is chosen field by field: no bodies, no names, no e-mail addresses, no secrets.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from consumer.common.repeats import LibraryTrouble, Repeats
from consumer.common.saying import escaped
from consumer.common.settings import Settings


def configure(settings: Settings) -> None:
    """Send our events, and what libraries log from WARNING up, to standard output in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # JSON escapes what is no plain character; on a console others' texts must be no command.
    rendered: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [_spell_out, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    )
    all_of_it = settings.log_level == "debug"
    structlog.configure(
        processors=[*([] if all_of_it else [Repeats()]), *shared, structlog.processors.format_exc_info, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *rendered,
            ],
        )
    )
    if not all_of_it:
        handler.addFilter(LibraryTrouble())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _spell_out(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def name_unread(names: Mapping[str, str | None]) -> None:
    """Name what looks like a setting and is not read, with the setting that may be meant."""
    for name, meant in names.items():
        structlog.get_logger().warning("not a setting, and not read", name=name, meant=meant)
