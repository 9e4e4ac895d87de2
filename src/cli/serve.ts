// `wirebench serve`: one run, live, until it is interrupted. Everything that decides what the run does (config, seed, start
// time) is settled before the first packet and goes into the recording.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { frameRecorder, keyLogLine, streamRecorder } from '../bench/recorders.js';
import { RECORDING_FORMAT, RECORDING_FORMAT_ANSWERS, RecordingWriter } from '../bench/recording.js';
import type { FaultCounts } from '../core/faults.js';
import { createSite } from '../core/http/site.js';
import { createRandomSource } from '../core/random.js';
import type { Trace } from '../core/trace.js';
import { loadApp } from '../io/app.js';
import { assembleStack, assembleStreams, type RunConfig, type RunIdentity } from '../io/assemble.js';
import { type Clock, createClock } from '../io/clock.js';
import { EXIT, FileError } from '../io/errors.js';
import { directoryFiles } from '../io/files.js';
import { runTun, type TunRun } from '../io/live-tun.js';
import { loadCredential, nodeCrypto } from '../io/node-crypto.js';
import { Desk } from '../io/outside.js';
import type { Loop } from '../io/run.js';
import { type Listeners, listenOn, runSockets } from '../io/sockets.js';
import { runStd } from '../io/std.js';
import { openTun, type TunDevice } from '../io/tun.js';
import type { ServeOptions } from './arguments.js';
import { createOutput } from './output.js';
import { createShown } from './show.js';
import { version } from './version.js';

const TEST_KEYS = fileURLToPath(new URL('../../../fixtures/keys/', import.meta.url));
const TEST_CERTIFICATE = `${TEST_KEYS}server.cert.pem`;
/** What a killed process may lose of its recording. */
const SAVE_INTERVAL_MS = 500;

/** `outputLost` resolves with an exit code when the standard output cannot be written any more: the run then ends. */
export async function serve(options: ServeOptions, outputLost: Promise<number>): Promise<number> {
  const { certificate, key } = readKeys(options);
  const desk = await openDesk(options);
  if (options.mode === 'std') return serveStd(options, certificate, key, desk);
  // Before a file is touched: when the port is in use, an earlier recording of that name is not overwritten.
  const place = await openPlace(options);
  try {
    return await serveAt(place, options, certificate, key, desk, outputLost);
  } finally {
    place.close();
  }
}

async function serveAt(
  place: Place,
  options: ServeOptions,
  certificate: string,
  key: string,
  desk: Desk | undefined,
  outputLost: Promise<number>,
): Promise<number> {
  const clock = createClock();
  const config = configOf(place, options, certificate, key);
  const seed = options.seed ?? new Uint8Array(randomBytes(32));
  const identity: RunIdentity = { config, seed, startUnixUs: clock.startUnixUs };

  const output = createOutput(process.stdout);
  const seedHex = Buffer.from(seed).toString('hex');
  const manifest = { format: formatOf(config), mode: config.mode, seed: seedHex, startUnixUs: clock.startUnixUs };
  const shown = createShown(options, output, manifest);
  const keyLog = options.keylog === undefined ? undefined : openKeyLog(options.keylog);
  const recording = options.record === undefined ? undefined : openRecording(options.record, identity);
  const trace = joinTraces(shown.trace, recording, keyLog);

  const { loop, wire } = start(options, place, identity, clock, trace, recording, shown.pauser, desk);
  desk?.connect((token, answer) => loop.respond(token, answer));
  let code: number | undefined;
  const stop = (why: number): void => {
    code ??= why;
    shown.pauser?.cancel();
    loop.stop();
  };
  const onSignal = (): void => stop(EXIT.interrupted);
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  void outputLost.then((why) => {
    if (why === EXIT.ok) say('nobody reads the log any more: ending');
    stop(why);
  });
  const saver = recording && setInterval(() => loop.guard(() => recording.flush()), SAVE_INTERVAL_MS);
  say(`listening on ${describePlace(place, config, options)}`);
  if (options.cert === undefined) sayTestCertificate();
  try {
    await loop.done;
  } finally {
    desk?.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    clearInterval(saver);
    // A run that failed during a pause: nobody is asked any more.
    shown.pauser?.cancel();
    shown.end();
    keyLog?.close();
    // What was recorded before an error is kept.
    recording?.close();
  }
  if (wire?.in) say(`faults in: ${counted(wire.in.counts)}`);
  if (wire?.out) say(`faults out: ${counted(wire.out.counts)}`);
  if (options.record !== undefined)
    say(`recorded in ${options.record}; run it again: wirebench replay ${options.record}`);
  return code ?? EXIT.ok;
}

