// The command line: words in, typed options or UsageError out. cac knows the commands and puts options and arguments
// apart. What it would read differently than written is settled before it sees the words: its parser turns `00` into 0,
// `-mode` into four switches, `--no-x` into x = false for any x, and an option's missing value into true.

import { type CAC, cac } from 'cac';
import { type CertOptions, certOptions } from './cert-options.js';
import { COMMANDS, GLOBAL_OPTIONS, TLS_OPTIONS } from './commands.js';
import { type DiffCommandOptions, diffOptions } from './diff-options.js';
import { completionShell, type DoctorOptions, doctorOptions, type Shell } from './doctor-options.js';
import { displayOptions, type Env, type Given } from './given.js';
import { helpText } from './help.js';
import { type InspectOptions, inspectOptions } from './inspect-options.js';
import type { CommandName, CommandSpec, OptionSpec } from './option-spec.js';
import { type ReExecuteOptions, reExecuteOptions } from './re-execute-options.js';
import { type RecordOptions, recordOptions } from './record-options.js';
import { type ReplayOptions, replayNotices, replayOptions } from './replay-options.js';
import { type ServeOptions, serveOptions } from './serve-options.js';
import { nearest, quoted, UsageError } from './values.js';

export { UsageError } from './values.js';

/** `notices` are single lines for stderr: options that have no effect here. */
export type Arguments =
  | { readonly command: 'serve'; readonly options: ServeOptions; readonly notices: readonly string[] }
  | { readonly command: 'replay'; readonly options: ReplayOptions; readonly notices: readonly string[] }
  | { readonly command: 're-execute'; readonly options: ReExecuteOptions; readonly notices: readonly string[] }
  | { readonly command: 'inspect'; readonly options: InspectOptions; readonly notices: readonly string[] }
  | { readonly command: 'diff'; readonly options: DiffCommandOptions; readonly notices: readonly string[] }
  | { readonly command: 'cert'; readonly options: CertOptions; readonly notices: readonly string[] }
  | { readonly command: 'record'; readonly options: RecordOptions; readonly notices: readonly string[] }
  | { readonly command: 'doctor'; readonly options: DoctorOptions; readonly notices: readonly string[] }
  | { readonly command: 'completion'; readonly shell: Shell }
  | { readonly command: 'help'; readonly text: string }
  | { readonly command: 'version' };

/** `argv` without node and script. Reads PAUSE_LAYER and SSLKEYLOGFILE from `env`. Throws UsageError and nothing else. */
export function parseArguments(argv: readonly string[], env: Env): Arguments {
  const words = sortWords(argv);
  const [first, ...rest] = words.positional;
  const named = COMMANDS.find((spec) => spec.name === first);
  if (words.given.has('help')) return { command: 'help', text: help(named?.name) };
  if (words.given.has('version')) return { command: 'version' };
  if (first === 'help' || first === 'version') return about(first, rest);
  if (first !== undefined && named === undefined) throw unknownCommand(first);

  const spec = named ?? COMMANDS[0]!;
  for (const name of words.given.keys()) requireOption(spec, name);
  const given = readWithCac(spec, words.options, rest);
  switch (spec.name) {
    case 'serve':
      if (given.positional.length > 0) {
        throw new UsageError(`serve takes no arguments, but ${quoted(given.positional[0]!)} was given`);
      }
      return { command: 'serve', ...serveOptions(given, env) };
    case 'replay': {
      const again = reExecuteOptions(given, TLS_OPTIONS, displayOptions(given, env, 'none'));
      if (again !== undefined) return { command: 're-execute', options: again, notices: [] };
      const options = replayOptions(given, displayOptions(given, env, 'none'), env);
      // Before anything is read: what is wrong in it is wrong usage.
      if (options.server.serve !== undefined) parseArguments(['serve', ...options.server.serve], {});
      return { command: 'replay', options, notices: replayNotices(given, options) };
    }
    case 'inspect':
      return { command: 'inspect', options: inspectOptions(given, displayOptions(given, env, 'pretty')), notices: [] };
    case 'diff':
      return { command: 'diff', options: diffOptions(given, displayOptions(given, env, 'pretty')), notices: [] };
    case 'cert':
      return { command: 'cert', options: certOptions(given), notices: [] };
    case 'record': {
      // What clients write into SSLKEYLOGFILE is theirs, and nobody can be asked to go on.
      const options = recordOptions(given, (mode) => serveOptions(given, {}, mode));
      return { command: 'record', options, notices: [] };
    }
    case 'doctor':
      return { command: 'doctor', options: doctorOptions(given), notices: [] };
    case 'completion':
      return { command: 'completion', shell: completionShell(given) };
    default:
      return spec.name satisfies never;
  }
}

