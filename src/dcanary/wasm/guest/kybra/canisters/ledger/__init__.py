"""The ledger's types, as in Kybra; not there yet."""

from ..._errors import LoadError
from ..._not_yet import LEDGER

raise LoadError(LEDGER[1])
