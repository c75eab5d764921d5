"""Traffic: the simulated sender, its truth, and `giftledger simulate`. Nothing in production imports it.

The documents' own examples, and any period of realistic webhooks. Pure and deterministic: no clock, no network. The
truth that goes with the traffic is kept by the simulation itself, so that what the receiver makes of the webhooks can
be compared with what happened.
"""

from consumer.traffic.examples import documented
from consumer.traffic.scenario import period
from consumer.traffic.truth import CertificateTruth, DefinitionTruth, Truth
from consumer.traffic.webhooks import Kind, Signing, Webhook

__all__ = [
    "CertificateTruth",
    "DefinitionTruth",
    "Kind",
    "Signing",
    "Truth",
    "Webhook",
    "documented",
    "period",
]
