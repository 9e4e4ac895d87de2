// An application for `wirebench --mode tcp --app examples/app.mjs`: the default export is called for each request.
// What it answers is recorded, so that `wirebench replay` needs neither this file nor what it read.

/** @type {import('wirebench/live').AppFunction} */
export default async function app(request) {
  const { method, path } = request;
  if (path === '/hello') return 'hello\n';

  if (path === '/time') {
    return { headers: { 'content-type': 'application/json' }, body: `${JSON.stringify({ now: Date.now() })}\n` };
  }

  if (path === '/upper' && method === 'POST') return (await request.text()).toUpperCase();

  if (path === '/count') return { body: count(request.signal), trailers: { 'x-counted': '5' } };

  if (path === '/digest' && method === 'POST') {
    let bytes = 0;
    for await (const piece of request.body) bytes += piece.length;
    return `${bytes} bytes\n`;
  }

  if (path === '/fail') throw new Error('this is what a failure looks like');

  // Everything else is for the built-in site.
  return undefined;
}

/** A body that comes piece by piece; the next piece is asked for when the client has room for it. */
async function* count(signal) {
  for (let i = 1; i <= 5 && !signal.aborted; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    yield `${i}\n`;
  }
}
