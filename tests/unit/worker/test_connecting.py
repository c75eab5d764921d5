"""What a worker looks at while it runs: no trouble on the way to Postgres ends it."""

from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import pytest

from consumer.common.errors import THE_WAY_THERE
from consumer.common.settings import load
from consumer.worker import connecting


class Seen(Exception):
    """The look came to an end."""


class Life:
    def note(self, _: object) -> None:
        raise Seen


class Connections:
    @asynccontextmanager
    async def acquire(self) -> Any:
        yield None


@pytest.mark.parametrize("trouble", [asyncpg.PostgresError, *THE_WAY_THERE])
async def test_a_look_that_comes_to_nothing_is_made_again(
    trouble: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [trouble("another operation is in progress"), None]

    async def unmet(*_: object) -> None:
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(connecting, "unmet", unmet)
    monkeypatch.setattr(connecting, "LOOK_SECONDS", 0.0)
    with pytest.raises(Seen):
        await connecting.watch_requirements(load({}), cast("Any", Connections()), cast("Any", Life()))

    assert answers == []
