// `wirebench record -- COMMAND` with real commands: what it leaves replays, failures are passed on, nothing is half written.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Finished, mainScript, type RunOptions, run, wirebench, withFolder } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('record command');
const tunNeeds = ['root', 'tun', 'namespaces', ...needCommands('ip', 'curl')] as const;
const curl = ['curl', '-sS', '--max-time', '20', '--cacert', '{cacert}'];

function record(folder: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return wirebench(['record', ...args], { cwd: folder, ...options });
}

async function replays(file: string): Promise<void> {
  const replay = await wirebench(['replay', file]);
  assert.is(replay.code, 0, replay.stdout + replay.stderr);
  assert.match(replay.stdout, /, all identical\n$/);
}

function lineage(file: string): Record<string, unknown> {
  const text = readFileSync(file, 'utf8');
  assert.is(text.split('\n').length, 2, 'one line');
  return JSON.parse(text) as Record<string, unknown>;
}

testWith(test, needCommands('curl'), 'tcp mode: one command leaves a test that replays', async () => {
  await withFolder(async (folder) => {
    const args = ['--mode', 'tcp', '--seed', 'one', '--', ...curl, '-d', '@-', '{url}/echo'];
    const out = await record(folder, args, { input: 'through stdin' });
    assert.is(out.code, 0, out.stderr);
    assert.is(out.stdout, 'through stdin', 'the standard streams are those of the command');
    assert.match(out.stderr, /^wirebench: tcp mode, as --mode says: https:\/\/127\.0\.0\.1:\d+, http:\/\/127/);
    assert.match(out.stderr, /r\.pcapng: \d+ packets, 1 connection \(TLS1\.3, HTTP\/2\), 1 request, identical\n/);
    assert.match(out.stderr, /run it again: wirebench replay r\.pcapng\n/);
    assert.equal(readdirSync(folder).sort(), ['r.jsonl', 'r.lineage.json', 'r.log', 'r.pcapng']);
    assert.is(statSync(join(folder, 'r.pcapng')).mode & 0o777, 0o600, 'it holds secrets');
    await replays(join(folder, 'r.pcapng'));

    const line = lineage(join(folder, 'r.lineage.json'));
    assert.equal(line.command, [...curl, '-d', '@-', '{url}/echo']);
    assert.equal(line.options, ['--mode', 'tcp', '--seed', '(not told)']);
    assert.match(String(line.client), /^curl \d/);
    assert.equal([line.mode, line.exitCode, line.connections, line.requests], ['tcp', 0, 1, 1]);
    const seed = createHash('sha256').update('one').digest();
    assert.is(line.seedSha256, createHash('sha256').update(seed).digest('hex'));
    // Only the recording is for its owner alone, so nothing else may hold the seed.
    assert.match(readFileSync(join(folder, 'r.pcapng'), 'latin1'), seed.toString('hex'));
    for (const name of ['r.jsonl', 'r.log', 'r.lineage.json']) {
      assert.not.match(readFileSync(join(folder, name), 'utf8'), seed.toString('hex'), name);
    }
  });
});

testWith(test, tunNeeds, 'tun mode is chosen where it may be: server and command share a namespace', async () => {
  await withFolder(async (folder) => {
    const command = [
      'sh',
      '-c',
      'ip -o link | wc -l; curl -sS $WIREBENCH_URL/status/200 -o /dev/null; curl -sS {plain-url}/bytes/3',
    ];
    const out = await record(folder, ['--out', 't.pcapng', '--', ...command]);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stderr, /^wirebench: tun mode, in a network namespace of its own: https:\/\/10\.0\.0\.2, http:/);
    assert.match(out.stdout, /^2\n.{3}$/s, 'loopback and the TUN device; three bytes of content');
    assert.match(out.stderr, /2 connections \(TLS1\.3, HTTP\/2, HTTP\/1\.1\), 2 requests, identical/);
    await replays(join(folder, 't.pcapng'));
    assert.is(lineage(join(folder, 't.lineage.json')).mode, 'tun');
    const log = readFileSync(join(folder, 't.log'), 'utf8');
    assert.match(log, /\[TCP\] RCV 10\.0\.0\.1:\d+ -> 10\.0\.0\.2:443 SYN/);
  });
});

