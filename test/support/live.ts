// A running `wirebench serve` and real clients beside it. In tun mode the server gets a network namespace of its own, and
// the clients enter it: no address outside of it is ever reached.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const mainScript = join(projectRoot, 'dist/src/cli/main.js');
export const certificateFile = join(projectRoot, 'fixtures/keys/server.cert.pem');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs a command to its end. Binary output belongs into files. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd ?? projectRoot,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** The command itself, as a user would start it: not as in CI, where `replay` asks for golden logs, unless `options.env` says so. */
export function wirebench(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run(process.execPath, [mainScript, ...args], { ...options, env: { CI: '', ...options.env } });
}

export interface Server {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it listens on; with `--port 0` the system chose, so that test runs beside each other do not meet. */
  readonly tlsPort: number;
  readonly plainPort: number;
  /** Everything that the server printed so far. */
  stdout(): string;
  stderr(): string;
  /** Runs a client where the server can be reached. */
  client(command: string, args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Largest resident memory so far, in bytes. */
  peakMemoryBytes(): number;
  /** Interrupts the server as Ctrl-C does and waits for its end. */
  stop(): Promise<Finished>;
}

export interface ServeOptions {
  /** In a network namespace of its own. */
  readonly namespace?: boolean;
  /** A command in front of the server's own, which replaces itself by it. */
  readonly through?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const READY = /listening on .*\n/;

/** Starts `wirebench serve` and waits until it listens. */
export async function serve(args: readonly string[], options: ServeOptions = {}): Promise<Server> {
  const node = [process.execPath, mainScript, 'serve', ...args];
  const argv = options.namespace ? ['unshare', '--net', ...node] : [...(options.through ?? []), ...node];
  const child = spawn(argv[0]!, argv.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    cwd: projectRoot,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`serve did not listen within 20 s: ${stderr}`));
    }, 20_000);
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (READY.test(stderr)) {
        clearTimeout(timer);
        resolve();
      }
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      reject(new Error(`serve ended with ${code}: ${stderr}`));
    });
  });
  const pid = child.pid!;
  return {
    pid,
    child,
    tlsPort: Number(/port (\d+) \(TLS/.exec(stderr)?.[1]),
    plainPort: Number(/port (\d+) \(HTTP\/1\.1\)/.exec(stderr)?.[1]),
    stdout: () => stdout,
    stderr: () => stderr,
    client: (command, clientArgs, runOptions) =>
      options.namespace
        ? run('nsenter', ['-t', `${pid}`, '-n', command, ...clientArgs], runOptions)
        : run(command, clientArgs, runOptions),
    peakMemoryBytes: () => {
      const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
      return Number(match?.[1] ?? 0) * 1024;
    },
    async stop() {
      if (child.exitCode === null) child.kill('SIGINT');
      return finished;
    },
  };
}

/** A folder for a test's files, removed when the test ends. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wirebench-test-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server for the length of `body`; it is stopped whatever happens. */
export async function withServer(
  args: readonly string[],
  options: ServeOptions,
  body: (server: Server) => Promise<void>,
): Promise<Finished> {
  const server = await serve(args, options);
  try {
    await body(server);
  } catch (error) {
    server.child.kill('SIGKILL');
    throw error;
  }
  return server.stop();
}

export function sha256OfFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    createReadStream(path)
      .on('data', (chunk) => hash.update(chunk))
      .on('error', reject)
      .on('end', () => resolve(hash.digest('hex')));
  });
}
