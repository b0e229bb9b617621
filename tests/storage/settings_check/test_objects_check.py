"""Each right of an account, and what is wrong with a store, told apart on real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider

from roadmask.local.finding import Finding
from roadmask.settings import Settings
from storage.settings_check.objects_check import check_objects
from tests.servers import minio
from tests.servers.certificates import Authority
from tests.servers.minio import ACCESS_KEY, SECRET_KEY, MinioServer
from tests.servers.process import HOST, free_port

BUCKET = "rights"
RIGHTS = {
    "store: list": "s3:ListBucket",
    "store: write": "s3:PutObject",
    "store: read": "s3:GetObject",
    "store: delete": "s3:DeleteObject",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_objects(settings)}


def failures(settings: Settings) -> dict[str, str]:
    return {name: one.detail for name, one in findings(settings).items() if not one.ok}


def settings(address: str, **changes: object) -> Settings:
    own = {
        "store": "minio",
        "minio_endpoint": address,
        "minio_access_key": ACCESS_KEY,
        "minio_secret_key": SECRET_KEY,
        "minio_bucket": BUCKET,
    }
    return Settings.model_validate(own | changes)


def test_a_folder_is_checked_too(tmp_path: Path) -> None:
    good = findings(Settings(data_dir=tmp_path, secret="signs links in tests"))
    assert all(finding.ok for finding in good.values()), good
    assert "no secret" in failures(Settings(data_dir=tmp_path))["mask links"]
    (tmp_path / "file").write_text("a file")
    assert "object store" in failures(Settings(data_dir=tmp_path / "file"))


def test_what_is_not_reached() -> None:
    assert "Nothing listens at" in failures(settings(f"{HOST}:{free_port()}"))["object store"]
    unknown = failures(settings("no-such-host.invalid:9000"))["object store"]
    assert "has no address" in unknown


def test_authorities_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for file, why in (("/no/ca.pem", "no such file"), (__file__, "no readable certificate")):
        monkeypatch.setenv("SSL_CERT_FILE", file)
        assert why in failures(settings(f"{HOST}:{free_port()}"))["certificates"]


if minio.available():

    @pytest.fixture(scope="module")
    def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
        with MinioServer(tmp_path_factory.mktemp("minio")) as server:
            Minio(server.address, ACCESS_KEY, SECRET_KEY, secure=False).make_bucket(BUCKET)
            yield server

    def test_a_good_store_passes_and_its_bucket_is_made(server: MinioServer) -> None:
        good = findings(settings(server.address, minio_bucket="made-by-the-check"))
        assert all(finding.ok and not finding.is_remark for finding in good.values()), good
        assert "was made" in good["object store"].detail
        assert good["mask links"].detail == f"fetched from {server.address}"

    def test_keys_that_are_wrong(server: MinioServer) -> None:
        assert (
            "knows no account 'nobody'"
            in (failures(settings(server.address, minio_access_key="nobody"))["object store"])
        )
        wrong = settings(server.address, minio_secret_key="another secret of tests")
        assert "secret of the account" in failures(wrong)["object store"]

    @pytest.mark.parametrize("missing", [None, *RIGHTS])
    def test_each_missing_right_is_told_apart(
        server: MinioServer, missing: str | None, tmp_path: Path
    ) -> None:
        actions = [right for name, right in RIGHTS.items() if name != missing]
        account = f"lacks-{(missing or 'nothing').removeprefix('store: ')}"
        _make_account(server, account, actions, tmp_path)
        own = settings(server.address, minio_access_key=account, minio_secret_key="secret of tests")
        failed = failures(own)
        if missing is None:
            assert failed == {}
            return
        assert f"Grant {RIGHTS[missing]} on {BUCKET}" in failed.pop(missing)
        # A link is signed with the rights of the account.
        assert list(failed) == (["mask links"] if missing == "store: read" else [])

    def test_a_bucket_that_is_missing_and_may_not_be_made(
        server: MinioServer, tmp_path: Path
    ) -> None:
        _make_account(server, "lacks-bucket", [*RIGHTS.values()], tmp_path, bucket="no-bucket")
        own = settings(
            server.address,
            minio_bucket="no-bucket",
            minio_access_key="lacks-bucket",
            minio_secret_key="secret of tests",
        )
        assert "may not make it" in failures(own)["object store"]

    def test_public_endpoints(server: MinioServer) -> None:
        there = settings(server.address, minio_public_url=f"http://localhost:{server.port}")
        assert findings(there)["mask links"].detail == f"fetched from localhost:{server.port}"
        away = findings(settings(server.address, minio_public_url=f"http://{HOST}:{free_port()}"))
        assert away["mask links"].is_remark
        assert "Clients elsewhere may reach it" in away["mask links"].detail

    def test_certificates(
        server: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secure = settings(server.address, minio_secure=True)
        assert "does not speak TLS" in failures(secure)["object store"]
        authority = Authority(tmp_path / "tls")
        with TlsMinio(tmp_path / "minio", authority) as own:
            told = failures(settings(own.address, minio_secure=True))["object store"]
            assert "is not trusted" in told
            assert "SSL_CERT_FILE" in told
            plain = failures(settings(own.address))["object store"]
            assert "speaks TLS. Set ROADMASK_MINIO_SECURE=true" in plain
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            assert failures(settings(own.address, minio_secure=True)) == {}


class TlsMinio(MinioServer):
    """A MinIO with a certificate of its own authority."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        super().__init__(folder)
        certificates = folder / "certificates"
        certificates.mkdir(parents=True)
        (certificates / "public.crt").write_bytes(authority.certificate.read_bytes())
        (certificates / "private.key").write_bytes(authority.key.read_bytes())

    def command(self) -> list[str]:
        return [*super().command(), "--certs-dir", str(self.folder / "certificates")]

    def answers(self) -> bool:
        import httpx

        try:
            ready = f"https://{self.address}/minio/health/ready"
            return httpx.get(ready, verify=False).is_success
        except httpx.TransportError:
            return False


def _make_account(
    server: MinioServer, name: str, actions: list[str], folder: Path, bucket: str = BUCKET
) -> None:
    places = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": places}
    policy = folder / "policy.json"
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    provider = StaticProvider(ACCESS_KEY, SECRET_KEY)
    admin = MinioAdmin(endpoint=server.address, credentials=provider, secure=False)
    admin.policy_add(name, policy)
    admin.user_add(name, "secret of tests")
    admin.policy_set(name, user=name)
