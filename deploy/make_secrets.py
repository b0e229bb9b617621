"""Makes the secrets of a service in compose, at its first start. What exists is never changed.

    python make_secrets.py FOLDER

Each role has a folder of its own, and a container gets the folder of its role only. The names of
the files are those that the settings read below ROADMASK_SECRETS_DIR.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

ROLES = ("api", "worker", "operator")
ACTIONS = ("Read:roadmask", "Write:roadmask", "List:roadmask", "Tagging:roadmask")
MORE_ACTIONS = {"operator": ("Admin:roadmask",)}
"""SeaweedFS lets an administrator alone make the bucket."""


def main(root: Path) -> None:
    """Write what is missing."""
    redis = once(root / "redis/password", secrets.token_hex(32))
    once(root / "redis/redis.conf", f"requirepass {redis}\n")
    once(root / "objects/root_user", "operator-root")
    once(root / "objects/root_password", secrets.token_hex(32))
    identities = []
    for role in ROLES:
        user = once(root / role / "roadmask_minio_access_key", f"roadmask-{role}")
        password = once(root / role / "roadmask_minio_secret_key", secrets.token_hex(20))
        once(root / role / "roadmask_redis_url", f"redis://:{redis}@redis:6379/0")
        keys = [{"accessKey": user, "secretKey": password}]
        actions = [*ACTIONS, *MORE_ACTIONS.get(role, ())]
        identities.append({"name": user, "credentials": keys, "actions": actions})
        # The accounts are made with the passwords of all roles.
        once(root / "objects" / f"{role}_password", password)
    once(root / "objects/s3.json", json.dumps({"identities": identities}))


def once(path: Path, text: str) -> str:
    """The text in a file; a new file gets this one, whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(text)
        # A container has its own user. Only the containers of the role have the folder.
        draft.chmod(0o444)
        os.replace(draft, path)
    return path.read_text()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
