"""Makes the bucket and one account with least rights for each role, on a MinIO. Safe to repeat.

    python make_accounts.py ENDPOINT SECRETS

SECRETS is the folder `objects` of `make_secrets.py`; the policies are beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider

BUCKET = "roadmask"
ROLES = ("api", "worker", "operator")
POLICIES = Path(__file__).parent / "policies"


def main(endpoint: str, folder: Path) -> None:
    """Make what is missing, and set the policies."""
    user, password = ((folder / name).read_text() for name in ("root_user", "root_password"))
    store = Minio(endpoint, access_key=user, secret_key=password, secure=False)
    if not store.bucket_exists(BUCKET):
        store.make_bucket(BUCKET)
    provider = StaticProvider(user, password)
    admin = MinioAdmin(endpoint=endpoint, credentials=provider, secure=False)
    for role in ROLES:
        account = f"roadmask-{role}"
        admin.policy_add(account, POLICIES / f"{role}.json")
        admin.user_add(account, (folder / f"{role}_password").read_text())
        admin.policy_set(account, user=account)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
