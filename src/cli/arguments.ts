// The command line: words in, typed options or UsageError out. cac knows the commands and puts options and arguments
// apart. What it would read differently than written is settled before it sees the words: its parser turns `00` into 0,
// `-mode` into four switches, `--no-x` into x = false for any x, and an option's missing value into true.

import { type CAC, cac } from 'cac';
import type { FaultPlan } from '../core/faults.js';
import { IPV6_MIN_MTU } from '../core/ip/packet6.js';
import { limits } from '../core/limits.js';
import type { TcpConfig } from '../core/tcp/config.js';
import type { Layer } from '../core/trace.js';
import { type CertOptions, certOptions } from './cert-options.js';
import type { ColorFlag } from './colors.js';
import {
  COMMANDS,
  type CommandName,
  type CommandSpec,
  GLOBAL_OPTIONS,
  type OptionSpec,
  TLS_OPTIONS,
} from './commands.js';
import { type DiffCommandOptions, diffOptions } from './diff-options.js';
import { completionShell, type DoctorOptions, doctorOptions, type Shell } from './doctor-options.js';
import { faultPlan } from './fault.js';
import { helpText } from './help.js';
import { type InspectOptions, inspectOptions } from './inspect-options.js';
import { type ReExecuteOptions, reExecuteOptions } from './re-execute-options.js';
import { type RecordOptions, recordOptions } from './record-options.js';
import { type ReplayOptions, replayOptions } from './replay-options.js';
import { tcpKnobs } from './tcp-knobs.js';
import { type TlsServeOptions, tlsServeOptions } from './tls-options.js';
import {
  checkTunAddresses,
  checkTunAddresses6,
  deviceName,
  fileName,
  integerIn,
  ipv4,
  ipv6,
  layerSet,
  listenAddress,
  nearest,
  oneOf,
  pauseSet,
  prefixLength,
  quoted,
  seedBytes,
  UsageError,
} from './values.js';

export { UsageError } from './values.js';

export type Env = Readonly<Record<string, string | undefined>>;

export interface DisplayOptions {
  readonly log: 'pretty' | 'json' | 'none';
  /** Undefined: all. */
  readonly layers: ReadonlySet<Layer> | undefined;
  readonly verbose: boolean;
  readonly debug: boolean;
  readonly color: ColorFlag;
  /** Empty: no pause. */
  readonly pause: ReadonlySet<Layer>;
}

export interface ServeOptions extends DisplayOptions {
  readonly mode: 'tun' | 'tcp' | 'std';
  /** 0: any free port (modes tcp and std only). */
  readonly tlsPort: number;
  readonly plainPort: number | undefined;
  /** Where modes tcp and std listen. */
  readonly host: string;
  readonly device: string;
  /** This host's address on the TUN device. */
  readonly localIp: string;
  /** The address that wirebench answers on. */
  readonly remoteIp: string;
  readonly prefixLength: number;
  /** The same two for IPv6, in a /64 network; undefined: IPv4 only. `required`: it was asked for, and is not left out in silence. */
  readonly ip6: { readonly localIp: string; readonly remoteIp: string; readonly required: boolean } | undefined;
  readonly mtu: number;
  /** Mode tun: segments of one flow leave the process together. */
  readonly offload: boolean;
  /** Mode tun; undefined: the defaults of core/tcp/config.ts. */
  readonly tcp: TcpConfig | undefined;
  /** Mode tun; undefined: a perfect wire. */
  readonly faults: FaultPlan | undefined;
  /** 32 bytes; undefined: fresh ones are to be drawn. */
  readonly seed: Uint8Array | undefined;
  /** A directory whose files are served. */
  readonly root: string | undefined;
  /** A module of the user's own that answers. */
  readonly app: string | undefined;
  readonly record: string | undefined;
  /** Where config, seed and start time are written, for captures that others take of the run. */
  readonly manifest: string | undefined;
  readonly keylog: string | undefined;
  readonly tls: TlsServeOptions;
}

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
      const again = reExecuteOptions(given, TLS_OPTIONS);
      if (again !== undefined) return { command: 're-execute', options: again, notices: [] };
      const options = replayOptions(given, displayOptions(given, env, 'none'), env);
      // Before anything is read: what is wrong in it is wrong usage.
      if (options.server.serve !== undefined) parseArguments(['serve', ...options.server.serve], {});
      return { command: 'replay', options, notices: [] };
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

/** Options that only matter in some modes; elsewhere they are named in a notice and otherwise ignored, as in the original. */
const TUN_ONLY = [
  'dev',
  'local-ip',
  'remote-ip',
  'subnet',
  'local-ip6',
  'remote-ip6',
  'ip6',
  'mtu',
  'offload',
  'tcp',
  'fault',
];
const NOT_IN_STD = [
  'manifest',
  'seed',
  'keylog',
  'strict-sni',
  'alpn',
  'log',
  'layers',
  'pause',
  'verbose',
  'debug',
  'color',
];

