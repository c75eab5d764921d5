"""Names: one form, compared as a reader would, and shown without what a terminal obeys."""

import pytest

from consumer.common.errors import Fatal
from consumer.common.names import MAX_NAME, is_same_name, require_name


@pytest.mark.parametrize("given", ["José  Smith", " Jose\u0301 Smith ", "José\u00a0\tSmith"])
def test_a_name_has_one_form(given: str) -> None:
    assert require_name(given) == "José Smith"


@pytest.mark.parametrize("given", ["", " \u00a0", "Ann\x1b[2J", "Ann\u202e", "An\u200bn", "A" * (MAX_NAME + 1)])
def test_what_is_no_name_is_refused(given: str) -> None:
    with pytest.raises(Fatal, match="--by"):
        require_name(given)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Ann Smith", "ANN\n SMITH ", True),
        ("JOSE\u0301", "josé", True),
        ("Strauß", "STRAUSS", True),
        ("Ann Smith", "AnnSmith", False),
    ],
)
def test_names_are_the_same_but_for_case_blanks_and_composition(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001
    assert is_same_name(one, other) is is_same
