/**
 * Other people who sign at the same time, in a process of their own: so many connections, each with one request at a time.
 */
import { randomBytes } from 'node:crypto';
import { Caller } from './caller.js';

const [port = '', path = '', connections = ''] = process.argv.slice(2);

async function signOn(caller: Caller): Promise<void> {
  for (;;) {
    const email = `${randomBytes(8).toString('hex')}@company.example`;
    const { status } = await caller.post(path, { name: 'Ada Okonkwo', email, display: 'initials' });
    if (status !== 202) throw new Error(`company: ${status}`);
  }
}

process.once('disconnect', () => process.exit());
for (let i = 0; i < Number(connections); i += 1) void signOn(new Caller(Number(port)));