testWith(
  test,
  [],
  'where no namespace can be had it says so: tcp mode, or exit code 4 when tun was asked for',
  async () => {
    await withFolder(async (folder) => {
      // Without unshare(1) there is none, whoever asks.
      const env = { PATH: folder };
      const out = await record(folder, ['--allow-failure', '--fault', 'drop=1%', '--', process.execPath, '-e', '0'], {
        env,
      });
      assert.is(out.code, 0, out.stderr);
      assert.match(
        out.stderr,
        /^wirebench: --fault has no effect in mode tcp\nwirebench: tcp mode, because .+: https:/,
      );
      const asked = await record(folder, ['--mode', 'tun', '--force', '--', process.execPath, '-e', '0'], { env });
      assert.is(asked.code, 4, asked.stderr);
      assert.match(asked.stderr, /`--mode tcp` needs none of it\n$/);
    });
  },
);

testWith(test, tunNeeds, 'faults are the server’s: a lossy run is recorded and replays without them', async () => {
  await withFolder(async (folder) => {
    const args = ['--mode', 'tun', '--fault', 'drop=5%,both', '--seed', 'lossy', '--', ...curl, '-o', '/dev/null'];
    const out = await record(folder, [...args, '{url}/bytes/300000']);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stderr, /faults in: \d+ frames, of them \d+ dropped/);
    assert.match(readFileSync(join(folder, 'r.log'), 'utf8'), /retransmit/);
    await replays(join(folder, 'r.pcapng'));
  });
});

testWith(test, [], 'a command that does not connect is a failure, unless that is meant', async () => {
  await withFolder(async (folder) => {
    const out = await record(folder, ['--mode', 'tcp', '--', 'true']);
    assert.is(out.code, 1);
    assert.match(out.stderr, /nobody connected/);
    assert.match(out.stderr, /nothing was tested; --allow-failure if that is meant, --force to record again\n$/);
    assert.not.match(out.stderr, /run it again/);
    const meant = await record(folder, ['--mode', 'tcp', '--force', '--allow-failure', '--', 'true']);
    assert.is(meant.code, 0, meant.stderr);
  });
});

testWith(test, [], 'a failing command: its code is passed on, its recording kept', async () => {
  await withFolder(async (folder) => {
    const out = await record(folder, ['--mode', 'tcp', '--', 'sh', '-c', 'echo data; echo said >&2; exit 7']);
    assert.is(out.code, 7);
    assert.is(out.stdout, 'data\n');
    assert.match(out.stderr, /\nsaid\n/);
    assert.match(out.stderr, /the command failed: exit code 7; --allow-failure if that is meant\n$/);
    assert.match(out.stderr, /nobody connected: the command has no placeholder such as \{url\}/);
    const replay = await wirebench(['replay', 'r.pcapng'], { cwd: folder });
    assert.is(replay.code, 1, 'nothing was tested');
    assert.match(replay.stdout, /NO PACKETS\n {2}nothing was tested.*\n1 capture, 0 packets, 1 without any packet\n$/);

    const meant = await record(folder, ['--mode', 'tcp', '--force', '--allow-failure', '--', 'sh', '-c', 'exit 7']);
    assert.is(meant.code, 0, meant.stderr);
    assert.match(meant.stderr, /the command failed: exit code 7, as --allow-failure allows\n$/);
    assert.is(lineage(join(folder, 'r.lineage.json')).exitCode, 7);

    const killed = await record(folder, ['--mode', 'tcp', '--force', '--', 'sh', '-c', 'kill -9 $$']);
    assert.is(killed.code, 137);
    assert.match(killed.stderr, /the command failed: ended by SIGKILL/);
  });
});

testWith(test, needCommands('curl'), 'a client that refuses the certificate can be what is recorded', async () => {
  await withFolder(async (folder) => {
    const command = ['curl', '-sS', '--cacert', '/dev/null', '{url}'];
    const out = await record(folder, ['--mode', 'tcp', '--allow-failure', '--', ...command]);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stderr, /exit code 77, as --allow-failure allows|exit code 60, as --allow-failure allows/);
    await replays(join(folder, 'r.pcapng'));
  });
});

testWith(test, [], 'a command that is not there leaves nothing', async () => {
  await withFolder(async (folder) => {
    const out = await record(folder, ['--mode', 'tcp', '--', 'no-such-program', '{url}']);
    assert.is(out.code, 127);
    assert.match(out.stderr, /no-such-program: there is no such program; nothing was recorded\n$/);
    assert.equal(readdirSync(folder), []);
  });
});