/** Where peers come in: a TUN device, or ports of this system. */
type Place =
  | { readonly mode: 'tun'; readonly device: TunDevice; close(): void }
  | { readonly mode: 'tcp'; readonly listeners: Listeners; close(): void };

async function openPlace(options: ServeOptions): Promise<Place> {
  if (options.mode === 'tun') {
    const device = await openTun({
      name: options.device,
      hostAddress: options.localIp,
      prefixLength: options.prefixLength,
      mtu: options.mtu,
      // The kernel would sum up a merged packet anew, and flipped bits would arrive as if they were right.
      offload: options.offload && options.faults === undefined,
      ...(options.ip6 && { hostAddress6: options.ip6.localIp, requireIp6: options.ip6.required }),
    });
    if (options.ip6 && !device.ip6) say(`${device.name} takes no IPv6 address; --no-ip6 leaves it out`);
    return { mode: 'tun', device, close: () => device.close() };
  }
  const { plainPort, tlsPort } = options;
  const listeners = await listenOn(options.host, plainPort === undefined ? [tlsPort] : [tlsPort, plainPort]);
  return { mode: 'tcp', listeners, close: () => listeners.close() };
}

function configOf(place: Place, options: ServeOptions, certificate: string, key: string): RunConfig {
  const asked = options.plainPort === undefined ? [options.tlsPort] : [options.tlsPort, options.plainPort];
  const [tlsPort, ...plainPorts] = place.mode === 'tcp' ? place.listeners.ports : asked;
  return {
    mode: place.mode,
    ...(place.mode === 'tun' && {
      address: options.remoteIp,
      mtu: options.mtu,
      ...(options.tcp && { tcp: options.tcp }),
    }),
    ...(place.mode === 'tun' && options.ip6 && { address6: options.ip6.remoteIp }),
    plainPorts,
    tlsPorts: [tlsPort!],
    certificate,
    key,
    ...((options.app !== undefined || options.root !== undefined) && { outside: true }),
  };
}

/** A reader that does not know answers from outside must not take such a run for one of its own. */
function formatOf(config: RunConfig): 1 | 2 {
  return config.outside ? RECORDING_FORMAT_ANSWERS : RECORDING_FORMAT;
}

