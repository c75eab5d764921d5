"""What `make up` prints: where everything is, and what to try first."""

import shlex

import msgspec

from consumer.traffic.examples import CERTIFICATE_CREATED
from deploy.local.services import Giftledger

_SETTINGS = (
    "DATABASE_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_ENABLE_IDEMPOTENCE",
    "TOPIC_PREFIX",
    "KAFKA_GROUP_ID",
    "WEBHOOK_SIGNING_KEYS",
)

_TEXT = """
In another terminal:
{exports}
  cd {folder}

Post a signed webhook (the documented purchase):
  t=$(date +%s)
  s2=$({{ printf '%s.' "$t"; cat example.json; }} | openssl dgst -sha256 -hmac "$SECRET" -r | cut -c1-64)
  curl -i -H "x-btrz-signature: t=$t,s=,s2=$s2" --data-binary @example.json {url}/webhooks

See its balance:
  psql "$DATABASE_URL" -c 'SELECT * FROM reporting.certificate_current' -x

Webhooks  {url}/webhooks
Metrics   {ingress}
          {worker}
Logs      {folder}

Ctrl-C stops everything and removes its files.
"""


def usage(commands: Giftledger, *, url: str, ingress: str, worker: str) -> str:
    """Write the example's body into the stack's folder, and give the text that uses it."""
    folder = commands.stack.folder
    (folder / "example.json").write_bytes(msgspec.json.format(CERTIFICATE_CREATED.encode(), indent=-1))
    settings = {name: commands.environment[name] for name in _SETTINGS if name in commands.environment}
    exports = "\n".join(
        f"  export {name}={shlex.quote(value)}" for name, value in (settings | {"SECRET": commands.secret}).items()
    )
    return _TEXT.format(exports=exports, folder=folder, url=url, ingress=ingress, worker=worker)
