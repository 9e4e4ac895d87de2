// Record live, replay offline: every packet the same, readable by tshark without a key file, and every damage is named.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readRecording } from '../../src/bench/recording.js';
import { readCapture } from '../../src/io/capture.js';
import {
  certificateFile,
  mainScript,
  run,
  type Server,
  serve,
  wirebench,
  withFolder,
  withServer,
} from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('record');
const tunNeeds = ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'curl')] as const;
const CA = ['--cacert', certificateFile];

async function browse(server: Server, base: string): Promise<void> {
  const curl = (...args: string[]) =>
    server.client('curl', ['-sS', '--max-time', '30', ...CA, '-o', '/dev/null', ...args]);
  for (const args of [
    ['--http2', `${base}/`],
    ['--http1.1', `${base}/headers`],
    ['--http2', '-d', 'some content', `${base}/echo`],
    ['--http2', `${base}/bytes/200000`],
    ['--http1.1', `${base}/nowhere`],
    ['--http2', `${base}/delay/120`],
  ]) {
    const out = await curl(...args);
    assert.is(out.code, 0, out.stderr);
  }
}

testWith(
  test,
  [...tunNeeds, ...needCommands('tshark')],
  'a tun session replays identically and tshark decrypts it',
  async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'r.pcapng');
      const end = await withServer(['--record', file, '--log', 'none'], { namespace: true }, (server) =>
        browse(server, 'https://10.0.0.2'),
      );
      assert.is(end.code, 130);
      assert.match(end.stderr, /secrets/);

      const replay = await wirebench(['replay', file]);
      assert.is(replay.code, 0, replay.stdout + replay.stderr);
      assert.match(replay.stdout, /1 capture, \d+ packets, all identical\n$/);

      const shark = await run('tshark', [
        '-r',
        file,
        '-Y',
        'http2.headers.path',
        '-T',
        'fields',
        '-e',
        'http2.headers.path',
      ]);
      assert.equal(shark.stdout.trim().split('\n'), ['/', '/echo', '/bytes/200000', '/delay/120']);
      const wrong = await run('tshark', [
        '-r',
        file,
        '-o',
        'tcp.check_checksum:TRUE',
        '-Y',
        'tcp.checksum.status == 0',
      ]);
      assert.is(wrong.stdout, '', 'no checksum is wrong');

      await changeOneByte(file, join(folder, 'changed.pcapng'));
      const changed = await wirebench(['replay', join(folder, 'changed.pcapng')]);
      assert.is(changed.code, 1);
      assert.match(
        changed.stdout,
        /packet \d+ \(\+\d+\.\d{6} s\) (IP|TCP|TLS|H2|HTTP) [\w .[\]:-]+: recorded .+, now .+/,
      );

      const whole = readFileSync(file);
      writeFileSync(join(folder, 'cut.pcapng'), whole.subarray(0, whole.length / 2));
      const cut = await wirebench(['replay', join(folder, 'cut.pcapng')]);
      assert.is(cut.code, 3, cut.stdout + cut.stderr);
      assert.match(cut.stderr, /cut\.pcapng: offset \d+/);
    });
  },
);

/** Flips one bit in the payload of the longest recorded outbound packet. */
async function changeOneByte(from: string, to: string): Promise<void> {
  const bytes = Buffer.from(readFileSync(from));
  let longest: Uint8Array = new Uint8Array(0);
  for await (const item of readRecording(from)) {
    if (item.kind === 'packet' && item.dir === 'out' && item.data.length > longest.length) longest = item.data.slice();
  }
  const at = bytes.indexOf(longest);
  assert.ok(at > 0);
  bytes[at + longest.length - 1]! ^= 0x01;
  writeFileSync(to, bytes);
}

