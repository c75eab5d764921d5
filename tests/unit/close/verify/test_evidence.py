"""What records say is in as many files as it takes, all that is said of a certificate in one."""

from collections import Counter
from contextlib import closing

from consumer.close.verify.asked import Where
from consumer.close.verify.evidence import Evidence
from consumer.close.verify.reference import Said, read
from tests.builders import bought, encode


def said(certificate_id: str) -> Said:
    found = read(encode(bought(_id=certificate_id)))
    assert isinstance(found, Said)
    return found


def test_memory_holds_a_part_of_the_certificates_and_each_of_them_whole() -> None:
    with closing(Evidence({}, {}, records=100_000)) as evidence:
        for number in range(1000):
            evidence.add(Where("topic", 0, number), said(f"c{number % 500}"))
        parts = [evidence.certificates(file) for file in evidence.files]

    assert max(len(part) for part in parts) < 200
    times = Counter({certificate_id: len(kept) for part in parts for certificate_id, kept in part.items()})
    assert times == Counter({f"c{number}": 2 for number in range(500)})
    assert [where.offset for where, _ in parts[evidence.file_of("c7")]["c7"]] == [7, 507]


def test_there_are_never_more_files_than_a_process_may_open() -> None:
    with closing(Evidence({}, {}, records=10**9)) as evidence:
        assert len(evidence.files) == 400
