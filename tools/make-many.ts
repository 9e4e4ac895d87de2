// Makes many recordings out of the bundled captures: each is played again with another seed, so that sequence numbers, keys and
// randoms differ in every one. For trying `replay --jobs` and `--shard` on a folder of a thousand.
//
//   node dist/tools/make-many.js FOLDER [COUNT]        default: 1000

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyStore } from '../src/bench/inspect/keys.js';
import { type Requests, readRequests, reExecute } from '../src/bench/re-execute.js';
import { keyLogLine } from '../src/bench/recorders.js';
import { RECORDING_FORMAT, RecordingWriter } from '../src/bench/recording.js';
import type { RunConfig } from '../src/io/assemble.js';
import { projectRoot } from '../test/support/live.js';
import { toolArguments, wrongUsage } from './arguments.js';

const MOST = 100_000;

const USAGE = `usage: make-many.js FOLDER [COUNT up to ${MOST}]\n`;
const [folder, countText = '1000'] = toolArguments(USAGE, { allowPositionals: true }).positionals;
const count = Number(countText);
if (folder === undefined) wrongUsage(USAGE, 'make-many: name a folder');
if (!Number.isInteger(count) || count < 1 || count > MOST) wrongUsage(USAGE, `make-many: ${countText} is no count`);

const config: RunConfig = {
  mode: 'tun',
  address: '10.0.0.2',
  mtu: 1500,
  plainPorts: [80],
  tlsPorts: [443],
  certificate: readFileSync(join(projectRoot, 'fixtures/keys/server.cert.pem'), 'utf8'),
  key: readFileSync(join(projectRoot, 'fixtures/keys/server.key.pem'), 'utf8'),
};

const sources: { readonly name: string; readonly requests: Requests }[] = [];
for (const where of ['fixtures/captures', 'fixtures/foreign']) {
  for (const name of readdirSync(join(projectRoot, where)).sort()) {
    if (!name.endsWith('.pcapng')) continue;
    const requests = await readRequests(join(projectRoot, where, name), createKeyStore());
    if (requests.connections.length > 0) sources.push({ name: name.replace('.pcapng', ''), requests });
  }
}

mkdirSync(folder, { recursive: true });
let packets = 0;
for (let index = 0; index < count; index++) {
  const { name, requests } = sources[index % sources.length]!;
  const seed = createHash('sha256').update(`make-many ${index}`).digest();
  const file = join(folder, `${String(index).padStart(5, '0')}-${name}.pcapng`);
  const { startUnixUs } = requests;
  const manifest = {
    format: RECORDING_FORMAT,
    wirebench: 'make-many',
    seed: seed.toString('hex'),
    config,
    startUnixUs,
  } as const;
  const writer = new RecordingWriter(file, manifest);
  await reExecute(requests.connections, {
    identity: { config, seed, startUnixUs },
    trace(_atUs, event) {
      const line = keyLogLine(event);
      if (line !== undefined) writer.secret(line);
    },
    onPacket(atUs, dir, bytes) {
      packets++;
      writer.packet(atUs, dir, bytes);
    },
    onEnd: (atUs) => writer.event({ event: 'end', atUs }),
  });
  writer.close();
}
process.stdout.write(`${count} recordings of ${sources.length} kinds, ${packets.toLocaleString('en')} packets\n`);
