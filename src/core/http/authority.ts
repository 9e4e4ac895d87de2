// The grammar of an authority without userinfo, as Host and the request target have it (RFC 9110 §7.2, RFC 3986 §3.2). Leaves out
// which of the two counts.

/** RFC 3986 §3.2.2: `host [":" port]` with a host that is not empty and without userinfo. */
export function isAuthority(text: string): boolean {
  const parts = /^(\[[^\]]*\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/.exec(text);
  if (parts === null) return false;
  const host = parts[1]!;
  return host.charCodeAt(0) !== 0x5b || isIpLiteral(host.slice(1, -1));
}

/** RFC 3986 §3.2.2: IPv6address, or IPvFuture. No zone: RFC 6874 keeps those out of what is sent. */
function isIpLiteral(text: string): boolean {
  if (/^v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+$/i.test(text)) return true;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (let half = 0; half < halves.length; half++) {
    if (halves[half] === '') {
      // Without `::` there is one half, and it is not empty.
      if (halves.length === 1) return false;
      continue;
    }
    const parts = halves[half]!.split(':');
    for (let i = 0; i < parts.length; i++) {
      const last = half === halves.length - 1 && i === parts.length - 1;
      if (last && isIpv4(parts[i]!)) groups += 2;
      else if (/^[0-9A-Fa-f]{1,4}$/.test(parts[i]!)) groups++;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}

function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);
}
