import { createReadStream } from 'node:fs';
import { CsvReader, type CsvRecord } from '../core/csv.js';
import { takeMailEvent, type MailEvent, type MailEventOutcome } from '../core/subscriptions/mail-events.js';
import { withContext } from './context.js';

type Row = Record<string, string | undefined>;

/** `type` is bounce or complaint (bounce if the column is missing), `bounce` hard or soft. */
function eventOf({ email = '', type = 'bounce', bounce }: Row): MailEvent | undefined {
  if (type !== 'bounce' && type !== 'complaint') return undefined;
  if (bounce !== undefined && !['', 'hard', 'soft'].includes(bounce)) return undefined;
  return { type, email, ...(bounce === 'soft' ? { bounce } : {}) };
}

/** Some write `a, "b"`: a quote after a space is a character like others for the reader. */
const bare = <Cell extends string | undefined>(cell: Cell) => cell?.trim().replace(/^"(.*)"$/, '$1') as Cell;

async function* recordsOf(file: string): AsyncGenerator<CsvRecord> {
  const reader = new CsvReader();
  // It takes a byte order mark away.
  const decoder = new TextDecoder();
  for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) {
    yield* reader.read(decoder.decode(piece, { stream: true }));
  }
  yield* [...reader.read(decoder.decode()), ...reader.end()];
}

/** Takes bounces and complaints from a CSV file with the columns email, type, bounce. A bad row stops nothing. */
export const importBouncesCommand = (file: string): Promise<void> =>
  withContext(async (ctx) => {
    const outcomes: Record<MailEventOutcome, number> = { suppressed: 0, ignored: 0, invalid: 0 };
    let columns: string[] | undefined;
    for await (const { line, cells } of recordsOf(file)) {
      if (!columns) {
        columns = namesIn(cells);
        continue;
      }
      const event = cells && eventOf(Object.fromEntries(columns.map((name, i) => [name, bare(cells[i])])));
      const outcome = event ? await takeMailEvent(ctx, event) : 'invalid';
      outcomes[outcome] += 1;
      // The line says which it was: the address stays out of terminals and logs.
      if (outcome === 'invalid') {
        console.error(`line ${line}: neither a bounce nor a complaint of an address`);
      }
    }
    columns ??= namesIn([]);
    const { suppressed, ignored, invalid } = outcomes;
    console.log(`${suppressed} suppressed, ${ignored} ignored (soft), ${invalid} invalid`);
    if (invalid > 0) process.exitCode = 1;
  });

function namesIn(header: readonly string[] = []): string[] {
  const names = header.map((name) => bare(name).toLowerCase());
  if (names.includes('email')) return names;
  throw new Error('the first line must name the columns: email, type, bounce');
}
