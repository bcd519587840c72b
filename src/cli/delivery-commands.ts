import type { Command } from 'commander';
import type { VerifyFlags } from './deliveries.js';

/** The commands about deliveries. */
export function deliveryCommands(program: Command): void {
  program
    .command('deliveries')
    .description('lists of signatures that are handed over')
    .command('verify')
    .description('check that files are those that were handed over; no database is needed')
    .argument('<folder>', 'with manifest.json and the files')
    .option('--keys <source>', 'of who delivered: the file or the https URL of undersigned-keys.json')
    .option('--identity <file>', 'of age, to look into encrypted files')
    .option('--branch <file>', 'check one line instead, with the JSON that its signer got')
    .action(async (folder: string, flags: VerifyFlags) =>
      (await import('./deliveries.js')).verifyDeliveryCommand(folder, flags),
    );
}
