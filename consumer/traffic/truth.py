"""What the simulated sender knows to be true, kept while it acts and never read back from what it emitted."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from consumer.traffic.listed import Listed
from consumer.traffic.webhooks import EVENTS, UNAUTHENTIC, Kind, Webhook

Key = tuple[str, bool]  # entity id, livemode


class CertificateTruth(msgspec.Struct):
    """A certificate after its last event. Money in 1/100000 of the unit of ``currency``."""

    balance: int
    face_value: int
    currency: str
    events: int = 0  # distinct events sent
    purchase_sent: bool = True  # False: bought before the subscription began, so no event tells the face value
    currency_told: bool = True  # whether its purchase, or its definition, tells the currency


class DefinitionTruth(msgspec.Struct):
    """A definition after its last event."""

    events: int = 0  # distinct events sent
    deleted: bool = False


@dataclass(slots=True)
class Truth:
    """The end of the story. It grows while webhooks are made and is complete once the last one was taken."""

    certificates: dict[Key, CertificateTruth] = field(default_factory=dict)
    definitions: dict[Key, DefinitionTruth] = field(default_factory=dict)
    posts: Counter[Kind] = field(default_factory=Counter)
    # What the sender's API lists; kept only where somebody asks it.
    listed: Listed | None = None
    # Webhooks that were lost on the way: the counts below are those of a story in which they come in the end.
    lost: list[Webhook] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Distinct events of certificates and definitions that a worker can apply."""
        return sum(self.posts[kind] for kind in EVENTS)

    @property
    def attempts(self) -> int:
        """Distinct attempts that a worker can apply: the rows that the ledger must end up with."""
        return self.events + self.resends

    @property
    def acknowledged(self) -> int:
        """POSTs that must be answered with 200."""
        return self.attempts + self.duplicates + self.unrouted + self.dead_lettered

    @property
    def refused(self) -> int:
        """POSTs that must be answered with 400 or 401."""
        return self.posts[Kind.BROKEN] + sum(self.posts[kind] for kind in UNAUTHENTIC)

    @property
    def duplicates(self) -> int:
        return self.posts[Kind.DUPLICATE]

    @property
    def resends(self) -> int:
        return self.posts[Kind.RESEND]

    @property
    def unrouted(self) -> int:
        return self.posts[Kind.UNROUTED]

    @property
    def dead_lettered(self) -> int:
        return self.posts[Kind.UNDECODABLE]
