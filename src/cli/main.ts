#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { SCOPES, type Scope } from '../../schema/db/tables.js';
import { ApiError } from '../errors.js';
import { version } from '../package.js';
import { createKeyCommand, listKeysCommand, revokeKeyCommand } from './keys.js';
import { openapiCommand } from './openapi.js';
import { createOrganizationCommand, listOrganizationsCommand } from './organizations.js';
import { migrateCommand, recountCommand } from './database.js';
import { serveCommand } from './serve.js';

const program = new Command('undersigned')
  .description('A headless petition API. Configuration comes from the environment or .env: see .env.example.')
  .version(version)
  .showHelpAfterError();

program.command('serve').description('migrate the database and serve the API').action(serveCommand);
program.command('migrate').description('bring the database up to date').action(migrateCommand);
program.command('recount').description('prove that every counter equals its rows').action(recountCommand);

const organizations = program.command('organizations').description('the groups that lead or join petitions');
organizations
  .command('create')
  .description('create an organization')
  .requiredOption('--name <name>', 'its name')
  .option('--slug <slug>', 'its short name in URLs (made from the name if absent)')
  .option('--url <url>', 'its home page')
  .action(createOrganizationCommand);
organizations.command('list').description('list the organizations').action(listOrganizationsCommand);

const keys = program.command('keys').description('the keys of organizations');
keys
  .command('create')
  .description('create a key; it is printed once')
  .requiredOption('--organization <slug>', 'whose key')
  .addOption(new Option('--kind <kind>', 'what it is for').choices(['secret', 'publishable']).default('secret'))
  .option('--name <name>', 'your name for it', 'made on the command line')
  .option('--scopes <list>', `comma-separated (all if absent): ${SCOPES.join(', ')}`, parseScopes)
  .action(createKeyCommand);
keys.command('list').description('list keys').requiredOption('--organization <slug>', 'whose keys').action(listKeysCommand);
keys.command('revoke').description('revoke a key, for the next request on').argument('<id>', 'key_…').action(revokeKeyCommand);

program
  .command('openapi')
  .description('print the OpenAPI document as YAML')
  .option('--write <file>', 'write it to a file instead')
  .action(openapiCommand);

function parseScopes(text: string): Scope[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0) throw new InvalidArgumentError(`Unknown: ${unknown.join(', ')}.`);
  return scopes as Scope[];
}

try {
  await program.parseAsync();
} catch (error) {
  const told = error instanceof ApiError || (error instanceof Error && (error as { code?: unknown }).code === undefined);
  console.error(told ? `undersigned: ${error.message}` : `undersigned: ${failure(error)}`);
  process.exitCode = 1;
}

/** A driver's message may hold bound values: its code says enough. */
function failure(error: unknown): string {
  const { code, syscall, port } = error as { code?: string; syscall?: string; port?: number };
  if (code === 'EADDRINUSE') return `port ${port} is taken: set PORT to another`;
  return `it failed with ${code}${syscall ? ` in ${syscall}` : ''}`;
}