function serveOptions(
  given: Given,
  env: Env,
  mode = given.value('mode', (option, text) => oneOf(option, text, ['tun', 'tcp', 'std'] as const)) ?? 'tun',
): { options: ServeOptions; notices: string[] } {
  const inTun = mode === 'tun';
  if (mode === 'std' && given.has('record')) {
    throw new UsageError('--record: mode std cannot be recorded', 'Modes tun and tcp can.');
  }
  const without = [...(inTun ? ['host'] : TUN_ONLY), ...(mode === 'std' ? NOT_IN_STD : [])].filter((name) =>
    given.has(name),
  );
  const port = (option: string, text: string): number => integerIn(option, text, inTun ? 1 : 0, 65_535);
  // RFC 791 §3.1: every host accepts 576 bytes, so no path of ours need be smaller; a TUN device takes 65,535 at most.
  const mtu = given.value('mtu', (option, text) => integerIn(option, text, limits.ip.minMtu, 65_535)) ?? 1500;
  const notices = without.map((name) => `--${name} has no effect in mode ${mode}`);
  const options: ServeOptions = {
    mode,
    tlsPort: given.value('port', port) ?? (inTun ? 443 : 8443),
    plainPort: given.value('plain-port', port) ?? (inTun ? 80 : undefined),
    host: given.value('host', listenAddress) ?? '127.0.0.1',
    device: given.value('dev', deviceName) ?? 'wb0',
    localIp: given.value('local-ip', ipv4) ?? '10.0.0.1',
    remoteIp: given.value('remote-ip', ipv4) ?? '10.0.0.2',
    prefixLength: given.value('subnet', prefixLength) ?? 24,
    ip6: ip6Options(given, mtu, inTun ? notices : undefined),
    mtu,
    offload: !given.has('offload') || given.on('offload'),
    tcp: given.value('tcp', tcpKnobs),
    faults: given.has('fault') ? faultPlan('--fault', given.texts('fault')) : undefined,
    seed: given.value('seed', seedBytes),
    root: given.value('root', fileName),
    app: given.value('app', fileName),
    record: given.value('record', fileName),
    manifest: given.value('manifest', fileName),
    keylog: given.value('keylog', fileName) ?? (env.SSLKEYLOGFILE || undefined),
    tls: tlsServeOptions(given),
    ...displayOptions(given, env, 'pretty'),
  };
  if (options.tlsPort === options.plainPort && options.tlsPort !== 0) {
    throw new UsageError(
      `port ${options.tlsPort} cannot speak both TLS and plain HTTP`,
      'Choose another --port or --plain-port.',
    );
  }
  if (inTun) checkTunAddresses(options.localIp, options.remoteIp, options.prefixLength);
  return { options, notices };
}

/** `notices` is undefined where IPv6 on the device means nothing. */
function ip6Options(given: Given, mtu: number, notices: string[] | undefined): ServeOptions['ip6'] {
  const localIp = given.value('local-ip6', ipv6) ?? 'fd00::1';
  const remoteIp = given.value('remote-ip6', ipv6) ?? 'fd00::2';
  checkTunAddresses6(localIp, remoteIp);
  if (notices === undefined || (given.has('ip6') && !given.on('ip6'))) return undefined;
  const required = ['ip6', 'local-ip6', 'remote-ip6'].some((name) => given.has(name));
  if (mtu >= IPV6_MIN_MTU) return { localIp, remoteIp, required };
  // RFC 8200 §5, and Linux takes IPv6 from a device with less.
  if (required) throw new UsageError(`--mtu: ${mtu} is too small for IPv6, which needs ${IPV6_MIN_MTU}`);
  notices.push(`--mtu ${mtu}: IPv4 only, IPv6 needs ${IPV6_MIN_MTU}`);
  return undefined;
}

function displayOptions(given: Given, env: Env, defaultLog: DisplayOptions['log']): DisplayOptions {
  return {
    log: given.value('log', (option, text) => oneOf(option, text, ['pretty', 'json', 'none'])) ?? defaultLog,
    layers: given.value('layers', layerSet),
    verbose: given.on('verbose'),
    debug: given.on('debug'),
    color: given.value('color', (option, text) => oneOf(option, text, ['auto', 'always', 'never'])) ?? 'auto',
    pause: given.value('pause', pauseSet) ?? pauseSet('PAUSE_LAYER', env.PAUSE_LAYER ?? ''),
  };
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
  const names = COMMANDS.map((spec) => spec.name);
  return new UsageError(
    `unknown command ${quoted(word)}`,
    nearest(word, names) ?? `The commands are ${names.join(', ')}.`,
  );
}

export interface Given {
  readonly positional: readonly string[];
  has(name: string): boolean;
  on(name: string): boolean;
  /** Every value of an option that may be given several times. */
  texts(name: string): readonly string[];
  /** Every value of several options, each with its option's name, as they follow each other. */
  inOrder(names: readonly string[]): readonly (readonly [name: string, text: string])[];
  value<Value>(name: string, read: (option: string, text: string) => Value): Value | undefined;
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
