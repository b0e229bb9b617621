"""Signatures of models: Ed25519 over the name, the version and the hashes of an artifact's files.

The operator signs on the machine that has the private key, and workers know the public keys
(`ROADMASK_MODEL_PUBLIC_KEYS`). So a person who can write to the object store cannot replace a
model.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roadmask.errors import InvalidRequest, SignatureInvalid
from roadmask.hashing import sha256_of_file
from roadmask.schemas.model_version import (
    CARD_FILE,
    COMPILED_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
)

if TYPE_CHECKING:
    # The functions below import it when they need it, because it takes 7 MB.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PURPOSE = "roadmask model"
"""Member of each signed statement, so that a signature for another purpose is not valid here."""
SIGNED_FILES = (MODEL_FILE, CARD_FILE, COMPILED_FILE)


def read_signing_key(path: Path, password: str | None = None) -> Ed25519PrivateKey:
    """The private key in a PEM file, as `openssl genpkey -algorithm ed25519` writes it.

    Raises `InvalidRequest`.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from None
    except TypeError:
        raise InvalidRequest(f"{path} is encrypted: its password is needed.") from None
    except ValueError:
        raise InvalidRequest(
            f"{path} is not a private key as PEM, or its password is wrong. Make a key with: "
            "openssl genpkey -algorithm ed25519 -out model-key.pem"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidRequest(f"{path} has a key of another kind: models are signed with Ed25519.")
    return key


def public_key_text(key: Ed25519PublicKey) -> str:
    """A public key in the form of the setting: DER in base64."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def sign(version: ModelVersion, files: Sequence[Path], key: Ed25519PrivateKey) -> bytes:
    """The content of `SIGNATURE_FILE` for these files of an artifact."""
    hashes = {file.name: sha256_of_file(file) for file in files}
    statement = json.dumps({"purpose": PURPOSE, "model": str(version), "sha256": hashes})
    signature = {
        "statement": statement,
        "public_key": public_key_text(key.public_key()),
        "signature": b64encode(key.sign(statement.encode())).decode(),
    }
    return json.dumps(signature, indent=2).encode()


def signed_files(signature: bytes) -> dict[str, str]:
    """The sha256 of each file that a signature names; empty if it cannot be read."""
    try:
        statement = json.loads(json.loads(signature)["statement"])
        return {str(name): str(sha256) for name, sha256 in statement["sha256"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def check_signature(folder: Path, version: ModelVersion, trusted: Sequence[str]) -> None:
    """Check that one of the `trusted` public keys has signed the artifact in a folder.

    Without trusted keys, nothing is checked. Raises `SignatureInvalid`.
    """
    if not trusted:
        return
    try:
        content = (folder / SIGNATURE_FILE).read_bytes()
    except FileNotFoundError:
        raise SignatureInvalid(
            f"{version} has no signature, and this worker loads signed models only "
            "(ROADMASK_MODEL_PUBLIC_KEYS). Publish it with `roadmask models push --key FILE`."
        ) from None
    if _statement(content, trusted) != {"purpose": PURPOSE, "model": str(version)}:
        raise SignatureInvalid(
            f"The signature of {version} was not made for this version by a key of "
            "ROADMASK_MODEL_PUBLIC_KEYS. Publish it with `roadmask models push --key FILE`, or "
            "add the public key."
        )
    signed = signed_files(content)
    for name in SIGNED_FILES:
        file = folder / name
        if file.exists() and sha256_of_file(file) != signed.get(name):
            raise SignatureInvalid(
                f"{name} of {version} is not the file that was signed. Publish the model again "
                "with `roadmask models push --key FILE`."
            )


def _statement(content: bytes, trusted: Sequence[str]) -> dict[str, object] | None:
    """The purpose and the model of a statement that a trusted key has signed."""
    try:
        fields = json.loads(content)
        statement, signature = fields["statement"].encode(), b64decode(fields["signature"])
        named = {name: json.loads(statement)[name] for name in ("purpose", "model")}
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return named if any(_has_signed(text, statement, signature) for text in trusted) else None


def _has_signed(public_key: str, statement: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(b64decode(public_key))
    assert isinstance(key, Ed25519PublicKey)
    try:
        key.verify(signature, statement)
    except InvalidSignature:
        return False
    return True
