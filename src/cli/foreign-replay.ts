// `wirebench replay` of a capture that is no recording: one that others took of a wirebench server. Loaded only when one comes.

import { findIdentity } from '../bench/foreign/identity.js';
import { foreignLines, replayForeign } from '../bench/foreign-replay.js';
import type { RunConfig } from '../io/assemble.js';
import { CaptureError } from '../io/capture.js';
import { FileError } from '../io/errors.js';
import { parseArguments } from './arguments.js';
import { runConfigOf, TEST_CREDENTIAL } from './live-server.js';
import type { Outcome } from './outcome.js';
import type { CapturedServer } from './replay-options.js';
import { readTls } from './tls-files.js';
import { UsageError } from './values.js';

/** `refusal`: what reading it as a recording said. What `--serve` says wrong was found before, by `servedConfig`. */
export async function replayForeignOne(
  file: string,
  server: CapturedServer,
  refusal: CaptureError,
): Promise<Partial<Outcome> & Pick<Outcome, 'status'>> {
  try {
    const { seed, config: configFile, serve = [] } = server;
    const identity = await findIdentity(file, { seed, configFile, defaultConfig: () => servedConfig(serve) });
    if (identity === undefined) {
      // A directory or a file that is no capture has no server behind it.
      const { offset, what, advice } = refusal;
      return { status: 'unreadable', lines: [`${file}: offset ${offset}: ${what}`], advice: [advice, WHAT_IS_NEEDED] };
    }
    const result = await replayForeign(file, identity);
    const { packets, durationUs, identical } = result;
    const status = identical ? 'identical' : 'different';
    // Only a recording says where its run ended.
    return { status, packets, durationUs, complete: true, lines: foreignLines(file, result) };
  } catch (error) {
    if (error instanceof CaptureError) {
      return { status: 'unreadable', lines: [error.message], packets: error.packetsRead };
    }
    if (error instanceof FileError) return { status: 'unreadable', lines: [error.message, error.advice] };
    throw error;
  }
}

const WHAT_IS_NEEDED =
  'If others captured a wirebench server here: give the manifest that `serve --manifest FILE` wrote, or a recording of the same run, ' +
  'by --config, or the seed by --seed (with --serve, if the server had options)';

/** Of a server with these options. Raises UsageError. */
export function servedConfig(words: readonly string[]): RunConfig {
  const parsed = parseArguments(['serve', ...words], {});
  if (parsed.command !== 'serve' || parsed.options.mode === 'std') {
    throw new UsageError("--serve: options of serve in mode tun or tcp are wanted, as --serve='--tls-max 1.2'");
  }
  const { options } = parsed;
  if (options.app !== undefined || options.root !== undefined) {
    throw new UsageError(
      '--serve: answers of --app and --root are not in a capture',
      'Record such runs: serve --record.',
    );
  }
  const { mode, tlsPort, plainPort } = options;
  const ports = plainPort === undefined ? [tlsPort] : [tlsPort, plainPort];
  return runConfigOf(mode === 'tcp' ? 'tcp' : 'tun', ports, options, readTls(options.tls, TEST_CREDENTIAL));
}
