"""`python -m benchmarks.peers`: the same network, images and machine behind other servers."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import httpx

from benchmarks import pictures
from benchmarks.engine import open_engine
from benchmarks.peers.peer import PEERS, ROOT, Peer
from benchmarks.section import Section, middle, options
from benchmarks.service import engine_rate, folder_rate
from roadmask import Stack
from roadmask.masks import decode_mask

WORDS = """
Images/s from JPEG files to mask PNGs with 8 clients at once, each server alone on the machine, with
one process that holds the model. The servers take turns; medians and ranges over the turns. With
`keras` inside it is the network in float32, as their users have it; with `auto` it is the engine
that Roadmask chooses here. Sources and settings are in `benchmarks/peers/`. `Roadmask, folder` is
`Client.segment_folder`: a batch job with upload and download; `Roadmask, one by one` are 8 clients
that each wait for the mask of one image.
"""
CLIENTS = 8


def peer_rate(peer: Peer, venvs: Path, engine: str, files: list[bytes], log: Path) -> float:
    """Images per second of 8 clients."""
    with (
        peer.running(venvs, engine, log, files[0]) as url,
        httpx.Client(timeout=300, limits=httpx.Limits(max_connections=CLIENTS)) as client,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        assert decode_mask(peer.mask(client, url, files[0])).size
        ask = lambda data: peer.mask(client, url, data)  # noqa: E731
        list(threads.map(ask, files[:CLIENTS]))
        return pictures.rate(len(files), lambda: list(threads.map(ask, files)))


def our_rates(folder: Path, count: int, size: tuple[int, int]) -> tuple[float, float]:
    """Images per second of a folder, and of 8 clients with an image each."""
    with (
        Stack(folder / "data", port=0) as stack,
        stack.client() as client,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        list(threads.map(client.segment, pictures.jpegs(CLIENTS, size)))
        files = list(pictures.jpegs(count, size))
        single = pictures.rate(count, lambda: list(threads.map(client.segment, files)))
        pictures.write(folder / "images", count, size)
        return folder_rate(client, folder / "images", folder / "masks"), single


def turn(venvs: Path, engine: str, count: int, size: tuple[int, int]) -> dict[str, float]:
    """Images per second by server, one after another."""
    os.environ["ROADMASK_ENGINE"] = engine
    with tempfile.TemporaryDirectory(prefix="roadmask-bench-") as folder:
        work = Path(folder)
        paths = pictures.write(work / "engine", count, size)
        rates = {"bare engine": engine_rate(open_engine(), paths)}
        files = [path.read_bytes() for path in paths]
        rates["Roadmask, folder"], rates["Roadmask, one by one"] = our_rates(work, count, size)
        for peer in PEERS:
            log = work / f"{peer.folder}.log"
            rates[peer.title] = peer_rate(peer, venvs, engine, files, log)
    return rates


@click.command()
@click.option("--images", default=64, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--size", default="2048x1024", show_default=True)
@click.option("--engine", "engines", multiple=True, default=["keras", "auto"], show_default=True)
@click.option("--venvs", type=click.Path(path_type=Path), default=ROOT / ".peers")
@options
def main(
    images: int,
    repeats: int,
    size: str,
    engines: list[str],
    venvs: Path,
    smoke: bool,
    out: Path | None,
) -> None:
    """Print the table. The peers are installed on first use, each in a folder of `--venvs`."""
    if smoke:
        images, repeats, size = 8, 1, "240x180"
    measured: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(repeats):
        for engine in engines:
            for server, rate in turn(venvs, engine, images, pictures.parse_size(size)).items():
                measured[server][engine].append(rate)
    rows = [
        (server, *(middle(rates[engine], 2) for engine in engines))
        for server, rates in measured.items()
    ]
    head = (f"images/s, {size}", *(f"with `{engine}`" for engine in engines))
    Section("peers", "The same network behind other servers", WORDS, head, rows).publish(out)


if __name__ == "__main__":
    main()
