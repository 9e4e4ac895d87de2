// What the words of the command line mean: each function takes the text of one option and gives its value, or raises
// UsageError with a message that names the option, the text and what is wanted instead.

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { nearestName } from '../bench/nearest.js';
import { formatAddress6, isHostAddress6, parseAddress6 } from '../core/ip/address.js';
import type { Layer } from '../core/trace.js';
import { asciiJson } from './text.js';

/** The command line is wrong (exit code 2). Both texts are single lines, safe to print. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** What to do about it, a sentence. */
  readonly suggestion: string | undefined;

  constructor(message: string, suggestion?: string) {
    super(message);
    this.suggestion = suggestion;
  }
}

export function integerIn(option: string, text: string, least: number, most: number): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new UsageError(`${option}: ${quoted(text)} is no whole number`);
  const value = Number(text);
  if (value < least || value > most) {
    throw new UsageError(`${option}: ${value} is out of range (${least} to ${most})`);
  }
  return value;
}

export function oneOf<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`${option}: ${quoted(text)} is not one of ${choices.join(', ')}`, nearest(text, choices));
}

/** Not empty. Files are opened later, by who uses them. */
export function fileName(option: string, text: string): string {
  if (text === '' || text.includes('\0')) throw new UsageError(`${option}: ${quoted(text)} is no file name`);
  return text;
}

/** A file that is written: a file of secrets by the name `-` is nobody's wish. */
export function newFileName(option: string, text: string): string {
  if (text !== '-') return fileName(option, text);
  throw new UsageError(`${option}: "-" would be a file of that name`, 'Name a file, or /dev/stdout for a pipe.');
}

/** Four decimal numbers without leading zeros. */
export function ipv4(option: string, text: string): string {
  // node:net accepts exactly that form; an address with leading zeros means different things to different programs.
  if (isIP(text) !== 4) throw new UsageError(`${option}: ${quoted(text)} is no IPv4 address (like 10.0.0.1)`);
  return text;
}

/** In the form of RFC 5952, however it was written. */
export function ipv6(option: string, text: string): string {
  const bytes = parseAddress6(text);
  if (bytes === undefined) throw new UsageError(`${option}: ${quoted(text)} is no IPv6 address (like fd00::1)`);
  return formatAddress6(bytes);
}

/** An address to listen on: IPv4, IPv6 or `localhost`. */
export function listenAddress(option: string, text: string): string {
  if (text === 'localhost' || isIP(text) !== 0) return text;
  throw new UsageError(`${option}: ${quoted(text)} is no IP address (like 127.0.0.1 or ::1)`);
}

