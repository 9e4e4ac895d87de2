// The pause, driven by a person's keys: tmux holds the terminal, curl is the client.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, mainScript, run, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('pause');
const needs = ['root', 'tun', 'namespaces', ...needCommands('tmux', 'curl', 'ip', 'nsenter')] as const;
const PROMPT = /--- \[(IP|TCP|TLS|H2|HTTP)\] Enter to continue \(c Enter: run on, q Enter: quit\) ---/g;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A terminal with a server in it; `socket` keeps it apart from any tmux of the user's. */
class Terminal {
  readonly #socket = `wirebench-test-${process.pid}`;

  async #tmux(...args: string[]): Promise<string> {
    const out = await run('tmux', ['-L', this.#socket, '-f', '/dev/null', ...args]);
    if (out.code !== 0) throw new Error(`tmux ${args.join(' ')}: ${out.stderr}`);
    return out.stdout;
  }

  async start(...command: string[]): Promise<void> {
    await this.#tmux('new-session', '-d', '-x', '160', '-y', '50', ...command);
    await this.#tmux('set-option', '-g', 'history-limit', '50000');
    await this.#tmux('set-option', '-g', 'remain-on-exit', 'on');
  }

  screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-');
  }

  async keys(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  async waitFor(what: RegExp, timeoutMs = 20_000): Promise<string> {
    for (const until = Date.now() + timeoutMs; Date.now() < until; await sleep(50)) {
      const screen = await this.screen();
      if (what.test(screen)) return screen;
    }
    throw new Error(`${what} did not appear: ${await this.screen()}`);
  }

  async prompts(): Promise<number> {
    return (await this.screen()).match(PROMPT)?.length ?? 0;
  }

  async pid(): Promise<number> {
    return Number(await this.#tmux('display-message', '-p', '#{pane_pid}'));
  }

  async end(): Promise<void> {
    await run('tmux', ['-L', this.#socket, 'kill-server']);
  }
}

testWith(test, needs, 'stops at each layer, Enter goes on, the connection survives 5 seconds, q quits', async () => {
  const terminal = new Terminal();
  const server = ['unshare', '--net', 'env', 'PAUSE_LAYER=ip,tcp,tls,http2', process.execPath, mainScript, 'serve'];
  try {
    await terminal.start('bash', '-c', '"$@"; echo ended with $?; sleep 60', 'bash', ...server);
    await terminal.waitFor(/listening on /);
    const shell = await terminal.pid();
    const [child] = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').split(' ');
    const inside = ['-t', child!, '-n'];
    const curl = run('nsenter', [
      ...[...inside, 'curl', '-sS', '--http2', '--max-time', '100', '--cacert', certificateFile],
      ...['-w', '%{http_version} %{http_code}', '-o', '/dev/null', 'https://10.0.0.2/'],
    ]);
    await terminal.waitFor(/--- \[IP\] Enter/);
    await sleep(5_000);
    assert.is(await terminal.prompts(), 1, 'it waits for Enter');
    const layers = new Set<string>();
    let finished = false;
    void curl.then(() => {
      finished = true;
    });
    for (let i = 0; i < 300 && !finished; i++) {
      for (const match of (await terminal.screen()).matchAll(PROMPT)) layers.add(match[1]!);
      await terminal.keys('Enter');
      await sleep(40);
    }
    const out = await curl;
    assert.is(out.stdout, '2 200', out.stderr);
    assert.equal([...layers].sort(), ['H2', 'IP', 'TCP', 'TLS']);
    await terminal.keys('Enter');
    await sleep(300);
    void run('nsenter', [...inside, 'curl', '-sS', '--max-time', '5', 'http://10.0.0.2/']);
    await sleep(1_000);
    await terminal.keys('q', 'Enter');
    const screen = await terminal.waitFor(/ended with \d+/);
    assert.match(screen, /ended with 0/);
  } finally {
    await terminal.end();
  }
});

testWith(test, needCommands('curl'), 'input that is no terminal never hangs', async () => {
  const end = await withServer(
    ['--mode', 'tcp', '--port', '0'],
    { env: { PAUSE_LAYER: 'ip,tcp,tls,http2' } },
    async (server) => {
      const url = `https://localhost:${server.tlsPort}/bytes/3`;
      const args = ['-sS', '--max-time', '10', '--cacert', certificateFile, url];
      assert.is((await server.client('curl', [...args, '-o', '/dev/null', '-w', '%{http_code}'])).stdout, '200');
    },
  );
  assert.match(end.stderr, /no terminal/);
});

test.run();
