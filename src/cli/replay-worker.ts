// A thread of `replay --jobs`: one capture after the other, an outcome for each.

import { parentPort, workerData } from 'node:worker_threads';
import { type OneOptions, replayOne } from './replay-one.js';
import type { Done, Task } from './replay-pool.js';

parentPort!.on('message', ({ index, file }: Task) => {
  void replayOne(file, workerData as OneOptions).then((outcome) => {
    parentPort!.postMessage({ index, outcome } satisfies Done);
  });
});
