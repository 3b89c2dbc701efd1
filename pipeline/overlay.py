"""Laying a profile over params.yaml: what was laid over before does not show, and every comment stays in place."""

from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from pipeline.params import overlay

_AFTER = 2  # where ruamel keeps the comment that follows a key's value


def lay_over(params: CommentedMap, profile: CommentedMap, base: CommentedMap, others: Iterable[CommentedMap]) -> None:
    """Lay `profile` over `params`.

    Whatever some profile names is set: to this profile's value, else to that of `base` (the profile that params.yaml
    starts with), else back to its default. So it does not matter which profile was laid over before. What no profile
    names stays as it is: people and clips, paths of programs.
    """
    governed = _merged({}, profile)
    for other in (base, *others):
        governed = _merged(governed, other)
    wanted = _merged(base, profile)
    for name, below in governed.items():
        section = params.get(name)
        if not (isinstance(section, CommentedMap) and section and isinstance(below, CommentedMap)):
            if name in wanted:
                params[name] = wanted[name]
            continue
        changes = wanted.get(name, {})
        tail = _take_tail(section)
        _forget(section, changes, below)
        overlay(section, changes)
        _style(section, changes)
        if section:
            _put_tail(section, tail)
        else:  # stays, as DVC wants every section that a stage names
            section.fa.set_flow_style()
            _bind(params, name, tail)


def _merged(under: Any, over: Any) -> Any:
    """Lay one value over another in a copy that has no comments."""
    if not isinstance(over, Mapping):
        return over
    under = under if isinstance(under, Mapping) else {}
    copy = CommentedMap()
    for name in dict.fromkeys((*under, *over)):
        value = over[name] if name in over else under[name]
        copy[name] = _merged(under.get(name), value)
    if isinstance(over, CommentedMap) and over.fa.flow_style():
        copy.fa.set_flow_style()
    return copy


def _forget(section: CommentedMap, kept: Any, governed: Any) -> None:
    """Drop from a section what is governed and not kept."""
    if not isinstance(governed, Mapping):
        return
    kept = kept if isinstance(kept, Mapping) else {}
    for name, below in governed.items():
        if isinstance(below, Mapping) and isinstance(section.get(name), CommentedMap):
            _forget(section[name], kept.get(name), below)
            if not section[name]:
                del section[name]
        elif name not in kept:
            section.pop(name, None)


def _style(section: CommentedMap, like: Any) -> None:
    """Write mappings in one line or in many as the profile does."""
    for name, value in like.items():
        if isinstance(value, CommentedMap) and isinstance(section.get(name), CommentedMap):
            if value.fa.flow_style():
                section[name].fa.set_flow_style()
            else:
                section[name].fa.set_block_style()
            _style(section[name], value)


def _take_tail(section: CommentedMap) -> str:
    """Take the comment lines below a section off its last line, to which ruamel binds them; they are the next one's."""
    owner, key = _last_line(section)
    tokens = owner.ca.items.get(key)
    if not tokens or tokens[_AFTER] is None:
        return ""
    own, _, tail = tokens[_AFTER].value.partition("\n")
    if not tail:
        return ""
    if own.strip():
        tokens[_AFTER].value = f"{own}\n"
    else:
        del owner.ca.items[key]
    return str(tail)


def _put_tail(section: CommentedMap, tail: str) -> None:
    """Bind comment lines to the last line of a section as it is now."""
    owner, key = _last_line(section)
    _bind(owner, key, tail)


def _bind(owner: CommentedMap, key: Any, tail: str) -> None:
    """Write comment lines below the value of a key."""
    if not tail:
        return
    tokens = owner.ca.items.get(key)
    if tokens and tokens[_AFTER] is not None:
        tokens[_AFTER].value = tokens[_AFTER].value.rstrip("\n") + "\n" + tail
    else:
        owner.ca.items[key] = [None, None, CommentToken(f"\n{tail}", CommentMark(0), None), None]


def _last_line(section: CommentedMap) -> tuple[CommentedMap, Any]:
    """Find what is written last of a section: the mapping that it stands in, and its key there."""
    key = next(reversed(section))
    value = section[key]
    if isinstance(value, CommentedMap) and value and not value.fa.flow_style():
        return _last_line(value)
    return section, key
