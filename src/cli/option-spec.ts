// What a command and an option are, as data.

export type CommandName = 'serve' | 'replay' | 'inspect' | 'diff' | 'record' | 'cert' | 'doctor' | 'completion';

export interface OptionSpec {
  /** As in `--local-ip`. */
  readonly name: string;
  /** What stands for the value in help; absent: the option is a switch. */
  readonly value?: string;
  /** What shells offer for the value where its notation does not list it. Of a `LIST`: its items; `name=` wants a value of its own. */
  readonly words?: readonly string[];
  /** The spelling of the Go original, where it differs; accepted with one dash or two like every other. */
  readonly original?: string;
  /** One letter, with one dash. */
  readonly letter?: string;
  readonly description: string;
  /** What help says about leaving it out. */
  readonly defaultText?: string;
}

export interface CommandSpec {
  readonly name: CommandName;
  readonly usage: string;
  /** What follows the command's name in cac's notation: nothing, one and more, or any number. */
  readonly positional: '' | ' <...captures>' | ' [...names]' | ' [...words]' | ' [...command]';
  readonly description: string;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
  /** What there is to say about the exit codes of this command. */
  readonly exitNote?: string;
}
