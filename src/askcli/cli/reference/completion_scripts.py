"""Completion scripts for bash, zsh and fish.

They start no process: ids, models and profiles are read from files that the commands write
(`completion_cache`), line by line and without expansion by the shell.
"""

from __future__ import annotations

from collections.abc import Sequence

from askcli.cli.reference import completed
from askcli.cli.reference.tree import Command, Option


def script(shell: str, commands: Sequence[Command]) -> str:
    """Return the script for a shell."""
    commands = completed.with_help_of_each(commands)
    if shell == "bash":
        return _shell(_BASH, commands, "_askcli_words", "compopt -o default")
    return _shell(_ZSH, commands, "compadd --", "_files") if shell == "zsh" else _fish(commands)


def _words(command: Command) -> list[str]:
    options = [name for option in command.options for name in option.names]
    arguments = completed.argument_words(command)
    return [*command.commands, *arguments, *options, "--help"]


def _shell(template: str, commands: Sequence[Command], words: str, files: str) -> str:
    """Fill the template; `words` and `files` are the shell's commands to complete with them."""
    values = {
        "|".join(f'"{name}"' for name in names): f"{words} {' '.join(of)}"
        for of, names in completed.choices(commands).items()
    }
    kinds = completed.kinds(commands).items()
    values |= {_of_any(names): f"_askcli_cached {kind}" for kind, names in kinds}
    values |= {_of_any(completed.with_value(commands)): files}
    inner = {
        f'"{c.name}"': f"{_arguments(c, files)}{_guard(c, words)}{words} " + " ".join(_words(c))
        for c in commands
    }
    return template.format(
        paths="|".join(f'"{c.name}"' for c in commands if len(c.path) > 1),
        values="\n        ".join(_value(names, done) for names, done in values.items()),
        words="\n        ".join(f"{name}) {done} ;;" for name, done in inner.items()),
    )


def _of_any(options: Sequence[str]) -> str:
    """Return the pattern for these options of whatever command."""
    return "|".join(f'*" {name}"' for name in options)


def _value(names: str, done: str) -> str:
    """Return the case of these options; an id may be left out, and the next option come there."""
    is_left_out = "[[ $current == -* ]] || " if done == "_askcli_cached ids" else ""
    return f"{names}) {is_left_out}{{ {done}; return; }} ;;"


def _guard(command: Command, words: str) -> str:
    """Return the condition for offering options: bash offers files only where nothing else fits."""
    takes_file = any(argument.name in ("FILE", "SOURCE") for argument in command.arguments)
    return "[[ $current == -* ]] && " if takes_file and words == "_askcli_words" else ""


def _arguments(command: Command, files: str) -> str:
    if kind := completed.ARGUMENTS.get(command.name):
        return f"_askcli_cached {kind}; "
    takes_files = command.arguments and not completed.argument_words(command)
    return f"{files}; " if takes_files else ""


_BASH = """\
# bash completion for askcli: put it where bash-completion looks, or source it.
_askcli_words() {{
    local word
    for word in "$@"; do [[ $word == "$current"* ]] && COMPREPLY+=("$word"); done
}}
_askcli_cached() {{
    local line words file="${{XDG_CACHE_HOME:-$HOME/.cache}}/askcli/completion/$1"
    local -a shown
    [[ -r $file ]] || return
    while IFS=$'\\t' read -r line words; do
        [[ $line == "$current"* ]] || continue
        COMPREPLY+=("${{line#"$cut"}}")
        shown+=("$line${{words:+  $words}}")
    done < "$file"
    # When bash lists several, their words say which is which; what it inserts is their common part.
    if [[ $COMP_TYPE == 63 && ${{#COMPREPLY[@]}} -gt 1 ]]; then COMPREPLY=("${{shown[@]}}"); fi
}}
_askcli() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before cut= path=askcli i=$COMP_CWORD
    COMPREPLY=()
    # bash splits words at : and =, and inserts what comes after them.
    while [[ i -gt 1 && (${{COMP_WORDS[i]}} == : || ${{COMP_WORDS[i - 1]}} == :) ]]; do
        current=${{COMP_WORDS[--i]}}$current cut=${{current%"${{current##*:}}"}}
    done
    before=${{COMP_WORDS[i - 1]}}
    if [[ $current == "=" ]]; then current=
    elif [[ $before == "=" ]]; then before=${{COMP_WORDS[i - 2]}}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
        {paths}) path="$path ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$path $before" in
        {values}
    esac
    case "$path" in
        {words}
    esac
}}
complete -F _askcli askcli
"""


_ZSH = """\
#compdef askcli
# zsh completion for askcli: put it, as _askcli, into a directory of $fpath.
_askcli_cached() {{
    local file="${{XDG_CACHE_HOME:-$HOME/.cache}}/askcli/completion/$1" line
    local -a values shown
    [[ -r $file ]] || return
    while IFS= read -r line; do
        values+=("${{line%%$'\\t'*}}")
        shown+=("${{line//$'\\t'/  }}")
    done < "$file"
    compadd -l -d shown -a -- values
}}
_askcli() {{
    local before="${{words[CURRENT - 1]}}" path_="askcli" current i
    if [[ $PREFIX == --*=* ]]; then before="${{PREFIX%%=*}}"; compset -P '*='; fi
    current=$PREFIX
    for ((i = 2; i < CURRENT; i++)); do
        case "$path_ ${{words[i]}}" in
        {paths}) path_="$path_ ${{words[i]}}" ;;
        esac
    done
    case "$path_ $before" in
        {values}
    esac
    case "$path_" in
        {words}
    esac
}}
if [[ $funcstack[1] == _askcli ]]; then _askcli "$@"; else compdef _askcli askcli; fi
"""


def _fish(commands: Sequence[Command]) -> str:
    paths = " ".join(_quoted(command.name) for command in commands)
    lines = [_FISH.format(paths=paths)]
    for command in commands:
        at = f"complete -c askcli -n '__askcli_at {command.name}'"
        inner = {c.path[-1]: c.summary for c in commands if c.path[:-1] == command.path}
        lines += [f"{at} -a {name} -d {_quoted(summary)}" for name, summary in inner.items()]
        if kind := completed.ARGUMENTS.get(command.name):
            lines.append(f"{at} -a '(__askcli_cached {kind})'")
        elif words := completed.argument_words(command):
            lines.append(f"{at} -a '{' '.join(words)}'")
        elif command.arguments:
            lines.append(f"{at} -F")
        for option in command.options:
            lines.append(f"{at} {_fish_option(option.names)} {_fish_value(option)}".rstrip())
    return "\n".join(lines) + "\n"


def _fish_option(names: Sequence[str]) -> str:
    return " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in names
    )


def _fish_value(option: Option) -> str:
    kind = next((completed.VALUES[name] for name in option.names if name in completed.VALUES), None)
    if kind:
        value = f"-x -a '(__askcli_cached {kind})' "
    elif option.choices:
        value = f"-x -a '{' '.join(option.choices)}' "
    else:
        value = "-r -F " if option.value else ""
    return f"{value}-d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_FISH = """\
# fish completion for askcli: put it into ~/.config/fish/completions/askcli.fish.
set -g __askcli_paths {paths}
function __askcli_cached
    set -l root $XDG_CACHE_HOME
    test -n "$root"; or set root ~/.cache
    test -r $root/askcli/completion/$argv[1]; and cat $root/askcli/completion/$argv[1]
end
function __askcli_at
    set -l path askcli
    for word in (commandline -opc)[2..-1]
        contains -- "$path $word" $__askcli_paths; and set path "$path $word"
    end
    test "$path" = "$argv"
end
complete -c askcli -f"""
