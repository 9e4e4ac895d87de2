// State x segment, after RFC 9293 §3.10.7.4 with RFC 5961's changes as it has them: SYN, SYN-ACK, RST, and odd sets of
// flags. How to read the tables is said in test/support/state-table.ts; acknowledgments, text and FIN are in
// state-table-text.test.ts, closed windows in state-table-window.test.ts.
//
// SYN-SENT has no column: it is entered by an active OPEN only (§3.10.1), and there is none here. For the same reason
// SYN-RECEIVED was always reached from LISTEN (MUST-11), and simultaneous opens (Figure 7) do not occur. SYN-SENT's rules
// for reading a segment have nothing that could be reached by any input.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { expectedAnswer, reach, testTable } from '../../support/state-table.js';
import { Wire } from '../../support/wire.js';

const test = suite('state table');

// First, check the sequence number; fourth, check the SYN bit.
// *1  §3.10.7.4 answers the opening SYN, come again, by an ACK, since it is left of the window. An ACK does not help a
//     client in SYN-SENT whose SYN-ACK was lost, so the SYN-ACK is sent again, as Linux does (connection.ts).
// *2  §3.6.1 (MAY-2): TIME-WAIT may take a SYN whose number lies beyond the last one, in the window or not; Linux does.
testTable(
  test,
  `
  SYN and SYN-ACK                   | segment      | SR      | EST | FW1 | FW2 | CLG | TW        | CW  | LA
  SYN: the opening one again *1     | S  I      0 - | synack  | ack | ack | ack | ack | ack       | ack | ack
  SYN left of the window            | S  R-100  0 - | ack     | ack | ack | ack | ack | ack       | ack | ack
  SYN at RCV.NXT                    | S  R      0 - | ->LIS   | ack | ack | ack | ack | ack       | ack | ack
  SYN in the window *2              | S  R+1000 0 - | ->LIS   | ack | ack | ack | ack | synack>SR | ack | ack
  SYN right of the window *2        | S  E+1000 0 - | ack     | ack | ack | ack | ack | synack>SR | ack | ack
  SYN with text in the window       | S  R     10 - | ->LIS   | ack | ack | ack | ack | ack       | ack | ack
  SYN-ACK: number of the opening    | S. I      0 N | ack     | ack | ack | ack | ack | ack       | ack | ack
  SYN-ACK at RCV.NXT                | S. R      0 N | ->LIS   | ack | ack | ack | ack | ack       | ack | ack
  SYN-ACK in the window, old ACK    | S. R+1000 0 U | ->LIS   | ack | ack | ack | ack | ack       | ack | ack
  SYN-ACK right of the window       | S. E+1000 0 N | ack     | ack | ack | ack | ack | ack       | ack | ack
  SYN and FIN in the window         | SF R+1000 0 - | ->LIS   | ack | ack | ack | ack | ack       | ack | ack
`,
  reach,
);

// Second, check the RST bit, by its three rules. A RST in SYN-RECEIVED returns to LISTEN.
testTable(
  test,
  `
  RST                               | segment       | SR    | EST   | FW1   | FW2   | CLG   | TW    | CW    | LA
  RST at RCV.NXT                    | R  R      0 - | ->LIS | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD
  RST-ACK at RCV.NXT                | R. R      0 N | ->LIS | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD
  RST-ACK at RCV.NXT, ACK too far   | R. R      0 N+9 | ->LIS | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD
  RST at RCV.NXT with text (SHLD-2) | R  R     20 - | ->LIS | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD
  RST and SYN at RCV.NXT            | SR R      0 - | ->LIS | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD
  RST just inside the window        | R  R+1    0 - | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  RST at the last number inside     | R  E-1    0 - | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  RST-ACK inside the window         | R. R+1000 0 N | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  RST at the right edge             | R  E      0 - | -     | -     | -     | -     | -     | -     | -     | -
  RST left of the window            | R  R-1    0 - | -     | -     | -     | -     | -     | -     | -     | -
  RST far away                      | R  R+1000000000 0 - | - | -   | -     | -     | -     | -     | -     | -
`,
  reach,
);

