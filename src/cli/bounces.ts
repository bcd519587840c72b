import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { takeMailEvent, type MailEvent, type MailEventOutcome } from '../core/subscriptions/mail-events.js';
import { withContext } from './context.js';

type Row = Record<string, string | undefined>;

/** `type` is bounce or complaint (bounce if the column is missing), `bounce` hard or soft. */
function eventOf({ email = '', type = 'bounce', bounce }: Row): MailEvent | undefined {
  if (type !== 'bounce' && type !== 'complaint') return undefined;
  if (bounce !== undefined && !['', 'hard', 'soft'].includes(bounce)) return undefined;
  return { type, email, ...(bounce === 'soft' ? { bounce } : {}) };
}

/** Takes bounces and complaints from a CSV file with the columns email, type, bounce. A bad row stops nothing. */
export const importBouncesCommand = (file: string): Promise<void> =>
  withContext(async (ctx) => {
    const outcomes: Record<MailEventOutcome, number> = { suppressed: 0, ignored: 0, invalid: 0 };
    const rows = createReadStream(file).pipe(
      parse({
        columns: (names: string[]) => names.map((name) => name.trim().toLowerCase()),
        bom: true,
        trim: true,
        relax_column_count: true,
        skip_empty_lines: true,
      }),
    );
    let line = 1;
    for await (const row of rows as AsyncIterable<Row>) {
      line += 1;
      if (line === 2 && !('email' in row)) {
        throw new Error('the first line must name the columns: email, type, bounce');
      }
      const event = eventOf(row);
      const outcome = event ? await takeMailEvent(ctx, event) : 'invalid';
      outcomes[outcome] += 1;
      // The line says which it was: the address stays out of terminals and logs.
      if (outcome === 'invalid') {
        console.error(`row ${line - 1}: neither a bounce nor a complaint of an address`);
      }
    }
    const { suppressed, ignored, invalid } = outcomes;
    console.log(`${suppressed} suppressed, ${ignored} ignored (soft), ${invalid} invalid`);
    if (invalid > 0) process.exitCode = 1;
  });
