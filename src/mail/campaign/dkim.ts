import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import DKIM from 'nodemailer/lib/dkim';

/* Signing mailings ourselves, for mail servers that do not. nodemailer signs both headers for unsubscribing with the rest. */

export type DkimKey = { domainName: string; keySelector: string; privateKey: string };

type Settings = { MAIL_DKIM_DOMAIN: string; MAIL_DKIM_SELECTOR: string; MAIL_DKIM_KEY_FILE: string };

/** The configured key; undefined: the mail server signs. Throws an error that names the setting. */
export function dkimKey(settings: Settings): DkimKey | undefined {
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
  const dkim = new DKIM(key);
  return async (message) => {
    const signed = await buffer(dkim.sign(message));
    // It leaves a message as it is when it cannot sign.
    if (signed.length === message.length) throw new Error('a mail cannot be signed');
    return signed;
  };
}
