"""What `make up` prints: three lines to paste, and where everything is. They need a POSIX shell, curl and openssl."""

import json
import shlex
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from consumer.traffic.examples import CERTIFICATE_PAID_WITH
from deploy.local.postgres_programs import find_psql
from deploy.local.services import Giftledger

_SETTINGS = (
    "DATABASE_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_ENABLE_IDEMPOTENCE",
    "TOPIC_PREFIX",
    "KAFKA_GROUP_ID",
    "WEBHOOK_SIGNING_KEYS",
    "LOG_FORMAT",
)
_LEFT = 1_500_000  # of the documents' certificate: 12.50 less than after their own payment

_ENVIRONMENT = """\
# For a shell beside `make up`:  . {folder}/env
export PATH={bin}:"$PATH"
{exports}

# post FILE: sign it as the sender does, and post it.
post() {{
  t=$(date +%s)
  s2=$({{ printf '%s.' "$t"; cat "$1"; }} | openssl dgst -sha256 -hmac "$SECRET" -r | cut -c1-64)
  curl -sS -i -H "x-btrz-signature: t=$t,s=,s2=$s2" --data-binary "@$1" {url}/webhooks
  echo
  sleep 1  # for the eye: by then it is applied
}}

# sql STATEMENT: print what it gives.
sql() {{
  psql "$DATABASE_URL" --pset=pager=off --command="$1"
}}
"""

_TEXT = """
Paste into another terminal: the settings, a signed webhook (somebody pays
12.50 with the documents' certificate), and what is outstanding after it.

. {folder}/env
post {folder}/payment.json
sql "SELECT account_id, currency, outstanding FROM reporting.liability_current"

Post it once more, and nothing changes. Then try:

sql "SELECT rule, count(*) FROM reporting.data_quality_exceptions GROUP BY rule"
giftledger dead-letters list
giftledger balances verify
giftledger check

Webhooks  {url}/webhooks
Metrics   {ingress}
          {worker}
Logs      {folder}

Ctrl-C stops everything and removes its files.
"""


def usage(commands: Giftledger, *, url: str, ingress: str, worker: str) -> str:
    """Write what the text speaks of into the stack's folder, and give the text."""
    folder = commands.stack.folder
    (folder / "payment.json").write_bytes(_payment())
    environment = folder / "env"
    environment.touch(mode=0o600)
    environment.write_text(
        _ENVIRONMENT.format(folder=folder, bin=_programs(folder), exports=_exports(commands), url=url)
    )
    return _TEXT.format(folder=folder, url=url, ingress=ingress, worker=worker)


def _exports(commands: Giftledger) -> str:
    settings = {name: commands.environment[name] for name in _SETTINGS if name in commands.environment}
    every = settings | {"SECRET": commands.secret}
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in every.items())


def _programs(folder: Path) -> Path:
    """Put giftledger, and psql where there is none, into a folder for the path."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    wanted = {"giftledger": Path(sys.executable).with_name("giftledger")}
    if not shutil.which("psql"):
        wanted["psql"] = find_psql()
    for name, program in wanted.items():
        link = programs / name
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    return programs


def _payment() -> bytes:
    """Pay once more with the documents' certificate, now."""
    event = json.loads(CERTIFICATE_PAID_WITH)
    now = datetime.now(UTC)
    event |= {"id": "payment-by-hand", "attemptId": "attempt-by-hand", "created": int(now.timestamp())}
    event["data"] |= {
        "balance": _LEFT,
        "transactionsPaid": [*event["data"]["transactionsPaid"], "60ccc432a3b1c2d4e5f60b34"],
        "updatedAt": {"value": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z", "offset": 0},
    }
    return msgspec.json.encode(event)
