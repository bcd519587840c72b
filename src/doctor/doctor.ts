import type { Config } from '../config.js';
import { checkClock } from './clock.js';
import { checkDatabase } from './database.js';
import { checkDisk } from './disk.js';
import { say, type Asked, type Check, type Finding } from './finding.js';
import { signingOf } from '../mail/campaign/dkim.js';
import { checkMailDomain, type Resolver } from './mail-domain.js';
import { checkMailServer } from './mail-server.js';
import { checkMemory } from './memory.js';
import { checkPublicUrl } from './public-url.js';
import { checkRedis } from './redis.js';
import { checkRootKey } from './root-key.js';
import { checkSettings } from './settings.js';

/* What `undersigned doctor` looks at. A finding never holds a password, a key or an address of a person. */

/** Runs all checks. One that fails itself is a problem, and does not stop the others. */
export async function examine(config: Config, resolver: Resolver, asked: Asked = {}): Promise<Finding[]> {
  const checks: [string, Check][] = [
    ['settings', checkSettings],
    ['root key', checkRootKey],
    ['memory', checkMemory],
    ['disk', checkDisk],
    ['clock', checkClock],
    ['database', checkDatabase],
    ['Redis', checkRedis],
    ['mail server', checkMailServer],
    ['mail domain', async (config, asked) => checkMailDomain(config, asked, resolver, signingOf(config))],
    ['public URL', checkPublicUrl],
  ];
  const found = await Promise.all(
    checks.map(([about, check]) =>
      check(config, asked).catch(() => [
        say(about).problem('it could not be looked at', 'Look at the settings for it.'),
      ]),
    ),
  );
  return found.flat();
}
