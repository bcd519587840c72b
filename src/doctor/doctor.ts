import type { Config } from '../config.js';
import { checkDatabase } from './database.js';
import { checkDisk } from './disk.js';
import type { Check, Finding } from './finding.js';
import { checkMailDomain, type Resolver } from './mail-domain.js';
import { checkMailServer } from './mail-server.js';
import { checkPublicUrl } from './public-url.js';
import { checkRootKey } from './root-key.js';
import { checkSettings } from './settings.js';

/* What `undersigned doctor` looks at. A finding never holds a password, a key or an address of a person. */

/** Runs all checks. One that fails itself is a problem, and does not stop the others. */
export async function examine(config: Config, resolver: Resolver): Promise<Finding[]> {
  const checks: [string, Check][] = [
    ['settings', checkSettings],
    ['root key', checkRootKey],
    ['disk', checkDisk],
    ['database', checkDatabase],
    ['mail server', checkMailServer],
    ['mail domain', (config) => checkMailDomain(config, resolver)],
    ['public URL', checkPublicUrl],
  ];
  const found = await Promise.all(
    checks.map(([about, check]) =>
      check(config).catch((): Finding[] => [
        {
          about,
          level: 'problem',
          found: 'it could not be looked at',
          advice: 'Look at the settings for it.',
        },
      ]),
    ),
  );
  return found.flat();
}
