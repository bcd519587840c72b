import type { ServerResponse } from 'node:http';

/** Ends the connection of a client that takes nothing of what waits for it. `stop` when all is said. */
export function endStalled(response: ServerResponse, afterMs: number): { stop(): void } {
  let written = -1;
  let looks = 0;
  const LOOKS = 4;
  const timer = setInterval(() => {
    const { socket } = response;
    // What is written is counted when it is handed over, and no more is while the client does not read.
    const moved = !response.writableNeedDrain || socket?.bytesWritten !== written;
    written = socket?.bytesWritten ?? -1;
    looks = moved ? 0 : looks + 1;
    if (looks >= LOOKS) response.destroy();
  }, afterMs / LOOKS).unref();
  const stop = () => clearInterval(timer);
  response.once('close', stop);
  return { stop };
}
