// What a run was made of, for captures that do not say it: from the manifest that `serve --manifest` wrote, from a recording of
// the run, or from a seed and the config that a server has by itself.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { assembleStack, assembleStreams, type RunConfig } from '../../io/assemble.js';
import { CaptureError } from '../../io/capture.js';
import { FileError } from '../../io/errors.js';
import { type RecordingManifest, readRecording } from '../recording.js';
import { foreignLimits } from './limits.js';

export interface ForeignIdentity {
  readonly config: RunConfig;
  readonly seed: Uint8Array;
  /** Undefined: it is recovered from the capture, as well as it can be. */
  readonly startUnixUs: number | undefined;
  /** Where it comes from, for people. */
  readonly source: string;
}

export interface IdentitySources {
  readonly seed?: Uint8Array | undefined;
  /** A manifest, a config alone, or a recording of the run. */
  readonly configFile?: string | undefined;
  /** Of a server that was started without options; `seed` is needed then. */
  readonly defaultConfig?: (() => RunConfig) | undefined;
}

/** `h2.tcpdump.pcap.gz`: beside it `h2.tcpdump.manifest.json`, `h2.manifest.json`, or the recording `h2.pcapng`. */
export function manifestBeside(capture: string): string | undefined {
  const stem = capture.replace(/\.gz$/, '').replace(/\.(pcapng|pcap|cap)$/, '');
  const shorter = stem.replace(/\.[^./\\]+$/, '');
  const names = [`${stem}.manifest.json`];
  if (shorter !== stem) names.push(`${shorter}.manifest.json`, `${shorter}.pcapng`);
  return names.find((name) => name !== capture && existsSync(name));
}

/** Undefined: there is nothing that says it. Raises CaptureError and FileError. */
export async function findIdentity(capture: string, sources: IdentitySources): Promise<ForeignIdentity | undefined> {
  const file = sources.configFile ?? (sources.seed === undefined ? manifestBeside(capture) : undefined);
  if (file === undefined) {
    if (sources.seed === undefined || sources.defaultConfig === undefined) return undefined;
    const source = '--seed, and the config of a server that is started without options';
    return { config: sources.defaultConfig(), seed: sources.seed, startUnixUs: undefined, source };
  }
  const found = await readIdentityFile(file);
  const seed = sources.seed ?? found.seed;
  if (seed === undefined) throw broken(file, 'it says no seed', 'give it by --seed');
  const config = checkConfig(file, found.config);
  checkServer(file, config, seed);
  return { config, seed, startUnixUs: found.startUnixUs, source: file };
}

interface Found {
  readonly config: unknown;
  readonly seed: Uint8Array | undefined;
  readonly startUnixUs: number | undefined;
}

async function readIdentityFile(file: string): Promise<Found> {
  const text = readText(file);
  if (text === undefined) return fromManifest(await recordingManifest(file));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken(file, 'it is neither JSON nor a recording', WHAT_TO_GIVE);
  }
  if (typeof value !== 'object' || value === null) throw broken(file, 'it holds no JSON object', WHAT_TO_GIVE);
  const { config, seed, startUnixUs } = value as Record<string, unknown>;
  // A config alone.
  if (config === undefined) return { config: value, seed: undefined, startUnixUs: undefined };
  if (seed !== undefined && (typeof seed !== 'string' || !/^[0-9a-f]{64}$/.test(seed))) {
    throw broken(file, 'its seed is not 64 hex digits', WHAT_TO_GIVE);
  }
  if (startUnixUs !== undefined && (!Number.isSafeInteger(startUnixUs) || (startUnixUs as number) < 0)) {
    throw broken(file, 'its startUnixUs is no time', WHAT_TO_GIVE);
  }
  return {
    config,
    seed: seed === undefined ? undefined : Uint8Array.from(Buffer.from(seed as string, 'hex')),
    startUnixUs: startUnixUs as number | undefined,
  };
}

/** Undefined when it begins as captures do. */
function readText(file: string): string | undefined {
  try {
    if (statSync(file).size > foreignLimits.manifestBytes) return undefined;
    const text = readFileSync(file);
    return text[0] === 0x7b || /^\s*\{/.test(text.subarray(0, 100).toString('latin1'))
      ? text.toString('utf8')
      : undefined;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new FileError(file, `cannot be read (${why})`, 'check the path given by --config');
  }
}

async function recordingManifest(file: string): Promise<RecordingManifest> {
  for await (const item of readRecording(file)) if (item.kind === 'manifest') return item.manifest;
  throw new CaptureError('not-a-recording', file, 0, 'no manifest in it', WHAT_TO_GIVE);
}

function fromManifest({ config, seed, startUnixUs }: RecordingManifest): Found {
  return { config, seed: Uint8Array.from(Buffer.from(seed, 'hex')), startUnixUs };
}

function checkConfig(file: string, value: unknown): RunConfig {
  const config = value as Partial<Record<keyof RunConfig, unknown>> | null;
  const isPorts = (ports: unknown): boolean => Array.isArray(ports) && ports.every((port) => Number.isInteger(port));
  if (typeof config !== 'object' || config === null || (config.mode !== 'tun' && config.mode !== 'tcp')) {
    throw broken(file, 'its config has no mode tun or tcp', WHAT_TO_GIVE);
  }
  if (!isPorts(config.plainPorts) || !isPorts(config.tlsPorts))
    throw broken(file, 'its config lacks ports', WHAT_TO_GIVE);
  if (typeof config.certificate !== 'string' || typeof config.key !== 'string') {
    throw broken(file, 'its config lacks certificate and key', WHAT_TO_GIVE);
  }
  if (config.outside === true) {
    throw broken(
      file,
      'requests of this run were answered from outside (serve --app or --root), and a capture does not hold those answers',
      'record such runs: wirebench serve --record',
    );
  }
  return value as RunConfig;
}

/** What the config holds is looked at by those who use it: certificates, addresses, names of suites. */
function checkServer(file: string, config: RunConfig, seed: Uint8Array): void {
  const run = { config, seed, startUnixUs: 0 };
  try {
    if (config.mode === 'tcp') assembleStreams(run);
    else assembleStack(run);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw broken(file, `no server can be made of its config: ${why}`, WHAT_TO_GIVE);
  }
}

const WHAT_TO_GIVE = 'Give what `wirebench serve --manifest` wrote, or a recording of the run';

function broken(file: string, what: string, advice: string): FileError {
  return new FileError(file, what, advice);
}
