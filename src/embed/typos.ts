/** Domains of many mailboxes, which are often mistyped. */
const COMMON =
  'gmail.com googlemail.com yahoo.com hotmail.com outlook.com icloud.com protonmail.com t-online.de freenet.de posteo.de mailbox.org orange.fr wanadoo.fr laposte.net libero.it seznam.cz btinternet.com comcast.net verizon.net'.split(
    ' ',
  );
/** Domains that look like typing errors, and are right. */
const RIGHT = /^(?!gmail)(?:[a-z]?mail\.[a-z]{2,3}|rocketmail\.com)$/;
/** A provider with its domain in another country, such as yahoo.co.uk; but .co, .cm and .om are typing errors. */
const ELSEWHERE = /^(?:yahoo|hotmail|outlook|orange)\.(?:com?\.[a-z]{2}|(?!co$|cm$|om$)[a-z]{2})$/;

/** The address with the domain that was probably meant; undefined where it looks right. */
export function suggestionFor(email: string): string | undefined {
  const at = email.lastIndexOf('@') + 1;
  const domain = email.slice(at).trim().toLowerCase();
  const known = COMMON.includes(domain) || ELSEWHERE.test(domain) || RIGHT.test(domain);
  if (at < 2 || domain === '' || known) return undefined;
  for (const most of [1, 2]) {
    // Domains with two differences must at least begin alike: others are rather companies.
    const meant = COMMON.find((one) => isNear(domain, one, most) && (most === 1 || one[0] === domain[0]));
    if (meant !== undefined) return email.slice(0, at) + meant;
  }
  return undefined;
}

/** Whether at most so many characters differ, are missing or too many: by hand, and only as far as is asked for. */
function isNear(a: string, b: string, most: number): boolean {
  if (a === '' || b === '') return a.length + b.length <= most;
  const [restOfA, restOfB] = [a.slice(1), b.slice(1)];
  if (a[0] === b[0]) return isNear(restOfA, restOfB, most);
  const less = most - 1;
  return most > 0 && (isNear(restOfA, b, less) || isNear(a, restOfB, less) || isNear(restOfA, restOfB, less));
}
