// What ends a run in order: Ctrl-C, `kill`, and a terminal or a connection that goes away. What a second one does is said by
// who listens.

export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `handle` for each of them from now on; gives what ends that. */
export function onEndingSignal(handle: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of ENDING_SIGNALS) process.on(signal, handle);
  return () => {
    for (const signal of ENDING_SIGNALS) process.off(signal, handle);
  };
}
