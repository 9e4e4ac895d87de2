// The commands and options as data: what there is, how it is spelled, what help says about it. arguments.ts reads the
// command line by this table and help.ts prints it.

import { CipherSuite } from '../core/tls/suites.js';
import { diffSpec } from './diff-options.js';
import { COMPLETION_SPEC, doctorSpec } from './doctor-options.js';
import { FAULT_WORDS } from './fault.js';
import { inspectSpec } from './inspect-options.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';
import { reExecuteSpecs } from './re-execute-options.js';
import { recordSpec } from './record-options.js';
import { replaySpec } from './replay-options.js';
import { TCP_WORDS } from './tcp-knobs.js';
import { LAYERS } from './values.js';

const LOG_VALUE = 'pretty|json|none';
const LAYER_NAMES = LAYERS.join(', ');

function displayOptions(defaultLog: string): OptionSpec[] {
  return [
    { name: 'log', value: LOG_VALUE, description: 'what is written to the standard output', defaultText: defaultLog },
    {
      name: 'layers',
      value: 'LIST',
      words: LAYERS,
      description: `the layers that are shown: ${LAYER_NAMES}`,
      defaultText: 'all',
    },
    { name: 'verbose', letter: 'v', description: 'field detail, inner state and times in the log' },
    { name: 'debug', description: 'everything in the log: records, every frame, nothing folded' },
    {
      name: 'color',
      value: 'auto|always|never',
      description: 'colours; --no-color is never. auto heeds NO_COLOR and FORCE_COLOR',
      defaultText: 'auto',
    },
    {
      name: 'pause',
      value: 'LIST',
      words: LAYERS,
      description: 'wait for Enter at the main points of these layers; http stands for http1,http2',
      defaultText: 'PAUSE_LAYER, or none',
    },
  ];
}

export const TLS_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'cert',
    value: 'FILE',
    description: 'certificate chain in PEM (RSA, ECDSA P-256 or Ed25519); more of them, each with its --key, go by SNI',
    defaultText: 'a test certificate',
  },
  { name: 'key', value: 'FILE', description: 'private key in PEM; goes with --cert' },
  { name: 'ocsp', value: 'FILE', description: 'OCSP response in DER, stapled to the --cert before it' },
  { name: 'tls-min', value: '1.2|1.3', description: 'lowest version of TLS', defaultText: '1.2' },
  { name: 'tls-max', value: '1.2|1.3', description: 'highest version of TLS', defaultText: '1.3' },
  {
    name: 'ciphers',
    value: 'LIST',
    words: Object.keys(CipherSuite),
    description: 'cipher suites, favourite first, by their IANA or OpenSSL names',
    defaultText: 'all but CBC',
  },
  {
    name: 'groups',
    value: 'LIST',
    words: ['x25519', 'P-256', 'P-384'],
    description: 'key exchange groups, favourite first',
    defaultText: 'x25519,P-256,P-384',
  },
  {
    name: 'alpn',
    value: 'LIST',
    words: ['h2', 'http/1.1'],
    description: 'ALPN, favourite first; empty: none',
    defaultText: 'h2,http/1.1',
  },
  { name: 'strict-sni', description: 'refuse clients that name a server which no certificate is for' },
  { name: 'resumption', description: 'sessions can be resumed; --no-resumption: they cannot', defaultText: 'on' },
  {
    name: 'client-ca',
    value: 'FILE',
    description: 'ask clients for a certificate, and trust those that the certificates of this file issued',
  },
  {
    name: 'client-auth',
    value: 'request|require',
    description: 'with --client-ca: whether clients without a certificate are served',
    defaultText: 'require',
  },
];

