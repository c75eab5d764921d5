"""The running ingress against its OpenAPI document: schemathesis invents the requests."""

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks

from consumer.contracts import FOLDER
from consumer.ingress.signature import HEADER, sign
from deploy.local.stack import Stack
from tests.sender import SECRET
from tests.services import commands, create_its_topics, deployment, start_ingress

pytestmark = pytest.mark.once

CASES = 100

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    load_all_checks()
    DOCUMENT = json.loads((FOLDER / "openapi.json").read_text())
    # A signature belongs to the bytes that are sent, of which schemathesis knows nothing: see Signed.
    del DOCUMENT["security"], DOCUMENT["components"]["securitySchemes"]
    OPERATION = schemathesis.openapi.from_dict(DOCUMENT)["/webhooks"]["POST"]

bounded = settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Signed(AuthBase):
    """Signs the bytes that leave, as the sender does."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        assert isinstance(content, bytes)
        request.headers[HEADER] = sign(self.secret, content)
        return request


class Unsigned(AuthBase):
    """Sends as it is."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    with commands(stack, deployment(stack)) as giftledger:
        create_its_topics(giftledger)
        _, sender = start_ingress(giftledger)
        yield f"http://127.0.0.1:{sender.port}"


@pytest.fixture(scope="module")
def send(url: str) -> Iterator[Callable[[Any, AuthBase], int]]:
    """Send a case, check the answer by the document, and give its status; print what came of all of them."""
    statuses: dict[int, int] = {}
    with requests.Session() as session:

        def call(case: Any, auth: AuthBase) -> int:
            answer = case.call(base_url=url, session=session, auth=auth)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            case.validate_response(answer)
            return int(answer.status_code)

        yield call
    print(f"schemathesis: {sum(statuses.values())} cases, answers {dict(sorted(statuses.items()))}")  # noqa: T201


def as_written_by_the_sender(case: Any) -> Any:
    """Write integers as JSON.stringify does: to JSON Schema 1.0 is one too, to us it is not."""
    if isinstance(created := case.body["created"], float):
        case.body["created"] = int(created)
    return case


def test_what_the_document_allows_is_taken(send: Callable[[Any, AuthBase], int]) -> None:
    @bounded
    @given(case=OPERATION.as_strategy(generation_mode=GenerationMode.POSITIVE).map(as_written_by_the_sender))
    def each(case: Any) -> None:
        assert send(case, Signed()) == 200

    each()


def test_what_the_document_forbids_is_refused(send: Callable[[Any, AuthBase], int]) -> None:
    @bounded
    @given(case=OPERATION.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def each(case: Any) -> None:
        assert send(case, Signed()) in {400, 405}

    each()


@pytest.mark.parametrize("auth", [Unsigned(), Signed("another secret")], ids=["unsigned", "forged"])
def test_what_nobody_signed_is_refused_whatever_it_says(send: Callable[[Any, AuthBase], int], auth: AuthBase) -> None:
    @settings(bounded, max_examples=20)
    @given(case=OPERATION.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def each(case: Any) -> None:
        assert send(case, auth) == 401

    each()
