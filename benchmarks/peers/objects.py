"""MinIO for peers that keep images and masks. Addresses come from the environment."""

from __future__ import annotations

import io
import os

from minio import Minio

BUCKET = "peer"


class Objects:
    """Bytes under keys in one bucket."""

    def __init__(self) -> None:
        self._client = Minio(
            os.environ["PEER_MINIO"],
            os.environ["PEER_MINIO_USER"],
            os.environ["PEER_MINIO_PASSWORD"],
            secure=False,
        )

    def make(self) -> None:
        """Make the bucket."""
        if not self._client.bucket_exists(bucket_name=BUCKET):
            self._client.make_bucket(bucket_name=BUCKET)

    def put(self, key: str, data: bytes) -> None:
        """Store bytes."""
        self._client.put_object(
            bucket_name=BUCKET, object_name=key, data=io.BytesIO(data), length=len(data)
        )

    def get(self, key: str) -> bytes:
        """Read bytes."""
        answer = self._client.get_object(bucket_name=BUCKET, object_name=key)
        try:
            return bytes(answer.read())
        finally:
            answer.close()
            answer.release_conn()
