"""`roadmask models`: publish models, and promote one into service."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roadmask.atomic import replacing
from roadmask.schemas.model_version import CARD_FILE, COMPILED_FILE, MODEL_FILE, SIGNATURE_FILE
from roadmask.schemas.models import LONGEST_WAIT_S, ModelList
from roadmask.settings import Settings
from roadmask.shown import shown
from storage.connections import command_settings
from worker.models.targets import ModelTarget, open_target

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Command = TypeVar("Command", bound=Callable[..., Any])

OWN = "the model that each worker was started with"


@click.group()
def models() -> None:
    """Publish models, list them, and choose the one in service.

    These commands act on the store of the ROADMASK_… settings, as a worker does, and name it. For
    `roadmask up` that is its data folder: ROADMASK_DATA_DIR or --data-dir. With --url they act on
    a running service, which needs a key with the scope `admin`.
    """


def target_options(command: Command) -> Command:
    """Add the options that name where a command acts; the command gets a `target`."""

    @wraps(command)
    def with_target(
        *args: Any, data_dir: Path | None, url: str | None, api_key: str | None, **kwargs: Any
    ) -> Any:
        if url is not None and data_dir is not None:
            raise click.UsageError("Name a service with --url, or its data folder, not both.")
        with open_target(command_settings(data_dir), url, api_key) as target:
            return command(*args, target=target, **kwargs)

    options = (
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Data folder of the service.  [default: ROADMASK_DATA_DIR, or roadmask-data]",
        ),
        click.option("--url", help="URL of a running service, instead of its store."),
        click.option("--api-key", help="Key with the scope `admin`.  [default: ROADMASK_API_KEY]"),
    )
    found: Any = with_target
    for option in reversed(options):
        found = option(found)
    return found  # type: ignore[no-any-return]


key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Sign it with the private key (Ed25519, PEM) in this file.",
)


@models.command()
@click.argument("artifact")
@key_option
@target_options
def push(artifact: str, key_file: Path | None, target: ModelTarget) -> None:
    """Publish ARTIFACT, which is a folder, or the name or version of a shipped model.

    Its compiled network is published with it, for workers without TensorFlow, and its signature if
    it is signed.
    """
    from ml.engines.compiled import CompiledNetworks
    from ml.registry.artifact import find_comparable
    from storage.models.signatures import SIGNED_FILES, sign, signed_files

    found = find_comparable(artifact)
    version, key = found.model_version, _signing_key(key_file)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in (MODEL_FILE, CARD_FILE):
            (folder / name).symlink_to((found.path / name).resolve())
        compiled = CompiledNetworks(found, Settings()).pack_float32(folder)
        signature, signed_before = folder / SIGNATURE_FILE, found.path / SIGNATURE_FILE
        if key is not None:
            signature.write_bytes(sign(version, [folder / name for name in SIGNED_FILES], key))
        elif signed_before.exists():
            signature.write_bytes(signed_before.read_bytes())
            if COMPILED_FILE not in signed_files(signature.read_bytes()):
                # Workers refuse a file that the signature does not name.
                compiled.unlink()
        is_new = target.push(folder, version)
        signed = ", signed" if signature.exists() else ""
    click.echo(f"{version} {'is published' if is_new else 'was published before'}{signed}.")


@models.command("sign")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@key_option
def sign_model(folder: Path, key_file: Path | None) -> None:
    """Sign the artifact in FOLDER, where its private key is; `push` publishes the signature.

    Workers load a model that does not come with Roadmask only if one of ROADMASK_MODEL_PUBLIC_KEYS
    has signed it, if that is set.
    """
    from ml.registry.artifact import Artifact
    from storage.models.signatures import SIGNED_FILES, public_key_text, sign

    key = _signing_key(key_file)
    if key is None:
        raise click.UsageError("Name the file of the private key with --key FILE.")
    version = Artifact.load(folder).model_version
    files = [folder / name for name in SIGNED_FILES if (folder / name).exists()]
    with replacing(folder / SIGNATURE_FILE) as draft:
        draft.write_bytes(sign(version, files, key))
    click.echo(f"{version} is signed. The public key: {public_key_text(key.public_key())}")


def _signing_key(file: Path | None) -> Ed25519PrivateKey | None:
    from storage.models.signatures import read_signing_key

    if file is None:
        return None
    is_encrypted = file.is_file() and b"ENCRYPTED" in file.read_bytes()
    password = click.prompt(f"Password of {file}", hide_input=True) if is_encrypted else None
    return read_signing_key(file, password)


@models.command("compile")
@click.argument("artifacts", nargs=-1)
def compile_models(artifacts: tuple[str, ...]) -> None:
    """Compile ARTIFACTS for OpenVINO, or the default model. Needs TensorFlow.

    A worker that finds the compiled network needs no TensorFlow: run this when an image is built.
    """
    from ml.engines.compiled import CompiledNetworks
    from ml.registry.artifact import find_artifact

    for artifact in artifacts or ("default",):
        found = find_artifact(artifact)
        click.echo(f"{found.model_version}: {CompiledNetworks(found, Settings()).float32()}")


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, including model cards.")
@target_options
def list_models(as_json: bool, target: ModelTarget) -> None:
    """List published versions, and the history of promotions and rollbacks."""
    found = target.models()
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), indent=2))
    else:
        _print(found)


@models.command()
@click.argument("model")
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=LONGEST_WAIT_S),
    default=120.0,
    show_default=True,
    help="Seconds to wait for all workers to load it; 0 promotes it at once.",
)
@target_options
def promote(model: str, wait: float, target: ModelTarget) -> None:
    """Put MODEL (a published name, version or name@version) into service.

    All workers load the model while the old one serves, then they switch. No image waits or fails
    because of the switch. Jobs accepted before it keep their version.
    """
    before = target.models().in_service
    now = target.promote(model, wait).model
    if now == before:
        click.echo(f"{now} is in service already.")
    else:
        click.echo(f"{now} is in service. Before: {before or OWN}.")


@models.command()
@target_options
def rollback(target: ModelTarget) -> None:
    """Put the previous model back into service. Each further rollback goes one promotion back."""
    before = target.models().in_service
    click.echo(f"{target.rollback().model or OWN} is in service again. Before: {before}.")


def _print(found: ModelList) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "model", "version", "MB", "published", "mean IoU", "measured on")
    for model in found.models:
        metrics = ((model.card or {}).get("metrics") or [{}])[0]
        table.add_row(
            "in service" if model.in_service else "",
            model.name,
            model.version,
            "–" if model.size is None else f"{model.size / 1e6:.1f}",
            "–" if model.pushed_at is None else f"{model.pushed_at:%Y-%m-%d %H:%M}",
            "–" if model.mean_iou is None else f"{model.mean_iou:.3f}",
            shown(metrics.get("dataset", "")),
        )
    console = Console(markup=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"In service: {found.in_service or OWN}.", highlight=False)
    for entry in found.history:
        console.print(f"{entry.made_at:%Y-%m-%d %H:%M:%S} {entry.action} {entry.model or OWN}")
