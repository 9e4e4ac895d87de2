// `wirebench record -- COMMAND`: a server for as long as a command runs, and what it leaves: a recording that was replayed
// once already, its golden logs, and a line that says where it comes from. One command makes a regression test.

import { resolve } from 'node:path';
import { describeMismatch } from '../bench/compare.js';
import { RecordingError } from '../bench/recording.js';
import { DeviceError, EXIT } from '../io/errors.js';
import {
  type LiveServer,
  openPlace,
  readMaterials,
  refuseToReplace,
  startServer,
  TEST_CERTIFICATE,
} from './live-server.js';
import { createOutput, say } from './output.js';
import {
  type ClientEnd,
  clientVersion,
  environmentOf,
  fillIn,
  startClient,
  type Target,
  urlOf,
} from './record-client.js';
import { type Contents, RecordFiles, verifyRecording } from './record-files.js';
import { type RecordOptions, recordLimits } from './record-options.js';
import { bringLoopbackUp, environmentInside, findNamespace, isInside, runInside } from './record-place.js';
import { seedDigest, withoutSeed } from './seed.js';
import type { ServeOptions } from './serve-options.js';
import { onEndingSignal } from './signals.js';
import { counted } from './text.js';
import { version } from './version.js';

/** A command that is done may have packets under way: its last acknowledgement, its FIN. */
const SETTLE_MS = 50;

export async function record(options: RecordOptions): Promise<number> {
  const files = new RecordFiles(options.out, options.force);
  try {
    if (isInside()) {
      bringLoopbackUp();
      for (const notice of options.tun!.notices) say(notice);
      return await recordHere(options, options.tun!.options, files, 'tun mode, in a network namespace of its own');
    }
    const namespace = options.tun && findNamespace(options.tun.options.device);
    if (namespace !== undefined && 'unshare' in namespace) {
      files.discard();
      return await runInside(namespace.unshare);
    }
    if (options.tcp === undefined) throw new DeviceError(namespace!.missing, namespace!.advice);
    for (const notice of options.tcp.notices) say(notice);
    const why = namespace === undefined ? 'as --mode says' : `because ${namespace.missing}`;
    return await recordHere(options, options.tcp.options, files, `tcp mode, ${why}`);
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    // The name that it was made under means nothing to anybody.
    throw new RecordingError(files.paths.recording, error.code, error.what, error.advice);
  } finally {
    // What was kept is not there any more.
    files.discard();
  }
}

async function recordHere(
  options: RecordOptions,
  serve: ServeOptions,
  files: RecordFiles,
  how: string,
): Promise<number> {
  refuseToReplace(serve, serve.manifest);
  const materials = await readMaterials(serve);
  const place = await openPlace(serve);
  let end: ClientEnd;
  let server: LiveServer;
  let filled: number;
  try {
    const recorded = { ...serve, record: files.parts.recording };
    server = startServer(place, recorded, materials, createOutput(process.stderr));
    const target = targetOf(options, serve, server);
    say(`${how}: ${urlOf('https', target.host, target.tlsPort)}, ${urlOf('http', target.host, target.plainPort)}`);
    const command = fillIn(options.command, target);
    filled = command.filled;
    end = await runClient(command.words, environmentOf(target, environmentInside()), options, server);
  } finally {
    place.close();
  }
  if (end.why === 'not-started') {
    say(`${options.command[0]}: ${end.told}; nothing was recorded`);
    return end.code;
  }
  for (const line of server.faultLines()) say(line);
  const contents = await withoutRemains(end, async () => {
    const found = await verifyRecording(files);
    files.write('lineage', lineageOf(options, server, end, found));
    files.keep();
    return found;
  });
  return report(options, end, contents, files, filled);
}

/** Ctrl-C while the recording is verified gives it up; the one that ended the command, which may come twice, does not. */
async function withoutRemains<Value>(end: ClientEnd, work: () => Promise<Value>): Promise<Value> {
  const ignoreSignals = onEndingSignal(() => {
    if (end.why === 'interrupted') return;
    say('interrupted: nothing is kept');
    // RecordFiles takes away what it made.
    process.exit(EXIT.interrupted);
  });
  try {
    return await work();
  } finally {
    ignoreSignals();
  }
}

