// The servers that the clients are played against, each with its TLS trace to judge by: tcp mode on loopback, or tun mode in
// a network namespace of the server's own, which the clients enter. Started when first needed, stopped at the end.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TlsEvent } from '../../src/core/trace.js';
import { mainScript, projectRoot } from '../../test/support/live.js';

export type Mode = 'tcp' | 'tun';

/** What a client did, as the process told it. `output` is both of its outputs as they came. */
export interface Played {
  readonly code: number | null;
  readonly output: string;
}

/** Text for a client's standard input: sent when its output matches, or at once. */
export interface Step {
  readonly send: string;
  readonly when?: RegExp;
}

export interface PlayOptions {
  readonly steps?: readonly Step[];
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
  /** Standard input ends behind the last step. Default true. */
  readonly endInput?: boolean;
}

/** Each connection that said something has come to its end. */
function allOver(events: readonly TlsEvent[]): boolean {
  const begun = new Set(events.flatMap(({ kind, flow }) => (kind === 'handshake' ? [flow] : [])));
  for (const event of events) if (event.kind === 'state' && ENDS.has(event.to)) begun.delete(event.flow);
  return begun.size === 0 && events.some(({ kind }) => kind === 'state');
}

const ENDS: ReadonlySet<string> = new Set(['Closed', 'Failed']);

export class Place {
  /** As clients name it; the test certificates are for it. */
  readonly host: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #inside: readonly string[];
  #events: TlsEvent[] = [];

  private constructor(child: ChildProcess, host: string, port: number, inside: readonly string[]) {
    this.#child = child;
    this.host = host;
    this.port = port;
    this.#inside = inside;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as TlsEvent;
      if (event.layer === 'tls') this.#events.push(event);
    });
  }

  /** Throws when the server does not listen. */
  static async open(mode: Mode, args: readonly string[]): Promise<Place> {
    const serve = [mainScript, 'serve', '--log', 'json', '--layers', 'tls', ...args];
    const [command, ...rest] =
      mode === 'tcp'
        ? [process.execPath, ...serve, '--mode', 'tcp', '--port', '0']
        : ['unshare', '--net', process.execPath, ...serve];
    const child = spawn(command!, rest, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
    const port = await new Promise<number>((resolve, reject) => {
      let stderr = '';
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
        const listening = /listening on .*port (\d+) \(TLS/.exec(stderr);
        if (listening) resolve(Number(listening[1]));
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`serve ${args.join(' ')} ended with ${code}: ${stderr}`)));
    });
    const inside = mode === 'tcp' ? [] : ['nsenter', '-t', `${child.pid}`, '-n'];
    return new Place(child, mode === 'tcp' ? 'localhost' : '10.0.0.2', port, inside);
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** The trace since the last `forget`. */
  get events(): readonly TlsEvent[] {
    return this.#events;
  }

  forget(): void {
    this.#events = [];
  }

  /** Waits until the trace, which comes by a pipe, shows what is looked for; gives up after two seconds. */
  async shows(found: (events: readonly TlsEvent[]) => boolean): Promise<boolean> {
    for (let i = 0; i < 200; i++) {
      if (found(this.#events)) return true;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return found(this.#events);
  }

  /** Runs a client where the server is, to its end. */
  play(command: string, args: readonly string[], options: PlayOptions = {}): Promise<Played> {
    const { steps = [], env, timeoutMs = 20_000, endInput = true } = options;
    const argv = [...this.#inside, command, ...args];
    return new Promise((resolve, reject) => {
      const child = spawn(argv[0]!, argv.slice(1), {
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let output = '';
      let seen = 0;
      const waiting = [...steps];
      const feed = (): void => {
        for (let step = waiting[0]; step !== undefined; step = waiting[0]) {
          const match = step.when === undefined ? undefined : step.when.exec(output.slice(seen));
          if (match === null) return;
          if (match !== undefined) seen += match.index + match[0].length;
          child.stdin.write(step.send);
          waiting.shift();
        }
        if (endInput) child.stdin.end();
      };
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk;
          feed();
        });
      }
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      child.on('error', reject);
      child.stdin.on('error', () => {});
      child.on('close', (code) => {
        clearTimeout(timer);
        void this.shows(allOver).then(() => resolve({ code, output }));
      });
      feed();
    });
  }

  async close(): Promise<void> {
    this.#child.removeAllListeners('exit');
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGINT');
    await ended;
  }
}

/** One server for each list of options. */
export class Places {
  readonly #mode: Mode;
  readonly #open = new Map<string, Promise<Place>>();

  constructor(mode: Mode) {
    this.#mode = mode;
  }

  get(args: readonly string[]): Promise<Place> {
    const key = args.join('\0');
    const place = this.#open.get(key) ?? Place.open(this.#mode, args);
    this.#open.set(key, place);
    return place;
  }

  async close(): Promise<void> {
    for (const place of await Promise.allSettled(this.#open.values())) {
      if (place.status === 'fulfilled') await place.value.close();
    }
  }
}

/** Paths of test files, made once by `wirebench cert`. */
export class Files {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get ca(): string {
    return this.path('ca.cert.pem');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Options of `serve` for the certificate of a kind. */
  credential(kind: Kind): string[] {
    const file = (suffix: string): string => this.path(`server-${kind}.${suffix}`);
    return ['--cert', file('cert.pem'), '--key', file('key.pem'), '--ocsp', file('ocsp.der')];
  }

  /** Certificate and key of a client. */
  client(kind: Kind): { readonly cert: string; readonly key: string } {
    return { cert: this.path(`${kind}/client.cert.pem`), key: this.path(`${kind}/client.key.pem`) };
  }
}

export type Kind = 'rsa' | 'ecdsa' | 'ed25519';
export const KINDS: readonly Kind[] = ['rsa', 'ecdsa', 'ed25519'];