// Fifth: without the ACK bit a segment is dropped, whatever else it carries; outside the window it is answered first.
testTable(
  test,
  `
  odd flags                         | segment             | SR    | EST   | FW1   | FW2   | CLG   | TW    | CW    | LA
  no flags at RCV.NXT               | 0        R      0 - | -     | -     | -     | -     | -     | -     | -     | -
  no flags, with text               | 0        R    100 - | -     | -     | -     | -     | -     | -     | -     | -
  no flags left of the window       | 0        R-1    0 - | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  text without ACK                  | P        R    100 - | -     | -     | -     | -     | -     | -     | -     | -
  FIN without ACK at RCV.NXT        | F        R      0 - | -     | -     | -     | -     | -     | -     | -     | -
  FIN without ACK, left             | F        R-1    0 - | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  FIN, PSH, URG (Xmas) at RCV.NXT   | FPU      R      0 - | -     | -     | -     | -     | -     | -     | -     | -
  FIN, PSH, URG right of the window | FPU      E      0 - | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  all flags at RCV.NXT              | FSRPU.EW R      0 N | ->LIS | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD | ->CLD
  all flags inside the window       | FSRPU.EW R+1    0 N | ack   | ack   | ack   | ack   | ack   | ack   | ack   | ack
  all flags outside the window      | FSRPU.EW E      0 N | -     | -     | -     | -     | -     | -     | -     | -
  all but RST at RCV.NXT            | FSPU.EW  R      0 N | ->LIS | ack   | ack   | ack   | ack   | ack   | ack   | ack
  URG without ACK                   | U        R      0 - | -     | -     | -     | -     | -     | -     | -     | -
`,
  reach,
);

// ---- LISTEN (§3.10.7.2) and CLOSED (§3.10.7.1) ----

// *3  §3.10.7.2 lets a SYN bring FIN; a connection that ends as it begins is nobody's wish, and Linux drops it, too.
// *4  §3.10.7.2, fourth: what is neither RST nor ACK nor SYN is dropped.
const UNCONNECTED = `
  SYN                               | S        7   0 -   | synack>SR | rst,ack
  SYN with text                     | S        7 100 -   | synack>SR | rst,ack
  SYN with ECE                      | SE       7   0 -   | synack>SR | rst,ack
  SYN with PSH and URG              | SPU      7   0 -   | synack>SR | rst,ack
  SYN and FIN *3                    | SF       7   0 -   | -         | rst,ack
  SYN-ACK                           | S.       7   0 777 | rst       | rst
  SYN-ACK with FIN                  | SF.      7   0 777 | rst       | rst
  SYN and RST                       | SR       7   0 -   | -         | -
  ACK                               | .        7   0 777 | rst       | rst
  ACK of 0                          | .        7   0 0   | rst       | rst
  ACK with text                     | P.       7 100 777 | rst       | rst
  FIN-ACK                           | F.       7   0 777 | rst       | rst
  FIN without ACK *4                | F        7   0 -   | -         | rst,ack
  text without ACK *4               | P        7 100 -   | -         | rst,ack
  text and FIN without ACK *4       | FP       7 100 -   | -         | rst,ack
  no flags *4                       | 0        7   0 -   | -         | rst,ack
  URG *4                            | U        7   0 -   | -         | rst,ack
  FIN, PSH, URG (Xmas) *4           | FPU      7   0 -   | -         | rst,ack
  all flags                         | FSRPU.EW 7   0 777 | -         | -
  RST                               | R        7   0 -   | -         | -
  RST with text                     | R        7  20 -   | -         | -
  RST-ACK                           | R.       7   0 777 | -         | -
`;

for (const row of UNCONNECTED.trim().split('\n')) {
  const [label, segment, listen, closed] = row.split('|').map((cell) => cell.trim());
  const [flags, seqText, lengthText, ackText] = segment!.split(/\s+/);
  const [seq, length, ack] = [Number(seqText), Number(lengthText), ackText === '-' ? 0 : Number(ackText)];
  const end = seq + length + Number(flags!.includes('S')) + Number(flags!.includes('F'));
  const check = (state: string, port: number, cell: string): void => {
    test(`${state}: ${label!.replace(/ \*\d$/, '')}`, () => {
      const wire = new Wire({ port, isn: 0xffff_fffb });
      wire.send(`${flags} ${seq}:${seq + length}(${length})${ackText === '-' ? '' : ` ack ${ack}`}`);
      const [answer, next] = cell.split('>');
      const expected = expectedAnswer(answer!, { seq, end, ack, rcvNxt: 0, sndNxt: 0 });
      if (expected !== undefined) wire.expect(expected);
      wire.nothing();
      if (next === 'SR') {
        wire
          .at(0.1)
          .send(`. ${seq + 1}:${seq + 1}(0) ack 1`)
          .nothing();
        assert.is(wire.state, 'ESTABLISHED');
      } else {
        assert.is(wire.state, 'LISTEN');
        // Nothing was made that a timer would remember.
        wire.at(200).nothing();
      }
    });
  };
  check('LISTEN', 80, listen!);
  check('CLOSED', 81, closed!);
}

test.run();
