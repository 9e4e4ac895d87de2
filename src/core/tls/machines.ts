// Which versions are spoken, and by which machine: the one place that a version is plugged in.

import { TLS_1_2, TLS_1_3 } from './config.js';
import type { CreateMachine } from './handshake-context.js';
import { Server12 } from './server12.js';
import { Server13 } from './server13.js';

/** By ProtocolVersion. A version without a machine is neither offered nor chosen, whatever the config allows. */
export const machines: ReadonlyMap<typeof TLS_1_2 | typeof TLS_1_3, CreateMachine> = new Map<
  typeof TLS_1_2 | typeof TLS_1_3,
  CreateMachine
>([
  [TLS_1_2, (context) => new Server12(context)],
  [TLS_1_3, (context) => new Server13(context)],
]);
