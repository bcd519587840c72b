import type { Command } from 'commander';
import type { listMailingsCommand, mailingStatusCommand } from './mailings.js';

const ofMailings = () => import('./mailings.js');

/** The commands about mailings. */
export function mailingCommands(program: Command): void {
  const mailings = program.command('mailings').description('mailings to subscribers');
  mailings
    .command('list')
    .description('list them, with their state and how many were sent')
    .option('--organization <slug>', 'whose (all if absent)')
    .option('--json', 'print a line of JSON for each')
    .action(async (flags: Parameters<typeof listMailingsCommand>[0]) =>
      (await ofMailings()).listMailingsCommand(flags),
    );
  mailings
    .command('status')
    .description('show how one goes on: in a terminal, live')
    .argument('<id>', 'mlg_…')
    .option('--json', 'print JSON, once')
    .action(async (id: string, flags: Parameters<typeof mailingStatusCommand>[1]) =>
      (await ofMailings()).mailingStatusCommand(id, flags),
    );
  mailings
    .command('start')
    .description('start one now: it goes to all of its audience')
    .argument('<id>', 'mlg_…')
    .action(async (id: string) => (await ofMailings()).startMailingCommand(id));
  mailings
    .command('pause')
    .description('pause one, on every server within a second')
    .argument('<id>', 'mlg_…')
    .action(async (id: string) => (await ofMailings()).pauseMailingCommand(id));
  mailings
    .command('resume')
    .description('let a paused one go on')
    .argument('<id>', 'mlg_…')
    .action(async (id: string) => (await ofMailings()).resumeMailingCommand(id));
  mailings
    .command('cancel')
    .description('end one for good: who did not get it yet does not get it')
    .argument('<id>', 'mlg_…')
    .action(async (id: string) => (await ofMailings()).cancelMailingCommand(id));
}
