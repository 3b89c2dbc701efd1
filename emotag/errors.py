"""Errors that a user can act on."""


class InputError(Exception):
    """Bad input, told in one line: what is wrong, in which file (and frame), and what to do about it.

    Stages and the `emotag` command print the line and exit with code 2. Anything else that escapes is a bug.
    """
