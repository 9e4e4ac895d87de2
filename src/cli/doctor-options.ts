// `wirebench doctor` and `wirebench completion`: their options as data, and words in, plain data out.

import type { DisplayOptions, Given } from './given.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';
import { oneOf, quoted, UsageError } from './values.js';

export interface DoctorOptions {
  readonly json: boolean;
  readonly color: DisplayOptions['color'];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function doctorSpec(color: OptionSpec): CommandSpec {
  return {
    name: 'doctor',
    usage: 'doctor [options]',
    positional: '',
    description: 'Look at what this machine has for wirebench, and say what to do for what it lacks',
    options: [{ name: 'json', description: 'the findings as JSON' }, color],
    examples: ['wirebench doctor', 'wirebench doctor --json', 'wirebench doctor --no-color > machine.txt'],
  };
}

export const COMPLETION_SPEC: CommandSpec = {
  name: 'completion',
  usage: 'completion bash|zsh|fish',
  positional: ' [...names]',
  description: 'Print a script that completes commands and options in a shell',
  options: [],
  examples: [
    'source <(wirebench completion bash)',
    'wirebench completion zsh > ~/.zfunc/_wirebench',
    'wirebench completion fish > ~/.config/fish/completions/wirebench.fish',
  ],
};

export function doctorOptions(given: Given): DoctorOptions {
  if (given.positional.length > 0)
    throw new UsageError(`doctor takes no arguments, but ${quoted(given.positional[0]!)} was given`);
  const color = given.value('color', (option, text) => oneOf(option, text, ['auto', 'always', 'never'] as const));
  return { json: given.on('json'), color: color ?? 'auto' };
}

export function completionShell(given: Given): Shell {
  const [shell, ...more] = given.positional;
  const found = SHELLS.find((one) => one === shell);
  if (found !== undefined && more.length === 0) return found;
  throw new UsageError(
    shell === undefined
      ? 'completion: no shell was named'
      : `completion: ${quoted(shell)} is not one of ${SHELLS.join(', ')}`,
    'Usage: wirebench completion bash|zsh|fish',
  );
}
