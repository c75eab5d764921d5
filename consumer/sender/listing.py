"""Listing: a whole list out of pages that drift.

While a list is read, what is inserted moves others to the next page, where they come again, and what goes moves others
to a page that was read already, where they are missed. So a list is whole when it has as many as its ``count`` says,
or when two readings in a row give the same. ``next`` is never followed: it could lead to another host.
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
        if is_complete or items.keys() == earlier:
            return Listing(found, is_whole=True)
        earlier = set(items)
    return Listing(found, is_whole=False)


async def _once(read: Callable[[int], Awaitable[Page]]) -> tuple[dict[str, Item], bool]:
    """Read all pages once; tell also whether they hold as many as is said."""
    items: dict[str, Item] = {}
    unreadable = 0
    for number in range(1, MOST_PAGES + 1):
        page = await read(number)
        fresh = {item.id for item in page.items} - items.keys()
        items |= {item.id: item for item in page.items}
        unreadable += page.unreadable
        if page.total is not None and len(items) + unreadable >= page.total:
            return items, True
        # Past the end, or a page number that nobody looks at.
        if not fresh:
            break
    return items, False
