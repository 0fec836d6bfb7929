"""Completion scripts for bash, zsh and fish.

They start no process: ids, models and profiles are read from files that the commands write
(`completion_cache`), line by line and without expansion by the shell.
"""

from __future__ import annotations

from collections.abc import Sequence

from askcli.cli.reference.tree import Command, Option

# The file that completes the value of an option, or a command's argument.
_VALUES = {
    "--model": "models",
    "--profile": "profiles",
    "--conversation": "ids",
    "--rejoin": "ids",
    "--retry": "ids",
}
_ARGUMENTS = {"askcli history show": "ids", "askcli history delete": "ids"}


def script(shell: str, commands: Sequence[Command]) -> str:
    """Return the script for a shell."""
    if shell == "bash":
        return _shell(_BASH, commands, "_askcli_words", "compopt -o default")
    return _shell(_ZSH, commands, "compadd --", "_files") if shell == "zsh" else _fish(commands)


def _words(command: Command) -> list[str]:
    options = [name for option in command.options for name in option.names]
    return [*command.commands, *options, "--help"]


def _kinds(commands: Sequence[Command]) -> dict[str, list[str]]:
    """Return the options whose values are completed from each file."""
    options_by_kind: dict[str, list[str]] = {}
    for command in commands:
        for option in command.options:
            kind = next((_VALUES[name] for name in option.names if name in _VALUES), None)
            if kind:
                names = options_by_kind.setdefault(kind, [])
                names += [name for name in option.names if name not in names]
    return options_by_kind


def _choices(commands: Sequence[Command]) -> dict[str, Sequence[str]]:
    return {
        name: option.choices
        for command in commands
        for option in command.options
        if option.choices
        for name in option.names
    }


def _with_value(commands: Sequence[Command]) -> list[str]:
    """Return the options with any other value, which may be a file."""
    listed = {name for names in _kinds(commands).values() for name in names}
    names = {n for c in commands for o in c.options if o.value for n in o.names}
    return sorted(names - listed - set(_choices(commands)))


def _shell(template: str, commands: Sequence[Command], words: str, files: str) -> str:
    """Fill the template; `words` and `files` are the shell's commands to complete with them."""
    values = {"|".join(n): f"_askcli_cached {kind}" for kind, n in _kinds(commands).items()}
    values |= {name: f"{words} {' '.join(of)}" for name, of in _choices(commands).items()}
    values |= {"|".join(_with_value(commands)): files}
    inner = {
        f'"{c.name}"': f"{_arguments(c, files)}{words} {' '.join(_words(c))}" for c in commands
    }
    return template.format(
        paths="|".join(f'"{c.name}"' for c in commands if len(c.path) > 1),
        values="\n        ".join(f"{name}) {done}; return ;;" for name, done in values.items()),
        words="\n        ".join(f"{name}) {done} ;;" for name, done in inner.items()),
    )


def _arguments(command: Command, files: str) -> str:
    if kind := _ARGUMENTS.get(command.name):
        return f"_askcli_cached {kind}; "
    return f"{files}; " if command.arguments else ""


_BASH = """\
# bash completion for askcli: put it where bash-completion looks, or source it.
_askcli_words() {{
    local word
    for word in "$@"; do [[ $word == "$current"* ]] && COMPREPLY+=("$word"); done
}}
_askcli_cached() {{
    local line file="${{XDG_CACHE_HOME:-$HOME/.cache}}/askcli/completion/$1"
    [[ -r $file ]] || return
    while IFS=$'\\t' read -r line _; do
        [[ $line == "$current"* ]] && COMPREPLY+=("$line")
    done < "$file"
}}
_askcli() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} path=askcli i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
        {paths}) path="$path ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "${{COMP_WORDS[COMP_CWORD - 1]}}" in
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
    local path_="askcli" i
    for ((i = 2; i < CURRENT; i++)); do
        case "$path_ ${{words[i]}}" in
        {paths}) path_="$path_ ${{words[i]}}" ;;
        esac
    done
    case "${{words[CURRENT - 1]}}" in
        {values}
    esac
    case "$path_" in
        {words}
    esac
}}
if [[ $funcstack[1] == _askcli ]]; then _askcli "$@"; else compdef _askcli askcli; fi
"""


def _fish(commands: Sequence[Command]) -> str:
    lines = [_FISH]
    for command in commands:
        at = f"complete -c askcli -n '__askcli_at {' '.join(command.path[1:])}'"
        inner = {c.path[-1]: c.summary for c in commands if c.path[:-1] == command.path}
        lines += [f"{at} -f -a {n} -d {_quoted(summary)}" for n, summary in inner.items()]
        if kind := _ARGUMENTS.get(command.name):
            lines.append(f"{at} -f -a '(__askcli_cached {kind})'")
        for option in command.options:
            lines.append(f"{at} {_fish_option(option.names)} {_fish_value(option)}".rstrip())
    return "\n".join(lines) + "\n"


def _fish_option(names: Sequence[str]) -> str:
    return " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in names
    )


def _fish_value(option: Option) -> str:
    kind = next((_VALUES[name] for name in option.names if name in _VALUES), None)
    if kind:
        value = f"-x -a '(__askcli_cached {kind})' "
    elif option.choices:
        value = f"-x -a '{' '.join(option.choices)}' "
    else:
        value = "-r " if option.value else ""
    return f"{value}-d {_quoted(option.help)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_FISH = """\
# fish completion for askcli: put it into ~/.config/fish/completions/askcli.fish.
function __askcli_cached
    set -l root $XDG_CACHE_HOME
    test -n "$root"; or set root ~/.cache
    test -r $root/askcli/completion/$argv[1]; and cat $root/askcli/completion/$argv[1]
end
function __askcli_at
    set -l tokens (commandline -opc)[2..-1]
    set -l words
    for word in $tokens
        string match -q -- '-*' $word; or set -a words $word
    end
    test "$words[1..-1]" = "$argv"; or begin
        test (count $argv) -gt 0; and test "$words[1..$(count $argv)]" = "$argv"
    end
end"""
