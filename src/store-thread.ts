import { parentPort, workerData } from 'node:worker_threads';
import { failureOf, outcomeOf, withBuffers, type Answers, type Calls } from './calls.js';
import { runVerb } from './core/verbs/verbs.js';
import { createContext, type ContextOptions } from './create-context.js';
import { erasureJournalFile } from './erasure-journal-file.js';
import { describeError } from './errors.js';
import { openSqlite } from './store/sqlite.js';
import { threadLogger, type Level, type ThreadEvent } from './worker-thread.js';

/* The thread that start-store-thread.ts starts: runs the verbs that it is sent, with its own connections. */

export type StoreThreadData = {
  /** The database. */
  file: string;
  config: ContextOptions['config'];
  erasureJournal: string;
  rootKey: Uint8Array;
  /** See StoreOptions. */
  turn: SharedArrayBuffer;
  levels: Level[];
};

const { file, config, erasureJournal, rootKey, turn, levels } = workerData as StoreThreadData;
const say = (said: ThreadEvent | Answers) => parentPort?.postMessage(said);
const logger = threadLogger(levels, say);

let clock: number | undefined;
const now = () => (clock === undefined ? new Date() : new Date(clock));
const store = openSqlite(file, {
  now,
  // The main thread counts what waits.
  maxWaiting: Infinity,
  turn,
  dedicated: true,
  onFatal: (error) => say({ failure: describeError(error) }),
});
const ctx = createContext({
  config,
  store,
  rootKey: Buffer.from(rootKey),
  erasures: erasureJournalFile(erasureJournal),
  now,
});

/** What is said next. Calls of a group are answered by one commit, and so in one message. */
let next: Answers = nothing();
let saying = false;
function nothing(): Answers {
  return { answers: [], begun: 0, rang: false, wrote: [], done: { transactions: 0, commits: 0 } };
}
function saySoon(): void {
  if (saying) return;
  saying = true;
  setImmediate(() => {
    saying = false;
    const { transactions, commits } = store.stats();
    const said = { ...next, done: { transactions, commits } };
    next = nothing();
    say(said);
  });
}
ctx.mailWaits.listen(() => (next.rang = true));
// Null: by other threads and processes, which the main thread looks for itself.
store.watch('petitionKey', (keys) => void (keys && next.wrote.push(['petitionKey', [...keys]])));

function run({ calls, now: set }: Calls): void {
  clock = set;
  let begun = false;
  const answered = (id: number, outcome: Answers['answers'][number][1]) => {
    if (!begun) next.begun += 1;
    begun = true;
    next.answers.push([id, outcome]);
    saySoon();
  };
  for (const [id, verb, args] of calls) {
    runVerb(ctx, verb, withBuffers(args)).then(
      (value) => answered(id, outcomeOf(verb, value)),
      (thrown: unknown) => {
        const outcome = failureOf(store.explain(thrown));
        if ('code' in outcome && outcome.code === 'internal_error') {
          logger.error({ error: describeError(thrown), verb }, 'unexpected error');
        }
        answered(id, outcome);
      },
    );
  }
}

async function stop(): Promise<void> {
  await store.close();
  parentPort?.close();
}

parentPort?.on('message', (asked: Calls | 'stop') => {
  if (asked === 'stop') void stop();
  else run(asked);
});
say('ready');
