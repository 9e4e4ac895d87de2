// From the path of a request to a name below a directory, or to none: every spelling that could lead out of the directory, or
// to what is hidden, is no name at all (RFC 3986 §2.1, §3.3, §5.2.4, §7.3). Nothing here looks at the file system.

/**
 * The segments of a file's name, at least one; the last is empty for a directory. Undefined: it names nothing that could
 * be served. Each segment is decoded once: `%252e` is a name with a percent sign in it.
 */
export function segmentsOf(target: string): string[] | undefined {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (!path.startsWith('/')) return undefined;
  const segments: string[] = [];
  for (const encoded of path.slice(1).split('/')) {
    const segment = decode(encoded);
    if (segment === undefined || !isName(segment)) return undefined;
    segments.push(segment);
  }
  // Two slashes in a row are no other spelling of one.
  for (let i = 0; i < segments.length - 1; i++) if (segments[i] === '') return undefined;
  return segments;
}

/** Undefined: not percent-encoded as it should be, or no UTF-8. */
function decode(segment: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(segment)) return undefined;
  // One character stands for one octet here: what is not ASCII was not encoded by who made the target.
  if (/[^\x21-\x7e]/.test(segment)) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/**
 * No separator of any system, no NUL and no other control character; no dot in front, which is `.` and `..` and every
 * hidden file; no colon, which names drives and streams elsewhere; no dot or space behind, which Windows leaves out.
 */
function isName(segment: string): boolean {
  if (segment === '') return true;
  return !/^\.|[/\\:\0-\x1f\x7f]|[. ]$/.test(segment);
}
