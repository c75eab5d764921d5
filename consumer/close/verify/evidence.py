"""Evidence: what the topics' records say, read once for all closes that are derived again.

What they say of certificates is kept in files, all that is said of one in one file, so that memory holds what is said
of definitions and of the certificates of one file. It does not grow with the number of records.
"""

import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing

from aiokafka import TopicPartition

from consumer.close.month import Period
from consumer.close.verify.asked import Asked, Where, number_of, read_asked
from consumer.close.verify.check import Finding
from consumer.close.verify.reference import Named, Said, read
from consumer.close.verify.spool import Spool
from consumer.common.progress import progress
from consumer.common.settings import Settings
from consumer.ingress.signature import SignatureError, verify
from consumer.kafka.record import Record
from consumer.kafka.scan import scanning
from consumer.postgres.database import Connection

# Records of a file: in memory 1.5 KiB each. Files: a process may open about 1,000.
_AT_ONCE, _MOST_FILES = 25_000, 400


class Evidence:
    """What the records of closes say, and what is wrong with them."""

    def __init__(self, asked: Mapping[Period, Asked], keys: Mapping[str, str], records: int) -> None:
        self.asked = asked
        # By which signatures are checked; none where nobody checks them.
        self.keys = keys
        self.files = range(min(1 + records // _AT_ONCE, _MOST_FILES))
        self.definitions: dict[str, list[tuple[Where, Named]]] = {}
        self._certificates = Spool[int, tuple[Where, Said]](tuple[Where, Said], self.files)
        self.findings = Spool[Period, Finding](Finding, asked)
        self.read = Counter[tuple[Period, str, int]]()

    def add(self, where: Where, said: Said | Named) -> None:
        """Take what a record says."""
        if isinstance(said, Said):
            self._certificates.add(self.file_of(said.certificate_id), (where, said))
        else:
            self.definitions.setdefault(said.definition_id, []).append((where, said))

    def file_of(self, certificate_id: str) -> int:
        """Give the file of a certificate."""
        return hash(certificate_id) % len(self.files)

    def certificates(self, file: int) -> Mapping[str, Sequence[tuple[Where, Said]]]:
        """Give what is said of each certificate of a file, as it was read."""
        found: dict[str, list[tuple[Where, Said]]] = {}
        for where, said in self._certificates.read(file):
            found.setdefault(said.certificate_id, []).append((where, said))
        return found

    def close(self) -> None:
        """Forget all of it."""
        self._certificates.close()
        self.findings.close()


@asynccontextmanager
async def gathered(
    connection: Connection, configuration: Settings, periods: Iterable[Period]
) -> AsyncIterator[Evidence]:
    """Read the records of closes, as far as these are signed. Raises Fatal."""
    asked = {period: one for period in periods if (one := await read_asked(connection, period))}
    first: dict[TopicPartition, int] = {}
    number = Counter[TopicPartition]()
    for partition, row in (item for one in asked.values() for item in one.this.records.items()):
        first[partition] = min(row["first_offset"], first.get(partition, row["first_offset"]))
        number[partition] = max(number_of(row), number[partition])
    with closing(Evidence(asked, configuration.signing_keys, number.total())) as evidence:
        with progress("reading records", number.total()) as advance:
            async for records in _read(configuration, first):
                advance(sum(_take(record, evidence) for record in records))
        _look_for_missing(evidence)
        yield evidence


async def _read(configuration: Settings, first: Mapping[TopicPartition, int]) -> AsyncIterator[Sequence[Record]]:
    if not first:
        return
    async with scanning(configuration, sorted({partition.topic for partition in first}), first) as scan:
        async for records in scan.read():
            yield records


def _take(record: Record, evidence: Evidence) -> bool:
    """Take what a record says, and what is wrong with it; tell whether it is in any of the closes."""
    where = Where(record.topic, record.partition, record.offset)
    periods = [period for period, one in evidence.asked.items() if one.this.has(where)]
    evidence.read.update((period, where.topic, where.partition) for period in periods)
    for finding in _of_record(record, where, evidence) if periods else ():
        for period in periods:
            evidence.findings.add(period, finding)
    return bool(periods)


def _of_record(record: Record, where: Where, evidence: Evidence) -> Iterator[Finding]:
    body = record.value or b""
    if evidence.keys and (wrong := _signature(record, body, evidence.keys)):
        yield Finding(str(where), wrong)
    try:
        said = read(body)
    except ValueError as error:
        yield Finding(str(where), f"was applied, and is {error}")
        return
    if said is not None:
        evidence.add(where, said)


def _signature(record: Record, body: bytes, keys: Mapping[str, str]) -> str | None:
    """Say what is wrong with the sender's signature of a body, however old it is."""
    header = next((value for name, value in record.headers if name == "signature"), None)
    if header is None:
        return "not provable: it came without a signature, or before signatures were kept"
    try:
        verify(header.decode("latin-1"), body, keys, tolerance=math.inf, now=0)
    except SignatureError as error:
        return f"the sender's signature does not fit its body ({error})"
    return None


def _look_for_missing(evidence: Evidence) -> None:
    """Find how many records of each close are gone."""
    for period, one in evidence.asked.items():
        for (topic, partition), row in sorted(one.this.records.items()):
            missing = number_of(row) - evidence.read[period, topic, partition]
            if missing:
                what = f"not provable: it no longer holds {missing} of the records"
                evidence.findings.add(period, Finding(f"{topic} {partition}", what))
