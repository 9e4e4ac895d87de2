// The value of --tcp: `congestion=reno,sack=off,keepalive=60s`. Words in, TcpConfig of core/tcp/config.ts out, or a
// UsageError that says which word is wrong and what it may be.

import { resolveTcpConfig, type TcpConfig } from '../core/tcp/config.js';
import { amount, integerIn, nearest, oneOf, quoted, TIME_UNITS, UsageError } from './values.js';

const HIGHEST = 2 ** 31;

const KNOBS: Readonly<Record<string, (what: string, text: string) => TcpConfig>> = {
  congestion: (what, text) => ({ congestion: oneOf(what, text, ['cubic', 'reno']) }),
  recovery: (what, text) => ({ recovery: oneOf(what, text, ['rack', 'newreno']) }),
  sack: (what, text) => ({ sack: onOff(what, text) }),
  timestamps: (what, text) => ({ timestamps: onOff(what, text) }),
  ecn: (what, text) => ({ ecn: onOff(what, text) }),
  syncookies: (what, text) => ({ synCookies: onOff(what, text) }),
  window: (what, text) => ({ receiveWindowBytes: integerIn(what, text, 0, HIGHEST) }),
  scale: (what, text) => ({ windowScale: text === 'off' ? -1 : integerIn(what, text, 0, HIGHEST) }),
  keepalive: (what, text) => ({ keepAliveUs: durationOrOff(what, text) }),
  'keepalive-interval': (what, text) => ({ keepAliveIntervalUs: duration(what, text) }),
  'keepalive-probes': (what, text) => ({ keepAliveProbes: integerIn(what, text, 0, HIGHEST) }),
  'user-timeout': (what, text) => ({ userTimeoutUs: durationOrOff(what, text) }),
  'closed-window': (what, text) => ({ closedWindowUs: durationOrOff(what, text) }),
  linger: (what, text) => ({ lingerBytes: integerIn(what, text, 0, HIGHEST) }),
};
const FORM = `congestion=reno,sack=off: any of ${Object.keys(KNOBS).join(', ')}`;

/** For completion. */
export const TCP_WORDS: readonly string[] = [
  ...['congestion=cubic', 'congestion=reno', 'recovery=rack', 'recovery=newreno'],
  ...['sack', 'timestamps', 'ecn', 'syncookies'].flatMap((name) => [`${name}=on`, `${name}=off`]),
  ...[
    'window=',
    'scale=',
    'keepalive=',
    'keepalive-interval=',
    'keepalive-probes=',
    'user-timeout=',
    'closed-window=',
    'linger=',
  ],
];

/** `option` is how it was spelled. Ranges are those of the core. */
export function tcpKnobs(option: string, text: string): TcpConfig {
  let config: TcpConfig = {};
  const seen = new Set<string>();
  for (const word of text.split(',').map((part) => part.trim())) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const read = Object.hasOwn(KNOBS, name) ? KNOBS[name] : undefined;
    if (read === undefined) {
      throw new UsageError(
        `${option}: ${quoted(word)} is no knob of TCP`,
        nearest(name, Object.keys(KNOBS)) ?? `The form is ${FORM}.`,
      );
    }
    if (equals < 0) throw new UsageError(`${option}: ${name} needs a value`, `The form is ${FORM}.`);
    if (seen.has(name)) throw new UsageError(`${option}: ${name} is given twice in ${quoted(text)}`);
    seen.add(name);
    config = { ...config, ...read(`${option}: ${name}`, word.slice(equals + 1)) };
    try {
      resolveTcpConfig(config);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(`${option}: ${name}: ${error.message.replace(/^tcp\.\w+: /, '')}`);
    }
  }
  return config;
}

function onOff(what: string, text: string): boolean {
  return oneOf(what, text, ['on', 'off']) === 'on';
}

function durationOrOff(what: string, text: string): number {
  return text === 'off' ? 0 : duration(what, text);
}

function duration(what: string, text: string): number {
  const us = amount(text, TIME_UNITS);
  if (us === undefined) throw new UsageError(`${what}: ${quoted(text)} is no time (like 60s or 500ms)`);
  return us;
}
