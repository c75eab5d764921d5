"""Form: what a manifest, a row and a proof must look like before anybody computes with them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consumer.close.signed.canonical import Json, NotCanonical, read

Amount = Annotated[str, Meta(pattern=r"^-?[0-9]+\.[0-9]{5}$(?!\n)")]
Digits = Annotated[str, Meta(pattern=r"^[0-9]+$(?!\n)")]
Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*$(?!\n)")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class _Form(Struct, forbid_unknown_fields=True):
    pass


class Accepted(_Form):
    rule: str
    found: str
    because: str


class Covered(_Form):
    currency: str
    outstanding: Amount
    confirmed: Amount


class PreparedBy(_Form):
    at: str
    by: str
    accepted: list[Accepted]
    coverage: list[Covered]


class Cut(_Form):
    at: str
    by: str
    last_line: Digits
    last_settled: Digits


class FigureSettings(_Form):
    reporting_time_zone: str
    account_currencies: dict[str, str]


class Versions(_Form):
    giftledger: str
    schema: str
    time_zone_data: str


class Records(_Form):
    topic: str
    partition: int
    first_offset: int
    next_offset: int
    passed_over: list[tuple[int, int]]


class Total(_Form):
    currency: str
    opening: Amount
    issued: Amount
    first_seen: Amount
    adjusted_up: Amount
    redeemed: Amount
    adjusted_down: Amount
    voided: Amount
    closing: Amount
    for_earlier_months: Amount
    closing_at_consideration: Amount


class Rollforward(Total):
    issuing_station_id: str | None


class Certificates(_Form):
    rows: Annotated[int, Meta(ge=0)]
    root: Hash


class Manifest(_Form):
    """All that is said of a close."""

    form: str
    month: Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}$")]
    account_id: str | None
    previous: Hash | None
    prepared: PreparedBy
    cut: Cut
    settings: FigureSettings
    versions: Versions
    records: list[Records]
    totals: list[Total]
    rollforward: list[Rollforward]
    certificates: Certificates


class Row(_Form):
    """What was left on a certificate."""

    certificate_id: str
    currency: str
    issuing_station_id: str | None
    balance: Amount
    balance_at_consideration: Amount
    event_id: str | None
    salt: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class RowAndLeaf(Row):
    """The same, beside its hash."""

    leaf: Hash


class SignedBy(_Form):
    """A signature, of whichever length: anybody who may close could have put it there, and it does not fit."""

    signed_by: str
    signed_at: str
    public_key: Hex
    signature: Hex


class Statement(_Form):
    """What a proof says of the close beside who signed it."""

    month: str
    account_id: str | None
    manifest: Hash
    certificates: Certificates


class Proof(_Form):
    """That a row is among those of a close."""

    form: str
    statement: Statement
    signatures: list[SignedBy]
    row: Row
    index: Annotated[int, Meta(ge=0)]
    path: Annotated[list[Hash], Meta(max_length=64)]


class Listing(_Form):
    """The files of a pack, with their SHA-256."""

    form: str
    manifest: Hash
    files: dict[str, Hash]


class ListingSignedBy(_Form):
    """Who signed a listing; key and signature are hex."""

    signed_by: str
    public_key: Hash
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]


def formed(data: bytes, kind: Any) -> Json:
    """Read canonical JSON of a form. Raises NotCanonical, naming the place where it has another."""
    value = read(data)
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise NotCanonical(f"is none: {error}") from None
    found: Json = value
    return found
