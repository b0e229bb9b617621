"""`roadmask models`: publish models, and promote one into service."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roadmask.atomic import replacing
from roadmask.errors import InvalidRequest, ModelFailed, RecordsUnavailable, Unavailable
from roadmask.schemas.model_version import (
    CARD_FILE,
    COMPILED_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
    ModelVersion,
)
from roadmask.settings import Settings
from roadmask.shown import shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from storage.backends import StorageBackends
    from storage.models.deployments import Deployment
    from storage.models.registry import PublishedModel

Command = TypeVar("Command", bound=Callable[..., Any])

POLL_S = 0.5
OWN = "what each worker was started with"


@click.group()
def models() -> None:
    """Publish models, list them, and choose the one in service.

    These commands act on the store of the ROADMASK_… settings, as a worker does, and name it. For
    `roadmask up` that is its data folder: ROADMASK_DATA_DIR or --data-dir.
    """


def data_dir_option(command: Command) -> Command:
    """The option `--data-dir`: the command gets the settings with it as `settings`."""

    @wraps(command)
    def with_settings(*args: Any, data_dir: Path | None, **kwargs: Any) -> Any:
        settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
        return command(*args, settings=settings, **kwargs)

    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data folder of the service.  [default: ROADMASK_DATA_DIR, or roadmask-data]",
    )(with_settings)  # type: ignore[return-value]


key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Sign it with the private key (Ed25519, PEM) in this file.",
)


@models.command()
@click.argument("artifact")
@key_option
@data_dir_option
def push(artifact: str, key_file: Path | None, settings: Settings) -> None:
    """Publish ARTIFACT, which is a folder, or the name or version of a shipped model.

    Its compiled network is published with it, for workers without TensorFlow, and its signature if
    it is signed.
    """
    from ml.engines.compiled import CompiledNetworks
    from ml.registry.artifact import find_artifact
    from storage.models.signatures import sign, signed_files

    found = find_artifact(artifact)
    version, key = found.model_version, _signing_key(key_file)
    storage = _open(settings)
    with tempfile.TemporaryDirectory() as folder:
        compiled: Path | None = CompiledNetworks(found, settings).pack_float32(Path(folder))
        signature, signed_before = None, found.path / SIGNATURE_FILE
        if key is not None:
            files = [found.path / MODEL_FILE, found.path / CARD_FILE]
            signature = sign(version, [*files, *([compiled] if compiled else [])], key)
        elif signed_before.exists():
            signature = signed_before.read_bytes()
            if COMPILED_FILE not in signed_files(signature):
                # Workers refuse what the signature does not name.
                compiled = None
        is_new = storage.registry.push(found.path, version, compiled, signature)
    signed = ", signed" if signature else ""
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
@data_dir_option
def list_models(as_json: bool, settings: Settings) -> None:
    """List published versions, and the history of promotions and rollbacks."""
    storage = _open(settings)
    current, history = storage.deployments.latest().model, storage.deployments.history()
    published = [storage.registry.read(version) for version in storage.registry.versions()]
    if as_json:
        report = {
            "in_service": current,
            "models": [_model_fields(model, current) for model in published],
            "history": [_entry_fields(entry) for entry in history],
        }
        click.echo(json.dumps(report, indent=2))
    else:
        _print(published, current, history)


@models.command()
@click.argument("model")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds to wait for all workers to load it; 0 promotes it at once.",
)
@data_dir_option
def promote(model: str, wait: float, settings: Settings) -> None:
    """Put MODEL (a published name, version or name@version) into service.

    All workers load the model while the old one serves, then they switch. No image waits or fails
    because of the switch. Jobs accepted before it keep their version.
    """
    storage = _open(settings)
    version = storage.registry.find(model)
    storage.registry.check(version)
    if settings.model_public_keys:
        _check_signature(storage, version, settings)
    before = storage.deployments.latest().model
    if before == str(version):
        click.echo(f"{version} is in service already.")
        return
    try:
        if wait:
            _wait_until_loaded(storage, str(version), wait)
    except RecordsUnavailable:
        click.echo("Redis is unavailable: workers load the model after the switch.", err=True)
    storage.deployments.promote(str(version))
    click.echo(f"{version} is in service. Before it was {before or OWN}.")


@models.command()
@data_dir_option
def rollback(settings: Settings) -> None:
    """Put the previous model back into service. Each further rollback goes one promotion back."""
    deployments = _open(settings).deployments
    before = deployments.latest().model
    click.echo(f"{deployments.rollback().model or OWN} is in service again, no longer {before}.")


def _check_signature(storage: StorageBackends, version: ModelVersion, settings: Settings) -> None:
    from storage.models.signatures import check_signature

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        storage.registry.fetch(version, copy)
        check_signature(copy, version, settings.model_public_keys)


def _open(settings: Settings) -> StorageBackends:
    """The store of the settings, which is named on stderr.

    Raises `InvalidRequest` for a folder that no service has used: a new store would be made there,
    and the change would reach nobody.
    """
    from storage.backends import StorageBackends

    if settings.store == "local" and not settings.objects_dir.is_dir():
        raise InvalidRequest(
            f"No service uses {settings.data_dir.resolve()}: it has no store. Name the data folder "
            "of the service with --data-dir or ROADMASK_DATA_DIR, or an S3 store with "
            "ROADMASK_STORE=minio."
        )
    storage = StorageBackends.open(settings)
    storage.store.check()
    place = (
        f"folder {settings.objects_dir.resolve()}"
        if settings.store == "local"
        else f"bucket {settings.minio_bucket} at {settings.minio_endpoint}"
    )
    click.echo(f"Store: {shown(place)}", err=True)
    return storage


def _wait_until_loaded(storage: StorageBackends, model: str, seconds: float) -> None:
    """Ask all live workers to load a version, and wait until they have.

    Raises `ModelFailed` if one cannot, and `Unavailable` after `seconds`.
    """
    request, deadline = storage.deployments.request_preload(model), time.monotonic() + seconds
    while True:
        workers = storage.workers.list_live()
        refused = [worker["id"] for worker in workers if request in worker.get("refused", [])]
        missing = [worker["id"] for worker in workers if worker.get("ready") != request]
        if refused:
            raise ModelFailed(
                f"Nothing was changed: {', '.join(refused)} cannot load {model}. See its log."
            )
        if not missing:
            return
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Nothing was changed: after {seconds:g} s {', '.join(missing)} has not loaded "
                f"{model}. Wait longer with --wait, or promote at once with --wait 0."
            )
        time.sleep(POLL_S)


def _print(published: list[PublishedModel], current: str | None, history: list[Deployment]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "model", "version", "MB", "published", "mean IoU", "measured on")
    for model in published:
        metrics = (model.card.get("metrics") or [{}])[0]
        table.add_row(
            "in service" if str(model.version) == current else "",
            model.version.name,
            model.version.version,
            f"{model.size / 1e6:.1f}",
            f"{model.pushed_at:%Y-%m-%d %H:%M}",
            _figure(metrics.get("scores", {}).get("mean_iou")),
            shown(metrics.get("dataset", "")),
        )
    console = Console(markup=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"In service: {current or OWN}.", highlight=False)
    for entry in history:
        console.print(f"{entry.made_at:%Y-%m-%d %H:%M:%S} {entry.action} {entry.model or OWN}")


def _model_fields(model: PublishedModel, current: str | None) -> dict[str, Any]:
    return {
        "name": model.version.name,
        "version": model.version.version,
        "in_service": str(model.version) == current,
        "size": model.size,
        "pushed_at": model.pushed_at.isoformat(),
        "card": model.card,
    }


def _entry_fields(entry: Deployment) -> dict[str, Any]:
    return {"made_at": entry.made_at.isoformat(), "action": entry.action, "model": entry.model}


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
