#!/usr/bin/env node
import './node-version.js';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { PAUSABLE } from '../../schema/db/tables/brakes.js';
import { SIGNATURE_STATUSES } from '../../schema/db/tables/signatures.js';
import type { Pausable } from '../core/brakes/pauses.js';
import { ApiError, describeError } from '../errors.js';
import { version } from '../package.js';
import type { CopyFlags } from './copy.js';
import type { DoctorFlags } from './doctor.js';
import { deliveryCommands } from './delivery-commands.js';
import { keyCommands } from './key-commands.js';
import type { createOrganizationCommand } from './organizations.js';
import type { PauseFlags } from './pause.js';
import type { ImportFlags } from './signature-import.js';
import type { ExportFlags } from './signatures.js';
import { takesFile } from './import-options.js';
import { mailingCommands } from './mailing-commands.js';

// Commands are imported when they run, so that `--help` does not load the whole server.
const database = () => import('./database.js');
const doNotContactCommands = () => import('./do-not-contact.js');
const organizationCommands = () => import('./organizations.js');

// The database holds addresses: files of this process are readable by their owner alone.
process.umask(0o077);

// A failed write to stdout is an error, since a key is printed only once. A closed pipe (`| head`) is not.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') return;
  console.error(`undersigned: what it says cannot be written (${code})`);
  process.exitCode = 1;
});

const program = new Command('undersigned')
  .description('A headless petition API. Configuration comes from the environment or .env: see .env.example.')
  .version(version)
  .showHelpAfterError();

program
  .command('serve')
  .description('migrate the database and serve the API')
  .action(async () => (await import('./serve.js')).serveCommand());
program
  .command('migrate')
  .description('bring the database up to date')
  .action(async () => (await database()).migrateCommand());
program
  .command('recount')
  .description('prove that every counter equals its rows')
  .option('--mend-cells', 'count by country, region and source anew where that does not hold')
  .action(async (flags: { mendCells?: boolean }) => (await database()).recountCommand(flags));

program
  .command('doctor')
  .description('look at settings, database, mail, DNS, disk and proxy, and say what to do')
  .option('--dkim-selector <name>', 'the DKIM key that the mail server signs with')
  .option('--mail-to <address>', 'a recipient to ask the mail server about; nothing is sent')
  .option('--json', 'print JSON')
  .action(async (flags: DoctorFlags) => (await import('./doctor.js')).doctorCommand(flags));
program
  .command('pause')
  .description('answer 503 to all that sign, or to all that write, on every server within a second')
  .addArgument(new Argument('<what>', 'what to pause').choices([...PAUSABLE]))
  .option('--message <words>', 'the sentence that callers and visitors get')
  .option('--retry-after <seconds>', 'when to come back', parseSeconds, 60)
  .action(async (what: Pausable, flags: PauseFlags) =>
    (await import('./pause.js')).pauseCommand(what, flags),
  );
program
  .command('resume')
  .description('end a pause, or all of them')
  .addArgument(new Argument('[what]', 'what to resume (all if absent)').choices([...PAUSABLE]))
  .action(async (what?: Pausable) => (await import('./pause.js')).resumeCommand(what));

const organizations = program.command('organizations').description('the groups that lead or join petitions');
organizations
  .command('create')
  .description('create an organization')
  .requiredOption('--name <name>', 'its name')
  .option('--slug <slug>', 'its short name in URLs (made from the name if absent)')
  .option('--url <url>', 'its home page')
  .option('--imprint <text>', 'who is responsible: in the footer of every mail, and below every form')
  .option('--logo-url <url>', 'its logo, which forms show')
  .option('--color <color>', 'the colour of its buttons and links, like #0b6b50')
  .option('--privacy-url <url>', 'its privacy notice, which forms link to')
  .option('--test-email <address>', 'the mailbox that gets all mails of tests')
  .action(async (options: Parameters<typeof createOrganizationCommand>[0]) =>
    (await organizationCommands()).createOrganizationCommand(options),
  );
organizations
  .command('list')
  .description('list the organizations')
  .action(async () => (await organizationCommands()).listOrganizationsCommand());

keyCommands(program);

