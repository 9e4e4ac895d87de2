// The files that `wirebench record` leaves: NAME.pcapng, its golden logs and NAME.lineage.json. They are made under other
// names and take their places together at the end, so that none is ever half written.

import { accessSync, closeSync, constants, existsSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { dissectPacket, SYN } from '../bench/dissect-packet.js';
import { goldenFiles } from '../bench/golden.js';
import { type ReplayResult, replayRecording } from '../bench/replay.js';
import type { TraceEvent } from '../core/trace.js';
import { FileError } from '../io/errors.js';
import type { Renderer } from './console.js';
import { createGoldenRenderer, manifestFields } from './golden-logs.js';
import { recordLimits } from './record-options.js';

type Role = 'recording' | 'jsonl' | 'log' | 'lineage';

export class RecordFiles {
  /** Where the files will be. */
  readonly paths: Readonly<Record<Role, string>>;
  /** Where they are made: in the same folder, under names that a replay of the folder passes over. */
  readonly parts: Readonly<Record<Role, string>>;
  readonly #onExit = (): void => this.discard();

  /** Raises FileError where files are that may not be replaced, or the folder takes none. */
  constructor(out: string, force: boolean) {
    const lineage = out.replace(/\.pcapng$/, '.lineage.json');
    this.paths = { recording: out, ...goldenFiles(out), lineage };
    const part = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}.part`);
    this.parts = {
      recording: part(this.paths.recording),
      jsonl: part(this.paths.jsonl),
      log: part(this.paths.log),
      lineage: part(this.paths.lineage),
    };
    const there = Object.values(this.paths).find((path) => existsSync(path));
    if (there !== undefined && !force) {
      throw new FileError(there, 'is there already', '--force replaces it; --out names another recording');
    }
    try {
      accessSync(dirname(out), constants.W_OK | constants.X_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'there is no such folder' : `its folder takes no files (${code})`;
      throw new FileError(out, why, 'make the folder, or name another --out');
    }
    // An internal error ends the process at once.
    process.once('exit', this.#onExit);
  }

  write(role: Role, text: string): void {
    const sink = new TextFile(this.parts[role], this.paths[role]);
    sink.write(text);
    sink.close();
  }

  /** The recording comes last: where it is, its logs are. An earlier log that has no successor would be another run's. */
  keep(): void {
    process.off('exit', this.#onExit);
    for (const role of ['lineage', 'log', 'jsonl', 'recording'] as const) {
      const path = this.paths[role];
      try {
        if (existsSync(this.parts[role])) renameSync(this.parts[role], path);
        else rmSync(path, { force: true });
      } catch (error) {
        throw unwritable(path, error);
      }
    }
  }

  discard(): void {
    process.off('exit', this.#onExit);
    for (const part of Object.values(this.parts)) rmSync(part, { force: true });
  }
}

/** Text in large pieces; a log may be larger than memory. */
class TextFile {
  readonly #path: string;
  readonly #fd: number;
  #held: string[] = [];
  #heldLength = 0;

  /** `path` is the name in errors. */
  constructor(part: string, path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(part, 'w');
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  write(text: string): void {
    this.#held.push(text);
    this.#heldLength += text.length;
    if (this.#heldLength >= recordLimits.goldenBufferBytes) this.#flush();
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  #flush(): void {
    const bytes = Buffer.from(this.#held.join(''));
    this.#held = [];
    this.#heldLength = 0;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      throw unwritable(this.#path, error);
    }
  }
}

function unwritable(path: string, error: unknown): FileError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new FileError(path, `cannot be written (${code ?? message})`, 'make room, or name another --out');
}

/** What a recording holds, as its replay tells. */
export interface Contents {
  readonly result: ReplayResult;
  readonly connections: number;
  readonly requests: number;
  /** The server sent something, if only an answer to a ping. */
  readonly answered: boolean;
  /** In the order in which they were seen: `TLS1.3`, `HTTP/2`. */
  readonly protocols: readonly string[];
}

/** Replays the recording and writes its golden logs on the way. They are dropped where the replay differs. */
export async function verifyRecording(files: RecordFiles): Promise<Contents> {
  const jsonl = new TextFile(files.parts.jsonl, files.paths.jsonl);
  const log = new TextFile(files.parts.log, files.paths.log);
  const counter = new ContentCounter();
  let golden: Renderer | undefined;
  let result: ReplayResult;
  try {
    result = await replayRecording(files.parts.recording, {
      onManifest(manifest) {
        golden = createGoldenRenderer(manifestFields(manifest), {
          jsonl: (text) => jsonl.write(text),
          log: (text) => log.write(text),
        });
      },
      trace(atUs, event) {
        golden?.(atUs, event);
        counter.event(event);
      },
      onOutbound: (side, packet) => side === 'recorded' && counter.sent(packet.bytes),
    });
    golden?.end();
  } finally {
    jsonl.close();
    log.close();
  }
  if (result.difference !== undefined) {
    for (const role of ['jsonl', 'log'] as const) rmSync(files.parts[role], { force: true });
  }
  return counter.contents(result);
}

/** A SYN-ACK has no text; with all its options it is not longer. */
const LONGEST_SYN_ACK_BYTES = 120;

class ContentCounter {
  readonly #connections = new Set<string>();
  readonly #protocols = new Set<string>();
  #requests = 0;
  #answered = false;

  event(event: TraceEvent): void {
    if (event.layer === 'tls' && event.kind === 'established') this.#protocols.add(event.version);
    else if (event.layer === 'http' && event.kind === 'request') {
      this.#protocols.add(event.version);
      this.#requests++;
    }
  }

  /** In both modes a connection that was taken has a SYN-ACK; one that is sent again has the same number. */
  sent(bytes: Uint8Array): void {
    this.#answered = true;
    if (bytes.length > LONGEST_SYN_ACK_BYTES || this.#connections.size >= recordLimits.connections) return;
    const { tcp, destination } = dissectPacket(bytes);
    if (tcp === undefined || (tcp.flags & SYN) === 0) return;
    this.#connections.add(`${destination} ${tcp.destinationPort} ${tcp.sourcePort} ${tcp.seq}`);
  }

  contents(result: ReplayResult): Contents {
    return {
      result,
      connections: this.#connections.size,
      requests: this.#requests,
      answered: this.#answered,
      protocols: [...this.#protocols],
    };
  }
}