/** The first word that names a command, if only to say whose help has more. */
export function commandNamed(argv: readonly string[]): CommandName | undefined {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const names = COMMANDS.map(({ name }) => name);
  return words.map((word) => names.find((name) => name === word)).find((name) => name !== undefined);
}

/** `wirebench help replay` is `wirebench replay --help`, and `wirebench version` is `wirebench --version`. */
function about(word: 'help' | 'version', [name, ...more]: readonly string[]): Arguments {
  const unwanted = word === 'help' ? more[0] : name;
  if (unwanted !== undefined) {
    throw new UsageError(
      `${word}: ${quoted(unwanted)} is not expected`,
      `Usage: wirebench ${word === 'help' ? 'help [COMMAND]' : word}`,
    );
  }
  if (word === 'version') return { command: 'version' };
  const spec = COMMANDS.find((one) => one.name === name);
  if (name !== undefined && spec === undefined) throw unknownCommand(name);
  return { command: 'help', text: help(spec?.name) };
}

interface Words {
  /** `--name==value` and `--name=true`: forms that cac reads as they are written. */
  readonly options: readonly string[];
  /** Options by their names, each with how it was spelled first. */
  readonly given: ReadonlyMap<string, string>;
  readonly positional: readonly string[];
}

/** What `--no-...` stands for, where there is one. */
const NEGATED: ReadonlyMap<string, { readonly option: string; readonly means: string }> = new Map([
  ['no-color', { option: 'color', means: '--color==never' }],
  ['no-checksums', { option: 'checksums', means: '--checksums=false' }],
  ['no-golden', { option: 'golden', means: '--golden=false' }],
  ['no-ip6', { option: 'ip6', means: '--ip6=false' }],
  ['no-offload', { option: 'offload', means: '--offload=false' }],
  ['no-resumption', { option: 'resumption', means: '--resumption=false' }],
]);

/** Brings every spelling of an option into one form. A value that begins with a dash must be joined: `--seed=-1`. */
function sortWords(argv: readonly string[]): Words {
  const options: string[] = [];
  const given = new Map<string, string>();
  const positional: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') {
      positional.push(...argv.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      positional.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const spelled = equals < 0 ? word : word.slice(0, equals);
    const joined = equals < 0 ? undefined : word.slice(equals + 1);
    const negated = joined === undefined ? NEGATED.get(spelled.replace(/^--?/, '')) : undefined;
    if (negated !== undefined) {
      options.push(negated.means);
      given.set(negated.option, spelled);
      continue;
    }
    const option = findOption(spelled, positional[0]);
    given.set(option.name, spelled);
    if (option.value === undefined) {
      if (joined !== undefined && joined !== 'true' && joined !== 'false') {
        throw new UsageError(`${spelled} is a switch and takes no value, but ${quoted(joined)} was given`);
      }
      options.push(`--${option.name}=${joined ?? 'true'}`);
      continue;
    }
    const following = argv[i + 1];
    if (joined === undefined && (following === undefined || (following.startsWith('-') && following !== '-'))) {
      throw new UsageError(`${spelled} needs a value (${option.value})`);
    }
    if (joined === undefined) i++;
    // The second `=` becomes part of the value, so that cac never takes it for a number or for missing.
    options.push(`--${option.name}==${joined ?? following}`);
  }
  return { options, given, positional };
}

/** Every option of every command once. */
const ALL_OPTIONS: ReadonlyMap<string, OptionSpec> = new Map(
  [...COMMANDS.flatMap((spec) => spec.options), ...GLOBAL_OPTIONS].map((option) => [option.name, option]),
);

