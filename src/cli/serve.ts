// `wirebench serve`: one run, live, until it is interrupted.

import { createSite } from '../core/http/site.js';
import { EXIT } from '../io/errors.js';
import { runStd } from '../io/std.js';
import {
  type Materials,
  openPlace,
  type Place,
  readMaterials,
  refuseToReplace,
  sayTestCertificate,
  spokenTls,
  startServer,
} from './live-server.js';
import { createOutput, say } from './output.js';
import type { ServeOptions } from './serve-options.js';
import { onEndingSignal } from './signals.js';

/** `outputLost` resolves with an exit code when the standard output cannot be written any more: the run then ends. */
export async function serve(options: ServeOptions, outputLost: Promise<number>): Promise<number> {
  const materials = await readMaterials(options);
  if (options.mode === 'std') return serveStd(options, materials);
  // Before a file is touched: when the port is in use, an earlier recording of that name is not overwritten.
  const place = await openPlace(options);
  try {
    return await serveAt(place, options, materials, outputLost);
  } finally {
    place.close();
  }
}

async function serveAt(
  place: Place,
  options: ServeOptions,
  materials: Materials,
  outputLost: Promise<number>,
): Promise<number> {
  refuseToReplace(options, options.record, options.manifest);
  const server = startServer(place, options, materials, createOutput(process.stdout));
  if (options.record !== undefined) {
    say(`recording to ${options.record}: it will hold the private key and the secrets of every connection`);
  }
  let code: number | undefined;
  const stop = (why: number): void => {
    code ??= why;
    server.stop();
  };
  const ignoreSignals = onEndingSignal(() => stop(EXIT.interrupted));
  void outputLost.then((why) => {
    if (why === EXIT.ok) say('nobody reads the log any more: ending');
    stop(why);
  });
  say(`listening on ${server.described}`);
  if (options.tls.credentials.length === 0) sayTestCertificate();
  try {
    await server.done;
  } finally {
    ignoreSignals();
  }
  for (const line of server.faultLines()) say(line);
  if (options.record !== undefined)
    say(`recorded in ${options.record}; run it again: wirebench replay ${options.record}`);
  return code ?? EXIT.ok;
}

async function serveStd(options: ServeOptions, { texts, desk }: Materials): Promise<number> {
  const { plainPort, tlsPort, host } = options;
  const server = await runStd({
    handler: desk?.handler ?? createSite(),
    host,
    tlsPort,
    plainPort,
    ...texts,
  });
  desk?.connect((token, answer) => server.respond(token, answer));
  let ignoreSignals = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    ignoreSignals = onEndingSignal(() => resolve());
  });
  const plain = server.plainPort === undefined ? '' : `port ${server.plainPort} (HTTP/1.1), `;
  say(`listening on ${host} ${plain}port ${server.tlsPort} (${spokenTls(options)}), by Node's own TLS and HTTP`);
  if (options.tls.credentials.length === 0) sayTestCertificate();
  await stopped;
  // The next one does not wait.
  ignoreSignals();
  desk?.close();
  await server.stop();
  return EXIT.interrupted;
}
