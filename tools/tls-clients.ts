// Plays real TLS clients against wirebench and prints what came of it as tables: client × version × suite × group × signature,
// and client × feature. Exit code 1 when anything failed. A client that is not installed is named and left out.
//
//   node dist/tools/tls-clients.js [--mode tcp|tun|both] [--client NAME] [--short] [--write FILE]
//
// --client may be given several times, and takes the beginning of a name. --short: not every group with every signature. Network:
// loopback (tcp), or a namespace of the server's own (tun, needs root).

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { mainScript } from '../test/support/live.js';
import { met, needCommands } from '../test/support/needs.js';
import { toolArguments, wrongUsage } from './arguments.js';
import { chromium, firefox } from './tls-clients/browsers.js';
import { curl } from './tls-clients/curl.js';
import { gnutls } from './tls-clients/gnutls.js';
import { nss } from './tls-clients/nss.js';
import { openssl } from './tls-clients/openssl.js';
import { Files, KINDS, type Mode, Places } from './tls-clients/place.js';
import type { Client, Row } from './tls-clients/row.js';
import { type Outcome, tables } from './tls-clients/table.js';

const CLIENTS: readonly Client[] = [curl, openssl, gnutls, nss, chromium, firefox];

const USAGE = 'usage: tls-clients.js [--mode tcp|tun|both] [--client NAME] [--short] [--write FILE]\n';
const { values } = toolArguments(USAGE, {
  options: {
    mode: { type: 'string', default: 'tcp' },
    client: { type: 'string', multiple: true },
    short: { type: 'boolean', default: false },
    write: { type: 'string' },
  },
});
const { mode, short } = values;
if (mode !== 'tcp' && mode !== 'tun' && mode !== 'both') usage(`--mode takes tcp, tun or both, not ${mode}`);
const modes: readonly Mode[] = mode === 'both' ? ['tcp', 'tun'] : [mode as Mode];
const wanted = (values.client ?? ['']).map((name) => name.toLowerCase());
const clients = CLIENTS.filter(({ name }) => wanted.some((part) => name.toLowerCase().startsWith(part)));
if (clients.length === 0) {
  usage(`no client is called ${wanted.join(' or ')}: there are ${CLIENTS.map(({ name }) => name).join(', ')}`);
}

const files = new Files(mkdtempSync(join(tmpdir(), 'wirebench-tls-clients-')));
const places = modes.map((one) => new Places(one));
try {
  makeCertificates();
  const outcomes: Outcome[] = [];
  const versions: string[] = [];
  for (const client of clients) {
    if (!met(needCommands(...client.commands))) {
      versions.push(`${client.name}: not installed here`);
      continue;
    }
    versions.push(`${client.name}: ${firstLine(client.version)}`);
    for (const row of await client.rows(files)) {
      if (short && row.long) continue;
      const failures: (string | undefined)[] = [];
      for (const [index, servers] of places.entries()) {
        const failure = await play(row, servers);
        failures.push(failure);
        if (failure !== undefined) process.stderr.write(`FAILED ${modes[index]}: ${describe(row)}: ${failure}\n`);
      }
      outcomes.push({ row, failures });
    }
  }
  const runs = outcomes.flatMap(({ failures }) => failures);
  const failed = runs.filter((failure) => failure !== undefined).length;
  print(tables(outcomes, modes), versions, `${runs.length} runs, ${failed} failed`);
  process.exitCode = failed > 0 || runs.length === 0 ? 1 : 0;
} finally {
  for (const servers of places) await servers.close();
  rmSync(files.folder, { recursive: true, force: true });
}

/** What went wrong, or undefined. */
async function play(row: Row, servers: Places): Promise<string | undefined> {
  try {
    const place = await servers.get(row.serve);
    place.forget();
    await row.run(place);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function describe({ client, version, suite, group, signature, what }: Row): string {
  return [client, version, suite, group, signature, what].filter((part) => part !== undefined).join(', ');
}

/** A CA, a server certificate and a client certificate of each kind; the clients are called `client KIND`. */
function makeCertificates(): void {
  wirebench('cert', '--type', 'all', '--ocsp', '--out', files.folder);
  const ca = ['--ca', files.ca, '--ca-key', files.path('ca.key.pem')];
  for (const kind of KINDS)
    wirebench('cert', ...ca, '--type', kind, '--client', `client ${kind}`, '--out', files.path(kind));
}

function wirebench(...args: string[]): void {
  const made = spawnSync(process.execPath, [mainScript, ...args], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`wirebench ${args.join(' ')} ended with ${made.status}: ${made.stderr}`);
}

function firstLine([command, ...args]: readonly string[]): string {
  return spawnSync(command!, args, { encoding: 'utf8' }).stdout.split('\n')[0]!.trim();
}

function print(shown: string, versions: readonly string[], sum: string): void {
  const linux = release().split('.').slice(0, 2).join('.');
  const text =
    `Linux ${linux}, Node ${process.versions.node} with OpenSSL ${process.versions.openssl}: ${sum}.\n\n` +
    `${versions.map((line) => `- ${line}`).join('\n')}\n\n${shown}\n`;
  process.stdout.write(text);
  if (values.write === undefined) return;
  const command = ['node dist/tools/tls-clients.js', ...process.argv.slice(2)].join(' ');
  writeFileSync(values.write, `# Clients\n\nMade by \`${command}\`.\n\n${text}`);
}

function usage(text: string): never {
  return wrongUsage(USAGE, `tls-clients: ${text}`);
}