const SERVE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'mode',
    value: 'tun|tcp|std',
    description:
      "tun: the whole stack; tcp: TLS and HTTP over the system's sockets; std: the site on Node's own modules",
    defaultText: 'tun',
  },
  { name: 'port', value: 'N', description: 'port that speaks TLS', defaultText: '443; 8443 in modes tcp and std' },
  {
    name: 'plain-port',
    value: 'N',
    description: 'port that speaks HTTP without TLS',
    defaultText: '80; none in modes tcp and std',
  },
  { name: 'host', value: 'ADDRESS', description: 'where to listen in modes tcp and std', defaultText: '127.0.0.1' },
  { name: 'dev', value: 'NAME', description: 'name of the TUN device', defaultText: 'wb0' },
  {
    name: 'local-ip',
    value: 'ADDRESS',
    original: 'localIP',
    description: 'address of this host on the TUN device',
    defaultText: '10.0.0.1',
  },
  {
    name: 'remote-ip',
    value: 'ADDRESS',
    original: 'remoteIP',
    description: 'address that wirebench answers on',
    defaultText: '10.0.0.2',
  },
  { name: 'subnet', value: 'N|MASK', description: 'prefix length or mask of the TUN network', defaultText: '24' },
  {
    name: 'local-ip6',
    value: 'ADDRESS',
    description: 'IPv6 address of this host on the TUN device, in a /64 network',
    defaultText: 'fd00::1',
  },
  {
    name: 'remote-ip6',
    value: 'ADDRESS',
    description: 'IPv6 address that wirebench answers on',
    defaultText: 'fd00::2',
  },
  { name: 'ip6', description: 'answer over IPv6 as well; --no-ip6: IPv4 only', defaultText: 'when the host can' },
  { name: 'mtu', value: 'BYTES', description: 'MTU of the TUN device', defaultText: '1500' },
  {
    name: 'offload',
    description:
      'hand the kernel the segments of one flow together (TSO), which is faster; --no-offload: one by one, as a ' +
      'capture on the device is to show them',
    defaultText: 'on, off with --fault',
  },
  {
    name: 'fault',
    value: 'LIST',
    words: FAULT_WORDS,
    description:
      'a bad wire between device and stack, any of: drop=2%, dup=1%, reorder=5%, corrupt=0.5%, delay=20ms, ' +
      'jitter=5ms, rate=10mbit, in|out|both; joined by commas; once more for the other direction',
    defaultText: 'none',
  },
  {
    name: 'tcp',
    value: 'LIST',
    words: TCP_WORDS,
    description:
      'knobs of TCP: congestion=cubic|reno, recovery=rack|newreno, sack, timestamps, ecn, syncookies=on|off, ' +
      'window=BYTES, scale=0..14|off, keepalive=60s|off, keepalive-interval=75s, keepalive-probes=9, ' +
      'user-timeout=30s|off, closed-window=300s|off, linger=BYTES; joined by commas',
    defaultText: 'as Linux has them, closed-window=300s',
  },
  {
    name: 'seed',
    value: 'SEED',
    description: '64 hex digits, or any text (hashed with SHA-256): the same seed and input give the same bytes',
    defaultText: 'fresh random bytes',
  },
  {
    name: 'root',
    value: 'DIR',
    description:
      'serve the files of a directory: types, ranges, entity tags, index.html; no listings, nothing hidden, no links ' +
      'that lead out of it; what is not there is for the site',
    defaultText: 'none',
  },
  {
    name: 'app',
    value: 'FILE',
    description:
      'a module of your own that answers: `export default (request) => response`, also asynchronous; what it does not ' +
      'answer (undefined) is for the site',
    defaultText: 'none',
  },
  {
    name: 'record',
    value: 'FILE',
    description: 'record the run as pcapng; the file holds the secrets of its connections',
  },
  {
    name: 'manifest',
    value: 'FILE',
    description:
      'write config, seed and start time, with the private key: `replay` needs them for captures that others take of the run',
  },
  { name: 'force', description: 'replace the recording or manifest of an earlier run' },
  {
    name: 'keylog',
    value: 'FILE',
    description: 'append TLS secrets in NSS key log format',
    defaultText: 'SSLKEYLOGFILE, or none',
  },
  ...TLS_OPTIONS,
  ...displayOptions('pretty'),
];

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'serve',
    usage: '[serve] [options]',
    positional: '',
    description: 'Answer live connections (the default command)',
    options: SERVE_OPTIONS,
    examples: [
      'sudo wirebench                          then: curl -k https://10.0.0.2/',
      '                                        or:   curl -gk https://[fd00::2]/',
      'wirebench --mode tcp --port 8443        then: curl -k https://127.0.0.1:8443/',
      'wirebench --mode tcp --record run.pcapng --seed lecture-3',
      'wirebench --mode tcp --pause tls,http2',
      'wirebench --mode tcp --app ./app.mjs --record app.pcapng',
      'sudo wirebench --fault drop=3%,delay=10ms,both --seed lecture-4 --record lossy.pcapng',
    ],
  },
  replaySpec([...displayOptions('none: result lines only'), ...reExecuteSpecs(TLS_OPTIONS)]),
  inspectSpec(displayOptions('pretty')),
  diffSpec(displayOptions('pretty')),
  {
    name: 'cert',
    usage: 'cert [NAME or ADDRESS...] [options]',
    positional: ' [...names]',
    description: 'Make a CA and server certificates for tests (for localhost and the default addresses)',
    options: [
      { name: 'out', value: 'DIR', description: 'where the files go', defaultText: './wirebench-certs' },
      {
        name: 'type',
        value: 'rsa|ecdsa|ed25519|all',
        description: 'kind of key; once more for a further certificate',
        defaultText: 'rsa',
      },
      { name: 'days', value: 'N', description: 'how long the certificates are valid', defaultText: '365' },
      { name: 'client', value: 'NAME', description: 'a client certificate of this name too' },
      { name: 'ca', value: 'FILE', description: 'sign with the CA of this certificate instead of a new one' },
      { name: 'ca-key', value: 'FILE', description: 'its private key; goes with --ca' },
      { name: 'ocsp', description: 'a good OCSP response for each server certificate too' },
    ],
    examples: [
      'wirebench cert',
      'wirebench cert www.example.test *.example.test 192.0.2.1 --type all --ocsp',
      'wirebench cert --out more --ca wirebench-certs/ca.cert.pem --ca-key wirebench-certs/ca.key.pem',
    ],
  },
  recordSpec(SERVE_OPTIONS),
  doctorSpec(displayOptions('').find(({ name }) => name === 'color')!),
  COMPLETION_SPEC,
];

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'help',
    letter: 'h',
    description: 'this text; after a command, that of the command: also wirebench help COMMAND',
  },
  { name: 'version', description: 'the version: also wirebench version' },
];
