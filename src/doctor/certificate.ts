import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { say, type Finding } from './finding.js';

const WAIT_MS = 5000;
const DAY_MS = 86_400_000;
/** Certificates of three months are renewed a month before: something is wrong then. */
const FEW_DAYS = 14;

const REASONS: Record<string, string> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet: look at the clock',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the certificates between it and its authority are missing: send the full chain',
};

/** What is to be said of a certificate, and that it will do or will not. */
export function judgeCertificate(about: string, socket: TLSSocket): Finding {
  const { ok, warning, problem } = say(about);
  const { authorizationError: error } = socket;
  if (error) {
    // The code of OpenSSL, though the types say Error.
    const code = String((error as NodeJS.ErrnoException).code ?? error);
    const advice = 'Get a certificate for this name from an authority that all know, such as Let’s Encrypt.';
    return problem(`its certificate is not valid: ${REASONS[code] ?? code}`, advice);
  }
  const { valid_to: end } = socket.getPeerCertificate();
  const days = Math.floor((Date.parse(end) - Date.now()) / DAY_MS);
  const found = `its certificate ends in ${days} days`;
  return days < FEW_DAYS ? warning(found, 'See why it was not renewed.') : ok(found);
}

/** Connects, and looks at the certificate. Says nothing where nothing answers: others say that. */
export async function lookAtCertificate(
  about: string,
  { host = '', port }: Pick<ConnectionOptions, 'host' | 'port'>,
): Promise<Finding[]> {
  const name = host.replace(/^\[|\]$/g, '');
  const socket = connect({
    host: name,
    port,
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
    rejectUnauthorized: false,
    timeout: WAIT_MS,
  });
  socket.once('timeout', () => socket.destroy(new Error('timeout')));
  try {
    await once(socket, 'secureConnect');
    return [judgeCertificate(about, socket)];
  } catch {
    return [];
  } finally {
    socket.destroy();
  }
}