testWith(test, [...tunNeeds, ...needCommands('tcpdump')], 'the recording is what was on the wire', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'r.pcapng');
    const wire = join(folder, 'wire.pcap');
    const args = ['--record', file, '--log', 'none', '--dev', 'wbtap0', '--no-offload'];
    await withServer(args, { namespace: true }, async (server) => {
      const dump = server.client('timeout', ['-s', 'INT', '4', 'tcpdump', '-i', 'wbtap0', '-U', '-w', wire], {});
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const out = await server.client('curl', ['-sS', ...CA, '-o', '/dev/null', 'https://10.0.0.2/bytes/50000']);
      assert.is(out.code, 0, out.stderr);
      await dump;
    });
    const recorded: string[] = [];
    for await (const item of readRecording(file)) {
      if (item.kind === 'packet') recorded.push(Buffer.from(item.data).toString('hex'));
    }
    const captured = (await readCapture(wire)).packets.map((packet) => Buffer.from(packet.data).toString('hex'));
    assert.ok(recorded.length > 40);
    // The order of the two directions may differ by where each looked; what was sent may not.
    assert.equal([...captured].sort(), [...recorded].sort());
  });
});

testWith(test, needCommands('curl', 'tshark'), 'a tcp session replays identically and tshark decrypts it', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'tcp.pcapng');
    const args = ['-mode', 'tcp', '-port', '0', '--record', file, '--log', 'none'];
    let port = 0;
    await withServer(args, {}, async (server) => {
      port = server.tlsPort;
      await browse(server, `https://localhost:${port}`);
    });
    const replay = await wirebench(['replay', file]);
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
    assert.match(replay.stdout, /1 capture, \d+ packets, all identical\n$/);
    const shark = await run('tshark', [
      ...[
        '-r',
        file,
        '-d',
        `tcp.port==${port},tls`,
        '-Y',
        'http2.headers.path',
        '-T',
        'fields',
        '-e',
        'http2.headers.path',
      ],
    ]);
    assert.equal(shark.stdout.trim().split('\n'), ['/', '/echo', '/bytes/200000', '/delay/120']);
    const wrong = await run('tshark', ['-r', file, '-o', 'tcp.check_checksum:TRUE', '-Y', 'tcp.checksum.status == 0']);
    assert.is(wrong.stdout, '', 'no checksum is wrong');
  });
});

testWith(test, [], 'two processes that replay the same files print the same log', async () => {
  const hashes = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const out = await wirebench(['replay', 'fixtures/captures', '--log', 'json']);
    assert.is(out.code, 0, out.stderr);
    hashes.add(createHash('sha256').update(out.stdout).digest('hex'));
  }
  assert.is(hashes.size, 1);
});

testWith(test, needCommands('curl', 'bash', 'head'), 'a log that nobody reads on ends the run in order', async () => {
  await withFolder(async (folder) => {
    const script =
      '"$0" "$1" serve --mode tcp --port 0 --record "$2" 2>"$3" | head -1 >/dev/null & ' +
      'for i in $(seq 100); do grep -q "listening on" "$3" && break; sleep 0.1; done; ' +
      'port=$(sed -n "s/.* port \\([0-9]*\\) (TLS.*/\\1/p" "$3"); ' +
      'curl -sk --max-time 5 "https://localhost:$port/" -o /dev/null; wait';
    const [file, log] = [join(folder, 'r.pcapng'), join(folder, 'log')];
    writeFileSync(log, '');
    await run('bash', ['-c', script, process.execPath, mainScript, file, log]);
    const replay = await wirebench(['replay', file]);
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
    assert.match(replay.stdout, /, identical\n/);
  });
});

