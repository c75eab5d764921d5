"""The demo's comparison: what is wrong, missing or too much does not agree, and is named."""

from consumer.traffic import Truth
from consumer.traffic.truth import CertificateTruth
from deploy.local.demo.comparison import compare_currencies, compare_values


def test_equal_values_agree() -> None:
    compared = compare_values("balances", {("a", True): 1, ("a", False): 2}, {("a", False): 2, ("a", True): 1})
    assert (compared.agreeing, compared.total, compared.agrees) == (2, 2, True)


def test_wrong_missing_and_surplus_values_are_named() -> None:
    found = {("right", True): 1, ("wrong", True): 2, ("surplus", False): 3}
    true = {("right", True): 1, ("wrong", True): 1, ("missing", True): 4}
    compared = compare_values("balances", found, true)
    assert (compared.agreeing, compared.total, compared.agrees) == (1, 3, False)
    assert compared.differences == [
        "balances: missing (live) should be 4, is None",
        "balances: surplus (test) should be None, is 3",
        "balances: wrong (live) should be 1, is 2",
    ]


def test_an_unknown_entity_differs_from_one_that_is_false() -> None:
    assert not compare_values("definitions", {}, {("a", True): False}).agrees


def test_a_currency_may_be_unspecified_only_where_nothing_told_it() -> None:
    told, untold = CertificateTruth(1, 1, "CAD"), CertificateTruth(1, 1, "CAD", currency_told=False)
    truth = Truth(certificates={("told", True): told, ("untold", True): untold, ("test", False): told})
    right = {("told", True): "CAD", ("untold", True): "unspecified"}
    assert compare_currencies(right, truth).agrees
    assert compare_currencies(right | {("untold", True): "CAD"}, truth).agrees
    wrong = right | {("told", True): "unspecified", ("untold", True): "USD"}
    assert compare_currencies(wrong, truth).differences == [
        "currencies: told (live) should be CAD, is unspecified",
        "currencies: untold (live) should be CAD, is USD",
    ]