/** The command and the server, up to the end of both. Ctrl-C ends the command first, and then the server as always. */
async function runClient(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  options: RecordOptions,
  server: LiveServer,
): Promise<ClientEnd> {
  const client = startClient(words, env, options.timeoutMs);
  let interrupted = false;
  const ignoreSignals = onEndingSignal(() => {
    interrupted = true;
    client.interrupt();
  });
  try {
    // A server that fails (its disk is full) ends the command too: it would be served by nobody.
    const failed = server.done.then(() => new Promise<never>(() => {}));
    const end = await Promise.race([client.done, failed]).catch(async (error) => {
      client.interrupt();
      await client.done;
      throw error;
    });
    await new Promise((settled) => setTimeout(settled, SETTLE_MS));
    // A terminal interrupts the command as well, which may be gone before we hear of it.
    return interrupted ? { code: EXIT.interrupted, why: 'interrupted', told: 'interrupted' } : end;
  } finally {
    server.stop();
    // An error of the server was raised above, unless it is one of its end.
    await server.done;
    ignoreSignals();
  }
}

function targetOf(options: RecordOptions, serve: ServeOptions, { config }: LiveServer): Target {
  const cacert = options.cacert ?? serve.tls.credentials[0]?.cert ?? TEST_CERTIFICATE;
  return {
    host: serve.mode === 'tun' ? serve.remoteIp : connectable(serve.host),
    tlsPort: config.tlsPorts[0]!,
    plainPort: config.plainPorts[0]!,
    cacert: resolve(cacert),
  };
}

/** Whoever listens on all addresses is reached on loopback. */
function connectable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** One line of JSON. The words of the command are as they were given, placeholders included. */
function lineageOf(options: RecordOptions, server: LiveServer, end: ClientEnd, contents: Contents): string {
  const argv = process.argv.slice(2);
  const client = clientVersion(options.command[0]!);
  const cut = (word: string): string => word.slice(0, recordLimits.lineageText);
  const { result, connections, requests, protocols } = contents;
  const lineage = {
    recorded: new Date(server.startUnixUs / 1_000).toISOString(),
    wirebench: version(),
    node: process.versions.node,
    mode: server.config.mode,
    seedSha256: seedDigest(server.seed),
    options: withoutSeed(argv.slice(argv.indexOf('record') + 1, argv.length - options.command.length))
      .filter((word) => word !== '--')
      .map(cut),
    command: options.command.map(cut),
    ...(client !== undefined && { client }),
    exitCode: end.code,
    packets: result.packets,
    durationUs: result.durationUs,
    connections,
    requests,
    protocols,
    identical: result.difference === undefined,
  };
  return `${JSON.stringify(lineage)}\n`;
}

/** Says what there is now, and what was wrong. Gives the exit code. */
async function report(
  options: RecordOptions,
  end: ClientEnd,
  contents: Contents,
  { paths }: RecordFiles,
  filled: number,
): Promise<number> {
  const { result, connections, requests, answered, protocols } = contents;
  const seen = protocols.length === 0 ? '' : ` (${protocols.join(', ')})`;
  const parts = [
    counted(result.packets, 'packet'),
    `${counted(connections, 'connection')}${seen}`,
    counted(requests, 'request'),
    result.difference === undefined ? 'identical' : 'DIFFERENT',
  ];
  say(`${paths.recording}: ${parts.join(', ')}`);
  if (connections === 0) {
    say(
      filled === 0
        ? 'nobody connected: the command has no placeholder such as {url}; it may also read WIREBENCH_URL'
        : 'nobody connected',
    );
  }
  if (result.difference !== undefined) {
    for (const line of await describeMismatch(paths.recording, result.difference)) say(`  ${line}`);
    say('the replay is not what was recorded: this is a bug of wirebench, or an --app that it calls in another way');
    return EXIT.different;
  }
  say(`golden logs ${paths.jsonl}, ${paths.log}; lineage ${paths.lineage}; the recording holds keys and secrets`);
  if (result.packets > 0) say(`run it again: wirebench replay ${paths.recording}`);
  if (end.why === 'interrupted') {
    say('interrupted: what was recorded until then is kept');
    return EXIT.interrupted;
  }
  const asMeant = options.allowFailure;
  if (end.code === 0) {
    if (answered || asMeant) return EXIT.ok;
    say('nothing was tested; --allow-failure if that is meant, --force to record again');
    return EXIT.different;
  }
  say(
    `the command failed: ${end.told}${asMeant ? ', as --allow-failure allows' : '; --allow-failure if that is meant'}`,
  );
  return asMeant ? EXIT.ok : end.code;
}
