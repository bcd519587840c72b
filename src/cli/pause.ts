import { line } from '../../schema/api/typebox.js';
import { closed } from '../../schema/api/typebox.js';
import { pause, readPauses, resume, type Pausable } from '../core/brakes/pauses.js';
import { withContext } from './context.js';
import { held } from './contract.js';

const WORDS = closed({ message: line(500, { description: 'The sentence that callers get.' }) });

export type PauseFlags = { message?: string; retryAfter: number };

export const pauseCommand = (what: Pausable, { message, retryAfter }: PauseFlags): Promise<void> =>
  withContext(async ({ store }) => {
    const said = message === undefined ? null : held(WORDS, { message }).message;
    await pause(store, { what, message: said, retryAfter });
    console.log(`Within a second ${what} is paused on every server of this database.`);
    console.log("'undersigned resume' ends it.");
  });

export const resumeCommand = (what?: Pausable): Promise<void> =>
  withContext(async ({ store }) => {
    const ended = await resume(store, what);
    console.log(
      ended.length === 0 ? 'Nothing was paused.' : `Within a second it goes on: ${ended.join(', ')}.`,
    );
    const left = Object.keys((await readPauses(store.read)) ?? {});
    if (left.length > 0) console.log(`Still paused: ${left.join(', ')}.`);
  });