/** The options of the command are looked at first: `ocsp` takes a file in `serve` and is a switch in `cert`. */
function findOption(spelled: string, command: string | undefined): OptionSpec {
  const name = spelled.replace(/^--?/, '');
  const spec = COMMANDS.find((one) => one.name === command) ?? COMMANDS[0]!;
  for (const option of [...spec.options, ...ALL_OPTIONS.values()]) {
    if (name === option.name || name === option.original) return option;
    if (name === option.letter && !spelled.startsWith('--')) return option;
  }
  const names = [...ALL_OPTIONS.values()].flatMap(({ name, original }) => (original ? [name, original] : [name]));
  throw new UsageError(
    `unknown option ${quoted(spelled)}`,
    nearest(name, [...names, ...NEGATED.keys()], (near) => `--${near}`),
  );
}

function requireOption(spec: CommandSpec, name: string): void {
  if (spec.options.some((option) => option.name === name)) return;
  const owners = COMMANDS.filter(({ options }) => options.some((option) => option.name === name));
  throw new UsageError(
    `--${name} is no option of ${spec.name}`,
    `It is one of ${listText(owners.map((owner) => owner.name))}.`,
  );
}

/** `a, b and c` */
function listText(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function unknownCommand(word: string): UsageError {
  if (/\.pcap(ng)?(\.gz)?$/.test(word)) {
    return new UsageError(
      `unknown command ${quoted(word)}`,
      `To run a recording again: wirebench replay ${quoted(word)}; to look into a capture: wirebench inspect ${quoted(word)}`,
    );
  }
  const names = [...COMMANDS.map((spec) => spec.name), 'help', 'version'];
  return new UsageError(
    `unknown command ${quoted(word)}`,
    nearest(word, names) ?? `The commands are ${names.join(', ')}.`,
  );
}

function readWithCac(spec: CommandSpec, options: readonly string[], positional: readonly string[]): Given {
  const cli = createCli();
  cli.parse(['node', cli.name, spec.name, ...options, '--', ...positional], { run: false });
  const read = cli.options;
  const key = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return {
    positional: read['--'] as readonly string[],
    has: (name) => read[key(name)] !== undefined,
    // cac leaves `true` a text for switches of several words.
    on: (name) => String([read[key(name)]].flat().at(-1)) === 'true',
    texts: (name) => [read[key(name)] ?? []].flat().map((text) => String(text).slice(1)),
    inOrder: (names) =>
      options.flatMap((word) => {
        const name = names.find((one) => word.startsWith(`--${one}==`));
        return name === undefined ? [] : [[name, word.slice(name.length + 4)] as const];
      }),
    value(name, toValue) {
      const found: unknown = read[key(name)];
      if (found === undefined) return undefined;
      if (Array.isArray(found)) {
        const texts = found.map((text) => quoted(String(text).slice(1)));
        throw new UsageError(`--${name} is given more than once: ${texts.join(' and ')}`);
      }
      return toValue(`--${name}`, String(found).slice(1));
    },
  };
}

function help(name: CommandName | undefined): string {
  const cli = createCli();
  return helpText(
    cli,
    cli.commands.find((command) => command.name === name),
  );
}

function createCli(): CAC {
  const cli = cac('wirebench');
  for (const spec of COMMANDS) {
    const command = cli
      .command(`${spec.name}${spec.positional}`, spec.description)
      .usage(spec.usage)
      .ignoreOptionDefaultValue();
    // `!` is cac's mark of the command that is meant when none is named.
    if (spec.name === 'serve') command.alias('!');
    for (const option of spec.options) {
      const also = option.original === undefined ? '' : ` (-${option.original} too)`;
      command.option(rawName(option), option.description + also, { default: option.defaultText });
    }
    for (const example of spec.examples) command.example(example);
  }
  for (const option of GLOBAL_OPTIONS) cli.option(rawName(option), option.description);
  return cli;
}

function rawName({ name, letter, value }: OptionSpec): string {
  return `${letter === undefined ? '' : `-${letter}, `}--${name}${value === undefined ? '' : ` <${value}>`}`;
}
