// Content negotiation (RFC 9110 §12): what Accept and Accept-Encoding say, in thousandths. Leaves out languages and charsets.

import type { Field } from './message.js';

/** RFC 9110 §12.5.1: HTML only when it is named, and not liked less than plain text. What curl says is only a star. */
export function prefersHtml(headers: readonly Field[]): boolean {
  const accept = listOf(headers, 'accept');
  const html = quality(accept, 'text/html') ?? 0;
  return html > 0 && html >= (quality(accept, 'text/plain') ?? 0);
}

/**
 * RFC 9110 §12.5.3: gzip when it is acceptable by name or by a star, and not liked less than no coding at all. Without the
 * field any coding would be acceptable, but then nobody has asked for one.
 */
export function wantsGzip(headers: readonly Field[]): boolean {
  const accept = listOf(headers, 'accept-encoding');
  const star = quality(accept, '*');
  // §8.4.1.3: x-gzip is the same.
  const gzip = quality(accept, 'gzip') ?? quality(accept, 'x-gzip') ?? star ?? 0;
  return gzip > 0 && gzip >= (quality(accept, 'identity') ?? 0);
}

/** RFC 9110 §5.3: the lines of a list are one list, in their order; empty without any. */
function listOf(headers: readonly Field[], wanted: string): string {
  return headers
    .filter(([name]) => name === wanted)
    .map(([, value]) => value)
    .join(',');
}

/** The qvalue of a member of the list (RFC 9110 §12.4.2), 0 to 1000; undefined when the list does not name it. */
function quality(list: string, wanted: string): number | undefined {
  for (const member of list.toLowerCase().split(',')) {
    const [name, ...parameters] = member.split(';').map((part) => part.trim());
    if (name !== wanted) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    if (q === undefined) return 1_000;
    const digits = /^q=([01])(?:\.([0-9]{0,3}))?$/.exec(q);
    return digits === null ? 0 : Number(digits[1]) * 1_000 + Number((digits[2] ?? '').padEnd(3, '0'));
  }
  return undefined;
}