testWith(test, needCommands('curl'), 'a run that was killed leaves a recording that says so', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'r.pcapng');
    const server = await serve(['--mode', 'tcp', '--port', '0', '--record', file, '--log', 'none']);
    const out = await server.client('curl', ['-sS', ...CA, '-o', '/dev/null', `https://localhost:${server.tlsPort}/`]);
    assert.is(out.code, 0, out.stderr);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    server.child.kill('SIGKILL');
    await server.stop();
    const replay = await wirebench(['replay', file]);
    assert.is(replay.code, 0, replay.stdout + replay.stderr);
    assert.match(replay.stdout, /1\d packets, \d+\.\d+ s, identical, NO END: the run was cut off/);
    const inCi = await wirebench(['replay', file, '--no-golden'], { env: { CI: 'true' } });
    assert.is(inCi.code, 1, 'where nobody reads it, it is a failure');
    assert.match(inCi.stdout, /NO END: the run was cut off\n {2}its run was cut off.*\n1 capture, .* 1 cut off\n$/);
  });
});

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  testWith(test, needCommands('curl'), `${signal} ends a run in order: all of it is in the recording`, async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'r.pcapng');
      const server = await serve(['--mode', 'tcp', '--port', '0', '--record', file, '--log', 'none']);
      const ended = new Promise((resolve) => server.child.once('close', resolve));
      const url = `https://localhost:${server.tlsPort}/headers`;
      const out = await server.client('curl', ['-sS', ...CA, '-o', '/dev/null', url]);
      assert.is(out.code, 0, out.stderr);
      // At once: before the recording is saved the next time.
      server.child.kill(signal);
      assert.is(await ended, 130, server.stderr());
      const replay = await wirebench(['replay', file]);
      assert.is(replay.code, 0, replay.stdout + replay.stderr);
      assert.match(replay.stdout, /1\d packets, \d+\.\d+ s, identical\n1 capture/);
    });
  });
}

testWith(test, [], 'SIGHUP ends mode std in order, too', async () => {
  const server = await serve(['--mode', 'std', '--port', '0']);
  const ended = new Promise((resolve) => server.child.once('close', resolve));
  server.child.kill('SIGHUP');
  assert.is(await ended, 130, server.stderr());
});

testWith(test, [], 'a recording that cannot be written stops the run before it begins', async () => {
  const out = await wirebench(['serve', '--mode', 'tcp', '--port', '0', '--record', '/nonexistent/r.pcapng']);
  assert.is(out.code, 3, out.stderr);
  assert.match(out.stderr, /\/nonexistent\/r\.pcapng/);
});

testWith(
  test,
  needCommands('curl'),
  'a key log that cannot be written ends a run whose recording replays',
  async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'r.pcapng');
      const args = ['--mode', 'tcp', '--port', '0', '--record', file, '--keylog', '/dev/full', '--log', 'none'];
      const server = await serve(args);
      const ended = new Promise((resolve) => server.child.once('close', resolve));
      await server.client('curl', ['-sS', ...CA, '-o', '/dev/null', `https://localhost:${server.tlsPort}/`]);
      assert.is(await ended, 3, server.stderr());
      assert.match(server.stderr(), /\/dev\/full: cannot be written \(ENOSPC\)/);
      const replay = await wirebench(['replay', file]);
      assert.is(replay.code, 0, replay.stdout + replay.stderr);
    });
  },
);

testWith(
  test,
  [],
  'a recording, a manifest, or any other file that is there is replaced with --force only',
  async () => {
    await withFolder(async (folder) => {
      const [recording, manifest] = [join(folder, 'r.pcapng'), join(folder, 'r.manifest.json')];
      const once = async (...args: string[]): Promise<void> => {
        const end = await withServer(['--mode', 'tcp', '--port', '0', '--log', 'none', ...args], {}, async () => {});
        assert.is(end.code, 130, end.stderr);
      };
      // As mktemp leaves it.
      writeFileSync(recording, '');
      await once('--record', recording, '--manifest', manifest);
      const other = join(folder, 'notes.txt');
      writeFileSync(other, 'mine');
      for (const [option, file] of [
        ['--record', recording],
        ['--manifest', manifest],
        ['--record', other],
      ] as const) {
        const before = readFileSync(file);
        const out = await wirebench(['serve', '--mode', 'tcp', '--port', '0', option, file]);
        assert.is(out.code, 3, out.stderr);
        assert.match(out.stderr, `${file}: is there already\nwirebench: --force replaces it\n`);
        assert.equal(readFileSync(file), before);
        await once(option, file, '--force');
        assert.not.equal(readFileSync(file), before);
      }
      await once('--record', '/dev/null');
      const command = [
        'record',
        '--mode',
        'tcp',
        '--out',
        join(folder, 'new.pcapng'),
        '--manifest',
        manifest,
        '--',
        'true',
      ];
      const out = await wirebench(command);
      assert.is(out.code, 3, out.stderr);
      assert.match(out.stderr, `${manifest}: is there already`);
    });
  },
);

test.run();
