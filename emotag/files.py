"""Files that are either whole or absent, and the digests that name them."""

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotag.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffix, since writers choose a format by it. Parents are made. Raises InputError where
    the disk is full.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except Exception as error:
        if not _is_full(error):
            raise
        raise InputError(
            f"{path}: the disk is full; make room (`dvc gc --workspace` drops other settings' results) and run again"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _is_full(error: Exception) -> bool:
    """Whether a write failed for want of space. Libraries in other languages say so in words alone."""
    return getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic(path) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Read JSON. Raises InputError when the file is missing or is not JSON."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that makes it (`dvc repro`)") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON ({error}); delete it and run its stage again") from None


def sha256(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
