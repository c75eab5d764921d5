"""The sender's certificates: sold, and paid with until nothing is left. Times in Unix seconds."""

from collections.abc import Mapping

from msgspec.structs import replace

from consumer.traffic.catalogue import Catalogue
from consumer.traffic.chance import Chance
from consumer.traffic.payloads import (
    STEP,
    Certificate,
    Dating,
    Definition,
    Event,
    Shift,
    certificate_data,
)
from consumer.traffic.truth import CertificateTruth, Truth
from consumer.traffic.world import (
    ACCOUNTS,
    FIRST_NAMES,
    LAST_NAMES,
    NO_AGENCY,
    ONLINE,
    UNIT,
    Account,
    Person,
)

CREATED, UPDATED = "giftcertificate.created", "giftcertificate.updated"
CENT = UNIT // 100
SMALL_CHANGE = 5 * UNIT  # nobody leaves less than this on a certificate
DAY = 86_400
CUSTOMERS = 500
OPTIONAL_FIELDS = ("customerNumber", "email", "rounding", "agencyName", "fees", "displayTotal", "shiftNumber")


class Sales:
    """The open certificates; every act enters the truth and gives its event."""

    def __init__(self, chance: Chance, truth: Truth, catalogue: Catalogue) -> None:
        self._chance = chance
        self._truth = truth
        self._catalogue = catalogue
        self._open: dict[bool, list[Certificate]] = {True: [], False: []}
        self._test_twins: dict[str, Certificate] = {}

    def has_open(self, *, livemode: bool) -> bool:
        return bool(self._open[livemode])

    def sell(self, now: float, *, livemode: bool) -> list[Event]:
        """Sell a certificate; where the account has nothing on sale, it creates a definition first."""
        account = self._chance.pick(ACCOUNTS)
        events = []
        if not self._catalogue.on_sale(account, livemode=livemode):
            events.append(self._catalogue.create(now, account, livemode=livemode))
        offer = self._chance.pick(self._catalogue.on_sale(account, livemode=livemode))
        return [*events, self._emit(CREATED, self._issue(offer, now))]

    def redeem(self, now: float, *, livemode: bool) -> Event:
        """Pay with a certificate: with a part of it, or with all that is left."""
        certificate = self._any_open(livemode=livemode)
        most = certificate.balance
        if most <= SMALL_CHANGE or self._chance.happens(0.4):
            return self._pay(now, certificate, most)
        return self._pay(now, certificate, CENT * (1 + self._chance.below(most // CENT)))

    def redeem_twice(self, now: float) -> tuple[Event, Event]:
        """Pay twice with a part of one certificate; the events in this order."""
        certificate = self._any_open(livemode=True)
        return self._pay_part(now, certificate), self._pay_part(now, certificate)

    def redeem_older(self, now: float) -> Event:
        """Pay with a certificate that was bought before the subscription: no event told of it."""
        account = self._chance.pick(ACCOUNTS)
        bought_at = now - DAY * (1 + 400 * self._chance.random())
        definition = self._catalogue.draft(bought_at, account, livemode=True)
        return self._pay_part(now, self._issue(definition, bought_at, purchase_sent=False))

    def raise_balance(self, now: float) -> Event:
        """Let a balance rise, which no certificate should do, and to fractions of a cent."""
        certificate = self._any_open(livemode=True)
        return self._pay(now, certificate, -1 - self._chance.below(20 * UNIT))

    def use_test_twin(self, now: float) -> Event:
        """Emit a test-mode event for the id of a live certificate: sell its twin, or pay with it."""
        original = self._any_open(livemode=True)
        twin = self._test_twins.get(original.certificate_id)
        if twin:
            return self._pay_part(now, twin)
        face_value = original.face_value * 3
        twin = replace(original, livemode=False, face_value=face_value, balance=face_value, transactions_paid=[])
        twin.changed_at = max(now, twin.changed_at + STEP)
        self._test_twins[twin.certificate_id] = twin
        self._truth.certificates[twin.certificate_id, False] = CertificateTruth(
            face_value, face_value, twin.account.currency
        )
        return self._emit(CREATED, twin)

    def pretend(self, now: float, changed: Mapping[str, object]) -> Event:
        """Claim a payment with a live certificate that never happened, ``changed`` fields and all."""
        certificate = self._any_open(livemode=True)
        data = certificate_data(certificate, self._shift(certificate.account, now)) | {**changed}
        return Event(self._chance.uuid(), UPDATED, livemode=True, created=now, data=data)

    def _any_open(self, *, livemode: bool) -> Certificate:
        return self._chance.pick(self._open[livemode])

    def _pay_part(self, now: float, certificate: Certificate) -> Event:
        return self._pay(now, certificate, certificate.balance // 3 // CENT * CENT)

    def _pay(self, now: float, certificate: Certificate, amount: int) -> Event:
        certificate.changed_at = max(now, certificate.changed_at + STEP)
        certificate.balance -= amount
        if amount >= 0:
            certificate.transactions_paid.append(self._chance.object_id(certificate.changed_at))
        if certificate.balance == 0:
            self._close(certificate)
            self._test_twins.pop(certificate.certificate_id, None)
        return self._emit(UPDATED, certificate)

    def _emit(self, name: str, certificate: Certificate) -> Event:
        truth = self._truth.certificates[certificate.certificate_id, certificate.livemode]
        truth.balance = certificate.balance
        truth.events += 1
        shift = self._shift(certificate.account, certificate.changed_at)
        if name == CREATED and (certificate.is_shown_in_its_currency or shift.location.names_currency):
            truth.currency_told = True
        emitted = self._chance.emitted_after(certificate.changed_at)
        data = certificate_data(certificate, shift)
        if self._truth.listed and certificate.livemode:
            self._truth.listed.certificate(data)
        return Event(self._chance.uuid(), name, certificate.livemode, emitted, data)

    def _close(self, certificate: Certificate) -> None:
        certificates = self._open[certificate.livemode]
        certificates[-1].place = certificate.place
        certificates[certificate.place] = certificates[-1]
        certificates.pop()

    def _issue(self, definition: Definition, at: float, *, purchase_sent: bool = True) -> Certificate:
        chance, account = self._chance, definition.account
        certificate = Certificate(
            certificate_id=chance.object_id(at),
            livemode=definition.livemode,
            account=account,
            definition_id=definition.definition_id,
            description=definition.description,
            price=definition.price,
            face_value=definition.value,
            balance=definition.value,
            transaction_id=chance.object_id(at),
            buyer=self._buyer(),
            customer_number=str(100_000 + chance.below(900_000) % CUSTOMERS) if chance.happens(0.7) else "",
            agency=chance.pick(account.agencies) if account.agencies and chance.happens(0.4) else NO_AGENCY,
            created_at=at,
            changed_at=at,
            display_currency=self._display_currency(account),
            dating=self._dating(),
            omitted=(chance.pick(OPTIONAL_FIELDS),) if chance.happens(0.1) else (),
            transactions_paid=[],
            place=len(self._open[definition.livemode]),
        )
        self._open[certificate.livemode].append(certificate)
        self._truth.certificates[certificate.certificate_id, certificate.livemode] = CertificateTruth(
            certificate.balance,
            certificate.face_value,
            account.currency,
            purchase_sent=purchase_sent,
            currency_told=account.names_currency and purchase_sent,
        )
        return certificate

    def _buyer(self) -> Person:
        first, last = self._chance.pick(FIRST_NAMES), self._chance.pick(LAST_NAMES)
        email = "" if self._chance.happens(0.1) else f"customer{self._chance.below(50_000)}@example.com"
        return Person(first, last, email)

    def _display_currency(self, account: Account) -> tuple[str, str, int]:
        foreign = account.currency == "CAD" and self._chance.happens(0.05)
        return ("USD", "US$", 74) if foreign else (account.currency, account.symbol, 100)

    def _dating(self) -> Dating:
        drawn = self._chance.random()
        if drawn < 0.95:  # noqa: PLR2004
            return Dating.FULL
        return Dating.CREATED_ONLY if drawn < 0.98 else Dating.NONE  # noqa: PLR2004

    def _shift(self, account: Account, at: float) -> Shift:
        if self._chance.happens(0.2):
            return Shift(ONLINE, account.users[0], shift_id="", shift_number="")
        shift_id, number = self._chance.object_id(at), str(1 + self._chance.below(9_999))
        location = self._chance.pick(account.locations)
        return Shift(location, self._chance.pick(account.users), shift_id, number)
