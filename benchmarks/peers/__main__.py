"""`python -m benchmarks.peers`: other servers with the same network, images and machine."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import click
import httpx

from benchmarks.harness import pictures
from benchmarks.harness.engine import open_engine
from benchmarks.harness.section import Section, median_and_range, options
from benchmarks.peers.peer import NOTHING, PEERS, ROOT, START_S, Peer
from benchmarks.peers.plain_script import PlainScript
from benchmarks.peers.stores import open_stores
from benchmarks.service import engine_rate, folder_rate, job_rate
from ml.registry.artifact import find_artifact
from roadmask import Client, Stack
from roadmask.masks.codec import decode_mask
from roadmask.settings import Settings

EXPLANATION = """
Images/s from JPEG files to mask PNGs with 8 concurrent clients. All servers are started and warm;
they are measured one after another while the others are idle. `keras`: the network in float32.
`auto`: the engine that Roadmask chooses on this machine. Sources and settings are in
`benchmarks/peers/`. `keeps`: what outlives the answer; the servers that keep images and masks do
the same work as Roadmask, and their clients poll. `plain script`: one process that reads, decodes
in threads, runs the network in OpenVINO's `AsyncInferQueue` and writes PNGs: the limit.
`Roadmask, job`: a batch job over uploaded images. `Roadmask, folder`:
`roadmask.segment_folder`, a batch job with upload and download.
`Roadmask, one by one`: 8 clients that each wait for the mask of one image.
Medians and ranges over the repeats.
"""
CLIENTS = 8
ALL = "image, mask, its facts, job, events"
KEPT = {
    "bare engine": NOTHING,
    "plain script": "mask",
    "Roadmask, job": ALL,
    "Roadmask, folder": ALL,
    "Roadmask, one by one": ALL,
} | {peer.title: peer.keeps for peer in PEERS}
"""What outlives the answer, by title."""

Way = Callable[[list[Path]], float]
"""From new image files in a folder of their own to images per second."""


def by_clients(segment: Callable[[bytes], object], threads: ThreadPoolExecutor) -> Way:
    """Each thread sends one image after another."""

    def way(paths: list[Path]) -> float:
        files = [path.read_bytes() for path in paths]
        return pictures.rate(len(files), lambda: list(threads.map(segment, files)))

    return way


def folder_way(client: Client) -> Way:
    """`segment_folder`, the way to segment many images with Roadmask."""
    return lambda paths: folder_rate(client, paths[0].parent, paths[0].parents[1] / "masks")


def peer_way(peer: Peer, url: str, client: httpx.Client, threads: ThreadPoolExecutor) -> Way:
    """A running server."""
    return by_clients(lambda data: decode_mask(peer.mask(client, url, data)), threads)


def script_way(script: PlainScript) -> Way:
    """The plain script, from a folder to a folder."""

    def way(paths: list[Path]) -> float:
        out = paths[0].parents[1] / "masks"
        return pictures.rate(len(paths), lambda: script.run(paths, out))

    return way


def ways(
    venvs: Path, engine: str, work: Path, probe: bytes, peers: Sequence[Peer], stack: ExitStack
) -> dict[str, Way]:
    """The servers by title; they stop with `stack`."""
    threads = stack.enter_context(ThreadPoolExecutor(CLIENTS))
    # Before the worker starts, so that the network is already converted for it.
    predictor = open_engine()
    service = stack.enter_context(Stack(work / "data", port=0, start_timeout=2 * START_S))
    client = stack.enter_context(service.client())
    made: dict[str, Way] = {"bare engine": lambda paths: engine_rate(predictor, paths)}
    if predictor.choice.network is not None:
        made["plain script"] = script_way(PlainScript(predictor))
    made |= {
        "Roadmask, job": lambda paths: job_rate(client, paths),
        "Roadmask, folder": folder_way(client),
        "Roadmask, one by one": by_clients(client.segment, threads),
    }
    limits = httpx.Limits(max_connections=CLIENTS)
    http = stack.enter_context(httpx.Client(timeout=300, limits=limits))
    stores: dict[str, str] = {}
    if any(peer.needs_stores for peer in peers):
        stores = stack.enter_context(open_stores(work / "stores"))
    for peer in peers:
        log = work / f"{peer.folder}.log"
        url = stack.enter_context(peer.running(venvs, engine, log, probe, stores))
        made[peer.title] = peer_way(peer, url, http, threads)
    return made


def measure(
    venvs: Path,
    engine: str,
    count: int,
    repeats: int,
    size: tuple[int, int],
    peers: Sequence[Peer],
) -> Iterator[tuple[str, float]]:
    """Titles and images per second, repeat by repeat."""
    os.environ["ROADMASK_ENGINE"] = engine
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        probe = next(pictures.jpegs(1, size))
        numbers = itertools.count()
        servers = ways(venvs, engine, work, probe, peers, stack)
        for way in servers.values():
            way(pictures.write(work / str(next(numbers)) / "images", CLIENTS, size))
        for repeat in range(repeats):
            for title, way in servers.items():
                files = work / str(next(numbers))
                rate = way(pictures.write(files / "images", count, size))
                print(f"{engine}, repeat {repeat + 1}: {title}: {rate:.2f} images/s", flush=True)
                pictures.empty(files)
                yield title, rate


def _rate(rates: list[float] | None) -> str:
    return median_and_range(rates, 2) if rates else ""


@click.command()
@click.option("--images", default=64, show_default=True, help="Images of one measurement.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--size", default="2048x1024", show_default=True)
@click.option("--engine", "engines", multiple=True, default=["keras", "auto"], show_default=True)
@click.option(
    "--peer",
    "names",
    multiple=True,
    type=click.Choice([peer.folder for peer in PEERS]),
    help="Only these.  [default: all]",
)
@click.option("--venvs", type=click.Path(path_type=Path), default=ROOT / ".peers")
@options
def main(
    images: int,
    repeats: int,
    size: str,
    engines: list[str],
    names: list[str],
    venvs: Path,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table. Peers are installed on first use, each in a folder of `--venvs`."""
    if smoke:
        images, repeats, size = 8, 1, "240x180"
    model = str(find_artifact(Settings().model).model_version)
    measured: dict[str, dict[str, list[float]]] = {}
    sides = pictures.parse_size(size)
    peers = [peer for peer in PEERS if not names or peer.folder in names]
    for engine in engines:
        for title, rate in measure(venvs, engine, images, repeats, sides, peers):
            measured.setdefault(title, {}).setdefault(engine, []).append(rate)
    rows = [
        (title, KEPT[title], *(_rate(rates.get(engine)) for engine in engines))
        for title, rates in measured.items()
    ]
    head = (f"images/s, {size}", "keeps", *(f"with `{engine}`" for engine in engines))
    title = "The same network behind other servers"
    detail = f"{size}, engine {' and '.join(engines)}"
    Section("peers", title, EXPLANATION, head, rows, model, detail).publish(out)


if __name__ == "__main__":
    main()
