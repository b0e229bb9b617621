"""Settings of every process, read from the environment (`ROADMASK_…`) at its start."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from roadmask.addresses import base_url, check_bucket, check_endpoint, check_host, check_redis_url
from roadmask.errors import InvalidRequest
from roadmask.hashing import sha256_of
from roadmask.json_list import JsonList
from roadmask.schemas.ids import SHA256

MIN_SECRET = 16
"""Least length of a secret, characters."""
SAMPLES = frozenset({"change-me-now", "changeme", "minioadmin", "password", "secret", "roadmask"})
"""Secrets that are refused, because documentation and default configurations contain them."""

ED25519 = bytes.fromhex("302a300506032b6570032100")
"""Prefix of an Ed25519 public key in DER (RFC 8410); the 32 bytes of the key follow."""

MANY = 10**9
"""Largest value of a setting that is a count: a larger one is a typing error, and would overflow.
"""
DAY_S = 24 * 3600
CENTURY_DAYS = 36_500

EngineName = Literal["auto", "keras", "openvino-f32", "openvino-bf16", "openvino-int8"]
LogFormat = Literal["text", "json"]


def secrets_dir() -> Path | None:
    """The folder with a file for each secret, named like its variable, as containers get them.

    Raises `InvalidRequest` if it is no folder.
    """
    folder = os.environ.get("ROADMASK_SECRETS_DIR", "").strip()
    if folder and not Path(folder).is_dir():
        raise InvalidRequest(
            f"ROADMASK_SECRETS_DIR names {folder!r}, which is no folder. Correct it, or leave it "
            "out."
        )
    return Path(folder) if folder else None


class Settings(BaseSettings):
    """Settings of a process; each field is `ROADMASK_<FIELD>` in the environment."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="ROADMASK_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    redis_url: Annotated[str, AfterValidator(check_redis_url)] = "redis://127.0.0.1:6379/0"
    """Job records and Celery's queues."""

    store: Literal["local", "minio"] = "local"
    """The object store of images and masks."""

    data_dir: Path = Path("roadmask-data")
    """The folder of the local store (`objects/` below it), of the embedded Redis, and of a worker's
    copies of published models (`models/`)."""

    minio_endpoint: Annotated[str, AfterValidator(check_endpoint)] = "127.0.0.1:9000"
    """`host:port` of the S3 server, as this process reaches it."""

    minio_public_url: str = ""
    """Base URL of the S3 server as clients reach it; presigned URLs are signed for it.
    Empty: the same as `minio_endpoint`."""

    minio_access_key: str = "roadmask"
    """Name of the account on the S3 server; it needs to read, write and list one bucket."""

    minio_secret_key: SecretStr = SecretStr("")
    """The secret of that account."""

    minio_secure: bool = False
    """Whether `minio_endpoint` uses HTTPS."""

    minio_region: str = "us-east-1"
    """The region for which requests are signed."""

    minio_bucket: Annotated[str, AfterValidator(check_bucket)] = "roadmask"
    """The bucket of all objects; it is created if it is missing."""

    minio_prefix: str = ""
    """Start of all keys in the bucket, such as `roadmask/`, if the bucket has other objects too."""

    minio_addressing: Literal["auto", "path", "virtual"] = "auto"
    """Where a request names the bucket: in the path, or as a virtual host (`BUCKET.HOST`).
    `auto`: as a virtual host on Amazon and Aliyun, in the path elsewhere."""

    public_url: Annotated[str, AfterValidator(base_url)] = "http://127.0.0.1:8000"
    """Base URL of the API, as clients reach it."""

    secret: SecretStr = SecretStr("")
    """Signs the URLs of the local store. `roadmask up` creates one in the data folder."""

    api_key_hashes: JsonList[str] = Field(default_factory=list)
    """sha256 (hex) of each accepted API key, as a JSON list. Empty: no key is required."""

    no_keys: bool = False
    """Whether a service without keys answers on other addresses than those of this machine
    (`roadmask api --no-keys`)."""

    url_ttl_s: int = Field(900, ge=10, le=7 * DAY_S)
    """Validity of signed URLs, seconds."""

    max_upload_bytes: int = Field(64 * 2**20, ge=1, le=2**40)
    """Largest file accepted, bytes."""

    max_image_pixels: int = Field(50_000_000, ge=1, le=MANY)
    """Largest image decoded, pixels (width times height)."""

    max_open_items: int = Field(5_000_000, ge=1, le=MANY)
    """Items in the open jobs of a lane; beyond them its new jobs are refused with `queue_full`."""

    max_open_jobs: int = Field(10_000, ge=1, le=MANY)
    """Open jobs of a lane; beyond them its new jobs are refused with `queue_full`."""

    max_submissions_per_s: float = Field(50.0, ge=0, le=1_000_000)
    """Jobs that a client (a key, or an address without keys) may send in a second, and at once ten
    times as many; beyond them they are refused with `too_many_requests`. 0: no limit."""

    max_connections: int = Field(4096, ge=1, le=MANY)
    """Open connections of one API process."""

    max_connections_per_address: int = Field(2048, ge=1, le=MANY)
    """Open connections of one client address. Behind a proxy all connections have its address."""

    max_streams: int = Field(4096, ge=1, le=MANY)
    """Event streams and waiting requests of one API process."""

    max_streams_per_address: int = Field(2048, ge=1, le=MANY)
    """Event streams and waiting requests of one client address, which a trusted proxy passes on."""

    model: str = Field("default", min_length=1)
    """The artifact that a worker serves until a version is promoted: a shipped or published one, by
    name or version, or a folder."""

    engine: EngineName = "auto"
    """The engine that runs the network; `auto`: the one that `roadmask tune` chose, or a safe
    default."""

    worker_threads: int = Field(4, ge=1, le=1000)
    """Chunks of each lane that one worker process works on at once."""

    model_public_keys: JsonList[str] = Field(default_factory=list)
    """Public keys (Ed25519, DER in base64) of which one must have signed each model that is not
    installed with Roadmask, as a JSON list. Empty: signatures are not checked."""

    warm_sandbox: bool = True
    """Whether a worker has the process ready in which it decodes suspected images. Without it the
    first such image waits for a second, and the worker takes 50 MB less memory until then."""

    max_batch: int = Field(8, ge=1, le=1000)
    """Most images in one micro-batch."""

    lease_s: float = Field(30.0, ge=0.1, le=DAY_S)
    """How long a worker that renews no lease keeps a claimed chunk, seconds."""

    item_deadline_s: float = Field(60.0, ge=0.1, le=DAY_S)
    """Longest time for one image once a worker has started it, seconds."""

    max_attempts: int = Field(3, ge=1, le=1000)
    """Attempts at one item. It fails with the error of the last one, or as `worker_crashed`."""

    reconcile_s: float = Field(2.0, ge=0.01, le=3600)
    """Pause between two runs of the reconciler, seconds."""

    allowed_origins: JsonList[str] = Field(default_factory=list)
    """Origins of other sites whose pages may read from this service in a browser, as a JSON list
    (`http://localhost:8080`). Label Studio needs this to show images. Empty: none."""

    webhook_hosts: JsonList[str] = Field(default_factory=list)
    """Hosts that may receive webhooks, as a JSON list: host names, which must have public
    addresses, and addresses or networks (`10.1.0.0/16`), which need not be public. Empty: none."""

    webhook_secret: SecretStr = SecretStr("")
    """Signs webhooks: `whsec_` and 24 to 64 random bytes in base64, shared with the receivers."""

    webhook_pauses_s: JsonList[Annotated[float, Field(ge=0, le=30 * DAY_S)]] = Field(
        [5, 30, 120, 600, 3600, 6 * 3600, DAY_S], max_length=100
    )
    """Pauses before a webhook is sent again, seconds; then its delivery has failed."""

    log_format: LogFormat = "text"
    """The form of log lines: `text` for people, `json` for log collectors."""

    metrics_port: int = Field(0, ge=0, le=65535)
    """The port on which a worker serves its Prometheus metrics; 0: none. The API serves its own at
    `/metrics`."""

    metrics_host: Annotated[str, AfterValidator(check_host)] = "127.0.0.1"
    """The address of that port. It has no keys: open it to the monitoring network only."""

    retention_s: int = Field(7 * DAY_S, ge=60, le=CENTURY_DAYS * DAY_S)
    """How long the records of an ended job are kept, seconds."""

    keep_uploads_days: int = Field(0, ge=0, le=CENTURY_DAYS)
    """Days after which `roadmask store gc` erases uploads that are in no dataset; 0: never."""

    keep_masks_days: int = Field(0, ge=0, le=CENTURY_DAYS)
    """Days after which `roadmask store gc` deletes masks, which can be made again; 0: never."""

    keep_jobs_days: int = Field(0, ge=0, le=CENTURY_DAYS)
    """Days after its end at which `roadmask store gc` deletes what is stored of a job; 0: never."""

    keep_models_days: int = Field(0, ge=0, le=CENTURY_DAYS)
    """Days after which `roadmask store gc` deletes published models that no job needs and that were
    never in service; 0: never."""

    @field_validator("secret", "minio_secret_key")
    @classmethod
    def _is_no_sample(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        value = secret.get_secret_value()
        least = MIN_SECRET if info.field_name == "secret" else 8
        if value and (len(value) < least or value.lower() in SAMPLES or len(set(value)) < 4):
            raise ValueError(
                f"it is a sample or too short: give {least} random characters or more, such as "
                "`openssl rand -hex 32` prints"
            )
        return secret

    @field_validator("*", mode="before")
    @classmethod
    def _without_blanks(cls, value: Any, info: ValidationInfo) -> Any:
        # Files and secret stores often end with a line break. The name of a folder may have blanks.
        ends = "\r\n" if info.field_name == "data_dir" else None
        return value.strip(ends) if isinstance(value, str) else value

    @field_validator("minio_public_url")
    @classmethod
    def _is_url_without_path(cls, url: str) -> str:
        if url and urlsplit(url := base_url(url)).path:
            raise ValueError(
                f"it is {url!r}: give scheme and host alone, like https://masks.example.org, since "
                "S3 signatures cover the whole path"
            )
        return url

    @field_validator("minio_access_key")
    @classmethod
    def _is_account(cls, name: str) -> str:
        if not re.fullmatch(r"[!-~]+", name):
            raise ValueError(f"{name!r} is not an account: it has ASCII characters without blanks")
        return name

    @field_validator("minio_region")
    @classmethod
    def _is_region(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", name):
            raise ValueError(
                f"{name!r} is not a region: it has letters, digits and dashes, such as eu-west-1. "
                "Servers without regions take us-east-1"
            )
        return name

    @field_validator("data_dir", mode="before")
    @classmethod
    def _is_folder(cls, path: Any) -> Any:
        if path == "":
            raise ValueError("it is empty. Name a folder; `.` is the one in which you are")
        return path

    @field_validator("minio_prefix")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        if prefix and not re.fullmatch(r"([A-Za-z0-9_-][A-Za-z0-9_.!-]{0,99}/){1,4}", prefix):
            raise ValueError(
                f"{prefix!r} is not a prefix of keys: up to 4 names of letters, digits, dots and "
                "dashes, with a slash after each, such as `roadmask/`"
            )
        return prefix

    @model_validator(mode="after")
    def _has_secret_of_the_store(self) -> Self:
        if self.store == "minio" and not self.minio_secret_key.get_secret_value():
            raise ValueError(
                "ROADMASK_MINIO_SECRET_KEY is empty, and ROADMASK_STORE=minio needs it: "
                "it is the secret of the account ROADMASK_MINIO_ACCESS_KEY"
            )
        return self

    @field_validator("max_submissions_per_s")
    @classmethod
    def _is_rate(cls, rate: float) -> float:
        if 0 < rate < 0.001:
            raise ValueError("it must be 0 for no limit, or 0.001 at least")
        return rate

    @field_validator("api_key_hashes")
    @classmethod
    def _are_hashes(cls, entries: list[str]) -> list[str]:
        hashes = [entry.strip().lower() for entry in entries]
        for number, entry in enumerate(hashes, 1):
            if not re.fullmatch(SHA256, entry) or entry == sha256_of(b""):
                raise ValueError(
                    f"entry {number} is not the sha256 of a key: 64 hexadecimal digits. Make one "
                    "with: printf %s KEY | sha256sum"
                )
        return hashes

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            if not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", entry):
                raise ValueError(
                    f"{entry!r} is not an origin. An origin is `http://` or `https://`, the host "
                    "in lower case, and its port if it is not the default one"
                )
        return entries

    @field_validator("webhook_hosts")
    @classmethod
    def _are_hosts(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            if not re.fullmatch(r"(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", entry):
                try:
                    ip_network(entry, strict=False)
                except ValueError:
                    raise ValueError(f"{entry!r} is not a host, address or network") from None
        return entries

    @field_validator("model_public_keys")
    @classmethod
    def _are_public_keys(cls, entries: list[str]) -> list[str]:
        for number, entry in enumerate(entries, 1):
            try:
                key = b64decode(entry, validate=True)
            except ValueError:
                key = b""
            if len(key) != len(ED25519) + 32 or not key.startswith(ED25519):
                raise ValueError(
                    f"entry {number} is not an Ed25519 public key. Print it with: openssl pkey "
                    "-in model-key.pem -pubout -outform DER | base64"
                )
        return entries

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr) -> SecretStr:
        prefix, value = "whsec_", secret.get_secret_value()
        try:
            length = len(b64decode(value.removeprefix(prefix), validate=True))
        except ValueError:
            length = 0
        if value and not (value.startswith(prefix) and 24 <= length <= 64):
            raise ValueError("it must be `whsec_` followed by 24 to 64 random bytes in base64")
        return secret

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: Any, init_settings: Any, env_settings: Any, *_: Any, **others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments go before variables, and these before files."""
        folder = others["file_secret_settings"].secrets_dir or secrets_dir()
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, folder)

    @property
    def objects_dir(self) -> Path:
        """The root folder of the local store."""
        return self.data_dir / "objects"

    @property
    def models_dir(self) -> Path:
        """The folder of a worker's copies of published models."""
        return self.data_dir / "models"

    @property
    def visibility_timeout_s(self) -> int:
        """Seconds after which Redis delivers an unacknowledged message again: 3 deadlines."""
        return int(3 * self.item_deadline_s)
