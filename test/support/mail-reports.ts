import { readFileSync } from 'node:fs';
import { verpAddress } from '../../src/core/links/verp.js';
import { createSecrets } from '../../src/core/secrets.js';
import { packageRoot } from '../../src/package.js';
import { ROOT_KEY } from './helper.js';

/* Mails as they come back, in the shapes of mail servers: test/fixtures/mail-reports. */

const secrets = createSecrets(ROOT_KEY);

/** The code of a recipient, as it is in the envelope sender of their mail. */
export const codeOf = (recipientKey: number): string =>
  /b-[a-z2-7]{26}/.exec(verpAddress({ secrets }, 'bounces@campaign.example', recipientKey))?.[0] ?? '';

/** A sample, about this recipient. */
export const mailReport = (name: string, recipientKey: number): string =>
  readFileSync(new URL(`test/fixtures/mail-reports/${name}.eml`, packageRoot), 'latin1')
    .replaceAll('b-CODE', codeOf(recipientKey))
    .replaceAll('B-CODE', codeOf(recipientKey).toUpperCase());
