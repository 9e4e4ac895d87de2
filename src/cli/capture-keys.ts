// The TLS secrets that go with a capture: key logs that were named, or what lies beside it under its name.

import { existsSync, statSync } from 'node:fs';
import { createKeyStore, type KeyLog } from '../bench/inspect/keys.js';
import { FileError } from '../io/errors.js';
import { readKeyLogFile } from '../io/key-log-file.js';
import { FollowedKeys } from './followed-keys.js';

const BESIDE = ['keys', 'keylog', 'keylog.txt', 'sslkeylog', 'sslkeylog.txt'];

/** Raises FileError. What was found without being named is said on the standard error. */
export function captureKeys(capture: string, keylogs: readonly string[]): KeyLog {
  const keys = createKeyStore();
  for (const file of keylogs) {
    const before = keys.count;
    keys.add(readKeyLog(file, 'check the path given by --keylog'));
    // Behind a pipe the client may write it while it is read.
    if (keys.count === before && capture !== '-')
      process.stderr.write(`wirebench: ${file}: no TLS secrets in it that are not known already\n`);
  }
  if (capture === '-') {
    // A pipe was read to its end.
    const growing = keylogs.filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
    return growing.length === 0 ? keys : new FollowedKeys(keys, growing);
  }
  if (keylogs.length > 0) return keys;
  const stem = capture.replace(/\.gz$/, '').replace(/\.(pcapng|pcap|cap)$/, '');
  for (const file of BESIDE.map((suffix) => `${stem}.${suffix}`)) {
    if (!existsSync(file)) continue;
    keys.add(readKeyLog(file, 'it was taken for its name, which is that of the capture: name another one by --keylog'));
    process.stderr.write(`wirebench: TLS secrets from ${file}\n`);
  }
  return keys;
}

function readKeyLog(file: string, advice: string): string {
  try {
    return readKeyLogFile(file);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new FileError(file, `the key log cannot be read (${why})`, advice);
  }
}
