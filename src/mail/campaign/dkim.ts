import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import DKIM from 'nodemailer/lib/dkim';

/* Signing mailings ourselves, for mail servers that do not. RFC 8058 wants both headers for unsubscribing signed. */

export type DkimKey = { domainName: string; keySelector: string; privateKey: string };

export type DkimSettings = {
  MAIL_DKIM_DOMAIN: string;
  MAIL_DKIM_SELECTOR: string;
  MAIL_DKIM_KEY_FILE: string;
};

/** What a signature covers, as far as a mail has it. */
const SIGNED_HEADERS = [
  'From',
  'Reply-To',
  'Subject',
  'Date',
  'Message-ID',
  'To',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
  'List-Id',
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'Feedback-ID',
] as const;

/** The key with which this server signs, as the DNS has to have it, and what its signatures cover. */
export type Signing = {
  domain: string;
  selector: string;
  /** DER in base64. */
  publicKey: string;
  headers: readonly string[];
};

/** Undefined: this server leaves signing to the mail server. Throws like `dkimKey`. */
export function signingOf({
  MAIL_DKIM_DOMAIN = '',
  MAIL_DKIM_SELECTOR = '',
  MAIL_DKIM_KEY_FILE = '',
}: Partial<DkimSettings>): Signing | undefined {
  const key = dkimKey({ MAIL_DKIM_DOMAIN, MAIL_DKIM_SELECTOR, MAIL_DKIM_KEY_FILE });
  if (!key) return undefined;
  const { domainName: domain, keySelector: selector, privateKey } = key;
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return { domain, selector, publicKey: der.toString('base64'), headers: SIGNED_HEADERS };
}

/** The configured key; undefined: the mail server signs. Throws an error that names the setting. */
export function dkimKey(settings: DkimSettings): DkimKey | undefined {
  const {
    MAIL_DKIM_DOMAIN: domainName,
    MAIL_DKIM_SELECTOR: keySelector,
    MAIL_DKIM_KEY_FILE: file,
  } = settings;
  const given = [domainName, keySelector, file].filter((value) => value !== '').length;
  if (given === 0) return undefined;
  if (given < 3) {
    throw new Error(
      'MAIL_DKIM_DOMAIN, MAIL_DKIM_SELECTOR and MAIL_DKIM_KEY_FILE go together: set all three or none',
    );
  }
  return { domainName, keySelector, privateKey: readKey(file) };
}

function readKey(file: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(
      `the file of MAIL_DKIM_KEY_FILE cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  let type: string | undefined;
  try {
    type = createPrivateKey(pem).asymmetricKeyType;
  } catch {
    throw new Error('the file of MAIL_DKIM_KEY_FILE holds no private key in PEM without a passphrase');
  }
  if (type !== 'rsa') {
    throw new Error('the key of MAIL_DKIM_KEY_FILE must be an RSA key: others are not understood everywhere');
  }
  return pem;
}

/** Puts a DKIM-Signature before a message. */
export function dkimSigner(key: DkimKey): (message: Buffer) => Promise<Buffer> {
  const dkim = new DKIM({ ...key, headerFieldNames: SIGNED_HEADERS.join(':') });
  return async (message) => {
    const signed = await buffer(dkim.sign(message));
    // It leaves a message as it is when it cannot sign.
    if (signed.length === message.length) throw new Error('a mail cannot be signed');
    return signed;
  };
}
