// The options of `wirebench serve`, which `record` and `replay --serve` take too: words in, plain data out.

import type { FaultPlan } from '../core/faults.js';
import { isProhibitedSuite } from '../core/http2/security.js';
import { IPV6_MIN_MTU } from '../core/ip/packet6.js';
import { limits } from '../core/limits.js';
import type { TcpConfig } from '../core/tcp/config.js';
import { faultPlan } from './fault.js';
import { type DisplayOptions, displayOptions, type Env, type Given } from './given.js';
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
  listenAddress,
  newFileName,
  oneOf,
  prefixLength,
  seedBytes,
  UsageError,
} from './values.js';

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
  /** Files of these names may be replaced. */
  readonly force: boolean;
  readonly keylog: string | undefined;
  readonly tls: TlsServeOptions;
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
  'force',
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

export function serveOptions(
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
    record: given.value('record', newFileName),
    manifest: given.value('manifest', newFileName),
    force: given.on('force'),
    keylog: given.value('keylog', newFileName) ?? (env.SSLKEYLOGFILE || undefined),
    tls: tlsServeOptions(given),
    ...displayOptions(given, env, 'pretty'),
  };
  if (options.tlsPort === options.plainPort && options.tlsPort !== 0) {
    throw new UsageError(
      `port ${options.tlsPort} cannot speak both TLS and plain HTTP`,
      'Choose another --port or --plain-port.',
    );
  }
  if (onlyProhibited(options.tls)) {
    notices.push('--ciphers: HTTP/2 refuses these suites (RFC 9113 §9.2.2), and --alpn leaves nothing else');
  }
  if (inTun) checkTunAddresses(options.localIp, options.remoteIp, options.prefixLength);
  return { options, notices };
}

/** HTTP/2 is all that is offered, and no suite that it takes. Those of TLS 1.3 are all taken. */
function onlyProhibited({ alpnProtocols, cipherSuites }: TlsServeOptions): boolean {
  return (
    alpnProtocols.length > 0 && alpnProtocols.every((name) => name === 'h2') && cipherSuites.every(isProhibitedSuite)
  );
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
