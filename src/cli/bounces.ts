import { createReadStream } from 'node:fs';
import { CsvReader, type CsvRecord } from '../core/csv.js';
import { FileDecoder } from '../core/file-text.js';
import { takeMailEvent, type MailEvent, type MailEventOutcome } from '../core/subscriptions/mail-events.js';
import { withContext } from './context.js';

type Row = Record<string, string | undefined>;

/** The event of a row: `type` is bounce (the default) or complaint, `bounce` hard (the default) or soft. */
function eventOf({ email = '', type = 'bounce', bounce }: Row): MailEvent | undefined {
  const kind = KINDS[plain(type)];
  const strength = STRENGTHS[plain(bounce)];
  if (!kind || !strength) return undefined;
  const isSoft = strength === 'soft' || plain(type).startsWith('soft');
  return { type: kind, email, ...(kind === 'bounce' && isSoft ? { bounce: 'soft' } : {}) };
}

const plain = (word = '') => word.toLowerCase().replace(/[^a-z]/g, '');

/** The words of mail providers. */
const KINDS: Record<string, 'bounce' | 'complaint'> = {
  '': 'bounce',
  bounce: 'bounce',
  bounced: 'bounce',
  hardbounce: 'bounce',
  softbounce: 'bounce',
  complaint: 'complaint',
  complained: 'complaint',
  spamcomplaint: 'complaint',
  spamreport: 'complaint',
  spam: 'complaint',
  abuse: 'complaint',
};
const STRENGTHS: Record<string, 'hard' | 'soft'> = {
  '': 'hard',
  hard: 'hard',
  permanent: 'hard',
  soft: 'soft',
  transient: 'soft',
  temporary: 'soft',
};
const EMAIL_NAMES = ['emailaddress', 'recipient', 'recipientemail', 'address', 'emailadresse', 'mail'];

/** Unquotes cells of files with `a, "b"`: after a space, the CSV reader takes a quote for an ordinary character. */
const bare = <Cell extends string | undefined>(cell: Cell) => cell?.trim().replace(/^"(.*)"$/, '$1') as Cell;

async function* recordsOf(file: string): AsyncGenerator<CsvRecord> {
  const reader = new CsvReader();
  const decoder = new FileDecoder();
  for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) {
    yield* reader.read(decoder.read(piece));
  }
  yield* [...reader.read(decoder.end()), ...reader.end()];
}

/** Imports bounces and complaints from a CSV file with the columns email, type, bounce. Invalid rows are reported. */
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
      // Only the line number is printed: addresses must stay out of terminals and logs.
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
  const names = header.map((name) => plain(bare(name)));
  if (names.includes('email')) return names;
  const at = names.findIndex((name) => EMAIL_NAMES.includes(name));
  if (at >= 0) return names.with(at, 'email');
  throw new Error('the first line must name the columns: email, type, bounce');
}
