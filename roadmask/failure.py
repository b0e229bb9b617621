"""What every error of Roadmask is; the tree of them is in `roadmask.errors`."""

from __future__ import annotations

import re
from typing import Any, ClassVar


class RoadmaskError(Exception):
    """Roadmask failed."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Roadmask failed"
    retryable: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Derive `code` and `title`, so that neither can drift from the class."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.title = (cls.__doc__ or "").strip().rstrip(".")

    def __init__(self, detail: str, **extra: Any) -> None:
        """`detail` is for people; `extra` are JSON members that go beside it on the wire."""
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 problem object of this error, JSON-able."""
        return {
            "type": f"urn:roadmask:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retryable,
            **self.extra,
        }
