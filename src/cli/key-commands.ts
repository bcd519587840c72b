import { InvalidArgumentError, Option, type Command } from 'commander';
import { SCOPES, type Scope } from '../../schema/db/tables/organization.js';
import type { createKeyCommand, listKeysCommand } from './keys.js';

/* The commands about keys: of organizations, of the installation, and of personal links. */

const ofAdminKeys = () => import('./admin-keys.js');
const ofKeys = () => import('./keys.js');
const ofLinkKeys = () => import('./link-keys.js');

export function keyCommands(program: Command): void {
  organizationKeyCommands(program);
  adminKeyCommands(program);
  linkKeyCommands(program);
}

function organizationKeyCommands(program: Command): void {
  const keys = program.command('keys').description('the keys of organizations');
  keys
    .command('create')
    .description('create a key; it is printed once')
    .requiredOption('--organization <slug>', 'whose key')
    .addOption(
      new Option('--kind <kind>', 'what it is for').choices(['secret', 'publishable']).default('secret'),
    )
    .option('--name <name>', 'your name for it', 'made on the command line')
    .option('--scopes <list>', `comma-separated (all if absent): ${SCOPES.join(', ')}`, parseScopes)
    .option(
      '--origin <origin>',
      'where browsers may use a publishable key (anywhere if absent): https://example.org or https://*.example.org; may be repeated',
      (origin: string, others: string[] = []) => [...others, origin],
    )
    .option('--test', 'a key for tests: what it makes is apart from all that is real')
    .action(async (options: Parameters<typeof createKeyCommand>[0]) =>
      (await ofKeys()).createKeyCommand(options),
    );
  keys
    .command('list')
    .description('list keys')
    .requiredOption('--organization <slug>', 'whose keys')
    .action(async (options: Parameters<typeof listKeysCommand>[0]) =>
      (await ofKeys()).listKeysCommand(options),
    );
  keys
    .command('revoke')
    .description('revoke a key, for the next request on')
    .argument('<id>', 'key_…')
    .action(async (id: string) => (await ofKeys()).revokeKeyCommand(id));
}

function adminKeyCommands(program: Command): void {
  const adminKeys = program
    .command('admin-keys')
    .description('keys that create organizations by the API, for scripts that set up an installation');
  adminKeys
    .command('create')
    .description('create an admin key; it is printed once')
    .option('--name <name>', 'your name for it', 'made on the command line')
    .action(async (options: { name: string }) => (await ofAdminKeys()).createAdminKeyCommand(options));
  adminKeys
    .command('list')
    .description('list admin keys')
    .action(async () => (await ofAdminKeys()).listAdminKeysCommand());
  adminKeys
    .command('revoke')
    .description('revoke an admin key, for the next request on')
    .argument('<id>', 'adm_…')
    .action(async (id: string) => (await ofAdminKeys()).revokeAdminKeyCommand(id));
}

function linkKeyCommands(program: Command): void {
  const linkKeys = program.command('link-keys').description('the keys that personal links are signed with');
  linkKeys
    .command('rotate')
    .description('make a new one that signs from now on; the older ones go on to verify')
    .action(async () => (await ofLinkKeys()).rotateLinkKeysCommand());
  linkKeys
    .command('list')
    .description('list them, the one that signs first')
    .action(async () => (await ofLinkKeys()).listLinkKeysCommand());
  linkKeys
    .command('remove')
    .description('remove one: every link that it signed is void')
    .argument('<id>', 'its number', parseId)
    .action(async (id: number) => (await ofLinkKeys()).removeLinkKeyCommand(id));
}

function parseScopes(text: string): Scope[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0) throw new InvalidArgumentError(`Unknown: ${unknown.join(', ')}.`);
  return scopes as Scope[];
}

function parseId(text: string): number {
  if (!/^[0-9]{1,3}$/.test(text)) throw new InvalidArgumentError('It must be a number of link-keys list.');
  return Number(text);
}
