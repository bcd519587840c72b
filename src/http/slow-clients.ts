import type { ServerResponse } from 'node:http';

/**
 * Closes a connection whose client reads nothing for `afterMs` while data waits for it. Call `stop` after the answer.
 */
export function endStalled(response: ServerResponse, afterMs: number): { stop(): void } {
  let written = -1;
  let looks = 0;
  const LOOKS = 4;
  const timer = setInterval(() => {
    const { socket } = response;
    // bytesWritten counts what was handed to the kernel; it stands still while the client does not read.
    const moved = !response.writableNeedDrain || socket?.bytesWritten !== written;
    written = socket?.bytesWritten ?? -1;
    looks = moved ? 0 : looks + 1;
    if (looks >= LOOKS) response.destroy();
  }, afterMs / LOOKS).unref();
  const stop = () => clearInterval(timer);
  response.once('close', stop);
  return { stop };
}
