import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type Link = { port: number; close(): void };

/**
 * A proxy between a primary and its standby that delays what the primary sends. When the primary dies, data in transit
 * is lost, as on a real line.
 */
export function openLink(primaryPort: number, lagMs: number): Promise<Link> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (standby) => {
    const primary = connect({ port: primaryPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [standby, primary]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        standby.destroy();
        primary.destroy();
      });
    }
    standby.on('data', (data) => primary.write(data));
    primary.on('data', (data) => {
      setTimeout(() => {
        if (!standby.destroyed) standby.write(data);
      }, lagMs);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close() {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}
