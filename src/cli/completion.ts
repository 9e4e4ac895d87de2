// Completion scripts, made of the table of commands: commands, their options, the values that an option names (`pretty|json|none`),
// and files for all others.

import { COMMANDS, GLOBAL_OPTIONS } from './commands.js';
import type { Shell } from './doctor-options.js';
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

/** What a value may be, where its notation lists it. */
function valuesOf({ value }: OptionSpec): readonly string[] | undefined {
  return value !== undefined && /^[a-z0-9.]+(\|[a-z0-9.]+)+$/.test(value) ? value.split('|') : undefined;
}

function optionsOf(spec: CommandSpec): OptionSpec[] {
  return [...spec.options, ...GLOBAL_OPTIONS];
}

function wordsOf(spec: CommandSpec): string {
  return optionsOf(spec)
    .flatMap(({ name, letter }) => [`--${name}`, ...(letter === undefined ? [] : [`-${letter}`])])
    .join(' ');
}

function bash(): string {
  const names = COMMANDS.map(({ name }) => name);
  const serve = COMMANDS[0]!;
  const values = new Map<string, string>();
  const directories = new Set<string>();
  const files = new Set<string>();
  for (const option of COMMANDS.flatMap(optionsOf)) {
    const listed = valuesOf(option);
    if (listed !== undefined) values.set(option.name, listed.join(' '));
    else if (option.value === 'DIR') directories.add(option.name);
    else if (option.value !== undefined) files.add(option.name);
  }
  const cases = (list: Iterable<string>): string => [...list].map((name) => `--${name}`).join('|');
  return `# Completion for wirebench; made by: wirebench completion bash
_wirebench() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=serve i
  # bash takes = for a word of its own.
  if [[ $before == "=" ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if [[ $word == "=" ]]; then before=\${COMP_WORDS[COMP_CWORD-1]}; word=; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${names.join('|')}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  COMPREPLY=()
  case $before in
${[...values].map(([name, list]) => `    --${name}) COMPREPLY=($(compgen -W '${list}' -- "$word")); return ;;`).join('\n')}
    ${cases(directories)}) COMPREPLY=($(compgen -d -- "$word")); return ;;
    ${cases(files)}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [[ $word == -* ]]; then
    case $command in
${COMMANDS.map((spec) => `      ${spec.name}) COMPREPLY=($(compgen -W '${wordsOf(spec)}' -- "$word")) ;;`).join('\n')}
    esac
    return
  fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$word"))
  elif [[ $command == completion ]]; then
    COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word"))
  elif [[ $command != ${serve.name} ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _wirebench wirebench
`;
}

function fish(): string {
  const lines = ['# Completion for wirebench; made by: wirebench completion fish', 'complete -c wirebench -f'];
  const none = `not __fish_seen_subcommand_from ${COMMANDS.map(({ name }) => name).join(' ')}`;
  for (const { name, description } of COMMANDS) {
    lines.push(`complete -c wirebench -n '${none}' -a ${name} -d ${fishText(description)}`);
  }
  for (const spec of COMMANDS) {
    const condition = `__fish_seen_subcommand_from ${spec.name}`;
    if (['replay', 'inspect', 'diff'].includes(spec.name)) lines.push(`complete -c wirebench -n '${condition}' -F`);
    if (spec.name === 'completion') lines.push(`complete -c wirebench -n '${condition}' -a 'bash zsh fish'`);
    for (const option of optionsOf(spec)) {
      const { name, letter, value, description } = option;
      const listed = valuesOf(option);
      const argument = value === undefined ? '' : listed === undefined ? ' -r -F' : ` -x -a '${listed.join(' ')}'`;
      const short = letter === undefined ? '' : ` -s ${letter}`;
      lines.push(`complete -c wirebench -n '${condition}' -l ${name}${short}${argument} -d ${fishText(description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** fish: only the quotation mark and the backslash mean something between these marks. */
function fishText(text: string): string {
  const first = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return `'${first.replace(/[\\']/g, '\\$&')}'`;
}
