// The golden logs of a recording, as its replay tells them: the trace as JSON lines, and the console log without colour.
// They name no version and no time of day: a golden log changes when what it tells of changes, and not before.

import { GoldenComparison, type GoldenDifference, GoldenUpdate, goldenFiles } from '../bench/golden.js';
import type { RecordingManifest } from '../bench/recording.js';
import type { RunConfig } from '../io/assemble.js';
import { createConsoleRenderer, type Renderer } from './console.js';
import { createJsonlRenderer } from './jsonl.js';
import { seedDigest } from './seed.js';
import type { ManifestFields } from './show.js';

export function manifestFields(manifest: RecordingManifest): ManifestFields {
  const { mode } = manifest.config as RunConfig;
  const seed = Buffer.from(manifest.seed, 'hex');
  return { format: manifest.format, mode, seedSha256: seedDigest(seed), startUnixUs: manifest.startUnixUs };
}

/** Where the text of the two logs goes, piece by piece. */
export interface GoldenSinks {
  readonly jsonl: (text: string) => void;
  readonly log: (text: string) => void;
}

/** Both renderings of one trace. `end` gives out what is held back. */
export function createGoldenRenderer(manifest: ManifestFields, sinks: GoldenSinks): Renderer {
  const jsonl = createJsonlRenderer({ manifest, write: sinks.jsonl });
  const log = createConsoleRenderer({ color: false, verbose: false, debug: false, write: sinks.log });
  const show = (...[atUs, event]: Parameters<Renderer>): void => {
    jsonl(atUs, event);
    log(atUs, event);
  };
  return Object.assign(show, {
    end() {
      jsonl.end();
      log.end();
    },
  });
}

/** Both logs of one replay, compared with the golden files of its capture, or written in their place. Raises FileError. */
export class GoldenLogs {
  readonly #renderer: Renderer;
  readonly #comparisons: readonly GoldenComparison[];
  readonly #update: GoldenUpdate | undefined;

  constructor(capture: string, manifest: ManifestFields, purpose: 'compare' | 'update') {
    const { jsonl, log } = goldenFiles(capture);
    const files = [jsonl, log];
    const isUpdate = purpose === 'update';
    const update = isUpdate ? new GoldenUpdate(files) : undefined;
    const comparisons = isUpdate ? [] : files.map((file) => new GoldenComparison(file));
    const sink = (part: number) => (text: string) => update?.write(part, text) ?? comparisons[part]?.write(text);
    this.#update = update;
    this.#comparisons = comparisons;
    this.#renderer = createGoldenRenderer(manifest, { jsonl: sink(0), log: sink(1) });
  }

  trace(...event: Parameters<Renderer>): void {
    this.#renderer(...event);
  }

  /** The replay is over, and was the same: what differs in the logs, or what was changed in them, in lines. */
  end(): { readonly differences: readonly GoldenDifference[]; readonly changes: readonly string[] } {
    this.#renderer.end();
    const differences = this.#comparisons.map((one) => one.end()).filter((difference) => difference !== undefined);
    return { differences, changes: this.#update?.commit() ?? [] };
  }

  /** To be called in every case. */
  close(): void {
    for (const one of this.#comparisons) one.close();
    this.#update?.close();
  }
}