/** `24`, `/24` or `255.255.255.0` as 24. From 1 to 31: the network holds two addresses at least (RFC 3021). */
export function prefixLength(option: string, text: string): number {
  if (isIP(text) !== 4) return integerIn(option, text.replace(/^\//, ''), 1, 31);
  const mask = ipv4Number(text);
  const length = Math.clz32(~mask);
  if (length < 1 || length > 31 || mask !== maskOf(length)) {
    throw new UsageError(`${option}: ${text} is no network mask (like 255.255.255.0, or a prefix length like 24)`);
  }
  return length;
}

/** Both ends of the TUN device: different hosts of one network, neither of them its first or last address. */
export function checkTunAddresses(localIp: string, remoteIp: string, length: number): void {
  for (const [option, address] of [
    ['--local-ip', localIp],
    ['--remote-ip', remoteIp],
  ] as const) {
    const first = ipv4Number(address) >>> 24;
    // RFC 1122 §3.2.1.3: 0 is this network, 127 is loopback; 224 and above are not for hosts.
    if (first === 0 || first === 127 || first >= 224)
      throw new UsageError(`${option}: ${address} cannot be a host's address`);
    const host = ipv4Number(address) & ~maskOf(length);
    if (length < 31 && (host === 0 || host === ~maskOf(length))) {
      const which = host === 0 ? 'network' : 'broadcast';
      throw new UsageError(`${option}: ${address} is the ${which} address of its /${length} network`);
    }
  }
  if (localIp === remoteIp) {
    throw new UsageError(
      `--local-ip and --remote-ip are both ${localIp}`,
      'The first is the address of this host on the device, the second the one that wirebench answers on.',
    );
  }
  if (((ipv4Number(localIp) ^ ipv4Number(remoteIp)) & maskOf(length)) !== 0) {
    throw new UsageError(
      `--local-ip ${localIp} and --remote-ip ${remoteIp} are not in one /${length} network`,
      'See --subnet.',
    );
  }
}

/** The same for IPv6, whose networks have 64 bits (RFC 4291 §2.5.4). Both are in the form that `ipv6` gives. */
export function checkTunAddresses6(localIp: string, remoteIp: string): void {
  const local = parseAddress6(localIp)!;
  const remote = parseAddress6(remoteIp)!;
  if (!isHostAddress6(local)) throw new UsageError(`--local-ip6: ${localIp} cannot be a host's address`);
  if (!isHostAddress6(remote)) throw new UsageError(`--remote-ip6: ${remoteIp} cannot be a host's address`);
  if (localIp === remoteIp) throw new UsageError(`--local-ip6 and --remote-ip6 are both ${localIp}`);
  for (let i = 0; i < 8; i++) {
    if (local[i] !== remote[i]) {
      throw new UsageError(`--local-ip6 ${localIp} and --remote-ip6 ${remoteIp} are not in one /64 network`);
    }
  }
}

/** A name that Linux takes for a device: 15 characters at most (IFNAMSIZ counts a final zero). */
export function deviceName(option: string, text: string): string {
  if (/^[A-Za-z0-9_.-]{1,15}$/.test(text) && !/^[.-]/.test(text)) return text;
  throw new UsageError(
    `${option}: ${quoted(text)} is no device name (letters, digits, "_", "-" and ".", at most 15 characters)`,
  );
}

/** 64 hex digits are the 32 bytes themselves; any other text is hashed with SHA-256, so `--seed lecture-3` will do. */
export function seedBytes(option: string, text: string): Uint8Array {
  if (text === '') throw new UsageError(`${option}: the seed is empty`);
  if (/^[0-9a-fA-F]{64}$/.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  return new Uint8Array(createHash('sha256').update(text, 'utf8').digest());
}

export const LAYERS = ['ip', 'icmp', 'tcp', 'tls', 'http1', 'http2', 'http'] as const satisfies readonly Layer[];

/** `ip,tcp` for --layers: each name is one layer of the trace. */
export function layerSet(option: string, text: string): ReadonlySet<Layer> {
  return new Set(text.split(',').map((name) => oneOf(option, name.trim(), LAYERS)));
}

/** As `layerSet` for --pause, where `http` stands for both HTTP versions. Empty text: none. */
export function pauseSet(option: string, text: string): ReadonlySet<Layer> {
  if (text.trim() === '') return new Set();
  const layers = new Set(layerSet(option, text));
  if (layers.delete('http')) layers.add('http1').add('http2');
  return layers;
}

/** `Did you mean tcp?` when one of `choices` is near enough to be meant; otherwise undefined. */
export function nearest(
  text: string,
  choices: readonly string[],
  show = (choice: string): string => choice,
): string | undefined {
  const name = nearestName(text, choices);
  return name === undefined ? undefined : `Did you mean ${show(name)}?`;
}

/** In quotes, with anything unprintable escaped; long texts are cut. */
export function quoted(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  return asciiJson(shown);
}

function ipv4Number(text: string): number {
  return text.split('.').reduce((value, octet) => (value << 8) | Number(octet), 0);
}

function maskOf(length: number): number {
  return -1 << (32 - length);
}

/** In microseconds. */
export const TIME_UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000 };

/** A number of at most three decimals with a unit; undefined when it is not one, or no whole number of the smallest unit. */
export function amount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^([0-9]{1,9})(?:\.([0-9]{1,3}))?([a-z]+)$/.exec(text);
  const unit = match !== null && Object.hasOwn(units, match[3]!) ? units[match[3]!] : undefined;
  if (match === null || unit === undefined) return undefined;
  const thousandths = (Number(match[1]) * 1_000 + Number((match[2] ?? '').padEnd(3, '0'))) * unit;
  return thousandths % 1_000 === 0 ? thousandths / 1_000 : undefined;
}
