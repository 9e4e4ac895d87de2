// A live server in this process: `serve` runs one until it is interrupted, `record` for as long as a command runs. Everything
// that decides what the run does (config, seed, start time) is settled before the first packet and goes into the recording.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, type Stats, statSync, writeFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { frameRecorder, keyLogLine, streamRecorder } from '../bench/recorders.js';
import {
  RECORDING_FORMAT,
  RECORDING_FORMAT_ANSWERS,
  type RecordingManifest,
  RecordingWriter,
} from '../bench/recording.js';
import type { FaultCounts } from '../core/faults.js';
import { createRandomSource } from '../core/random.js';
import type { Trace } from '../core/trace.js';
import { assembleStack, assembleStreams, type RunConfig, type RunIdentity } from '../io/assemble.js';
import { type Clock, createClock } from '../io/clock.js';
import { FileError } from '../io/errors.js';
import { runTun, type TunRun } from '../io/live-tun.js';
import { nodeCrypto } from '../io/node-crypto.js';
import type { Desk } from '../io/outside.js';
import type { Loop } from '../io/run.js';
import { type Listeners, listenOn, runSockets } from '../io/sockets.js';
import { openTun, routeOf, type TunDevice } from '../io/tun.js';
import { openDesk } from './desk.js';
import { type Output, say } from './output.js';
import { seedDigest } from './seed.js';
import type { ServeOptions } from './serve-options.js';
import { createShown } from './show.js';
import { readTls, type TlsTexts } from './tls-files.js';
import { version } from './version.js';

const TEST_KEYS = fileURLToPath(new URL('../../../fixtures/keys/', import.meta.url));
/** Served when no other is given; its key is public. */
export const TEST_CERTIFICATE = `${TEST_KEYS}server.cert.pem`;
export const TEST_CREDENTIAL = { cert: TEST_CERTIFICATE, key: `${TEST_KEYS}server.key.pem`, ocsp: undefined };
/** What a killed process may lose of its recording. */
const SAVE_INTERVAL_MS = 500;

/** What a server is made of besides its place; read before a device or port is opened. */
export interface Materials {
  readonly texts: TlsTexts;
  readonly desk: Desk | undefined;
}

export async function readMaterials(options: ServeOptions): Promise<Materials> {
  const texts = readTls(options.tls, TEST_CREDENTIAL);
  return { texts, desk: await openDesk(options) };
}

/** A server that runs. */
export interface LiveServer {
  readonly config: RunConfig;
  readonly seed: Uint8Array;
  readonly startUnixUs: number;
  /** `10.0.0.2 port 443 (TLS 1.2 and 1.3: h2, http/1.1), through TUN device wb0` */
  readonly described: string;
  /** Begins an orderly end, a pause notwithstanding; a second call ends at once. */
  stop(): void;
  /** Settles when the run has ended and all of it is written; rejects with what ended it. */
  readonly done: Promise<void>;
  /** What the bad wire did, a line for each direction that has one. */
  faultLines(): string[];
}

/**
 * A run is made once: the next one must not cost its recording because somebody repeats a command. Devices, pipes and empty
 * files lose nothing. Raises FileError.
 */
export function refuseToReplace(
  { force }: Pick<ServeOptions, 'force'>,
  ...files: readonly (string | undefined)[]
): void {
  for (const file of files) {
    if (file === undefined || force) continue;
    let there: Stats | undefined;
    try {
      there = statSync(file, { throwIfNoEntry: false });
    } catch {
      // Writing it tells why.
    }
    if (there?.isFile() && there.size > 0) throw new FileError(file, 'is there already', '--force replaces it');
  }
}

/**
 * What is sealed and sent is garbage of a few milliseconds outside of the small heap, and V8 looks through all of that heap for each eight
 * megabytes of it. Measured: with room to grow a download takes 0.6 times as long, and no more memory.
 */
const HEAP_GROWTH = '--heap-growing-percent=400';

/** `output` gets the log. From here on the server is in charge of the place's input; who opened the place closes it. */
export function startServer(place: Place, options: ServeOptions, materials: Materials, output: Output): LiveServer {
  setFlagsFromString(HEAP_GROWTH);
  const { texts, desk } = materials;
  const clock = createClock();
  const config = configOf(place, options, texts);
  const seed = options.seed ?? new Uint8Array(randomBytes(32));
  const identity: RunIdentity = { config, seed, startUnixUs: clock.startUnixUs };

  const seedSha256 = seedDigest(seed);
  const manifest = { format: formatOf(config), mode: config.mode, seedSha256, startUnixUs: clock.startUnixUs };
  const shown = createShown(options, output, manifest);
  // Not within the trace: what the input at hand sends belongs into the recording, which says how far the run came.
  const onLost = (error: FileError): void => void setImmediate(() => loop.fail(error));
  const keyLog = options.keylog === undefined ? undefined : openKeyLog(options.keylog, onLost);
  const recording = options.record === undefined ? undefined : openRecording(options.record, identity);
  if (options.manifest !== undefined) writeManifest(options.manifest, manifestOf(identity));
  const trace = joinTraces(shown.trace, recording, keyLog);

  const { loop, wire } = start(options, place, identity, clock, trace, recording, shown.pauser, desk);
  desk?.connect((token, answer) => loop.respond(token, answer));
  const saver = recording && setInterval(() => loop.guard(() => recording.flush()), SAVE_INTERVAL_MS);
  const done = loop.done.finally(() => {
    desk?.close();
    clearInterval(saver);
    // A run that failed during a pause: nobody is asked any more.
    shown.pauser?.cancel();
    shown.end();
    keyLog?.close();
    // What was recorded before an error is kept.
    recording?.close();
  });
  return {
    config,
    seed,
    startUnixUs: clock.startUnixUs,
    described: describePlace(place, config, options),
    stop() {
      shown.pauser?.cancel();
      loop.stop();
    },
    done,
    faultLines: () => [
      ...(wire?.in ? [`faults in: ${counted(wire.in.counts)}`] : []),
      ...(wire?.out ? [`faults out: ${counted(wire.out.counts)}`] : []),
    ],
  };
}

