#!/bin/sh
# Install giftledger from this tree into a virtual environment of its own: the pinned dependencies, then the wheel that
# is built here. The image does nothing else; a test does the same without an engine.
#   deploy/install.sh /opt/giftledger            what runs in production
#   deploy/install.sh /opt/giftledger reconcile  with what `giftledger reconcile` and `undelivered` need
#   deploy/install.sh /opt/giftledger simulate   with what `giftledger simulate` needs
set -eu

target=$1
requirements=${2:-runtime}
tree=$(cd "$(dirname "$0")/.." && pwd)
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT

"${PYTHON:-python3}" -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes \
    --requirement "$tree/deploy/requirements/$requirements.txt"
"$target/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-cache-dir --no-deps \
    --wheel-dir "$wheels" "$tree"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps "$wheels"/giftledger-*.whl
