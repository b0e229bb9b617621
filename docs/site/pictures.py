"""`python docs/site/pictures.py`: the pictures of the documentation.

It starts a service in a temporary folder, puts rendered scenes into it, segments them with two
models, and writes `docs/pictures/`: one picture of each view, and a recording of them all.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from roadmask import Stack
from tests.web.browser import find_chromium

FOLDER = Path(__file__).parents[1] / "pictures"
SCENES = 14
SIZE = {"width": 1280, "height": 800}
RECORDING_WIDTH = 960
FRAME_MS = 1800
QUALITY = 82
SECOND_MODEL = "lite_unet"
RECORDED = ("start", "content", "walk", "compare", "comparison")
"""Views of the recording, in its order."""


def prepared(stack: Stack, work: Path) -> dict[str, str]:
    """The addresses of the views, after the scenes were segmented."""
    program = [sys.executable, "-m", "roadmask.cli"]
    scenes = work / "scenes"
    subprocess.run([*program, "scenes", scenes, "--count", str(SCENES)], check=True)
    words = [scenes, "--dataset", "scenes", "--url", stack.url]
    subprocess.run([*program, "ingest", *words], check=True)
    with httpx.Client(base_url=stack.url, timeout=120) as http:

        def segment(**request: str | bool) -> str:
            body = {"dataset": "scenes", "lane": "batch", "name": "town", **request}
            job: str = http.post("/v1/jobs", json=body).json()["id"]
            while http.get(f"/v1/jobs/{job}", params={"wait": 60}).json()["finished_at"] is None:
                pass
            return job

        models = http.get("/v1/models").json()["models"]
        second = next(f"{m['name']}@{m['version']}" for m in models if m["name"] == SECOND_MODEL)
        first = http.get("/v1/images?dataset=scenes&limit=1").json()["images"][0]["id"]
        job, other = segment(confidence=True), segment(model=second, name="town, second model")
    return {
        "start": "#/segment",
        "walk": f"#/segment?job={job}&item=3&items=worst",
        "compare": f"#/segment?job={job}&item=2&with={second}&show=disagreement",
        "content": f"#/segment?image={first}&dataset=scenes&where=human > 0.1%&sort=-vehicle",
        "comparison": f"#/jobs?job={job}&with={other}",
    }


def taken(url: str, views: dict[str, str]) -> Iterator[tuple[str, Image.Image]]:
    """Each view as it looks when everything is loaded."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        for name, address in views.items():
            page.goto("about:blank")
            page.goto(f"{url}/{address}", wait_until="networkidle")
            page.wait_for_timeout(1000)
            yield name, Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()


def write(pictures: dict[str, Image.Image]) -> None:
    """Write each picture, and the recording."""
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
    height = RECORDING_WIDTH * SIZE["height"] // SIZE["width"]
    first, *others = (
        pictures[name].resize((RECORDING_WIDTH, height), Image.Resampling.LANCZOS)
        for name in RECORDED
    )
    options = {"duration": FRAME_MS, "loop": 0, "quality": QUALITY, "method": 6}
    first.save(FOLDER / "recording.webp", save_all=True, append_images=others, **options)


def main() -> None:
    """Write all pictures."""
    with (
        tempfile.TemporaryDirectory(prefix="roadmask-pictures-") as folder,
        Stack(Path(folder) / "data", port=0) as stack,
    ):
        write(dict(taken(stack.url, prepared(stack, Path(folder)))))


if __name__ == "__main__":
    main()
