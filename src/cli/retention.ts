import { runRetention, type Retained } from '../core/my-data/retention.js';
import { describeError } from '../errors.js';
import { withContext } from './context.js';

const SAYS: Record<Retained['outcome'], (one: Retained, would: string) => string> = {
  due: ({ signatures }, would) => `${signatures} signatures ${would}anonymised`,
  early: () => 'kept: its period is not over',
  exempt: () => 'exempt: it has no period (retention_days)',
  failed: ({ error }) => `failed (${String(describeError(error)['code'] ?? describeError(error)['type'])})`,
};

/** Prints a line for each ended petition, and the sum. The exit code is 1 if one failed. */
export const runRetentionCommand = ({ dryRun = false }: { dryRun?: boolean }): Promise<void> =>
  withContext(async (ctx) => {
    const { petitions, supporters } = await runRetention(ctx, { dryRun });
    const would = dryRun ? 'would be ' : '';
    for (const one of petitions) {
      console.log(`${one.publicId}  ${one.slug}  ${SAYS[one.outcome](one, would)}`);
    }
    const signatures = petitions.reduce((sum, one) => sum + one.signatures, 0);
    const people = dryRun ? '' : `, ${supporters} supporters forgotten`;
    console.log(
      `${petitions.length} petitions are over: ${signatures} signatures ${would}anonymised${people}.`,
    );
    if (petitions.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
  });
