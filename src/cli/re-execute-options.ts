// `replay --re-execute`: its options as data, and words in, plain data out.

import type { ColorFlag } from './colors.js';
import type { DisplayOptions, Given } from './given.js';
import type { OptionSpec } from './option-spec.js';
import { captureChoice } from './replay-options.js';
import { type TlsServeOptions, tlsServeOptions } from './tls-options.js';
import { fileName, newFileName, seedBytes, UsageError } from './values.js';

export interface ReExecuteOptions extends ReturnType<typeof captureChoice> {
  readonly keylogs: readonly string[];
  readonly expectations: readonly string[];
  /** Names of header fields, in lower case. */
  readonly ignored: readonly string[];
  /** Undefined: always the same one. */
  readonly seed: Uint8Array | undefined;
  readonly record: string | undefined;
  /** It may replace an earlier one. */
  readonly force: boolean;
  /** Who answers besides the site, as with `serve`. */
  readonly app: string | undefined;
  readonly root: string | undefined;
  readonly ignoreChecksums: boolean;
  /** A capture without any request is no failure. */
  readonly allowEmpty: boolean;
  readonly color: ColorFlag;
  readonly tls: TlsServeOptions;
}

/** `serveTls`: those of `serve` that say what is spoken by TLS. */
export function reExecuteSpecs(serveTls: readonly OptionSpec[]): OptionSpec[] {
  return [
    {
      name: 're-execute',
      description: 'play the client of any capture against our server anew, and report recorded answers against ours',
    },
    { name: 'keylog', value: 'FILE', description: 'with --re-execute: TLS secrets of the capture; repeatable' },
    {
      name: 'expect',
      value: 'EXPR',
      description: "with --re-execute: what each answer has to meet, as 'http.status == recorded.status'; repeatable",
      defaultText: 'that there is an answer',
    },
    {
      name: 'ignore',
      value: 'FIELD',
      description:
        'with --re-execute: a header field that may differ, besides date, server, etag and the like; repeatable',
    },
    {
      name: 'seed',
      value: 'SEED',
      description:
        'with --re-execute: the seed of the new run; else: that of the server, for captures that others took of it',
      defaultText: 'always the same; what the manifest says',
    },
    {
      name: 'checksums',
      description: 'with --re-execute: pass over segments whose TCP checksum is wrong; --no-checksums: take them, too',
      defaultText: 'on',
    },
    {
      name: 'allow-empty',
      description: 'with --re-execute: a capture that no request can be taken from is no failure',
    },
    {
      name: 'app',
      value: 'FILE',
      description:
        'with --re-execute: a module of your own that answers, as with serve; the time it takes does not count',
    },
    { name: 'root', value: 'DIR', description: 'with --re-execute: serve the files of a directory, as serve does' },
    { name: 'record', value: 'FILE', description: 'with --re-execute: the new run as a recording, which replays' },
    { name: 'force', description: 'with --re-execute: replace the recording of an earlier run' },
    ...serveTls
      .filter(({ name }) => name !== 'alpn')
      .map((option) => ({ ...option, description: `with --re-execute: ${option.description}` })),
  ];
}

/** Undefined: an ordinary replay. */
export function reExecuteOptions(
  given: Given,
  serveTls: readonly OptionSpec[],
  { color }: Pick<DisplayOptions, 'color'>,
): ReExecuteOptions | undefined {
  // The seed of a captured server is an ordinary replay's, too.
  const own = reExecuteSpecs(serveTls).flatMap(({ name }) => (name === 'seed' ? [] : [name]));
  if (!given.on('re-execute')) {
    const without = own.find((name) => given.has(name));
    if (without !== undefined) throw new UsageError(`--${without} goes with --re-execute`);
    return undefined;
  }
  for (const name of ['update', 'golden', 'pause', 'log', 'layers', 'verbose', 'debug', 'config', 'serve']) {
    if (given.has(name)) throw new UsageError(`--${name} has no meaning with --re-execute`);
  }
  if (given.positional.length === 0) {
    throw new UsageError(
      'replay --re-execute: no capture was given',
      'Usage: wirebench replay --re-execute CAPTURE|DIR...',
    );
  }
  const record = given.value('record', newFileName);
  if (record !== undefined && given.positional.length > 1) {
    throw new UsageError('--record: one capture makes one recording', 'Name a single capture.');
  }
  return {
    ...captureChoice(given),
    keylogs: given.texts('keylog').map((name) => fileName('--keylog', name)),
    expectations: given.texts('expect'),
    ignored: given.texts('ignore').map((name) => name.toLowerCase().replace(/^http\.header\./, '')),
    seed: given.value('seed', seedBytes),
    record,
    force: given.on('force'),
    app: given.value('app', fileName),
    root: given.value('root', fileName),
    ignoreChecksums: given.has('checksums') && !given.on('checksums'),
    allowEmpty: given.on('allow-empty'),
    color,
    tls: tlsServeOptions(given),
  };
}
