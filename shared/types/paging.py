"""The request half of paging, the same for every list."""

from kybra import Opt, Record, nat16, text


class PageRequest(Record):
    """`cursor` is the `next` of the page before; `limit` is 1..MAX_PAGE_ITEMS, 0 means default."""

    cursor: Opt[text]
    limit: nat16
