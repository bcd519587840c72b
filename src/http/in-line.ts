import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * A client may send requests before it has the answers to earlier ones. Their responses wait in line for the connection,
 * and when it is closed, Node emits `close` on the first alone. This emits it on the others, too: whatever a request holds
 * until its end (a place among those that are served, a seat at a live stream) would never be given back.
 */
export function endThoseInLine(server: Server): void {
  const lines = new WeakMap<Socket, Set<ServerResponse>>();
  server.on('request', ({ socket }, response) => {
    if (response.socket !== null) return;
    let line = lines.get(socket);
    if (!line) {
      const all = (line = new Set<ServerResponse>());
      lines.set(socket, all);
      socket.once('close', () => {
        for (const waiting of all) waiting.destroy().emit('close');
      });
    }
    const own = line.add(response);
    response.once('socket', () => own.delete(response));
  });
}
