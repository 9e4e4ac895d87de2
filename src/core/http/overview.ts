// The page at `/`: what the connection negotiated at each layer, and the places of the site, as text or as HTML. Whatever
// the client chose is made harmless here. Leaves out which of the two is wanted (site.ts).

import type { Request } from './message.js';

interface Listed {
  readonly pattern: string;
  readonly about: string;
}

export function overviewText(request: Request, places: readonly Listed[]): string {
  let page = 'wirebench\n\n';
  for (const [name, value] of facts(request)) page += `  ${name.padEnd(24)}${printable(value)}\n`;
  page += '\n';
  for (const { pattern, about } of places) page += `  ${pattern.padEnd(12)}${about}\n`;
  return page;
}

export function overviewHtml(request: Request, places: readonly Listed[]): string {
  const rows = facts(request).map(([name, value]) => `<tr><th>${escapeHtml(name)}<td>${escapeHtml(value)}\n`);
  const items = places.map(({ pattern, about }) => `<dt><code>${escapeHtml(pattern)}</code><dd>${escapeHtml(about)}\n`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>wirebench</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em}th{text-align:left;padding-right:2em}</style>
<h1>wirebench</h1>
<h2>This connection</h2>
<table>
${rows.join('')}</table>
<h2>This site</h2>
<dl>
${items.join('')}</dl>
</html>
`;
}

/** From the bottom up. */
function facts(request: Request): (readonly [name: string, value: string])[] {
  const { flow, tcp, tls } = request.connection;
  const out: (readonly [string, string])[] = [['flow', flow]];
  if (tcp === undefined) out.push(['TCP', "the system's own"]);
  else {
    // A name of a flow has its addresses in it, and brackets around those of IPv6.
    const scaled = tcp.receiveShift >= 0;
    out.push(
      ['IP version', flow.startsWith('[') ? '6' : '4'],
      ['TCP segment size', `${tcp.sendMss} bytes`],
      ['TCP window scale', scaled ? `yours ${tcp.sendShift}, ours ${tcp.receiveShift}` : 'none'],
      ['TCP SACK', yesNo(tcp.sack)],
      ['TCP timestamps', yesNo(tcp.timestamps)],
      ['TCP ECN', yesNo(tcp.ecn)],
    );
  }
  if (tls === undefined) out.push(['TLS', 'none']);
  else {
    out.push(
      ['TLS version', tls.version],
      ['cipher suite', tls.cipherSuite],
      ['group', tls.group],
      ['signature', tls.signature],
      ['extended master secret', yesNo(tls.extendedMasterSecret)],
      ['server name (SNI)', tls.serverName ?? 'none'],
      ['ALPN', tls.alpn ?? 'none'],
    );
    if (tls.resumed !== undefined) out.push(['resumed by', tls.resumed]);
    if (tls.encryptThenMac) out.push(['encrypt-then-MAC', 'yes']);
    if (tls.clientCertificate !== undefined) out.push(['client certificate', tls.clientCertificate]);
  }
  out.push(['HTTP version', request.version], ['scheme', request.scheme], ['authority', request.authority || 'none']);
  return out;
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

/** Names of clients may hold anything: control characters would speak to a terminal. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}

/** For text and quoted attributes. Everything beyond ASCII becomes a number, so that the page needs no encoder. */
export function escapeHtml(text: string): string {
  return text.replace(/[^ -~]|[&<>"']/gu, (character) => `&#${character.codePointAt(0)};`);
}
