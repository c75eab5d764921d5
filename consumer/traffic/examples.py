"""The documents' own examples.

The three definition payloads stand here exactly as in the sender's documents. A certificate's payload is
documented only as a skeleton of types: the two below fill every field of it, money in 1/100000.
"""

import msgspec

from consumer.traffic.truth import CertificateTruth, DefinitionTruth, Truth
from consumer.traffic.webhooks import Kind, Webhook

DEFINITION_CREATED = """{
  "attemptId": "16dd2aa7-f6ed-4e68-8e98-270365dd2523",
  "created": 1623794091,
  "data": {
    "_id": "60c921a917bda93f5c896bf4",
    "accountId": "52a377ec430c7d4e220001fc",
    "createdAt": {
      "offset": 0,
      "value": "2021-06-15T21:54:49.506Z"
    },
    "currencyCode": "",
    "deleted": false,
    "description": "TEst",
    "disabled": false,
    "image": "",
    "name": "Test",
    "price": 301000,
    "savings": 33000,
    "taxable": false,
    "updatedAt": {
      "offset": 0,
      "value": "2021-06-15T21:54:49.510Z"
    },
    "userId": "55fc2f318791db6e1a0000b6",
    "value": 401000
  },
  "event": "giftcertificates.created",
  "id": "1c38da11-2e46-4d8a-bd4f-4e005673b3fd",
  "livemode": true
}"""

DEFINITION_UPDATED = """{
  "attemptId": "fe0b9466-f545-488f-8a03-bbfbf12df652",
  "created": 1623793883,
  "data": {
    "_id": "5f3e98216501256cff449715",
    "accountId": "52a377ec430c7d4e220001fc",
    "createdAt": {
      "offset": 0,
      "value": "2020-08-20T15:34:57.193Z"
    },
    "currencyCode": "",
    "deleted": false,
    "description": "new gift",
    "disabled": false,
    "image": "",
    "name": "new gift",
    "price": 5000000,
    "savings": 50000,
    "taxable": false,
    "updatedAt": {
      "offset": 0,
      "value": "2021-06-15T21:50:40.749Z"
    },
    "userId": "55fc2f318791db6e1a0000b6",
    "value": 7500000
  },
  "event": "giftcertificates.updated",
  "id": "23a37788-7936-43d7-aafa-82714ddc99d6",
  "livemode": false
}"""

DEFINITION_DELETED = """{
  "attemptId": "401b9daf-9afe-4c21-98a6-b47970e7e947",
  "created": 1623794095,
  "data": {
    "giftcertificateId": "60c921a917bda93f5c896bf4"
  },
  "event": "giftcertificates.deleted",
  "id": "c4c2b2ed-d6d4-4f8c-ae7b-bace455b11f8",
  "livemode": true
}"""

CERTIFICATE_CREATED = """{
  "id": "6d0c5b1e-58a4-4f0b-9c57-0f2f6c3f8a11",
  "attemptId": "0f9b7f4e-2a0d-4d0c-8f43-6a7c1d1b5e21",
  "livemode": true,
  "created": 1623856932,
  "event": "giftcertificate.created",
  "data": {
    "_id": "60ca1724a3b1c2d4e5f60718",
    "userId": "55fc2f318791db6e1a0000b6",
    "trxId": "60ca1723a3b1c2d4e5f60701",
    "transactionsPaid": [],
    "transactionId": "60ca1723a3b1c2d4e5f60701",
    "total": 3390000,
    "displayTotal": 3390000,
    "taxes": [
      {
        "value": 13000,
        "name": "HST",
        "calculated": 390000
      }
    ],
    "taxable": true,
    "status": "paid",
    "shiftNumber": "1042",
    "shiftLocation": {
      "stationId": "53f2a8d1c4b7e90a1d000011",
      "name": "Toronto Union Station",
      "country": "Canada",
      "province": "Ontario",
      "shortcode": "TOR",
      "latitude": "43.6453",
      "longitude": "-79.3806",
      "costCenter": "CC-100",
      "operatingCompanyId": "52a377ec430c7d4e220001fd",
      "operatingCompanyName": "Lakeshore Coach",
      "locationPurchaseLimits": {},
      "primaryCurrencyCode": "CAD",
      "acceptedCurrencies": [],
      "externalId": "YYZ-1",
      "timeZone": "America/Toronto"
    },
    "shiftId": "60ca0f10a3b1c2d4e5f606a0",
    "rounding": {
      "policy": "none",
      "decimals": "2"
    },
    "price": 3000000,
    "displayPrice": 3000000,
    "lastName": "Lévesque",
    "firstName": "Zoë",
    "fees": [],
    "email": "zoe.levesque@example.com",
    "description": "40 to ride for 30",
    "customerNumber": "100042",
    "certDefId": "60b7d2f0a3b1c2d4e5f60001",
    "balance": 4000000,
    "agencyName": "Union Travel",
    "agencyId": "53f2a8d1c4b7e90a1d0000a1",
    "accountId": "52a377ec430c7d4e220001fc",
    "deleted": false,
    "createdAt": {
      "value": "2021-06-16T15:22:11.482Z",
      "offset": -240
    },
    "updatedAt": {
      "value": "2021-06-16T15:22:11.482Z",
      "offset": -240
    },
    "displayCurrency": {
      "buy": 1,
      "sell": 1,
      "isocode": "CAD",
      "symbol": "$"
    }
  }
}"""

