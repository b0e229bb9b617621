"""Settings of every process, read from the environment (`ROADMASK_…`) once at its start."""

from __future__ import annotations

import re
from base64 import b64decode
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

EngineName = Literal["auto", "keras", "openvino-f32", "openvino-bf16", "openvino-int8"]


class Settings(BaseSettings):
    """What a process needs to know; each field is `ROADMASK_<FIELD>` in the environment."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="ROADMASK_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    redis_url: str = "redis://127.0.0.1:6379/0"
    """Job records and Celery's queues."""

    store: Literal["local", "minio"] = "local"
    """Which object store holds images and masks."""

    data_dir: Path = Path("roadmask-data")
    """The folder of the local store (`objects/` below it), of the embedded Redis, and of a worker's
    copies of published models (`models/`)."""

    minio_endpoint: str = "127.0.0.1:9000"
    """`host:port` of the S3 server as this process reaches it."""

    minio_public_url: str = ""
    """Base URL of the S3 server as clients reach it; presigned URLs are signed for it.
    Empty: the same as `minio_endpoint`."""

    minio_access_key: str = "roadmask"
    """Name of the account on the S3 server; it needs to read, write and list one bucket."""

    minio_secret_key: SecretStr = SecretStr("")
    """Its secret."""

    minio_secure: bool = False
    """Whether `minio_endpoint` speaks https."""

    minio_region: str = "us-east-1"
    """The region that requests are signed for."""

    minio_bucket: str = "roadmask"
    """The bucket of all objects; it is made when it is missing."""

    public_url: str = "http://127.0.0.1:8000"
    """Base URL of the API as clients reach it."""

    secret: SecretStr = SecretStr("")
    """Signs the local store's URLs. `roadmask up` makes one and keeps it in the data folder."""

    api_key_hashes: list[str] = Field(default_factory=list)
    """sha256 (hex) of each accepted API key, as a JSON list. Empty: no key is asked for."""

    url_ttl_s: int = Field(900, ge=10, le=7 * 24 * 3600)
    """How long signed URLs stay valid, seconds."""

    max_upload_bytes: int = Field(64 * 2**20, ge=1)
    """Largest file accepted, bytes."""

    max_image_pixels: int = Field(50_000_000, ge=1)
    """Largest image decoded, pixels (width times height)."""

    max_open_items: int = Field(5_000_000, ge=1)
    """Items that may wait in all open jobs before new ones are refused with `queue_full`."""

    model: str = "default"
    """The artifact a worker serves as long as none was promoted: one that comes with Roadmask, by
    name or version, a published one, or a folder."""

    engine: EngineName = "auto"
    """What computes the network; `auto`: what `roadmask tune` found fastest, or a safe guess."""

    worker_threads: int = Field(4, ge=1)
    """Chunks one worker process holds at once."""

    max_batch: int = Field(8, ge=1)
    """Most images in one micro-batch."""

    lease_s: float = Field(30.0, gt=0)
    """How long a claimed chunk stays with a worker that gives no sign of life, seconds."""

    item_deadline_s: float = Field(60.0, gt=0)
    """Longest time one image may take once it is in hand, seconds."""

    max_attempts: int = Field(3, ge=1)
    """Attempts at one item before it fails as `worker_crashed`."""

    reconcile_s: float = Field(2.0, gt=0)
    """Pause between two rounds of the reconciler, seconds."""

    allowed_origins: list[str] = Field(default_factory=list)
    """Other sites whose pages may read from this service in a browser, as a JSON list of origins
    (`http://localhost:8080`): Label Studio shows images no other way. Empty: none."""

    webhook_hosts: list[str] = Field(default_factory=list)
    """Where webhooks may go, as a JSON list: names of hosts, which must have public addresses, and
    addresses or networks (`10.1.0.0/16`), which need not be public. Empty: nowhere."""

    webhook_secret: SecretStr = SecretStr("")
    """Signs webhooks: `whsec_` and 24 to 64 random bytes in base64, shared with the receivers."""

    webhook_pauses_s: list[float] = [5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600]
    """Pauses before a failed webhook is tried again, seconds; after the last one it is given up."""

    retention_s: int = Field(7 * 24 * 3600, ge=60)
    """How long the records of a finished job are kept, seconds."""

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            if not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", entry):
                raise ValueError(
                    f"{entry!r} is no origin: give `http://` or `https://`, the host in small "
                    "letters, its port where there is one, and nothing behind"
                )
        return entries

    @field_validator("webhook_hosts")
    @classmethod
    def _are_hosts(cls, entries: list[str]) -> list[str]:
        for entry in entries:
            if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", entry):
                try:
                    ip_network(entry, strict=False)
                except ValueError:
                    raise ValueError(f"{entry!r} is no host, address or network") from None
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
            raise ValueError("it must be `whsec_` and then 24 to 64 random bytes in base64")
        return secret

    @cached_property
    def objects_dir(self) -> Path:
        """The root folder of the local store."""
        return self.data_dir / "objects"

    @cached_property
    def models_dir(self) -> Path:
        """Where a worker keeps its copies of published models."""
        return self.data_dir / "models"

    @cached_property
    def visibility_timeout_s(self) -> int:
        """Seconds after which Redis hands an unacknowledged message out again: three deadlines."""
        return int(3 * self.item_deadline_s)
