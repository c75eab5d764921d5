"""Which letter stands for a lineage: of all that died of one record, the newest."""

from datetime import UTC, datetime, timedelta

from consumer.letters.open_letters import Death, died_again

START = datetime(2026, 6, 1, tzinfo=UTC)


def death(minute: int, replayed_from: str | None = None) -> Death:
    return Death(START + timedelta(minutes=minute), replayed_from)


def test_letters_that_nobody_replayed_are_not_settled() -> None:
    assert died_again({"0:1": death(1), "0:2": death(2)}) == {}


def test_each_generation_settles_those_before_it() -> None:
    deaths = {"0:1": death(1), "0:2": death(2, "0:1"), "0:3": death(3, "0:2")}

    assert died_again(deaths) == {"0:1": "died again: 0:3", "0:2": "died again: 0:3"}


def test_of_two_replays_of_one_letter_the_later_death_stands_for_both() -> None:
    deaths = {"0:1": death(1), "0:2": death(2, "0:1"), "0:3": death(3, "0:1")}

    assert died_again(deaths) == {"0:1": "died again: 0:3", "0:2": "died again: 0:3"}


def test_a_later_generation_counts_more_than_a_clock() -> None:
    deaths = {"0:1": death(5), "1:1": death(3, "0:1"), "2:1": death(1, "1:1")}

    assert died_again(deaths) == {"0:1": "died again: 2:1", "1:1": "died again: 2:1"}


def test_two_replays_of_a_letter_that_retention_took_are_one_lineage() -> None:
    assert died_again({"0:8": death(8, "0:1"), "0:9": death(9, "0:1")}) == {"0:8": "died again: 0:9"}


def test_headers_that_go_round_in_a_circle_end_somewhere() -> None:
    assert len(died_again({"0:1": death(1, "0:2"), "0:2": death(2, "0:1")})) <= 1
