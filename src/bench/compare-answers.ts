// A recorded answer against ours: status, content by length and digest, and header fields besides those that say who and when.

import { digestOf } from './inspect/content-digest.js';
import type { RecordedExchange } from './inspect/types.js';
import type { Answer } from './re-execute.js';

export interface Comparison {
  readonly verdict:
    | 'same'
    | 'status differs'
    | 'content differs'
    | 'fields differ'
    | 'not answered'
    | 'was not answered';
  readonly fields: readonly {
    readonly name: string;
    readonly recorded: string | undefined;
    readonly ours: string | undefined;
  }[];
}

/** Fields that say who and when, not what. */
export const IGNORED_FIELDS: readonly string[] = [
  ...[
    'date',
    'server',
    'etag',
    'last-modified',
    'connection',
    'keep-alive',
    'via',
    'x-powered-by',
    'accept-ranges',
    'vary',
  ],
];

export function compareAnswer({ recorded, ours }: Answer, ignored: ReadonlySet<string>): Comparison {
  const before = recorded.response;
  const now = ours?.response;
  if (now === undefined) return { verdict: 'not answered', fields: [] };
  if (before === undefined) return { verdict: 'was not answered', fields: [] };
  const fields = fieldDifferences(before.headers, now.headers, ignored);
  if (before.status !== now.status) return { verdict: 'status differs', fields };
  if (before.contentLength !== now.contentLength || digestOf(before).sha256 !== digestOf(now).sha256) {
    return { verdict: 'content differs', fields };
  }
  return { verdict: fields.length > 0 ? 'fields differ' : 'same', fields };
}

function fieldDifferences(
  before: RecordedExchange['request']['headers'],
  now: RecordedExchange['request']['headers'],
  ignored: ReadonlySet<string>,
): Comparison['fields'] {
  const of = (fields: typeof before): Map<string, string> => {
    const values = new Map<string, string>();
    for (const [name, value] of fields) {
      if (ignored.has(name)) continue;
      const others = values.get(name);
      values.set(name, others === undefined ? value : `${others}, ${value}`);
    }
    return values;
  };
  const [recorded, ours] = [of(before), of(now)];
  const names = new Set([...recorded.keys(), ...ours.keys()]);
  return [...names]
    .filter((name) => recorded.get(name) !== ours.get(name))
    .map((name) => ({ name, recorded: recorded.get(name), ours: ours.get(name) }));
}
