/** Idle and slow connections. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const AT_ONCE = 200;

/** Opens connections, some at a time; `begin` writes the first bytes. Resolves when all are open. */
export async function openSockets(
  port: number,
  count: number,
  begin: (socket: Socket, n: number) => void = () => undefined,
): Promise<{ open(): number; close(): void }> {
  const sockets: Socket[] = [];
  let [connected, open] = [0, 0];
  while (sockets.length < count) {
    for (let i = 0; i < AT_ONCE && sockets.length < count; i += 1) {
      const n = sockets.length;
      const socket = connect(port, '127.0.0.1', () => {
        connected += 1;
        open += 1;
        begin(socket, n);
      });
      socket.on('error', () => undefined).once('close', () => (open -= 1));
      sockets.push(socket);
    }
    await sleep(20);
  }
  for (let i = 0; i < 500 && connected < count; i += 1) await sleep(20);
  if (connected < count) throw new Error(`only ${connected} of ${count} connections were opened`);
  return { open: () => open, close: () => sockets.forEach((socket) => socket.destroy()) };
}

/** Keep-alive connections that are idle after one request. */
export const openIdle = (port: number, count: number) =>
  openSockets(port, count, (socket) => {
    socket.resume();
    socket.write('GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  });

/** A third never ends its headers, a third its body, and a third requests much data and reads nothing. */
export const openSlow = (port: number, count: number, petition: string) =>
  openSockets(port, count, (socket, n) => {
    const post = `POST ${petition}/signatures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    if (n % 3 === 2) {
      socket.pause();
      socket.write('GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(20));
      return;
    }
    socket.resume();
    socket.write(n % 3 === 0 ? post : `${post}content-length: 2000\r\n\r\n{"name":"`);
    // A byte a second.
    const drip = setInterval(() => socket.write('x'), 1000).unref();
    socket.once('close', () => clearInterval(drip));
  });
