// `wirebench serve`: one run, live, until it is interrupted. Everything that decides what the run does (config, seed, start
// time) is settled before the first packet and goes into the recording.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
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
import { loadCredential, nodeCrypto } from '../io/node-crypto.js';
import type { Loop } from '../io/run.js';
import { runSockets } from '../io/sockets.js';
import { runStd } from '../io/std.js';
import { openTun } from '../io/tun.js';
import type { ServeOptions } from './arguments.js';
import { createOutput } from './output.js';
import { createShown } from './show.js';
import { version } from './version.js';

const TEST_KEYS = fileURLToPath(new URL('../../../fixtures/keys/', import.meta.url));

export async function serve(options: ServeOptions): Promise<number> {
  const { certificate, key } = readKeys(options);
  if (options.mode === 'std') return serveStd(options, certificate, key);

  const clock = createClock();
  const config = configOf(options, certificate, key);
  const seed = options.seed ?? new Uint8Array(randomBytes(32));
  const identity: RunIdentity = { config, seed, startUnixUs: clock.startUnixUs };

  const output = createOutput(process.stdout);
  const seedHex = Buffer.from(seed).toString('hex');
  const manifest = { format: RECORDING_FORMAT, mode: config.mode, seed: seedHex, startUnixUs: clock.startUnixUs };
  const shown = createShown(options, output, manifest);
  const keyLog = options.keylog === undefined ? undefined : openKeyLog(options.keylog);
  const recording = options.record === undefined ? undefined : openRecording(options.record, identity);
  const trace = joinTraces(shown.trace, recording, keyLog);

  const { loop, listening, wire } = await start(options, identity, clock, trace, recording, shown.pauser);
  say(`listening on ${listening}`);
  let interrupted = false;
  const onSignal = (): void => {
    interrupted = true;
    shown.pauser?.cancel();
    loop.stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    await loop.done;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    shown.end();
    keyLog?.close();
    // What was recorded before an error is kept.
    recording?.close();
  }
  if (wire?.in) say(`faults in: ${counted(wire.in.counts)}`);
  if (wire?.out) say(`faults out: ${counted(wire.out.counts)}`);
  if (options.record !== undefined)
    say(`recorded in ${options.record}; run it again: wirebench replay ${options.record}`);
  return interrupted ? EXIT.interrupted : EXIT.ok;
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

function configOf(options: ServeOptions, certificate: string, key: string): RunConfig {
  const tun = options.mode === 'tun';
  return {
    mode: tun ? 'tun' : 'tcp',
    ...(tun && { address: options.remoteIp, mtu: options.mtu }),
    ...(tun && options.ip6 && { address6: options.ip6.remoteIp }),
    plainPorts: options.plainPort === undefined ? [] : [options.plainPort],
    tlsPorts: [options.tlsPort],
    certificate,
    key,
  };
}

async function start(
  options: ServeOptions,
  identity: RunIdentity,
  clock: Clock,
  trace: Trace | undefined,
  recording: RecordingWriter | undefined,
  presenter: Parameters<typeof runTun>[0]['presenter'],
): Promise<{ loop: Loop; listening: string; wire?: TunRun['wire'] }> {
  const shared = { clock, ...(presenter && { presenter }) };
  const ports = [...identity.config.plainPorts, ...identity.config.tlsPorts];
  const { tlsPort, plainPort } = options;
  const spoken = `${plainPort === undefined ? '' : `port ${plainPort} (HTTP/1.1), `}port ${tlsPort} (TLS: h2, http/1.1)`;
  if (options.mode === 'tun') {
    const device = await openTun({
      name: options.device,
      hostAddress: options.localIp,
      prefixLength: options.prefixLength,
      mtu: options.mtu,
      ...(options.ip6 && { hostAddress6: options.ip6.localIp, requireIp6: options.ip6.required }),
    });
    if (options.ip6 && !device.ip6) say(`${device.name} takes no IPv6 address; --no-ip6 leaves it out`);
    const stack = assembleStack(identity, trace);
    const recorder = recording && frameRecorder(recording);
    const faults = options.faults && {
      plan: options.faults,
      random: createRandomSource(nodeCrypto, identity.seed),
    };
    return {
      ...runTun({ ...shared, stack, device, ...(recorder && { recorder }), ...(faults && { faults }) }),
      listening: `${options.remoteIp}${device.ip6 ? ` and ${options.ip6?.remoteIp}` : ''} ${spoken}, through TUN device ${device.name}`,
    };
  }
  const streams = assembleStreams(identity, trace);
  const recorder = recording && streamRecorder(recording);
  const loop = await runSockets({ ...shared, streams, host: options.host, ports, ...(recorder && { recorder }) });
  return { loop, listening: `${options.host} ${spoken}, on this system's own TCP` };
}

async function serveStd(options: ServeOptions, certificatePem: string, keyPem: string): Promise<number> {
  const { plainPort, tlsPort, host } = options;
  const server = await runStd({
    handler: createSite(),
    host,
    tlsPorts: [tlsPort],
    plainPorts: plainPort === undefined ? [] : [plainPort],
    certificatePem,
    keyPem,
  });
  say(`listening on ${host} port ${tlsPort} (Node's own TLS and HTTP)`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await server.stop();
  return EXIT.interrupted;
}

function readKeys(options: ServeOptions): { certificate: string; key: string } {
  const certificateFile = options.cert ?? `${TEST_KEYS}server.cert.pem`;
  const keyFile = options.key ?? `${TEST_KEYS}server.key.pem`;
  if (options.cert === undefined) {
    say(`the bundled test certificate is used; its key is public. Clients: curl --cacert ${certificateFile}`);
  }
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
  let fd: number;
  try {
    fd = openSync(file, 'a', 0o600);
  } catch (error) {
    throw new FileError(
      file,
      `cannot be written (${(error as NodeJS.ErrnoException).code})`,
      'name another --keylog file',
    );
  }
  return {
    line: (text) => void writeSync(fd, `${text}\n`),
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
