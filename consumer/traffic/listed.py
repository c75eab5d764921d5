"""What the simulated sender's API lists: the newest ``data`` of each live certificate and definition."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Data = Mapping[str, Any]


class Listed:
    """Certificates by customer number, definitions by account; what changed last comes first, so that pages drift."""

    def __init__(self) -> None:
        self._of_customer: defaultdict[str, dict[str, Data]] = defaultdict(dict)
        self._of_account: defaultdict[str, dict[str, Data]] = defaultdict(dict)

    def certificate(self, data: Data) -> None:
        """Enter a certificate as it is now. One without a customer number nobody can ask for."""
        if number := data.get("customerNumber"):
            self._enter(self._of_customer[number], data)

    def definition(self, data: Data, account_id: str) -> None:
        """Enter a definition as it is now, or take out one that is deleted."""
        if gone := data.get("giftcertificateId"):
            self._of_account[account_id].pop(gone, None)
        else:
            self._enter(self._of_account[account_id], data)

    def of_customer(self, number: str) -> list[Data]:
        return list(reversed(self._of_customer[number].values())) if number in self._of_customer else []

    def of_account(self, account_id: str) -> list[Data]:
        return list(reversed(self._of_account[account_id].values())) if account_id in self._of_account else []

    def one_definition(self, definition_id: str) -> Data | None:
        return next((of[definition_id] for of in self._of_account.values() if definition_id in of), None)

    def touch(self, number: str) -> None:
        """Let the certificate that changed longest ago come first."""
        if certificates := self._of_customer.get(number):
            self._enter(certificates, next(iter(certificates.values())))

    @staticmethod
    def _enter(entries: dict[str, Data], data: Data) -> None:
        entries.pop(data["_id"], None)
        entries[data["_id"]] = data
