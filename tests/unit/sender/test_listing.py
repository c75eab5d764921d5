"""A whole list out of pages that drift."""

import pytest

from consumer.sender.answers import Item, Page
from consumer.sender.listing import MOST_PAGES, READINGS, read_listing


def page(*ids: str, total: int | None = None, unreadable: int = 0) -> Page:
    return Page([Item(one, 1, None, None) for one in ids], unreadable, total)


class Pages:
    """Gives pages in the order in which they are asked for, and the last one for ever."""

    def __init__(self, *pages: Page) -> None:
        self.asked: list[int] = []
        self._pages = list(pages)

    async def __call__(self, number: int) -> Page:
        self.asked.append(number)
        return self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]


async def test_it_stops_at_the_count() -> None:
    pages = Pages(page("a", "b", total=3), page("c", total=3))
    listing = await read_listing(pages)

    assert (sorted(listing.items), listing.is_whole, pages.asked) == (["a", "b", "c"], True, [1, 2])


async def test_what_moved_to_a_page_that_was_read_is_found_by_the_next_reading() -> None:
    pages = Pages(
        page("a", "b", total=3), page("b", total=3), page(total=3), page("c", "a", total=3), page("b", total=3)
    )
    listing = await read_listing(pages)

    assert (sorted(listing.items), listing.is_whole) == (["a", "b", "c"], True)


@pytest.mark.parametrize("ids", [["a"], []])
async def test_a_list_that_holds_fewer_than_its_count_is_not_whole_however_often_it_is_read(ids: list[str]) -> None:
    readings = [page(*ids, total=9), page(total=9)] * READINGS
    listing = await read_listing(Pages(*readings))

    assert (sorted(listing.items), listing.is_whole) == (ids, False)


async def test_without_a_count_it_ends_with_a_page_that_brings_nothing_new() -> None:
    pages = Pages(page("a"))
    listing = await read_listing(pages)

    assert (sorted(listing.items), listing.is_whole, pages.asked) == (["a"], True, [1, 2, 1, 2])


async def test_what_any_reading_listed_is_there() -> None:
    first, again = [page("a", total=9), page(total=9)], [page("b", total=9), page(total=9)]
    listing = await read_listing(Pages(*first, *again, *again))

    assert (sorted(listing.items), listing.is_whole) == (["a", "b"], False)


@pytest.mark.parametrize("total", [2, None])
async def test_a_list_with_an_item_without_an_id_is_not_whole_for_that_may_be_the_one_that_is_missed(
    total: int | None,
) -> None:
    listing = await read_listing(Pages(page("a", total=total, unreadable=1)))

    assert (sorted(listing.items), listing.is_whole) == (["a"], False)


@pytest.mark.parametrize("amounts", [(5, 7), (7, 5), (None, 5), (5, None)])
async def test_of_two_with_one_id_the_smaller_balance_is_the_newer(amounts: tuple[int | None, ...]) -> None:
    twice = Page([Item("a", amount, None, None) for amount in amounts], 0, 1)

    assert (await read_listing(Pages(twice))).items["a"].amount == 5


async def test_a_list_without_an_end_is_not_whole_and_ends() -> None:
    asked = 0

    async def endless(number: int) -> Page:
        nonlocal asked
        asked += 1
        return page(f"{asked} {number}", total=10**9)

    assert not (await read_listing(endless)).is_whole
    assert asked == READINGS * MOST_PAGES
