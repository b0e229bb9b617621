"""Signatures of models: what was signed loads, and nothing else."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from roadmask.errors import InvalidRequest, SignatureInvalid
from roadmask.schemas.model_version import (
    CARD_FILE,
    COMPILED_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
)
from roadmask.settings import Settings
from storage.models.signatures import check_signature, public_key_text, read_signing_key, sign
from tests.harness.storage.artifact_folders import write_artifact

KEY = Ed25519PrivateKey.generate()
TRUSTED = [public_key_text(KEY.public_key())]
FILES = (MODEL_FILE, CARD_FILE, COMPILED_FILE)

Change = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_artifact(tmp_path / "tiny")
    (tmp_path / "tiny" / COMPILED_FILE).write_bytes(b"compiled")
    signature = sign(version(tmp_path / "tiny"), [tmp_path / "tiny" / name for name in FILES], KEY)
    (tmp_path / "tiny" / SIGNATURE_FILE).write_bytes(signature)
    return tmp_path / "tiny"


def version(folder: Path) -> ModelVersion:
    card = json.loads((folder / CARD_FILE).read_text())
    return ModelVersion(card["name"], card["version"])


def test_what_was_signed_is_accepted_by_each_worker_that_knows_the_key(folder: Path) -> None:
    other = public_key_text(Ed25519PrivateKey.generate().public_key())
    check_signature(folder, version(folder), [other, *TRUSTED])
    with pytest.raises(SignatureInvalid, match="by a key of ROADMASK_MODEL_PUBLIC_KEYS"):
        check_signature(folder, version(folder), [other])


def resigned(folder: Path, purpose: str) -> None:
    """The same statement for another purpose, signed by the trusted key."""
    fields = json.loads((folder / SIGNATURE_FILE).read_bytes())
    statement = json.dumps(json.loads(fields["statement"]) | {"purpose": purpose})
    fields |= {
        "statement": statement,
        "signature": b64encode(KEY.sign(statement.encode())).decode(),
    }
    (folder / SIGNATURE_FILE).write_text(json.dumps(fields))


def changed_statement(folder: Path) -> None:
    text = (folder / SIGNATURE_FILE).read_text()
    (folder / SIGNATURE_FILE).write_text(text.replace("tiny@", "tony@"))


CHANGES: dict[str, Change] = {
    "no signature": lambda folder: (folder / SIGNATURE_FILE).unlink(),
    "another model": lambda folder: (folder / MODEL_FILE).write_bytes(b"other weights"),
    "another card": lambda folder: (folder / CARD_FILE).write_text("{}"),
    "another network": lambda folder: (folder / COMPILED_FILE).write_bytes(b"other"),
    "another statement": changed_statement,
    "another purpose": lambda folder: resigned(folder, "roadmask webhook"),
    "no JSON": lambda folder: (folder / SIGNATURE_FILE).write_bytes(b"\xff"),
    "other JSON": lambda folder: (folder / SIGNATURE_FILE).write_text("[1]"),
    "no base64": lambda folder: (folder / SIGNATURE_FILE).write_text(
        '{"statement": "{}", "signature": "!"}'
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_anything_else_is_refused_in_one_sentence(folder: Path, change: str) -> None:
    before = version(folder)
    CHANGES[change](folder)
    with pytest.raises(SignatureInvalid, match="roadmask models push --key"):
        check_signature(folder, before, TRUSTED)
    check_signature(folder, before, [])


def test_a_signature_is_of_one_version(folder: Path) -> None:
    with pytest.raises(SignatureInvalid, match="not made for this version"):
        check_signature(folder, ModelVersion("other", version(folder).version), TRUSTED)


def test_a_network_that_was_not_signed_is_refused(folder: Path) -> None:
    signature = sign(version(folder), [folder / MODEL_FILE, folder / CARD_FILE], KEY)
    (folder / SIGNATURE_FILE).write_bytes(signature)
    with pytest.raises(SignatureInvalid, match=f"^{COMPILED_FILE} of"):
        check_signature(folder, version(folder), TRUSTED)


def pem(key: Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_keys_are_those_of_openssl(tmp_path: Path) -> None:
    file = tmp_path / "model-key.pem"
    made = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(file)]
    subprocess.run(made, check=True, capture_output=True)
    shown = ["openssl", "pkey", "-in", str(file), "-pubout", "-outform", "DER"]
    der = subprocess.run(shown, check=True, capture_output=True).stdout
    text = public_key_text(read_signing_key(file).public_key())
    assert text == b64encode(der).decode()
    assert Settings(model_public_keys=[text]).model_public_keys == [text]


def test_a_key_may_have_a_password(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(KEY, b"long words"))
    assert public_key_text(read_signing_key(file, "long words").public_key()) == TRUSTED[0]
    for password, cause in ((None, "is encrypted"), ("other", "password is wrong")):
        with pytest.raises(InvalidRequest, match=cause):
            read_signing_key(file, password)


def test_what_is_no_signing_key_is_told(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_signing_key(file)
    file.write_text("ssh-ed25519 AAAA")
    with pytest.raises(InvalidRequest, match="is not a private key as PEM"):
        read_signing_key(file)
    other = generate_private_key(SECP256R1())
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(InvalidRequest, match="another kind"):
        read_signing_key(file)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "!" * 60, b64encode(b"x" * 44).decode(), TRUSTED[0][:-4]],
    ids=["nothing", "no base64", "no letters", "no key", "a part of a key"],
)
def test_a_setting_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an Ed25519 public key"):
        Settings(model_public_keys=[text])
