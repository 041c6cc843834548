"""`fairshard completion`: prints a script with which a shell completes commands and options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping

from pipelines.commands.common import add_general_options

EXAMPLES = """\
examples:
  bash, in ~/.bashrc:
    eval "$(fairshard completion bash)"
  zsh, in ~/.zshrc:
    eval "$(fairshard completion zsh)"
  fish:
    fairshard completion fish > ~/.config/fish/completions/fairshard.fish
"""

_BASH = """\
_fairshard() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    elif [ "${{word#-}}" != "$word" ]; then
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [ -z "$words" ]; then
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _fairshard fairshard
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    known = known_options(options.parser_of)
    if options.shell == "fish":
        script = "".join(_fish_lines(known))
    else:
        script = _bash_script(known)
        if options.shell == "zsh":
            script = f"autoload -Uz compinit bashcompinit\ncompinit\nbashcompinit\n{script}"
    sys.stdout.write(script)
    return 0


def known_options(
    parser_of: Callable[[list[str]], argparse.ArgumentParser],
) -> dict[str, tuple[str, dict[str, str]]]:
    """Returns each command's purpose, and its options with their helps.

    Args:
        parser_of: Makes the parser of the whole command line, with the options of some commands.
    """
    (commands,) = (
        action
        for action in parser_of([])._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    purposes = {one.dest: one.help or "" for one in commands._choices_actions}
    return {name: (purpose, _options(parser_of, name)) for name, purpose in purposes.items()}


def _options(
    parser_of: Callable[[list[str]], argparse.ArgumentParser], name: str
) -> dict[str, str]:
    """Returns a command's options; none if the packages that it needs are not installed."""
    try:
        parser = parser_of([name])
    except ModuleNotFoundError:
        return {}
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return {
        word: action.help or ""
        for action in commands.choices[name]._actions
        for word in action.option_strings
        if word.startswith("--")
    }


def _bash_script(known: Mapping[str, tuple[str, Mapping[str, str]]]) -> str:
    cases = "\n".join(
        f'            {name}) words="{" ".join(options)}" ;;'
        for name, (_, options) in known.items()
        if options
    )
    return _BASH.format(commands=" ".join(known), cases=cases)


def _fish_lines(known: Mapping[str, tuple[str, Mapping[str, str]]]) -> Iterator[str]:
    for name, (purpose, options) in known.items():
        yield f"complete -c fairshard -n __fish_use_subcommand -f -a {name} -d {_quoted(purpose)}\n"
        for word, told in options.items():
            chosen = f"-n '__fish_seen_subcommand_from {name}' -l {word.removeprefix('--')}"
            yield f"complete -c fairshard {chosen} -d {_quoted(told.partition('(default')[0])}\n"


def _quoted(text: str) -> str:
    """Returns a text in fish's single quotes."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{plain}'"