/** Where peers come in: a TUN device, or ports of this system. */
export type Place =
  | { readonly mode: 'tun'; readonly device: TunDevice; close(): void }
  | { readonly mode: 'tcp'; readonly listeners: Listeners; close(): void };

export async function openPlace(options: ServeOptions): Promise<Place> {
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
    await sayStrayRoutes(device, options);
    return { mode: 'tun', device, close: () => device.close() };
  }
  const { plainPort, tlsPort } = options;
  const listeners = await listenOn(options.host, plainPort === undefined ? [tlsPort] : [tlsPort, plainPort], [
    '--port',
    '--plain-port',
  ]);
  return { mode: 'tcp', listeners, close: () => listeners.close() };
}

/** Of two devices with one network the kernel takes the first, and the server on the other would wait in silence. */
async function sayStrayRoutes(device: TunDevice, { remoteIp, ip6 }: ServeOptions): Promise<void> {
  const places = [{ address: remoteIp, options: '--local-ip, --remote-ip' }];
  if (device.ip6 && ip6) places.push({ address: ip6.remoteIp, options: '--local-ip6, --remote-ip6' });
  for (const { address, options } of places) {
    const name = await routeOf(address);
    if (name === undefined || name === device.name) continue;
    say(
      `this host sends packets for ${address} to ${name}, not to ${device.name}: choose another network (${options})`,
    );
  }
}

function configOf(place: Place, options: ServeOptions, texts: TlsTexts): RunConfig {
  const asked = options.plainPort === undefined ? [options.tlsPort] : [options.tlsPort, options.plainPort];
  return runConfigOf(place.mode, place.mode === 'tcp' ? place.listeners.ports : asked, options, texts);
}

/** `ports`: that of TLS first. */
export function runConfigOf(
  mode: RunConfig['mode'],
  [tlsPort, ...plainPorts]: readonly number[],
  options: ServeOptions,
  texts: TlsTexts,
): RunConfig {
  return {
    mode,
    ...(mode === 'tun' && {
      address: options.remoteIp,
      mtu: options.mtu,
      ...(options.tcp && { tcp: options.tcp }),
    }),
    ...(mode === 'tun' && options.ip6 && { address6: options.ip6.remoteIp }),
    plainPorts,
    tlsPorts: [tlsPort!],
    ...texts,
    ...((options.app !== undefined || options.root !== undefined) && { outside: true }),
  };
}

/** A reader that does not know answers from outside must not take such a run for one of its own. */
function formatOf(config: RunConfig): 1 | 2 {
  return config.outside ? RECORDING_FORMAT_ANSWERS : RECORDING_FORMAT;
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
export function spokenTls({ tls }: ServeOptions): string {
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

function counted(counts: FaultCounts): string {
  const { frames, dropped, duplicated, reordered, corrupted, overflowed } = counts;
  return (
    `${frames} frames, of them ${dropped} dropped, ${duplicated} duplicated, ${reordered} reordered, ` +
    `${corrupted} corrupted, ${overflowed} lost to a full queue`
  );
}

export function sayTestCertificate(): void {
  say(`the bundled test certificate is used; its key is public. Clients: curl --cacert ${TEST_CERTIFICATE}`);
}

function openRecording(file: string, identity: RunIdentity): RecordingWriter {
  return new RecordingWriter(file, manifestOf(identity));
}

function manifestOf({ config, seed, startUnixUs }: RunIdentity): RecordingManifest {
  return {
    format: formatOf(config),
    wirebench: version(),
    node: process.versions.node,
    seed: Buffer.from(seed).toString('hex'),
    config,
    startUnixUs,
  };
}

/** What a replay of a capture by others needs. It holds the private key: for its owner only. */
function writeManifest(file: string, manifest: RecordingManifest): void {
  try {
    writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new FileError(file, `cannot be written (${why})`, 'name another --manifest file');
  }
}

interface KeyLog {
  line(text: string): void;
  close(): void;
}

/** `onLost`: a line could not be written. */
function openKeyLog(file: string, onLost: (error: FileError) => void): KeyLog {
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
        onLost(unwritable(error));
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
