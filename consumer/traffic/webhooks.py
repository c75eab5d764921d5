"""One POST of the simulated sender: its body, how it is signed, and the answer that is right."""

from enum import StrEnum

import msgspec


class Signing(StrEnum):
    """How the sender's signature is made at the moment of sending."""

    VALID = "valid"
    FORGED = "forged"  # with a secret that the receiver does not know
    STALE = "stale"  # with the right secret, over a timestamp of two days ago
    MISSING = "missing"


class Kind(StrEnum):
    """What a webhook is there for."""

    EVENT = "event"
    LATE = "late"  # an event that arrives after younger ones
    ANOMALY = "anomaly"  # an event that the sender should never emit: a balance that rises
    DUPLICATE = "duplicate"  # the same POST again: same attempt
    RESEND = "resend"  # the same event under a new attempt
    UNROUTED = "unrouted"  # authentic, of an event that has nothing to do with gift certificates
    UNDECODABLE = "undecodable"  # authentic, with business data that no worker can apply
    FORGED = "forged"
    STALE = "stale"
    UNSIGNED = "unsigned"
    BROKEN = "broken"  # rightly signed, without a readable envelope


EVENTS = frozenset({Kind.EVENT, Kind.LATE, Kind.ANOMALY})
UNAUTHENTIC = {Kind.FORGED: Signing.FORGED, Kind.STALE: Signing.STALE, Kind.UNSIGNED: Signing.MISSING}


class Webhook(msgspec.Struct, frozen=True):
    """A POST to ``/webhooks``; ``arrival`` in Unix seconds of the simulated period."""

    kind: Kind
    body: bytes
    arrival: float

    @property
    def signing(self) -> Signing:
        return UNAUTHENTIC.get(self.kind, Signing.VALID)

    @property
    def expected_status(self) -> int:
        if self.kind in UNAUTHENTIC:
            return 401
        return 400 if self.kind is Kind.BROKEN else 200
