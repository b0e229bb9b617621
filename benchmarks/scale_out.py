"""`python -m benchmarks.scale_out`: workers on machines of their own, and what servers do for them.

Each worker has a network namespace. Its model waits instead of computing, so that the few cores of
this machine are left to what all workers share.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import httpx
from redis import Redis

from benchmarks.harness import pictures
from benchmarks.harness.network_namespaces import ADDRESS, CORE, NetworkNamespaces, inside
from benchmarks.harness.section import Section, options
from roadmask import Client
from roadmask.settings import Settings
from tests.harness.api.server import ApiServer
from tests.servers.minio import ACCESS_KEY, SECRET_KEY, MinioServer
from tests.servers.process import HOST, Server, free_port
from tests.servers.redis import RedisServer
from tests.servers.worker import TinyWorker

EXPLANATION = """
Workers in network namespaces of their own, with Redis and MinIO in another one. The model of these
workers waits so long that one worker makes the given images/s, and everything else is real: claims,
images from the store, decoding, masks and facts to the store, commits. Requests and processor time
are those of the servers alone, for each image; they do not depend on how busy the machine is.
"""
HEAD = (
    "workers",
    "images/s",
    "of the ideal",
    "Redis commands/image",
    "Redis µs/image",
    "S3 requests/image",
    "MinIO ms/image",
    "kB to and from the store/image",
)


class OpenRedis(RedisServer):
    """A Redis that the other namespaces reach."""

    @property
    def address(self) -> str:
        return f"{ADDRESS}:{self.port}"

    def command(self) -> list[str]:
        return [*super().command(), "--bind", ADDRESS, HOST, "--protected-mode", "no"]


class OpenMinio(MinioServer):
    """A MinIO that the other namespaces reach."""

    @property
    def address(self) -> str:
        return f"{ADDRESS}:{self.port}"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"MINIO_PROMETHEUS_AUTH_TYPE": "public"}


class PacedWorker(TinyWorker):
    """A worker in a network namespace, whose model waits."""

    def __init__(self, folder: Path, settings: Settings, namespace: str, seconds: float) -> None:
        super().__init__(folder, settings)
        self._namespace, self._seconds = namespace, seconds

    def command(self) -> list[str]:
        worker = [sys.executable, "-m", "benchmarks.harness.paced_worker", str(self._seconds)]
        return inside(self._namespace, worker)


@dataclass(frozen=True)
class Load:
    """What the servers have done so far."""

    commands: int
    redis_s: float
    requests: int
    minio_s: float
    bytes: int

    @classmethod
    def of(cls, redis: Redis, minio: OpenMinio) -> Load:
        stats, used = redis.info("stats"), redis.info("cpu")
        requests, traffic = _minio_counts(minio.address)
        return cls(
            commands=stats["total_commands_processed"],
            redis_s=used["used_cpu_sys"] + used["used_cpu_user"],
            requests=requests,
            minio_s=_processor_s(minio),
            bytes=traffic,
        )


def _minio_counts(address: str) -> tuple[int, int]:
    """Requests of S3 so far, and bytes in and out. MinIO counts anew every 10 seconds."""
    time.sleep(12)
    text = httpx.get(f"http://{address}/minio/v2/metrics/cluster", timeout=30).text
    requests = traffic = 0.0
    for line in text.splitlines():
        if line.startswith("minio_s3_requests_total{"):
            requests += float(line.rpartition(" ")[2])
        if line.startswith(("minio_s3_traffic_received_bytes{", "minio_s3_traffic_sent_bytes{")):
            traffic += float(line.rpartition(" ")[2])
    return int(requests), int(traffic)


def _processor_s(server: Server) -> float:
    assert server._process is not None
    fields = Path(f"/proc/{server._process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows(
    work: Path, most: int, images: int, rate: float, namespaces: list[str]
) -> Iterator[tuple[str, ...]]:
    """A row for each number of workers. Runs in the namespace of the servers."""
    with ExitStack() as running:
        redis = running.enter_context(OpenRedis(work / "redis"))
        minio = running.enter_context(OpenMinio(work / "minio"))
        settings = Settings(
            redis_url=redis.url,
            data_dir=work / "data",
            store="minio",
            minio_endpoint=minio.address,
            minio_access_key=ACCESS_KEY,
            minio_secret_key=SECRET_KEY,
            public_url=f"http://{HOST}:{free_port()}",
            max_submissions_per_s=0,
        )
        running.enter_context(ApiServer(settings))
        records = running.enter_context(Redis.from_url(redis.url))
        count = 0
        for number in _doubled(most):
            while count < number:
                worker = PacedWorker(
                    work / f"worker-{count}", settings, namespaces[count], 1 / rate
                )
                running.enter_context(worker)
                count += 1
            yield _row(Client(settings.public_url), records, minio, number, images * number, rate)


def _row(
    client: Client, redis: Redis, minio: OpenMinio, workers: int, images: int, rate: float
) -> tuple[str, ...]:
    ids = [client.upload(data).id for data in pictures.jpegs(images, (480, 360))]
    before = Load.of(redis, minio)
    begun = time.perf_counter()
    job = client.submit(ids, lane="batch")
    ended = client.wait(job, 3600)
    seconds = time.perf_counter() - begun
    after = Load.of(redis, minio)
    assert ended.counts.succeeded == images, ended.counts
    reached = images / seconds
    return (
        str(workers),
        f"{reached:.1f}",
        f"{reached / (workers * rate):.0%}",
        f"{(after.commands - before.commands) / images:.1f}",
        f"{1e6 * (after.redis_s - before.redis_s) / images:.0f}",
        f"{(after.requests - before.requests) / images:.1f}",
        f"{1e3 * (after.minio_s - before.minio_s) / images:.1f}",
        f"{(after.bytes - before.bytes) / images / 1000:.0f}",
    )


def _doubled(most: int) -> Iterator[int]:
    number = 1
    while number < most:
        yield number
        number *= 2
    yield most


@click.command()
@click.option("--workers", default=8, show_default=True, help="Maximum number of workers.")
@click.option("--images", default=150, show_default=True, help="Images for each worker.")
@click.option("--rate", default=5.0, show_default=True, help="Images/s of one worker's model.")
@click.option("--inside", "names", hidden=True, help="Namespaces of the workers.")
@options
def main(
    workers: int, images: int, rate: float, names: str | None, smoke: bool, out: Path | None
) -> None:
    """Print the table. Needs root."""
    if smoke:
        workers, images, rate = 2, 20, 20.0
    if names is None:
        with NetworkNamespaces(workers) as namespaces:
            again = [sys.executable, "-m", "benchmarks.scale_out", *sys.argv[1:]]
            own = ["--inside", ",".join(namespaces.workers)]
            sys.exit(subprocess.run(inside(CORE, [*again, *own]), check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder:
        found = list(rows(Path(folder), workers, images, rate, names.split(",")))
    sys.argv = [word for word in sys.argv if word not in ("--inside", names)]
    Section("scale_out", "Workers on many machines", EXPLANATION, HEAD, found).publish(out)


if __name__ == "__main__":
    main()
