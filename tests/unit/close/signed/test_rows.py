"""Rows: what is hashed of a certificate is canonical JSON, whatever its texts are."""

import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.close.signed.merkle import leaf_hash
from consumer.close.signed.rows import CERTIFICATE, leaf_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.none() | TEXT, min_size=len(CERTIFICATE), max_size=len(CERTIFICATE)))
@example(["".join(map(chr, range(0x100))), '"\\/', "\u2028\ufffd\U0001f600", None, "", "é"])
def test_a_leaf_is_the_hash_of_canonical_json(values: list[str | None]) -> None:
    row = dict(zip(CERTIFICATE, values, strict=True)) | {"salt": "00" * 16}

    assert leaf_of(row) == leaf_hash(rfc8785.dumps(row))
