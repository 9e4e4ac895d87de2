// Completion scripts, made of the table of commands: commands, their options, the values that an option names (`pretty|json|none`),
// and files for all others.

import { COMMANDS, GLOBAL_OPTIONS } from './commands.js';
import { SHELLS, type Shell } from './doctor-options.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';

export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash();
    case 'zsh':
      // zsh runs bash's functions once bashcompinit is loaded.
      return `#compdef wirebench\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case 'fish':
      return fish();
    default:
      return shell satisfies never;
  }
}

/** What a value may be, where its notation lists it or the option does. */
function valuesOf({ value, words }: OptionSpec): readonly string[] | undefined {
  if (words !== undefined) return words;
  return value !== undefined && /^[a-z0-9.]+(\|[a-z0-9.]+)+$/.test(value) ? value.split('|') : undefined;
}

const DIRECTORY = 'DIR';
const FILES = new Set(['FILE']);

function optionsOf(spec: CommandSpec): OptionSpec[] {
  return [...spec.options, ...GLOBAL_OPTIONS];
}

function wordsOf(spec: CommandSpec): string {
  return optionsOf(spec)
    .flatMap(({ name, letter }) => [`--${name}`, ...(letter === undefined ? [] : [`-${letter}`])])
    .join(' ');
}

/** Words that stand for options of all commands. */
const ABOUT = ['help', 'version'];

/** A case for each option of a command that takes a value. */
function bashCases(spec: CommandSpec): string {
  const cases: string[] = [];
  for (const option of optionsOf(spec)) {
    const { name, letter, value, original } = option;
    if (value === undefined) continue;
    const spelled = [
      `--${name}`,
      ...(original === undefined ? [] : [`--${original}`]),
      ...(letter ? [`-${letter}`] : []),
    ];
    const values = valuesOf(option);
    let action = ':';
    if (values !== undefined) action = `_wirebench_values '${value}' '${values.join(' ')}'`;
    else if (value === DIRECTORY) action = '_wirebench_files -d';
    else if (FILES.has(value)) action = '_wirebench_files -f';
    cases.push(`        ${spelled.join('|')}) ${action}; return ;;`);
  }
  return cases.join('\n');
}

function bash(): string {
  const names = COMMANDS.map(({ name }) => name);
  const serve = COMMANDS[0]!;
  return `# Completion for wirebench; made by: wirebench completion bash
_wirebench_files() {
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen $1 -- "\${whole##*=}"))
}
# Notation and values: items of a list go on behind a comma, and a reporter may name a file.
_wirebench_values() {
  local before= rest=$whole value strip=
  if [[ $1 == LIST && $whole == *,* ]]; then before=\${whole%,*},; rest=\${whole##*,}; fi
  if [[ $1 == *=FILE* && $whole == *=* ]]; then _wirebench_files -f; return; fi
  # What stands before the last = is not replaced.
  if [[ $whole == *=* ]]; then strip=\${whole%"\${whole##*=}"}; fi
  for value in $2; do
    if [[ $value == "$rest"* ]]; then
      value=$before$value
      COMPREPLY+=("\${value#"$strip"}")
      if [[ $value == *= ]]; then compopt -o nospace 2>/dev/null; fi
    fi
  done
}
_wirebench() {
  local at=$COMP_CWORD whole=\${COMP_WORDS[COMP_CWORD]} word before command=serve i
  # bash takes = for a word of its own.
  while ((at > 1)) && [[ \${COMP_WORDS[at]} == "=" || \${COMP_WORDS[at-1]} == "=" ]]; do
    at=$((at - 1)); whole=\${COMP_WORDS[at]}$whole
  done
  word=$whole
  before=\${COMP_WORDS[at-1]}
  if [[ $whole == -*=* ]]; then before=\${whole%%=*}; whole=\${whole#*=}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${[...names, ...ABOUT].join('|')}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  COMPREPLY=()
  case $command in
${COMMANDS.map((spec) => `    ${spec.name})\n      case $before in\n${bashCases(spec)}\n      esac ;;`).join('\n')}
  esac
  if [[ $word == -* ]]; then
    case $command in
${COMMANDS.map((spec) => `      ${spec.name}) COMPREPLY=($(compgen -W '${wordsOf(spec)}' -- "$word")) ;;`).join('\n')}
    esac
    return
  fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${[...names, ...ABOUT].join(' ')}' -- "$word"))
  elif [[ $command == help ]]; then
    COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$word"))
  elif [[ $command == completion ]]; then
    COMPREPLY=($(compgen -W '${SHELLS.join(' ')}' -- "$word"))
  elif [[ $command != ${serve.name} && $command != version ]]; then
    _wirebench_files -f
  fi
}
complete -F _wirebench wirebench
`;
}

function fish(): string {
  const lines = ['# Completion for wirebench; made by: wirebench completion fish', 'complete -c wirebench -f'];
  const none = `not __fish_seen_subcommand_from ${[...COMMANDS.map(({ name }) => name), ...ABOUT].join(' ')}`;
  for (const { name, description } of COMMANDS) {
    lines.push(`complete -c wirebench -n '${none}' -a ${name} -d ${fishText(description)}`);
  }
  for (const word of ABOUT) lines.push(`complete -c wirebench -n '${none}' -a ${word}`);
  lines.push(
    `complete -c wirebench -n '__fish_seen_subcommand_from help' -a '${COMMANDS.map(({ name }) => name).join(' ')}'`,
  );
  for (const spec of COMMANDS) {
    const condition = `__fish_seen_subcommand_from ${spec.name}`;
    if (['replay', 'inspect', 'diff'].includes(spec.name)) lines.push(`complete -c wirebench -n '${condition}' -F`);
    if (spec.name === 'completion') lines.push(`complete -c wirebench -n '${condition}' -a '${SHELLS.join(' ')}'`);
    for (const option of optionsOf(spec)) {
      const { name, letter, value, description } = option;
      const listed = valuesOf(option);
      const argument =
        value === undefined ? '' : listed === undefined ? fishArgument(value) : ` -x -a '${listed.join(' ')}'`;
      const short = letter === undefined ? '' : ` -s ${letter}`;
      lines.push(`complete -c wirebench -n '${condition}' -l ${name}${short}${argument} -d ${fishText(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishArgument(value: string): string {
  if (value === DIRECTORY) return " -x -a '(__fish_complete_directories)'";
  return FILES.has(value) ? ' -r -F' : ' -x';
}

/** fish: only the quotation mark and the backslash mean something between these marks. */
function fishText(text: string): string {
  const first = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return `'${first.replace(/[\\']/g, '\\$&')}'`;
}
