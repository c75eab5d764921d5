"""The benchmark's workload: webhooks of certificates as the ingress publishes them, and a topic filled with them.

The same arguments give the same bytes. Of all records, one in twenty is a duplicate (an attempt that was published
shortly before) and one in twenty is late (an event that is older than what was published of its certificate). The
certificates take turns at random, so a batch seldom holds two events of one: the costly case.
"""

from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from aiokafka import AIOKafkaProducer

from consumer.common.settings import Settings
from consumer.kafka.options import producer_options
from consumer.traffic.chance import Chance
from consumer.traffic.payloads import Certificate, Dating, Event, Shift, body, certificate_data
from consumer.traffic.world import ACCOUNTS, FIRST_NAMES, LAST_NAMES, NO_AGENCY, OFFERS, ONLINE, UNIT, Account, Person

if TYPE_CHECKING:
    from aiokafka.producer.message_accumulator import BatchBuilder

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
EVENTS_A_SECOND = 20
ONE_IN = 20
RECENT = 1000
DEFINITIONS = 200


class Published(NamedTuple):
    """A record as the ingress puts it on the topic of certificates."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Workload:
    """``events`` records about ``certificates`` certificates; each iteration begins anew."""

    def __init__(self, events: int = 400_000, certificates: int = 100_000, seed: int = 1) -> None:
        self.events = events
        self.certificates = min(certificates, events)
        self.seed = seed

    def __len__(self) -> int:
        return self.events

    def __iter__(self) -> Iterator[Published]:
        chance = Chance(self.seed)
        recent: deque[Published] = deque(maxlen=RECENT)
        originals = self._originals(chance)
        for number in range(self.events):
            if number % ONE_IN == ONE_IN - 1:
                yield chance.pick(recent)
            else:
                recent.append(next(originals))
                yield recent[-1]

    def _originals(self, chance: Chance) -> Iterator[Published]:
        """Yield every attempt once; a late event changes places with the next one of its certificate."""
        turns = [number % self.certificates for number in range(self.events - self.events // ONE_IN)]
        chance.shuffle(turns)
        left = Counter(turns)
        certificates: dict[int, Certificate] = {}
        held: dict[int, Event] = {}
        late = 0
        for number, turn in enumerate(turns):
            now = START + number / EVENTS_A_SECOND
            left[turn] -= 1
            late += number % ONE_IN == 0
            if turn in held:
                event = held.pop(turn)
            else:
                event = _next_event(chance, certificates, turn, now)
                if late and left[turn]:
                    late -= 1
                    held[turn], event = event, _next_event(chance, certificates, turn, now + 1)
            yield _published(event, chance.uuid(), now + 1)


def _next_event(chance: Chance, certificates: dict[int, Certificate], turn: int, now: float) -> Event:
    """Sell a certificate at its first turn, and pay a little with it at each later one."""
    certificate = certificates.get(turn)
    if certificate is None:
        certificate = certificates[turn] = _sold(chance, now)
        name = "giftcertificate.created"
    else:
        name = "giftcertificate.updated"
        certificate.changed_at = now
        certificate.balance -= certificate.balance // 5
        certificate.transactions_paid.append(chance.object_id(now))
    shift = _shift(chance, certificate.account, now)
    return Event(chance.uuid(), name, livemode=True, created=now, data=certificate_data(certificate, shift))


def _shift(chance: Chance, account: Account, now: float) -> Shift:
    if chance.happens(0.2):
        return Shift(ONLINE, account.users[0], shift_id="", shift_number="")
    location, user = chance.pick(account.locations), chance.pick(account.users)
    return Shift(location, user, chance.object_id(now), str(1 + chance.below(9_999)))


def _sold(chance: Chance, now: float) -> Certificate:
    account = chance.pick(ACCOUNTS)
    price = chance.pick(account.face_values) * UNIT
    first, last = chance.pick(FIRST_NAMES), chance.pick(LAST_NAMES)
    return Certificate(
        certificate_id=chance.object_id(now),
        livemode=True,
        account=account,
        definition_id=f"5b10f00d2c1a4e00{chance.below(DEFINITIONS):08x}",
        description=chance.pick(OFFERS),
        price=price,
        face_value=price,
        balance=price,
        transaction_id=chance.object_id(now),
        buyer=Person(first, last, f"customer{chance.below(50_000)}@example.com"),
        customer_number=str(100_000 + chance.below(900_000)),
        agency=chance.pick(account.agencies) if account.agencies else NO_AGENCY,
        created_at=now,
        changed_at=now,
        display_currency=(account.currency, account.symbol, 100),
        dating=Dating.FULL,
        omitted=(),
        transactions_paid=[],
    )


def _published(event: Event, attempt_id: str, received_at: float) -> Published:
    arrival = datetime.fromtimestamp(received_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    headers = {
        "event": event.event,
        "event-id": event.event_id,
        "attempt-id": attempt_id,
        "livemode": "true",
        "received-at": arrival,
        "signing-key-id": "betterez-2026",
    }
    key = event.data["_id"].encode()
    return Published(key, body(event, attempt_id), [(name, value.encode()) for name, value in headers.items()])


async def fill(settings: Settings, topic: str, workload: Workload) -> int:
    """Publish a workload to a topic that exists (acks=all, no compression); give the number of records.

    Batches are built here: aiokafka's own way has a future a record, and takes three times as long.
    """
    producer = AIOKafkaProducer(**producer_options(settings))
    await producer.start()
    try:
        partitions = sorted(await producer.partitions_for(topic))
        batches: dict[int, BatchBuilder] = {number: producer.create_batch() for number in partitions}
        partition_of = producer._partitioner  # noqa: SLF001 - where the ingress' records of the same key go
        sent = []
        for key, value, headers in workload:
            number = partition_of(key, partitions, partitions)
            if not batches[number].append(key=key, value=value, timestamp=None, headers=headers):
                sent.append(await producer.send_batch(batches[number], topic, partition=number))
                batches[number] = producer.create_batch()
                batches[number].append(key=key, value=value, timestamp=None, headers=headers)
        for number, batch in batches.items():
            if batch.record_count():
                sent.append(await producer.send_batch(batch, topic, partition=number))
        for acknowledged in sent:
            await acknowledged
    finally:
        await producer.stop()
    return len(workload)
