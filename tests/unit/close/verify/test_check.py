"""Which signatures make a statement a signed one."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumer.close.signed.keys import raw
from consumer.close.signed.manifest import signed_statement
from consumer.close.verify.check import Finding, Notice, Signature, check_signatures

STATEMENT = {"month": "2026-06", "account_id": "a", "manifest": "", "certificates": {"rows": 0, "root": ""}}
AT = "2026-07-02T12:00:00Z"
KEY, STRANGE = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
TRUSTED = {raw(KEY.public_key()): "Bob"}


def signature(key: Ed25519PrivateKey) -> Signature:
    made = key.sign(signed_statement(STATEMENT, signed_by="Bob", signed_at=AT))
    return Signature("Bob", AT, raw(key.public_key()), made)


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("wrong", [signature(STRANGE), signature(KEY)._replace(signed_by="Eve")], ids=["key", "name"])
def test_a_signature_that_does_not_count_counts_no_more_if_it_is_given_again(wrong: Signature, copies: int) -> None:
    found = list(check_signatures(STATEMENT, [wrong] * copies, TRUSTED))

    assert [type(one) for one in found] == [Finding] * copies


def test_beside_one_that_counts_others_are_notices() -> None:
    found = list(check_signatures(STATEMENT, [signature(STRANGE), signature(KEY), signature(KEY)], TRUSTED))

    assert [type(one) for one in found] == [Notice]
