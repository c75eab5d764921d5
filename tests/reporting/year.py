"""A simulated year of webhooks: everything that a report could trip over, from one seed.

Three currencies and one that nobody names, stations in four time zones across two changes of the clocks, discounts
and gifts, late, lost, repeated and resent events, test traffic, and events that contradict one another.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.reference import Delivery

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
ACCOUNTS = ("52a377ec430c7d4e220001fc", "52a377ec430c7d4e220001fd")
# Only the first account has its currency in ACCOUNT_CURRENCIES.
ACCOUNT_CURRENCIES = {ACCOUNTS[0]: "CAD"}
TIME_ZONE = "America/Regina"

STATIONS: tuple[dict[str, Any], ...] = (
    {"stationId": "toronto", "name": "Toronto", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"},
    {"stationId": "toronto", "name": "Toronto Union", "timeZone": "America/Toronto", "primaryCurrencyCode": "CAD"},
    {"stationId": "auckland", "name": "Auckland", "timeZone": "Pacific/Auckland", "primaryCurrencyCode": "NZD"},
    {"stationId": "calgary", "name": "Calgary", "timeZone": " america/EDMONTON ", "primaryCurrencyCode": "CAD"},
    {"stationId": "vancouver", "name": "Vancouver", "timeZone": "America/Vancouver", "primaryCurrencyCode": "CAD"},
    {"stationId": "new-york", "name": "New York", "timeZone": "America/New_York", "primaryCurrencyCode": "USD"},
    {"stationId": "tijuana", "name": "Tijuana", "timeZone": "America/Tijuana", "primaryCurrencyCode": "MXN"},
    {"stationId": "olympus", "name": "Olympus", "timeZone": "Mars/Olympus", "primaryCurrencyCode": "USD"},
    {"stationId": "old", "name": "An older account's"},
    {"stationId": "", "name": "", "timeZone": "", "primaryCurrencyCode": ""},
    {},
)
DEFINITIONS: tuple[dict[str, Any], ...] = (
    {"name": "Fifty", "price": 5_000_000, "value": 5_000_000, "currencyCode": "CAD"},
    {"name": "Forty for thirty", "price": 3_000_000, "value": 4_000_000, "currencyCode": "USD"},
    {"name": "A third off", "price": 6_666_667, "value": 10_000_001, "currencyCode": ""},
    {"name": "A gift", "price": 0, "value": 2_500_000, "currencyCode": ""},
    {"name": "Too dear", "price": 3_100_000, "value": 3_000_000, "currencyCode": "MXN"},
    {"name": "No longer sold", "price": 1_999_990, "value": 2_000_000, "currencyCode": "", "disabled": True},
    {"name": "Withdrawn", "price": 2_000_000, "value": 2_000_000, "currencyCode": ""},
    {"name": "Nothing for nothing", "price": 0, "value": 0, "currencyCode": ""},
)
WITHDRAWN = 6
# After how many days a definition names another currency: one that named none, and one that did.
EDITED = {2: (100, "EUR"), 4: (150, "CAD")}
UNKNOWN_DEFINITION = "0" * 24


def a_year(seed: int, *, certificates: int = 300) -> list[Delivery]:
    """Give the deliveries in the order of their arrival."""
    return sorted(_Year(seed).deliveries(certificates), key=lambda delivery: delivery.received_at)


class _Year:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sent: list[Delivery] = []
        self.number = 0

    def deliveries(self, certificates: int) -> list[Delivery]:
        for livemode in (True, False):
            for index, definition in enumerate(DEFINITIONS):
                self._define(index, definition, livemode=livemode)
        for index in range(certificates):
            # Test traffic uses the ids of live certificates: livemode is part of every key.
            self._live(index, livemode=True)
            if index % 5 == 0:
                self._live(index, livemode=False)
        return self.sent

    def _define(self, index: int, definition: dict[str, Any], *, livemode: bool) -> None:
        created = START - timedelta(days=30) + timedelta(hours=index)
        data = {
            "_id": definition_id(index),
            "accountId": ACCOUNTS[0],
            "deleted": False,
            "disabled": False,
            **definition,
            "createdAt": _date(created),
            "updatedAt": _date(created),
        }
        self._send("giftcertificates.created", data, created, livemode=livemode)
        if index in EDITED:
            edited = START + timedelta(days=EDITED[index][0])
            again = {**data, "currencyCode": EDITED[index][1], "updatedAt": _date(edited)}
            self._send("giftcertificates.updated", again, edited, livemode=livemode)
        if index == WITHDRAWN:
            deleted = START + timedelta(days=200)
            self._send("giftcertificates.deleted", {"giftcertificateId": data["_id"]}, deleted, livemode=livemode)

    def _live(self, index: int, *, livemode: bool) -> None:
        """One certificate's life."""
        chance = self.random
        bought_at = START + timedelta(seconds=chance.randrange(DAYS * 86_400))
        data = self._bought(index, bought_at)
        first_account = data["accountId"]
        # The purchase of one in twelve never arrives.
        if chance.random() > 1 / 12:
            self._send("giftcertificate.created", data, bought_at, livemode=livemode)
        # One in fifteen is bought again, which changes nothing.
        if chance.random() < 1 / 15:
            at = bought_at + chance.choice([-1, 1]) * self._a_while()
            again = {**data, "balance": data["balance"] + 1_000, "updatedAt": _date(at)}
            self._send("giftcertificate.created", again, at, livemode=livemode)
        at, paid = bought_at, list[str]()
        for number in range(chance.choice([0, 0, 1, 1, 2, 3, 6])):
            at += self._a_while()
            station = chance.choice(STATIONS)
            paid = [*paid, f"payment-{index}-{number}"]
            data = {
                **data,
                "balance": self._next_balance(data["balance"]),
                "shiftLocation": station,
                "shiftId": f"shift-{chance.randrange(9)}",
                "updatedAt": _date(at),
                "transactionsPaid": self._as_sent(paid),
                # Where the purchase names no account, a later event may; some name another one.
                "accountId": chance.choice([first_account or ACCOUNTS[0]] * 40 + [ACCOUNTS[1], ""]),
                "deleted": data.get("deleted", False) or chance.random() < 0.03,
            }
            # One payment in twenty never arrives.
            if chance.random() > 0.05:
                self._send("giftcertificate.updated", data, at, livemode=livemode)

    def _bought(self, index: int, at: datetime) -> dict[str, Any]:
        chance = self.random
        definition = index % len(DEFINITIONS)
        described = DEFINITIONS[definition]
        account = ACCOUNTS[chance.random() < 0.3] if chance.random() < 0.97 else ""
        price = chance.choice([described["price"], described["price"], described["price"] - chance.randrange(99)])
        if chance.random() < 0.04:
            price = None
        return {
            "_id": f"{index:024x}",
            "accountId": account,
            "certDefId": chance.choice([definition_id(definition)] * 19 + [UNKNOWN_DEFINITION]),
            "trxId": f"trx-{index}",
            "status": "paid",
            "balance": described["value"],
            "price": price and max(price, 0),
            "total": price and max(price, 0) * 113 // 100,
            "deleted": chance.random() < 0.02,
            "transactionsPaid": [],
            "shiftLocation": chance.choice(STATIONS),
            "shiftId": f"shift-{chance.randrange(9)}",
            "userId": f"agent-{chance.randrange(9)}",
            **chance.choice([{"agencyId": ""}, {"agencyId": ""}, {"agencyId": "agency-1", "agencyName": "An agency"}]),
            "customerNumber": chance.choice(["", f"customer-{chance.randrange(40)}"]),
            "firstName": "Zoë",
            "lastName": "Personal-Name",
            "email": "zoe@personal.example",
            "createdAt": _date(at),
            "updatedAt": _date(at),
            "displayCurrency": chance.choice([{}, {"buy": 1, "sell": 1, "isocode": "MXN"}, {"buy": 1.3, "sell": 1.4}]),
        }

    def _next_balance(self, balance: int) -> int:
        """Mostly a part of it is spent; at times nothing, all, more than there is, or it rises."""
        spent = self.random.randrange(max(balance, 1) + 1)
        return balance - self.random.choice([spent] * 20 + [balance] * 4 + [0, 0, -spent, balance + 1_000])

    def _as_sent(self, paid: list[str]) -> list[str] | None:
        return self.random.choice([paid] * 12 + [paid[:-1], None])

    def _a_while(self) -> timedelta:
        """Days mostly; at times minutes, so that a certificate crosses midnight westwards; at times no time at all.

        Clocks disagree: at times a payment is dated before what it follows.
        """
        most = self.random.choice([*([86_400 * 30] * 8), *([7_200] * 4), 1, 1, -3_600])
        return timedelta(seconds=most) * self.random.random()

    def _send(self, event: str, data: dict[str, Any], at: datetime, *, livemode: bool) -> None:
        """Deliver an event: on time or late, once or more often, some as new attempts."""
        chance = self.random
        self.number += 1
        body = {
            "id": f"event-{chance.randrange(10**9)}-{self.number}",
            "attemptId": f"attempt-{self.number}",
            "livemode": livemode,
            "created": int(at.timestamp()) + chance.randrange(3),
            "event": event,
            "data": data,
        }
        late = chance.choice(
            [timedelta(seconds=2)] * 8 + [timedelta(minutes=30), timedelta(days=20), timedelta(days=90)]
        )
        received_at = at + late * chance.random()
        received_at = received_at.replace(microsecond=received_at.microsecond // 1000 * 1000)
        self.sent += [Delivery(body, received_at)] * chance.choice([1, 1, 1, 2])
        for resend in range(chance.choice([0, 0, 0, 0, 1, 2])):
            again = {**body, "attemptId": f"attempt-{self.number}-{resend}"}
            self.sent.append(Delivery(again, received_at + timedelta(hours=chance.randrange(-1, 200))))


def definition_id(index: int) -> str:
    return f"def{index:021x}"


def _date(at: datetime) -> dict[str, Any]:
    return {"value": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z", "offset": -300}
