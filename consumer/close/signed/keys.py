"""Keys: Ed25519, private ones as `openssl genpkey -algorithm ed25519` writes them, public ones several in one file.

The public file holds what `openssl pkey -pubout` gives, each key below a line with its owner's name.
"""

import re
from pathlib import Path

from consumer.common.errors import Fatal

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
except ModuleNotFoundError as missing:  # pragma: no cover - an installation without the extra
    raise Fatal(f"{missing.name} is not installed: pip install 'giftledger[close]'") from None

_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def read_private(file: Path) -> Ed25519PrivateKey:
    """Read a private key. Raises Fatal."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise Fatal(f"{file}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Fatal(f"{file} is no private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Fatal(f"{file} is no Ed25519 key: openssl genpkey -algorithm ed25519 makes one")
    return key


def raw(key: Ed25519PublicKey) -> bytes:
    """Give the 32 bytes of a public key."""
    return key.public_bytes_raw()


def read_public(file: Path) -> dict[bytes, str]:
    """Read public keys: their bytes, and the line of text before each. Raises Fatal."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Fatal(f"{file} cannot be read: {error}") from None
    keys: dict[bytes, str] = {}
    for number, block in enumerate(_PUBLIC.finditer(text), 1):
        lines = [line.strip() for line in text[: block.start()].splitlines() if line.strip()]
        name = lines[-1] if lines and not lines[-1].startswith("-----") else f"key {number} of {file.name}"
        try:
            key = load_pem_public_key(block[0].encode())
        except (ValueError, UnsupportedAlgorithm):
            raise Fatal(f"{file}: {name} is no public key") from None
        if not isinstance(key, Ed25519PublicKey):
            raise Fatal(f"{file}: {name} is no Ed25519 key")
        keys[raw(key)] = name
    if not keys:
        raise Fatal(f"{file} holds no public key: openssl pkey -in KEY -pubout gives one")
    return keys


def is_signed(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Tell whether a key made this signature of these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
