/** `copy-and-die <from> <to> <table>`: copies, and is gone without a word in the middle of that table. */
import { copyDatabase } from '../../src/store/copy/copy.js';

const [from = '', to = '', last] = process.argv.slice(2);
await copyDatabase({
  from,
  to,
  told: (step, table) => {
    if (step === 'copy' && table === last) process.kill(process.pid, 'SIGKILL');
  },
});
