// A thread of `replay --re-execute --jobs`: one capture after the other, an outcome for each.

import { parentPort, workerData } from 'node:worker_threads';
import { type OneReExecution, type ReExecuted, reExecuteOne } from './re-execute-one.js';
import type { Done, Task } from './replay-pool.js';

parentPort!.on('message', ({ index, file }: Task) => {
  void reExecuteOne(file, workerData as OneReExecution).then((outcome) => {
    parentPort!.postMessage({ index, outcome } satisfies Done<ReExecuted>);
  });
});
