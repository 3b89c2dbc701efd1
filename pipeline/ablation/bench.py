"""A bench: a copy of the project in which ablations run, so that nothing touches the folder that people work in.

`dvc exp run --temp` and `--queue` would stash what is not committed, detach HEAD and reset the working tree while they
prepare, and their copies hold only what git tracks: no dvc.lock (this project does not commit it), no output without
cache, no video of one's own. Their workers also outlive an interrupt. A bench is a clone with the working tree's own
files laid over it, the same dvc.lock, and hard links to all that stages have made and users have brought; it shares
DVC's cache. Stages replace files and never write into them, so a link's other end keeps its content.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from emotag.errors import InputError
from pipeline.ablation.known import lay
from pipeline.params import read_params, write_params

PARAMS, LOCK = "params.yaml", "dvc.lock"
LINKED = ("data", "models", "reports")
"""Folders that stages write into; git holds nothing of them."""


@dataclass(frozen=True)
class Bench:
    """A clone of the project at `root`, with its code as it was when the bench was made."""

    root: Path
    folder: Path
    kept: Mapping[str, bytes]  # the files that an ablation changes, as they were

    @staticmethod
    def make(root: Path, folder: Path, cache: Path) -> "Bench":
        """Clone the project into `folder`, which is replaced; `cache` is DVC's.

        Raises InputError when git cannot, or nothing has been run yet.
        """
        remove(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        git(root, "clone", "--quiet", "--shared", str(root), str(folder))
        local = root / ".dvc" / "config.local"
        text = local.read_text(encoding="utf-8") if local.is_file() else ""
        (folder / ".dvc").mkdir(exist_ok=True)
        (folder / ".dvc" / "config.local").write_text(_with_cache(text, cache), encoding="utf-8")
        _lay_working_tree(root, folder)
        read_lock(root)
        return Bench(root, folder, {name: (root / name).read_bytes() for name in (PARAMS, LOCK)})

    def prepare(self, changes: Mapping[str, Any], checkpoints: Path) -> None:
        """Make it as the project is, with the changes in params.yaml; checkpoints are kept in that folder."""
        for name, content in self.kept.items():
            remove(self.folder / name)
            (self.folder / name).write_bytes(content)
        for name in LINKED:
            remove(self.folder / name)
            if (self.root / name).is_dir():
                link(self.root / name, self.folder / name)
        checkpoints.mkdir(parents=True, exist_ok=True)
        remove(self.folder / "checkpoints")
        (self.folder / "checkpoints").symlink_to(checkpoints.resolve())
        params = read_params(self.folder / PARAMS)
        lay(params, changes)
        write_params(self.folder / PARAMS, params)

    def hand_over(self, experiment: str) -> None:
        """Put the experiment that DVC has saved here into the project's git, where `dvc exp` shows it."""
        listed = git(self.folder, "for-each-ref", "--format=%(refname)", "refs/exps")
        for ref in listed.splitlines():
            if ref.rsplit("/", 1)[-1] == experiment:
                git(self.root, "fetch", "--quiet", str(self.folder), f"+{ref}:{ref}")


def require_git(root: Path) -> None:
    """Raise InputError unless the project is a git repository with a commit, as DVC's experiments need."""
    how = "run `git init && git add --all && git commit -m start` here once"
    if shutil.which("git") is None:
        raise InputError("emotag ablate: git is not installed; ablations are DVC experiments, which are kept in git")
    try:
        top = git(root, "rev-parse", "--show-toplevel").strip()
        git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    except InputError:
        raise InputError(
            f"{root}: has no git commit; ablations are DVC experiments, which are kept in git: {how}"
        ) from None
    if Path(top).resolve() != root.resolve():
        raise InputError(f"{root}: is a folder inside the git repository {top}; ablations need one of its own: {how}")


def read_lock(root: Path) -> dict[str, Any]:
    """Read the stages of dvc.lock. Raises InputError when there is none."""
    try:
        content = yaml.load((root / LOCK).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        raise InputError(f"{root / LOCK}: not found; run `emotag repro` first") from None
    return dict((content or {}).get("stages", {}))


def link(source: Path, target: Path) -> None:
    """Link a file, or each file of a folder: hard where the file system can, else symbolic. None is written twice."""
    if source.is_dir():
        for child in source.iterdir():
            link(child, target / child.name)
        return
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    real = source.resolve()
    try:
        os.link(real, target)
    except OSError:
        target.symlink_to(real)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def git(folder: Path, *arguments: str) -> str:
    """Run git; give its output. Raises InputError with its last line when it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # set inside a hook
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=clean, text=True, stdin=subprocess.DEVNULL,
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no output"]
        raise InputError(f"git {arguments[0]}: {lines[-1]}")
    return done.stdout


def _lay_working_tree(root: Path, folder: Path) -> None:
    """Copy what git tracks or would track; remove what is tracked and not there any more."""
    for name in _listed(root):
        source = root / name
        if source.is_symlink() or source.is_file():
            _copy(source, folder / name)
    for name in _listed(folder):
        if not os.path.lexists(root / name):
            (folder / name).unlink(missing_ok=True)


def _listed(folder: Path) -> list[str]:
    """Name what git tracks or would track."""
    return [
        name for name in git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0") if name
    ]


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a symbolic link, unless it is the same already. Its time stays: compiled kernels go by it."""
    if not source.is_symlink() and target.is_file() and not target.is_symlink():
        ours, theirs = source.stat(), target.stat()
        if (ours.st_mtime_ns, ours.st_size) == (theirs.st_mtime_ns, theirs.st_size):
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    remove(target)
    shutil.copy2(source, target, follow_symlinks=False)


def _with_cache(config: str, cache: Path) -> str:
    """Give the text of a config.local whose cache is `cache`; everything else of it stays."""
    from configobj import ConfigObj

    parsed = ConfigObj(config.splitlines(), list_values=False)
    parsed.setdefault("cache", {})["dir"] = str(cache)
    return "\n".join(parsed.write()) + "\n"
