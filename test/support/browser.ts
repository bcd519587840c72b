import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import type { Test } from 'tap';

/*
 * CHROMIUM_PATH      which browser to use; Debian's Chromium if absent
 * REQUIRE_BROWSER=1  fail, rather than skip the tests, when there is none
 */

const path = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** Chromium's own services are of no use here, and a closed network makes it wait for them. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Tells where to find a browser, or why the tests are skipped: loudly. */
export function missingBrowser(t: Test): string | false {
  if (existsSync(path)) return false;
  const missing = `no browser was found at ${path}: set CHROMIUM_PATH or install chromium`;
  if (process.env['REQUIRE_BROWSER'] === '1') t.fail(`${missing} (REQUIRE_BROWSER=1)`);
  else console.error(`\n${'!'.repeat(80)}\n!! Browser tests SKIPPED: ${missing}.\n${'!'.repeat(80)}\n`);
  return missing;
}

export async function launch(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: path, args: FLAGS });
  t.teardown(() => browser.close());
  return browser;
}