CERTIFICATE_PAID_WITH = """{
  "id": "a3b86c0f-7c5e-4a7b-8a3d-5d9e1f20c7b4",
  "attemptId": "c1a9d6e8-3f52-4b6e-b0d4-94be27f3a6d5",
  "livemode": true,
  "created": 1624032307,
  "event": "giftcertificate.updated",
  "data": {
    "_id": "60ca1724a3b1c2d4e5f60718",
    "userId": "55fc2f318791db6e1a0000c9",
    "trxId": "60ca1723a3b1c2d4e5f60701",
    "transactionsPaid": ["60ccc432a3b1c2d4e5f60b33"],
    "transactionId": "60ca1723a3b1c2d4e5f60701",
    "total": 3390000,
    "displayTotal": 3390000,
    "taxes": [
      {
        "value": 13000,
        "name": "HST",
        "calculated": 390000
      }
    ],
    "taxable": true,
    "status": "paid",
    "shiftNumber": "377",
    "shiftLocation": {
      "stationId": "53f2a8d1c4b7e90a1d000012",
      "name": "Vancouver Pacific Central",
      "country": "Canada",
      "province": "British Columbia",
      "shortcode": "VAN",
      "latitude": "49.2737",
      "longitude": "-123.0977",
      "costCenter": "CC-200",
      "operatingCompanyId": "52a377ec430c7d4e220001fd",
      "operatingCompanyName": "Lakeshore Coach",
      "locationPurchaseLimits": {},
      "primaryCurrencyCode": "CAD",
      "acceptedCurrencies": [],
      "externalId": "YVR-1",
      "timeZone": "America/Vancouver"
    },
    "shiftId": "60ccb0e1a3b1c2d4e5f60a70",
    "rounding": {
      "policy": "none",
      "decimals": "2"
    },
    "price": 3000000,
    "displayPrice": 3000000,
    "lastName": "Lévesque",
    "firstName": "Zoë",
    "fees": [],
    "email": "zoe.levesque@example.com",
    "description": "40 to ride for 30",
    "customerNumber": "100042",
    "certDefId": "60b7d2f0a3b1c2d4e5f60001",
    "balance": 2750000,
    "agencyName": "Union Travel",
    "agencyId": "53f2a8d1c4b7e90a1d0000a1",
    "accountId": "52a377ec430c7d4e220001fc",
    "deleted": false,
    "createdAt": {
      "value": "2021-06-16T15:22:11.482Z",
      "offset": -240
    },
    "updatedAt": {
      "value": "2021-06-18T16:05:06.120Z",
      "offset": -420
    },
    "displayCurrency": {
      "buy": 1,
      "sell": 1,
      "isocode": "CAD",
      "symbol": "$"
    }
  }
}"""

EXAMPLES = (
    DEFINITION_CREATED,
    DEFINITION_UPDATED,
    DEFINITION_DELETED,
    CERTIFICATE_CREATED,
    CERTIFICATE_PAID_WITH,
)
CERTIFICATE_ID = "60ca1724a3b1c2d4e5f60718"


def documented(truth: Truth) -> list[Webhook]:
    """Give the documents' examples in their documented order, and enter their outcome into ``truth``."""
    truth.definitions["60c921a917bda93f5c896bf4", True] = DefinitionTruth(events=2, deleted=True)
    truth.definitions["5f3e98216501256cff449715", False] = DefinitionTruth(events=1)
    truth.certificates[CERTIFICATE_ID, True] = CertificateTruth(2_750_000, 4_000_000, "CAD", events=2)
    truth.posts[Kind.EVENT] += len(EXAMPLES)
    if truth.listed:
        truth.listed.certificate(msgspec.json.decode(CERTIFICATE_PAID_WITH)["data"])
    # JSON.stringify writes no white space: what is signed and posted is the compact form of the documents.
    return [Webhook(Kind.EVENT, msgspec.json.format(example.encode(), indent=-1), arrival=0.0) for example in EXAMPLES]
