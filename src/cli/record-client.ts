// The client of `wirebench record`: the command with its placeholders filled in, its environment, and its run, which ends
// by itself, by a time limit or by Ctrl-C.

import { spawn, spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { recordLimits } from './record-options.js';
import { codeOfSignal } from './record-place.js';
import { printable } from './text.js';

/** Where the server is and what to trust it by. */
export interface Target {
  readonly host: string;
  readonly tlsPort: number;
  readonly plainPort: number;
  readonly cacert: string;
}

/** `https://10.0.0.2`, without a slash at its end and without a port that goes without saying. */
export function urlOf(scheme: 'https' | 'http', host: string, port: number): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${shown}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}`;
}

function placeholders({ host, tlsPort, plainPort, cacert }: Target): ReadonlyMap<string, string> {
  return new Map([
    ['url', urlOf('https', host, tlsPort)],
    ['plain-url', urlOf('http', host, plainPort)],
    ['host', host],
    ['port', String(tlsPort)],
    ['plain-port', String(plainPort)],
    ['cacert', cacert],
  ]);
}

/** Other words in braces (JSON, curl's own lists) stay as they are. */
export function fillIn(command: readonly string[], target: Target): { words: string[]; filled: number } {
  const values = placeholders(target);
  let filled = 0;
  const words = command.map((word) =>
    word.replace(/\{([a-z-]+)\}/g, (whole, name: string) => {
      const value = values.get(name);
      if (value !== undefined) filled++;
      return value ?? whole;
    }),
  );
  return { words, filled };
}

/** What is to be trusted, by every name that clients know it by; where the server is; and no proxy on the way to it. */
export function environmentOf(target: Target, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const values = placeholders(target);
  const { cacert, host } = target;
  const noProxy = [env.NO_PROXY ?? env.no_proxy ?? '', host].filter((part) => part !== '').join(',');
  return {
    ...env,
    SSL_CERT_FILE: cacert,
    CURL_CA_BUNDLE: cacert,
    REQUESTS_CA_BUNDLE: cacert,
    NODE_EXTRA_CA_CERTS: cacert,
    GIT_SSL_CAINFO: cacert,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    WIREBENCH_URL: values.get('url'),
    WIREBENCH_PLAIN_URL: values.get('plain-url'),
    WIREBENCH_HOST: host,
    WIREBENCH_PORT: values.get('port'),
    WIREBENCH_PLAIN_PORT: values.get('plain-port'),
    WIREBENCH_CACERT: cacert,
  };
}

/** How the command ended. `code` is what a shell would say: 127 not found, 126 not to be run, 128 and the signal. */
export interface ClientEnd {
  readonly code: number;
  readonly why: 'ended' | 'signal' | 'timeout' | 'interrupted' | 'not-started';
  /** `exit code 6`, `ended by SIGSEGV`, ... */
  readonly told: string;
}

/** A command that runs. */
export interface Client {
  readonly done: Promise<ClientEnd>;
  /** Ctrl-C: the command is told to end. A second call changes nothing. */
  interrupt(): void;
}

/** As timeout(1) has it. */
const TIMED_OUT = 124;

export function startClient(words: readonly string[], env: NodeJS.ProcessEnv, timeoutMs: number | undefined): Client {
  const child = spawn(words[0]!, words.slice(1), { stdio: 'inherit', env });
  let cut: 'timeout' | 'interrupted' | undefined;
  let killer: NodeJS.Timeout | undefined;
  const end = (why: 'timeout' | 'interrupted'): void => {
    if (cut !== undefined) return;
    cut = why;
    child.kill(why === 'timeout' ? 'SIGTERM' : 'SIGINT');
    killer = setTimeout(() => child.kill('SIGKILL'), recordLimits.killAfterMs);
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), timeoutMs);
  const done = new Promise<ClientEnd>((resolve) => {
    const settle = (result: ClientEnd): void => {
      clearTimeout(timer);
      clearTimeout(killer);
      resolve(result);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      // After the start it only tells that a signal could not be sent.
      if (child.pid !== undefined) return;
      const told = error.code === 'ENOENT' ? 'there is no such program' : `it cannot be run (${error.code})`;
      settle({ code: error.code === 'ENOENT' ? 127 : 126, why: 'not-started', told });
    });
    child.on('exit', (code, signal) => {
      if (cut === 'timeout') settle({ code: TIMED_OUT, why: cut, told: `not done after ${timeoutMs! / 1_000} s` });
      else if (cut === 'interrupted') settle({ code: codeOfSignal('SIGINT'), why: cut, told: 'interrupted' });
      else if (code === null) settle({ code: codeOfSignal(signal), why: 'signal', told: `ended by ${signal}` });
      else settle({ code, why: 'ended', told: `exit code ${code}` });
    });
  });
  return { done, interrupt: () => end('interrupted') };
}

/** Only programs that are known to say their version and do nothing else: any other might act on the word. */
const VERSION_WORDS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...['curl', 'wget', 'nghttp', 'h2load', 'python3', 'node', 'deno', 'bun', 'http', 'https', 'xh'].map(
    (name) => [name, ['--version']] as const,
  ),
  ['openssl', ['version']],
  ['gnutls-cli', ['--version']],
  ['java', ['--version']],
  ['go', ['version']],
]);

/** The first line that the client says about itself; undefined for clients that are not known. */
export function clientVersion(program: string): string | undefined {
  const words = VERSION_WORDS.get(basename(program));
  if (words === undefined) return undefined;
  const { status, stdout } = spawnSync(program, words, {
    encoding: 'utf8',
    timeout: recordLimits.versionMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = status === 0 ? stdout.split('\n')[0]!.trim() : '';
  return line === '' ? undefined : printable(line, recordLimits.lineageText);
}