const signatures = program.command('signatures').description('the signatures of a petition, as files');
signatures
  .command('export')
  .description('write all of them into a file, as their organization may see them')
  .requiredOption('--petition <petition>', 'its id or slug')
  .option('--organization <slug>', 'as whom (the one that leads it if absent)')
  .addOption(new Option('--format <format>', 'of the file').choices(['csv', 'ndjson']).default('csv'))
  .option('--bom', 'begin a CSV with a byte order mark, for Excel')
  .addOption(new Option('--status <status...>', 'these alone').choices([...SIGNATURE_STATUSES]))
  .addOption(
    new Option('--formulas <how>', 'raw: no apostrophe before what a spreadsheet would run').choices([
      'escaped',
      'raw',
    ]),
  )
  .option(
    '--out <file>',
    'where to (stdout if absent); it is there only when it is complete; in a folder it is named after petition and day',
  )
  .action(async (flags: ExportFlags) => (await import('./signatures.js')).exportSignaturesCommand(flags));
takesFile(
  signatures
    .command('import')
    .description('take over what was collected elsewhere; the same again changes nothing'),
)
  .option('--time-zone <zone>', 'of dates that name none, like Europe/Berlin (UTC if absent)')
  .action(async (file: string, flags: ImportFlags) =>
    (await import('./signature-import.js')).importSignaturesCommand(file, flags),
  );

mailingCommands(program);
deliveryCommands(program);

takesFile(
  program
    .command('paper')
    .description('signatures on paper, which have no mailbox')
    .command('import')
    .description('enter those of a file, as one batch; the same external_id is not entered twice'),
).action(async (file: string, flags: ImportFlags) =>
  (await import('./paper-import.js')).importPaperCommand(file, flags),
);

program
  .command('bounces')
  .description('what mail providers report')
  .command('import')
  .description('take bounces and complaints from a CSV file with the columns email, type, bounce')
  .argument('<file>', 'the file')
  .action(async (file: string) => (await import('./bounces.js')).importBouncesCommand(file));

program
  .command('erasures')
  .description('people who were erased')
  .command('replay')
  .description('after a restored backup: repeat the erasures since it was made')
  .action(async () => (await import('./erasures.js')).replayErasuresCommand());

program
  .command('retention')
  .description('how long signers are known by name')
  .command('run')
  .description('anonymise the signatures of petitions whose period after closing is over')
  .option('--dry-run', 'only say what would be anonymised')
  .action(async (options: { dryRun?: boolean }) =>
    (await import('./retention.js')).runRetentionCommand(options),
  );

const doNotContact = program
  .command('do-not-contact')
  .description(
    'addresses that must not be mailed, whatever they asked for; only their keyed hashes are kept',
  );
doNotContact
  .command('add')
  .description('put an address on the list')
  .argument('<email>', 'the address')
  .action(async (email: string) => (await doNotContactCommands()).blockCommand(email));
doNotContact
  .command('remove')
  .description('take an address off the list')
  .argument('<email>', 'the address')
  .action(async (email: string) => (await doNotContactCommands()).unblockCommand(email));
doNotContact
  .command('check')
  .description('say whether an address is on the list, and why')
  .argument('<email>', 'the address')
  .action(async (email: string) => (await doNotContactCommands()).checkCommand(email));

program
  .command('copy')
  .description(
    'copy a whole database to an empty one, of either engine, and compare both; run it again to go on',
  )
  .requiredOption('--from <url>', 'the source: file:<path> or postgres://…; stop the server first')
  .requiredOption('--to <url>', 'the target: file:<path> or postgres://…')
  .option('--restart', 'take out what a copy that was broken off has left, and begin anew')
  .option('--only-compare', 'copy nothing: compare two databases')
  .action(async (flags: CopyFlags) => (await import('./copy.js')).copyCommand(flags));

program
  .command('openapi')
  .description('print the OpenAPI document as YAML')
  .option('--write <file>', 'write it to a file instead')
  .action(async (options: { write?: string }) => (await import('./openapi.js')).openapiCommand(options));

function parseSeconds(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new InvalidArgumentError('Write seconds, as 120.');
  return Number(text);
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(`undersigned: ${failure(error)}`);
  process.exitCode = 1;
}

/**
 * The message to print. Errors with a code (of drivers, of the system) show only the code: messages may hold values.
 */
function failure(error: unknown): string {
  const { code, message } = describeError(error) as { code?: string; message?: string };
  if (error instanceof ApiError || (code === undefined && message !== undefined)) {
    return (error as Error).message;
  }
  const { syscall, address, hostname, port } = error as Record<string, string | number | undefined>;
  if (code === 'EADDRINUSE') return `port ${port} is taken: set PORT to another`;
  if (syscall === 'listen' || syscall === 'getaddrinfo') {
    return `it cannot listen on ${address ?? hostname}: look at HOST and PORT (${code})`;
  }
  return `it failed with ${code ?? 'an error of the database'}`;
}
