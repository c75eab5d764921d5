"""The sender's definitions: what it sells, created, changed and deleted. Times in Unix seconds."""

from collections import defaultdict
from typing import Any

from msgspec.structs import replace

from consumer.traffic.chance import Chance
from consumer.traffic.payloads import STEP, Definition, Event, definition_data
from consumer.traffic.truth import DefinitionTruth, Truth
from consumer.traffic.world import ACCOUNTS, OFFERS, UNIT, Account

MOST_ON_SALE = 8


class Catalogue:
    """What is on sale, by account and mode; every act enters the truth and gives its event."""

    def __init__(self, chance: Chance, truth: Truth) -> None:
        self._chance = chance
        self._truth = truth
        self._definitions: defaultdict[tuple[str, bool], list[Definition]] = defaultdict(list)

    def on_sale(self, account: Account, *, livemode: bool) -> list[Definition]:
        definitions = self._definitions[account.account_id, livemode]
        return [definition for definition in definitions if not definition.disabled]

    def create(self, now: float, account: Account, *, livemode: bool = True) -> Event:
        definition = self.draft(now, account, livemode=livemode)
        self._definitions[account.account_id, livemode].append(definition)
        return self._emit("giftcertificates.created", definition)

    def update(self, now: float) -> Event:
        """Change the text or the availability of a definition, or create one where there is none."""
        account = self._chance.pick(ACCOUNTS)
        definitions = self._definitions[account.account_id, True]
        if not definitions:
            return self.create(now, account)
        definition = self._chance.pick(definitions)
        definition.description = self._chance.pick(OFFERS)
        definition.disabled = self._chance.happens(0.2)
        definition.changed_at = max(now, definition.changed_at + STEP)
        return self._emit("giftcertificates.updated", definition)

    def renew(self, now: float) -> Event:
        """Create a definition, or delete one where there are many."""
        account = self._chance.pick(ACCOUNTS)
        definitions = self._definitions[account.account_id, True]
        if len(definitions) < MOST_ON_SALE:
            return self.create(now, account)
        return self._delete(now, definitions.pop(self._chance.below(len(definitions))))

    def create_and_delete(self, now: float) -> tuple[Event, Event]:
        """Create a definition and delete it soon after; the events in this order."""
        definition = self.draft(now, self._chance.pick(ACCOUNTS), livemode=True)
        created = self._emit("giftcertificates.created", definition)
        return created, self._delete(now, definition)

    def delete_test_twin(self, now: float) -> Event:
        """Delete, in test mode, the id of a definition that lives on in live mode."""
        account = self._chance.pick(ACCOUNTS)
        twins = [
            definition
            for definition in self.on_sale(account, livemode=True)
            if (definition.definition_id, False) not in self._truth.definitions
        ]
        if not twins:
            return self.create(now, account)
        return self._delete(now, replace(self._chance.pick(twins), livemode=False))

    def draft(self, now: float, account: Account, *, livemode: bool) -> Definition:
        """Make up a definition that nobody was told of."""
        chance = self._chance
        value = chance.pick(account.face_values) * UNIT
        price = value * 3 // 4 if chance.happens(0.3) else value
        return Definition(
            definition_id=chance.object_id(now),
            livemode=livemode,
            account=account,
            name=f"GC {value // UNIT} {account.currency}",
            description=chance.pick(OFFERS),
            price=price,
            value=value,
            user_id=account.users[0],
            currency_code=account.currency if account.names_currency else "",
            created_at=now,
            changed_at=now,
        )

    def _delete(self, now: float, definition: Definition) -> Event:
        definition.changed_at = max(now, definition.changed_at + STEP)
        return self._emit("giftcertificates.deleted", definition)

    def _emit(self, name: str, definition: Definition) -> Event:
        key = definition.definition_id, definition.livemode
        truth = self._truth.definitions.setdefault(key, DefinitionTruth())
        truth.events += 1
        truth.deleted = name == "giftcertificates.deleted"
        data: dict[str, Any]
        data = {"giftcertificateId": definition.definition_id} if truth.deleted else definition_data(definition)
        if self._truth.listed and definition.livemode:
            self._truth.listed.definition(data, definition.account.account_id)
        emitted = self._chance.emitted_after(definition.changed_at)
        return Event(self._chance.uuid(), name, definition.livemode, emitted, data)
