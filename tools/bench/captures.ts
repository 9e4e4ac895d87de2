// Reading captures, beside tshark: `inspect` and `replay` as whole commands on a recorded download of 100 MB (opened, HTTP/2 shown),
// on the same download as tcpdump sees it through segmentation offload, and on a small file, where start-up is all there is.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, start, stop } from './servers.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const main = join(root, 'dist/src/cli/main.js');
const small = join(root, 'fixtures/captures/h2.pcapng');

interface Command {
  readonly name: string;
  readonly argv: (file: string) => string[];
}

const INSPECT: Command = {
  name: 'inspect -Y http2',
  argv: (file) => [process.execPath, main, 'inspect', file, '-Y', 'http2'],
};
const REPLAY: Command = { name: 'replay', argv: (file) => [process.execPath, main, 'replay', '--no-golden', file] };
const TSHARK: Command = { name: 'tshark -Y http2', argv: (file) => ['tshark', '-r', file, '-Y', 'http2'] };

/** Lines of a Markdown table. */
export async function benchCaptures(rounds: number): Promise<string[]> {
  if (spawnSync('tshark', ['--version']).error !== undefined) return ['tshark is not there: nothing to compare with.'];
  const folder = mkdtempSync(join(tmpdir(), 'wirebench-bench-'));
  try {
    const recorded = join(folder, 'recorded.pcapng');
    const dumped = join(folder, 'dumped.pcapng');
    await download(recorded, dumped, folder);
    return [
      '| capture | command | packets | seconds | packets/s | MB/s | tshark : this |',
      '|---|---|---|---|---|---|---|',
      ...rows('recorded download of 100 MB', recorded, [INSPECT, REPLAY, TSHARK], rounds),
      ...rows('the same by tcpdump, with offload', dumped, [INSPECT, TSHARK], rounds),
      ...rows('a small recording: start-up', small, [INSPECT, REPLAY, TSHARK], rounds),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One download in tun mode, recorded by the server and by tcpdump on the device. */
async function download(recorded: string, dumped: string, folder: string): Promise<void> {
  const running = await start('tun', 0, ['--record', recorded]);
  const keys = join(folder, 'keys');
  const raw = join(folder, 'raw.pcap');
  const cacert = join(root, 'fixtures/keys/server.cert.pem');
  const curl = `SSLKEYLOGFILE=${keys} curl -sS --http2 --cacert ${cacert} -o /dev/null ${running.base}/bytes/100000000`;
  const dump = `tcpdump -i wb0 -s 0 -B 65536 --immediate-mode -w ${raw} tcp 2>/dev/null & dump=$!; sleep 1; ${curl}; sleep 1; kill -INT $dump; wait $dump`;
  try {
    const argv = running.wrap(['bash', '-c', dump]);
    const { status, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', timeout: 120_000 });
    if (status !== 0) throw new Error(`the download ended with ${status}: ${stderr}`);
  } finally {
    await stop(running);
  }
  const { status, stderr } = spawnSync('editcap', ['-F', 'pcapng', '--inject-secrets', `tls,${keys}`, raw, dumped]);
  if (status !== 0) throw new Error(`editcap: ${stderr}`);
}

function rows(name: string, file: string, commands: readonly Command[], rounds: number): string[] {
  const seconds = new Map<Command, number[]>(commands.map((command) => [command, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const command of commands) {
      process.stderr.write(`captures, round ${round} of ${rounds}: ${name}, ${command.name}\n`);
      const argv = command.argv(file);
      const begun = process.hrtime.bigint();
      const { status } = spawnSync(argv[0]!, argv.slice(1), { stdio: 'ignore', timeout: 120_000 });
      if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}`);
      // The first round brings the file into memory.
      if (round > 0) seconds.get(command)!.push(Number(process.hrtime.bigint() - begun) / 1e9);
    }
  }
  const packets = packetsOf(file);
  const megabytes = statSync(file).size / 1e6;
  const theirs = median(seconds.get(TSHARK)!);
  return commands.map((command) => {
    const own = median(seconds.get(command)!);
    const figures = [
      packets.toLocaleString('en-US'),
      own.toFixed(2),
      Math.round(packets / own).toLocaleString('en-US'),
    ];
    return `| ${name} | ${command.name} | ${figures.join(' | ')} | ${(megabytes / own).toFixed(1)} | ${(theirs / own).toFixed(2)} |`;
  });
}

function packetsOf(file: string): number {
  const { stdout } = spawnSync(process.execPath, [main, 'inspect', '--summary', file], { encoding: 'utf8' });
  return Number(/^([\d,]+) packets?/.exec(stdout)?.[1]?.replaceAll(',', '') ?? Number.NaN);
}