/** Who answers besides the site. */
async function openDesk(options: ServeOptions): Promise<Desk | undefined> {
  if (options.app === undefined && options.root === undefined) return undefined;
  // The application first: it may have reasons to answer for a file.
  const app = options.app === undefined ? [] : [await loadApp(options.app)];
  const files = options.root === undefined ? [] : [await directoryFiles(options.root)];
  // A promise that the application has forgotten is its own affair, too.
  process.on('unhandledRejection', (error) => say(`the application left a rejected promise: ${stackOf(error)}`));
  return new Desk({
    answerers: [...app, ...files],
    otherwise: createSite(),
    onError: (error, { method, path }) => say(`the application failed at ${method} ${path}: ${stackOf(error)}`),
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function describePlace(place: Place, config: RunConfig, options: ServeOptions): string {
  const spoken = [
    ...config.plainPorts.map((port) => `port ${port} (HTTP/1.1)`),
    ...config.tlsPorts.map((port) => `port ${port} (TLS: h2, http/1.1)`),
  ].join(', ');
  return place.mode === 'tun'
    ? `${options.remoteIp}${place.device.ip6 ? ` and ${options.ip6?.remoteIp}` : ''} ${spoken}, through TUN device ${place.device.name}`
    : `${options.host} ${spoken}, on this system's own TCP`;
}

function start(
  options: ServeOptions,
  place: Place,
  identity: RunIdentity,
  clock: Clock,
  trace: Trace | undefined,
  recording: RecordingWriter | undefined,
  presenter: Parameters<typeof runTun>[0]['presenter'],
  desk: Desk | undefined,
): { loop: Loop; wire?: TunRun['wire'] } {
  const shared = { clock, ...(presenter && { presenter }) };
  if (place.mode === 'tun') {
    const recorder = recording && frameRecorder(recording);
    const stack = assembleStack(identity, trace, desk?.handler);
    const faults = options.faults && {
      plan: options.faults,
      random: createRandomSource(nodeCrypto, identity.seed),
    };
    return runTun({
      ...shared,
      stack,
      device: place.device,
      ...(recorder && { recorder }),
      ...(faults && { faults }),
    });
  }
  const recorder = recording && streamRecorder(recording);
  const streams = assembleStreams(identity, trace, desk?.handler);
  return { loop: runSockets({ ...shared, streams, listeners: place.listeners, ...(recorder && { recorder }) }) };
}

function say(text: string): void {
  process.stderr.write(`wirebench: ${text}\n`);
}

function counted(counts: FaultCounts): string {
  const { frames, dropped, duplicated, reordered, corrupted, overflowed } = counts;
  return (
    `${frames} frames, of them ${dropped} dropped, ${duplicated} duplicated, ${reordered} reordered, ` +
    `${corrupted} corrupted, ${overflowed} lost to a full queue`
  );
}

async function serveStd(
  options: ServeOptions,
  certificatePem: string,
  keyPem: string,
  desk: Desk | undefined,
): Promise<number> {
  const { plainPort, tlsPort, host } = options;
  const server = await runStd({
    handler: desk?.handler ?? createSite(),
    host,
    tlsPort,
    plainPort,
    certificatePem,
    keyPem,
  });
  desk?.connect((token, answer) => server.respond(token, answer));
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const plain = server.plainPort === undefined ? '' : `port ${server.plainPort} (HTTP/1.1), `;
  say(`listening on ${host} ${plain}port ${server.tlsPort} (TLS: h2, http/1.1), by Node's own TLS and HTTP`);
  if (options.cert === undefined) sayTestCertificate();
  await stopped;
  desk?.close();
  await server.stop();
  return EXIT.interrupted;
}

function sayTestCertificate(): void {
  say(`the bundled test certificate is used; its key is public. Clients: curl --cacert ${TEST_CERTIFICATE}`);
}

function readKeys(options: ServeOptions): { certificate: string; key: string } {
  const certificateFile = options.cert ?? TEST_CERTIFICATE;
  const keyFile = options.key ?? `${TEST_KEYS}server.key.pem`;
  const certificate = readPem(certificateFile);
  const key = readPem(keyFile);
  try {
    loadCredential(certificate, key);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FileError(
      certificateFile,
      `${why} (key: ${keyFile})`,
      'give an RSA certificate and its key, both in PEM',
    );
  }
  return { certificate, key };
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new FileError(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`, 'check the path');
  }
}

function openRecording(file: string, identity: RunIdentity): RecordingWriter {
  const writer = new RecordingWriter(file, {
    format: formatOf(identity.config),
    wirebench: version(),
    node: process.versions.node,
    seed: Buffer.from(identity.seed).toString('hex'),
    config: identity.config,
    startUnixUs: identity.startUnixUs,
  });
  say(`recording to ${file}: it will hold the private key and the secrets of every connection`);
  return writer;
}

interface KeyLog {
  line(text: string): void;
  close(): void;
}

function openKeyLog(file: string): KeyLog {
  const unwritable = (error: unknown): FileError =>
    new FileError(file, `cannot be written (${(error as NodeJS.ErrnoException).code})`, 'name another --keylog file');
  let fd: number;
  try {
    fd = openSync(file, 'a', 0o600);
  } catch (error) {
    throw unwritable(error);
  }
  return {
    line(text) {
      try {
        writeSync(fd, `${text}\n`);
      } catch (error) {
        throw unwritable(error);
      }
    },
    close: () => closeSync(fd),
  };
}

/** One trace for everybody who wants one; none when nobody does, which costs the core nothing. */
function joinTraces(
  shown: Trace | undefined,
  recording: RecordingWriter | undefined,
  keyLog: KeyLog | undefined,
): Trace | undefined {
  if (recording === undefined && keyLog === undefined) return shown;
  return (atUs, event) => {
    const line = keyLogLine(event);
    if (line !== undefined) {
      recording?.secret(line);
      keyLog?.line(line);
    }
    shown?.(atUs, event);
  };
}
