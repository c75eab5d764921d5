"""Listing: a whole list out of pages that drift.

While a list is read, what is inserted moves others to the next page, where they come again, and what goes moves others
to a page that was read already, where they are missed. So a list is whole when it has as many as its ``count`` says,
or, where that says nothing, when two readings in a row give the same. One that holds fewer than its count says, or an
item without an id, is not: what is missed may be among those. ``next`` is never followed: it could lead to another
host.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from consumer.sender.answers import Item, Page

# 20 a page: twenty thousand certificates of one customer.
MOST_PAGES = 1000
# So often a list is read before it counts as one that cannot be read whole.
READINGS = 3


class Listing(NamedTuple):
    """What a list holds, by id; if it is not whole, what is not in it may be there all the same."""

    items: Mapping[str, Item]
    is_whole: bool


async def read_listing(read: Callable[[int], Awaitable[Page]]) -> Listing:
    """Read a list page by page (``read`` gives the page of a number, from 1), again while it drifts."""
    found: dict[str, Item] = {}
    earlier: set[str] | None = None
    for _ in range(READINGS):
        items, is_complete = await _once(read)
        found |= items  # what was read last is newer
        if is_complete or (is_complete is None and items.keys() == earlier):
            return Listing(found, is_whole=True)
        earlier = set(items)
    return Listing(found, is_whole=False)


async def _once(read: Callable[[int], Awaitable[Page]]) -> tuple[dict[str, Item], bool | None]:
    """Read all pages once; tell also whether they hold all that is said: None where nothing is said."""
    items: dict[str, Item] = {}
    unreadable, total = 0, None
    for number in range(1, MOST_PAGES + 1):
        page = await read(number)
        known = len(items)
        for item in page.items:
            items[item.id] = _newer(items.get(item.id), item)
        unreadable += page.unreadable
        total = page.total
        if total is not None and len(items) + unreadable >= total:
            break
        # Past the end, or a page number that nobody looks at.
        if len(items) == known:
            break
    if unreadable:
        return items, False
    return items, None if total is None else len(items) >= total


def _newer(known: Item | None, item: Item) -> Item:
    """Choose between two of one id in one reading. Balances fall, so the smaller one is newer."""
    if known is None or known.amount is None:
        return item
    return known if item.amount is None or item.amount > known.amount else item
