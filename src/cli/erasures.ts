import { replayErasures } from '../core/my-data/erasure-replay.js';
import { withContext } from './context.js';

/** After a backup was restored: repeats the erasures that the journal records. */
export const replayErasuresCommand = (): Promise<void> =>
  withContext(async (ctx) => {
    const erased = await replayErasures(ctx);
    console.log(erased === 0 ? 'Nobody had to be erased again.' : `Erased again: ${erased}.`);
  });
