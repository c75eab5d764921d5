"""`python -m tests.prometheus_rule`: the alerts of deploy/prometheus as a PrometheusRule. A test compares the file."""

import sys
from textwrap import indent

from tests.monitoring import DEPLOY, RULES

MANIFEST = DEPLOY / "kubernetes" / "components" / "prometheus" / "rules.yaml"
_HEAD = """\
# Written by `make rules` from deploy/prometheus/rules.yaml, which says what they are about.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: giftledger
  labels: {release: kube-prometheus-stack}
spec:
"""


def prometheus_rule() -> str:
    """Write the manifest: the groups as they stand there, comments included."""
    text = RULES.read_text(encoding="utf-8")
    return _HEAD + indent(text[text.index("groups:\n") :], "  ")


if __name__ == "__main__":
    sys.stdout.write(prometheus_rule())
