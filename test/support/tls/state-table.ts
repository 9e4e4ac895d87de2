// Tables of what a server answers to each message in each of its states. A row is `message | a cell for each state`, and a
// cell is what the RFCs allow there, alternatives separated by a slash:
//
//   +      the message is due: it is taken, and the handshake goes on to its end
//   -      it is passed over: nothing is sent, and the connection goes on as if it had not come
//   data   it is handed to the application
//   half   nothing more is read, but the server can still write
//   close  the server answers with close_notify and ends
//   end    the server ends and says nothing
//   NR     the warning no_renegotiation, and the connection goes on
//   .      there is no such message in this state
//   UM ... a fatal alert, of ALERTS

import * as assert from 'uvu/assert';
import { ascii, concat, text } from '../bytes.js';
import { drain } from '../tls-server.js';
import { messageOf } from './messages.js';
import type { Rig } from './rig.js';

const ALERTS: Readonly<Record<string, string>> = {
  UM: 'unexpected_message',
  BM: 'bad_record_mac',
  RO: 'record_overflow',
  HF: 'handshake_failure',
  IP: 'illegal_parameter',
  DE: 'decode_error',
  DX: 'decrypt_error',
  CR: 'certificate_required',
};

type Register = (name: string, test: () => void) => void;

/** Rows of cells; the first row names the states. Lines that begin with `#` are comments. */
export function parseTable(table: string): { states: string[]; rows: { message: string; cells: string[] }[] } {
  const [head, ...rows] = table
    .split('\n')
    .filter((line) => line.includes('|') && !line.trimStart().startsWith('#'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const states = head!.slice(1);
  return {
    states,
    rows: rows.map(([message, ...cells]) => {
      assert.is(cells.length, states.length, `cells of the row ${message}`);
      return { message: message!, cells };
    }),
  };
}

/** Registers a test for each message, over all states. `reach` makes a connection in the state of a column. */
export function testTable(register: Register, table: string, reach: (state: string) => Rig): void {
  const { states, rows } = parseTable(table);
  for (const { message, cells } of rows) {
    register(message, () => {
      states.forEach((state, i) => {
        if (cells[i] !== '.') checkCell(reach(state), message, cells[i]!, `${message} in ${state}`);
      });
    });
  }
}

function checkCell(rig: Rig, message: string, cell: string, label: string): void {
  const { client, server } = rig;
  // Asked for anew each time: the compiler takes a property for one that does not change.
  const state = (): string => server.state;
  const wasClosed = state() === 'closed';
  const wasHalf = server.inputEnded;
  const alertsBefore = rig.alerts.length;
  const plaintextBefore = concat(...rig.plaintext).length;
  const isDue = client.next === message || (message === 'KeyUpdate' && client.established);
  const receivedBefore = rig.output.length;
  rig.say(messageOf(message, client));
  const alerts = rig.alerts.slice(alertsBefore);
  const plaintext = concat(...rig.plaintext).length - plaintextBefore;
  const sentNothing = concat(...rig.output.slice(receivedBefore)).length === 0;

  let got: string;
  if (wasClosed || wasHalf) got = sentNothing && plaintext === 0 && state() !== 'failed' ? '-' : 'not ignored';
  else if (state() === 'failed') got = alerts.length === 0 ? 'end' : shortOf(alerts);
  else if (state() === 'closed') got = alerts.join() === 'warning close_notify' ? 'close' : 'end';
  else if (alerts.length > 0) got = alerts.join() === 'warning no_renegotiation' ? 'NR' : alerts.join();
  else if (server.inputEnded) got = 'half';
  else if (plaintext > 0) got = 'data';
  else got = isDue ? '+' : '-';
  assert.ok(cell.split('/').includes(got), `${label}: ${cell} was due, came ${got} ${rig.reason}`);

  if (wasClosed || state() === 'failed' || state() === 'closed') return;
  if (wasHalf || got === 'half') {
    server.write(rig.nowUs, ascii('still there'));
    client.receive(drain(server));
    assert.ok(text(concat(...client.received)).endsWith('still there'), `${label}: the server can write`);
    return;
  }
  rig.say(client.resume());
  assert.ok(rig.works(), `${label}: the connection goes on ${rig.reason}`);
}

function shortOf(alerts: readonly string[]): string {
  const found = Object.entries(ALERTS).find(([, name]) => name === alerts.join());
  return found?.[0] ?? alerts.join();
}
