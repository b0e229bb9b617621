"""The two wheels, built and installed into environments that hold what they ask for alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ml.engines.compiled import CompiledNetworks
from ml.registry.artifact import find_artifact
from roadmask.settings import Settings
from tests.harness.client import user_project

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
LARGEST_CLIENT = 1_000_000
"""Bytes of the client as installed, without its dependencies."""
SERVER_COMMANDS = tomllib.loads((ROOT / "server/pyproject.toml").read_text())["project"][
    "entry-points"
]["roadmask.commands"]

HELP = """
import sys
from click.testing import CliRunner
from roadmask.cli.main import roadmask
for command in sys.argv[1:]:
    done = CliRunner().invoke(roadmask, [command, "--help"])
    assert done.exit_code == 0, (command, done.output, done.exception)
"""

# The service starts twice, and compiles its model.
pytestmark = pytest.mark.timeout(600)


class Environment:
    """A virtual environment with wheels, and a folder outside the clone that commands run in.

    What the wheels ask for is linked from the environment of the tests, and nothing else is:
    installing TensorFlow anew, and compiling it to bytecode, takes most of a minute.
    """

    def __init__(self, folder: Path, wheels: Sequence[Path], asked: str) -> None:
        """`asked` is the requirement that a user would write, such as `roadmask-server[all]`."""
        self._folder = folder
        self.cwd = folder / "cwd"
        self.cwd.mkdir(parents=True)
        _checked(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv")
        install = (UV, "pip", "install", "--quiet", "--no-deps", "--offline", "--python")
        _checked(*install, folder / "venv/bin/python", *wheels)
        own = {_name(each): each for each in distributions(path=[str(self.site)])}
        for needed in _needed(asked, own):
            for name in {file.parts[0] for file in needed.files or []} - {".."}:
                if not (self.site / name).exists():
                    (self.site / name).symlink_to(Path(str(needed.locate_file(name))))

    def run(
        self, program: str, *words: str, cwd: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """A program of the environment, run to its end."""
        return subprocess.run(
            [self._folder / "venv/bin" / program, *words],
            cwd=cwd or self.cwd,
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | env,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def site(self) -> Path:
        """Its `site-packages`."""
        (site,) = (self._folder / "venv/lib").glob("python*/site-packages")
        return site

    def files(self, package: str) -> list[Path]:
        """What a package put into `site-packages`, relative to it."""
        (found,) = (each for each in distributions(path=[str(self.site)]) if _name(each) == package)
        return [Path(str(file)) for file in found.files or []]

    def size(self, files: Sequence[Path]) -> int:
        """Bytes of files below `site-packages`."""
        return sum((self.site / file).stat().st_size for file in files)


def _name(distribution: Distribution) -> str:
    return distribution.metadata["Name"]


def _needed(asked: str, own: Mapping[str, Distribution]) -> list[Distribution]:
    """The installed packages that a requirement leads to, those in `own` aside."""
    found: dict[str, Distribution] = {}
    todo = [Requirement(asked)]
    seen: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = requirement.name
        each = found[name] = own.get(name) or distribution(name)
        assert requirement.specifier.contains(each.version, prereleases=True), str(requirement)
        for extra in {"", *requirement.extras} - {known for of, known in seen if of == name}:
            seen.add((name, extra))
            asks = map(Requirement, each.requires or [])
            todo += [ask for ask in asks if not ask.marker or ask.marker.evaluate({"extra": extra})]
    return [each for name, each in found.items() if name not in own]


def _checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _top(files: Sequence[Path]) -> set[str]:
    return {file.parts[0] for file in files if not file.parts[0].endswith(".dist-info")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels by the names of their packages, built from what git knows."""
    source = tmp_path_factory.mktemp("source")
    listed = _checked("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.splitlines():
        if (ROOT / name).exists() and not name.startswith(("tests/", "docs/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    out = tmp_path_factory.mktemp("wheels")
    for package in (source, source / "server"):
        build = (UV, "build", "--quiet", "--wheel", "--no-build-isolation")
        _checked(*build, "--python", sys.executable, "--out-dir", out, package)
    return {path.name.split("-")[0].replace("_", "-"): path for path in out.glob("*.whl")}


@pytest.fixture(scope="module")
def client(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("client"), [wheels["roadmask"]], "roadmask")


def test_the_client_is_one_small_package(client: Environment) -> None:
    files = client.files("roadmask")
    installed = [file for file in files if file.suffix != ".pyc" and ".." not in file.parts]
    assert _top(installed) == {"roadmask"}
    assert client.size(installed) < LARGEST_CLIENT
    for room in ("api", "ml", "storage", "worker"):
        assert client.run("python", "-c", f"import {room}").returncode == 1, room


def test_the_client_imports_everything_that_it_offers(client: Environment) -> None:
    script = "import roadmask\nfor name in roadmask.__all__: getattr(roadmask, name)"
    done = client.run("python", "-W", "error", "-c", script)
    assert done.returncode == 0, done.stderr


def test_the_clients_program_knows_its_own_commands(client: Environment) -> None:
    done = client.run("roadmask", "--help")
    assert done.returncode == 0, done.stderr
    assert " batch " in done.stdout
    assert " worker " not in done.stdout


@pytest.mark.parametrize(
    "command",
    [("up",), ("demo",), ("batch", ".", "--out", "masks", "--local"), ("worker",)],
    ids=lambda command: command[0],
)
def test_the_client_says_how_to_get_the_service(
    client: Environment, command: tuple[str, ...]
) -> None:
    done = client.run("roadmask", *command)
    assert done.returncode == 1
    assert "`roadmask-server`" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_service_runs_from_its_wheel(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("server")
    server = Environment(folder, [*wheels.values()], "roadmask-server[all]")
    assert _top(server.files("roadmask-server")) == {"api", "ml", "storage", "worker"}
    listed = server.run("roadmask", "--help").stdout
    for command in SERVER_COMMANDS:
        assert f"  {command} " in listed
    done = server.run("python", "-c", HELP, *SERVER_COMMANDS)
    assert done.returncode == 0, done.stderr
    # A user's project must not be taken for ours.
    user_project.write_project(folder / "project")
    done = server.run(
        *("roadmask", "demo", "--count", "1"), cwd=folder / "project", **user_project.ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 1 masks" in done.stdout


def test_a_worker_without_tensorflow_runs_compiled_models_and_says_what_it_lacks(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lean")
    lean = Environment(folder, [*wheels.values()], "roadmask-server[api,worker,embedded]")
    assert lean.run("python", "-c", "import tensorflow").returncode == 1
    done = lean.run("roadmask", "models", "compile", "unet_mini")
    assert done.returncode == 1
    assert "unet_mini@" in done.stderr
    assert "TensorFlow" in done.stderr
    # What the Dockerfile copies from the stage that has TensorFlow.
    default = find_artifact("default")
    compiled = lean.site / "ml/weights" / default.path.name / "compiled" / default.sha256
    shutil.copytree(CompiledNetworks(default, Settings()).float32().parent, compiled / "float32")
    done = lean.run("roadmask", "demo", "--count", "1")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 masks" in done.stdout
