// The outcomes as Markdown: one line for what differs in groups and signatures only, one for each feature; a column for the
// result in each mode.

import type { Mode } from './place.js';
import type { Row } from './row.js';

export interface Outcome {
  readonly row: Row;
  /** What went wrong in each mode. */
  readonly failures: readonly (string | undefined)[];
}

export function tables(outcomes: readonly Outcome[], modes: readonly Mode[]): string {
  const parts: string[] = [];
  const negotiated = outcomes.filter(({ row }) => row.suite !== undefined);
  if (negotiated.length > 0) parts.push(matrix(negotiated, modes));
  const features = outcomes.filter(({ row }) => row.what !== undefined);
  if (features.length > 0) parts.push(list(features, modes));
  return parts.join('\n\n');
}

function matrix(outcomes: readonly Outcome[], modes: readonly Mode[]): string {
  const lines = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const { client, version, suite, signature } = outcome.row;
    const key = [client, version, suite, certificateOf(signature!)].join(' | ');
    lines.set(key, [...(lines.get(key) ?? []), outcome]);
  }
  const rows = [...lines].map(([key, members]) => {
    const values = (name: 'group' | 'signature'): string =>
      [...new Set(members.map(({ row }) => row[name]!))].map((value) => value.replace(/^rsa_/, '')).join(', ');
    const results = modes.map((_, mode) => resultOf(members, mode)).join(' | ');
    return `| ${key} | ${values('group')} | ${values('signature')} | ${results} |`;
  });
  return [
    `| client | TLS | suite | certificate | groups | signatures | ${modes.map((mode) => `${mode}: combinations`).join(' | ')} |`,
    `|---|---|---|---|---|---|${modes.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n');
}

function certificateOf(signature: string): string {
  if (signature.startsWith('rsa')) return 'RSA';
  return signature === 'ed25519' ? 'Ed25519' : 'ECDSA';
}

function resultOf(members: readonly Outcome[], mode: number): string {
  const reasons = members.flatMap(({ row, failures }) => {
    const failure = failures[mode];
    return failure === undefined ? [] : [`${row.group} ${row.signature}: ${failure}`];
  });
  if (reasons.length === 0) return `ok (${members.length})`;
  return `FAILED ${reasons.length} of ${members.length}: ${cell(reasons.join('; '))}`;
}

function list(outcomes: readonly Outcome[], modes: readonly Mode[]): string {
  const rows = outcomes.map(({ row, failures }) => {
    const results = failures.map((failure) => (failure === undefined ? 'ok' : `FAILED: ${cell(failure)}`)).join(' | ');
    return `| ${row.client} | ${row.version} | ${cell(row.what!)} | ${results} |`;
  });
  const head = `| client | TLS | what | ${modes.join(' | ')} |`;
  return [head, `|---|---|---|${modes.map(() => '---|').join('')}`, ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
