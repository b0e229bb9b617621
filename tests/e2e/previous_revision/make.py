"""Make `data.tar.xz`: the data of a service of revision 951655d that was killed.

Run it in a checkout of that revision: `.venv/bin/python …/make.py FOLDER`. FOLDER then holds

- `data/`: the data folder of `roadmask up`, with a catalogue and truths, an ended job with a failed
  item, a promoted model, a job of `IN_HAND` images that a killed worker had begun, and a job that
  no worker had claimed;
- `photos/` and `masks/`: a folder run that was killed after it had submitted its last images;
- `first/`: the artifact that the worker was started with; `facts.json`: ids, counts and times;
- `data.tar.xz`: all of this.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np

from roadmask import Stack, encode_mask

KEPT_S = 20 * 365 * 86_400
"""Seconds that Redis keeps ended jobs: the test is run years later."""
IN_HAND = 160
PHOTOS = 12
LATE = ("06", "07", "08", "09", "10", "11")
"""Photos that came after the first folder run."""
MADE_AT = 1_790_000_000
"""Modification time of the photos, seconds: an archive keeps whole seconds."""


def picture(path: Path, seed: int) -> None:
    """A JPEG of 48x32 pixels that no other seed gives."""
    cells = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(cells, (48, 32), interpolation=cv2.INTER_NEAREST))
    os.utime(path, (MADE_AT, MADE_AT))


def artifact(folder: Path, data: Path) -> Path:
    """A network of a few random weights, as a trained artifact named `narrow`."""
    network = import_module("ml.models.unet_mini").UNetMini(widths=(4, 4, 8, 8, 16))
    recipe = import_module("ml.recipes.registry").UNET_MINI.smoke()
    run = import_module("ml.run").Run(recipe, [data], [data], folder, "narrow")
    progress = import_module("ml.checkpoint").Progress(git_revision="951655d")
    import_module("ml.publication").publish(run, network, progress)
    return next(folder.rglob("card.json")).parent


def program(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "roadmask.cli", *map(str, arguments)]


def environment(pid: int) -> dict[str, str]:
    """The environment of a process, with what it is told of the service."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.002)


def make(folder: Path) -> None:
    """Write `data`, `photos`, `masks` and `data.tar.xz` below `folder`, then end the process."""
    street, photos, aside = folder / "street", folder / "photos", folder / "aside"
    for seed in range(IN_HAND):
        picture(street / "images" / f"{seed:04d}.jpg", seed)
        mask = street / "masks" / f"{seed:04d}.png"
        mask.parent.mkdir(exist_ok=True)
        mask.write_bytes(encode_mask(np.full((32, 48), 1 + seed % 7, np.uint8)))
    for seed in range(PHOTOS):
        picture(photos / f"{'abc'[seed % 3]}/{seed:02d}.jpg", 1000 + seed)
    (photos / "broken.jpg").write_bytes((photos / "a/00.jpg").read_bytes()[:-200])
    os.utime(photos / "broken.jpg", (MADE_AT, MADE_AT))
    first, second = artifact(folder / "first", street), artifact(folder / "second", street)
    os.environ["ROADMASK_MODEL"] = str(first)
    os.environ["ROADMASK_RETENTION_S"] = str(KEPT_S)

    stack = Stack(folder / "data", port=0)
    stack.__enter__()
    worker = stack.pids["worker-1"] or 0
    env = environment(worker) | {"ROADMASK_URL": stack.url}
    batch = program("batch", photos, "--out", folder / "masks")

    def run(command: list[str]) -> int:
        return subprocess.run(command, env=env, check=False).returncode

    with stack.client() as client:
        version = "narrow@" + hashlib.sha256((second / "model.keras").read_bytes()).hexdigest()[:12]
        assert run(program("models", "push", second)) == 0
        assert run(program("models", "promote", version)) == 0
        assert run(program("ingest", street, "--dataset", "street")) == 0
        ended = client.wait(client.submit(files=[photos / "a/00.jpg", photos / "broken.jpg"]))
        # A folder run that was finished, and then more photos came.
        aside.mkdir()
        late = [path for path in photos.rglob("*.jpg") if path.stem in LATE]
        for path in late:
            path.rename(aside / path.name)
        run(batch)
        for path in late:
            (aside / path.name).rename(path)
        # A job of which the worker has some items, and more that are begun.
        running = client.submit(dataset="street")
        until(lambda: client.job(running).counts.succeeded >= IN_HAND // 8)
        os.kill(worker, signal.SIGSTOP)
        # Jobs that wait, one of them submitted by a folder run that is killed.
        queued = client.submit(["street/0000", "street/0001"], model="narrow", confidence=True)
        known = len(list(client.jobs()))
        killed = subprocess.Popen(batch, env=env)
        until(lambda: len(list(client.jobs())) > known)
        time.sleep(1)
        killed.kill()
        killed.wait()
        jobs = {"ended": ended.id, "running": running.id, "queued": queued.id}
        counts = {name: client.job(job).counts.model_dump() for name, job in jobs.items()}
    for pid in stack.pids.values():
        os.kill(pid or 0, signal.SIGKILL)
    # An archive keeps whole seconds, a folder run compares nanoseconds.
    times = {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for part in ("photos", "masks")
        for path in (folder / part).rglob("*")
        if path.is_file()
    }
    facts = {"jobs": jobs, "counts": counts, "model": version, "modified_ns": times}
    (folder / "facts.json").write_text(json.dumps(facts, indent=1))
    parts = ("data/objects", "data/redis", "data/secret", "photos", "masks", "first", "facts.json")
    with tarfile.open(folder / "data.tar.xz", "w:xz") as archive:
        for part in parts:
            archive.add(folder / part, part)
    os._exit(0)  # before the stack starts its processes again


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
