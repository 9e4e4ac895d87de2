// `wirebench serve`: one run, live, until it is interrupted. Everything that decides what the run does (config, seed, start
// time) is settled before the first packet and goes into the recording.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { frameRecorder, keyLogLine, streamRecorder } from '../bench/recorders.js';
import { RECORDING_FORMAT, RecordingWriter } from '../bench/recording.js';
import type { FaultCounts } from '../core/faults.js';
import { createSite } from '../core/http/site.js';
import { createRandomSource } from '../core/random.js';
import type { Trace } from '../core/trace.js';
import { assembleStack, assembleStreams, type RunConfig, type RunIdentity } from '../io/assemble.js';
import { type Clock, createClock } from '../io/clock.js';
import { EXIT, FileError } from '../io/errors.js';
import { runTun, type TunRun } from '../io/live-tun.js';
import { nodeCrypto } from '../io/node-crypto.js';
import type { Loop } from '../io/run.js';
import { type Listeners, listenOn, runSockets } from '../io/sockets.js';
import { runStd } from '../io/std.js';
import { openTun, type TunDevice } from '../io/tun.js';
import type { ServeOptions } from './arguments.js';
import { createOutput } from './output.js';
import { createShown } from './show.js';
import { readTls, type TlsTexts } from './tls-files.js';
import { version } from './version.js';

const TEST_KEYS = fileURLToPath(new URL('../../../fixtures/keys/', import.meta.url));
const TEST_CERTIFICATE = `${TEST_KEYS}server.cert.pem`;
const TEST_CREDENTIAL = { cert: TEST_CERTIFICATE, key: `${TEST_KEYS}server.key.pem`, ocsp: undefined };
/** What a killed process may lose of its recording. */
const SAVE_INTERVAL_MS = 500;

/** `outputLost` resolves with an exit code when the standard output cannot be written any more: the run then ends. */
export async function serve(options: ServeOptions, outputLost: Promise<number>): Promise<number> {
  const texts = readTls(options.tls, TEST_CREDENTIAL);
  if (options.mode === 'std') return serveStd(options, texts);
  // Before a file is touched: when the port is in use, an earlier recording of that name is not overwritten.
  const place = await openPlace(options);
  try {
    return await serveAt(place, options, texts, outputLost);
  } finally {
    place.close();
  }
}

async function serveAt(
  place: Place,
  options: ServeOptions,
  texts: TlsTexts,
  outputLost: Promise<number>,
): Promise<number> {
  const clock = createClock();
  const config = configOf(place, options, texts);
  const seed = options.seed ?? new Uint8Array(randomBytes(32));
  const identity: RunIdentity = { config, seed, startUnixUs: clock.startUnixUs };

  const output = createOutput(process.stdout);
  const seedHex = Buffer.from(seed).toString('hex');
  const manifest = { format: RECORDING_FORMAT, mode: config.mode, seed: seedHex, startUnixUs: clock.startUnixUs };
  const shown = createShown(options, output, manifest);
  const keyLog = options.keylog === undefined ? undefined : openKeyLog(options.keylog);
  const recording = options.record === undefined ? undefined : openRecording(options.record, identity);
  const trace = joinTraces(shown.trace, recording, keyLog);

  const { loop, wire } = start(options, place, identity, clock, trace, recording, shown.pauser);
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
  if (options.tls.credentials.length === 0) sayTestCertificate();
  try {
    await loop.done;
  } finally {
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

function configOf(place: Place, options: ServeOptions, texts: TlsTexts): RunConfig {
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
    ...texts,
  };
}

function describePlace(place: Place, config: RunConfig, options: ServeOptions): string {
  const spoken = [
    ...config.plainPorts.map((port) => `port ${port} (HTTP/1.1)`),
    ...config.tlsPorts.map((port) => `port ${port} (${spokenTls(options)})`),
  ].join(', ');
  return place.mode === 'tun'
    ? `${options.remoteIp}${place.device.ip6 ? ` and ${options.ip6?.remoteIp}` : ''} ${spoken}, through TUN device ${place.device.name}`
    : `${options.host} ${spoken}, on this system's own TCP`;
}

/** `TLS 1.2 and 1.3: h2, http/1.1`. */
function spokenTls({ tls }: ServeOptions): string {
  const { minVersion, maxVersion, alpnProtocols } = tls;
  const versions = minVersion === maxVersion ? minVersion : `${minVersion} and ${maxVersion}`;
  return `TLS ${versions}: ${alpnProtocols.length === 0 ? 'http/1.1' : alpnProtocols.join(', ')}`;
}

function start(
  options: ServeOptions,
  place: Place,
  identity: RunIdentity,
  clock: Clock,
  trace: Trace | undefined,
  recording: RecordingWriter | undefined,
  presenter: Parameters<typeof runTun>[0]['presenter'],
): { loop: Loop; wire?: TunRun['wire'] } {
  const shared = { clock, ...(presenter && { presenter }) };
  if (place.mode === 'tun') {
    const recorder = recording && frameRecorder(recording);
    const stack = assembleStack(identity, trace);
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
  const streams = assembleStreams(identity, trace);
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

async function serveStd(options: ServeOptions, texts: TlsTexts): Promise<number> {
  const { plainPort, tlsPort, host } = options;
  const server = await runStd({
    handler: createSite(),
    host,
    tlsPort,
    plainPort,
    ...texts,
  });
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const plain = server.plainPort === undefined ? '' : `port ${server.plainPort} (HTTP/1.1), `;
  say(`listening on ${host} ${plain}port ${server.tlsPort} (${spokenTls(options)}), by Node's own TLS and HTTP`);
  if (options.tls.credentials.length === 0) sayTestCertificate();
  await stopped;
  await server.stop();
  return EXIT.interrupted;
}

function sayTestCertificate(): void {
  say(`the bundled test certificate is used; its key is public. Clients: curl --cacert ${TEST_CERTIFICATE}`);
}

function openRecording(file: string, identity: RunIdentity): RecordingWriter {
  const writer = new RecordingWriter(file, {
    format: RECORDING_FORMAT,
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