testWith(test, [], 'files that are there are not replaced unasked, whichever of them', async () => {
  await withFolder(async (folder) => {
    for (const name of ['r.pcapng', 'r.log', 'r.lineage.json']) {
      writeFileSync(join(folder, name), 'mine');
      const out = await record(folder, ['--mode', 'tcp', '--', 'sh', '-c', 'echo ran']);
      assert.is(out.code, 3);
      assert.is(out.stdout, '', 'the command did not run');
      assert.match(out.stderr, new RegExp(`^wirebench: ${name}: is there already\nwirebench: --force replaces it`));
      assert.is(readFileSync(join(folder, name), 'utf8'), 'mine');
      const forced = await record(folder, ['--mode', 'tcp', '--force', '--allow-failure', '--', 'true']);
      assert.is(forced.code, 0, forced.stderr);
      assert.is.not(readFileSync(join(folder, name), 'utf8'), 'mine');
      for (const made of ['r.pcapng', 'r.jsonl', 'r.log', 'r.lineage.json']) rmSync(join(folder, made));
    }
    const nowhere = await record(folder, ['--mode', 'tcp', '--out', 'no/r.pcapng', '--', 'true']);
    assert.is(nowhere.code, 3);
    assert.match(nowhere.stderr, /no\/r\.pcapng: there is no such folder/);
  });
});

testWith(test, [], 'a time limit ends the command', async () => {
  await withFolder(async (folder) => {
    const out = await record(folder, ['--mode', 'tcp', '--timeout', '1', '--', 'sleep', '60']);
    assert.is(out.code, 124);
    assert.match(out.stderr, /the command failed: not done after 1 s/);
    assert.ok(readdirSync(folder).includes('r.pcapng'));
  });
});

testWith(
  test,
  needCommands('curl', 'bash'),
  'a recording that cannot be written ends the command, and leaves nothing',
  async () => {
    await withFolder(async (folder) => {
      // 32 KiB a file: the certificate and the handshake fit, the download does not.
      const script = 'ulimit -f 32; exec "$0" "$@"';
      const command = ['curl', '-sS', '-o', '/dev/null', '{url}/bytes/30000000'];
      const words = [process.execPath, mainScript, 'record', '--mode', 'tcp', '--', ...command];
      const out = await run('bash', ['-c', script, ...words], { cwd: folder });
      assert.is(out.code, 3, out.stderr);
      assert.match(out.stderr, /wirebench: r\.pcapng: .*\(EFBIG\)/);
      assert.equal(readdirSync(folder), []);
    });
  },
);

async function interrupted(
  folder: string,
  mode: string,
  wholeGroup: boolean,
  signal: NodeJS.Signals,
): Promise<Finished> {
  const command = ['curl', '-sS', '-N', '--cacert', '{cacert}', '{url}/stream/1000'];
  const words = [mainScript, 'record', '--mode', mode, '--allow-failure', '--', ...command];
  const child = spawn(process.execPath, words, { cwd: folder, detached: true });
  let stdout = '';
  let stderr = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text) => {
      stdout += text;
      resolve();
    });
    child.on('close', () => reject(new Error(stderr)));
  });
  // As a terminal does: to the command, to the server, and to the one that started both.
  process.kill(wholeGroup ? -child.pid! : child.pid!, signal);
  return { code: await ended, stdout, stderr };
}

for (const [mode, needs] of [
  ['tcp', needCommands('curl')],
  ['tun', tunNeeds],
] as const) {
  for (const [how, wholeGroup, signal] of [
    ['Ctrl-C', true, 'SIGINT'],
    ['SIGINT to record alone', false, 'SIGINT'],
    ['a terminal that goes away', true, 'SIGHUP'],
  ] as const) {
    testWith(test, needs, `${how} ends command and server, ${mode} mode; what was recorded is whole`, async () => {
      await withFolder(async (folder) => {
        const out = await interrupted(folder, mode, wholeGroup, signal);
        assert.is(out.code, 130, out.stderr);
        assert.match(out.stderr, /interrupted: what was recorded until then is kept\n$/);
        assert.match(out.stderr, /1 connection \(TLS1\.3, HTTP\/2\), 1 request, identical/);
        assert.equal(readdirSync(folder).sort(), ['r.jsonl', 'r.lineage.json', 'r.log', 'r.pcapng']);
        await replays(join(folder, 'r.pcapng'));
      });
    });
  }
}

testWith(test, [], 'an application of one’s own answers, and its answers are in the recording', async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, 'app.mjs'), 'export default ({ path }) => ["app at", path, Date.now()].join(" ");\n');
    const client =
      'const { get } = await import("node:https"); get(process.env.WIREBENCH_URL + "/x", (r) => r.pipe(process.stdout));';
    const command = [process.execPath, '--input-type=module', '-e', client];
    const out = await record(folder, ['--mode', 'tcp', '--app', 'app.mjs', '--', ...command]);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stdout, /^app at \/x \d+$/, 'Node trusts the server by its environment');
    await replays(join(folder, 'r.pcapng'));
  });
});

test.run();
