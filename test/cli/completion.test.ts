// Completion scripts: bash really completes by them, zsh and fish read them without complaint where they are there.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../src/cli/commands.js';
import { completionScript } from '../../src/cli/completion.js';
import { scratch } from '../support/captures.js';
import { run, wirebench } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('completion');
const place = scratch();

const LINES: readonly [line: string, expected: readonly string[]][] = [
  ['wirebench re', ['replay', 'record']],
  ['wirebench in', ['inspect']],
  ['wirebench replay --repo', ['--reporter']],
  ['wirebench --mode t', ['tun', 'tcp']],
  ['wirebench serve --tls-max ', ['1.2', '1.3']],
  ['wirebench inspect --color n', ['never']],
  ['wirebench replay --update --log j', ['json']],
  ['wirebench completion f', ['fish']],
  ['wirebench cert --type = e', ['ecdsa', 'ed25519']],
  ['wirebench cert --type =', ['rsa', 'ecdsa', 'ed25519', 'all']],
  // Each command has values of its own.
  ['wirebench record --mode ', ['auto', 'tun', 'tcp']],
  ['wirebench serve --mode ', ['tun', 'tcp', 'std']],
  ['wirebench diff --level p', ['packet']],
  ['wirebench replay --reporter ', ['pretty', 'json', 'junit', 'github']],
  ['wirebench replay --reporter = j', ['json', 'junit']],
  // Items of lists.
  ['wirebench inspect --layers t', ['tcp', 'tls']],
  ['wirebench inspect --layers ip,ht', ['ip,http1', 'ip,http2', 'ip,http']],
  ['wirebench --layers = ip,tc', ['ip,tcp']],
  ['wirebench --pause tl', ['tls']],
  ['wirebench --tcp cong', ['congestion=cubic', 'congestion=reno']],
  ['wirebench --tcp congestion = r', ['reno']],
  ['wirebench --tcp = congestion = reno,sack', ['reno,sack=on', 'reno,sack=off']],
  ['wirebench --fault d', ['drop=', 'dup=', 'delay=']],
  ['wirebench --groups x25519,P', ['x25519,P-256', 'x25519,P-384']],
  ['wirebench --ciphers TLS_CHACHA', ['TLS_CHACHA20_POLY1305_SHA256']],
  // What is neither listed nor a file has nothing to offer.
  ['wirebench --seed ', []],
  ['wirebench replay --jobs ', []],
  ['wirebench he', ['help']],
  ['wirebench help re', ['replay', 'record']],
  ['wirebench version ', []],
];

testWith(test, needCommands('bash'), 'bash completes commands, options and values', async () => {
  place.write('bash', Buffer.from(completionScript('bash')));
  const ask = LINES.map(([line]) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    return `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _wirebench; echo "\${COMPREPLY[*]}"`;
  });
  const out = await run('bash', ['-c', `source '${place.path('bash')}'; ${ask.join('; ')}`]);
  assert.is(out.stderr, '');
  const given = out.stdout.split('\n');
  for (const [at, [line, expected]] of LINES.entries()) assert.is(given[at], expected.join(' '), line);
});

test('every command and option is in every script', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(shell);
    for (const { name, options } of COMMANDS) {
      assert.ok(script.includes(name), `${shell}: ${name}`);
      for (const option of options) {
        const spelled = shell === 'fish' ? ` -l ${option.name}` : `--${option.name}`;
        assert.ok(script.includes(spelled), `${shell}: ${name} ${spelled}`);
      }
    }
  }
});

test('a shell has to be named, and known', async () => {
  const none = await wirebench(['completion']);
  assert.equal([none.code, none.stdout], [2, '']);
  assert.match(none.stderr, /completion: no shell was named/);
  const odd = await wirebench(['completion', 'tcsh']);
  assert.is(odd.code, 2);
  assert.match(odd.stderr, /"tcsh" is not one of bash, zsh, fish/);
});

test.run();
