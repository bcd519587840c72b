/**
 * Endings that are advertised. None that are also names, words or titles, as in "Jan.de Vries" and "Dipl.Ing.": linkify-it
 * takes all countries for links, hence "Jan.de" and "M.Sc".
 */
const ENDINGS =
  'com|net|org|info|biz|xyz|top|online|site|shop|store|club|live|app|dev|link|click|space|website|icu|vip|bet|casino|io|co|me|ru|cn|su|ua|tk|ml|gq|cc|tv|ws|ly|gg|uk|eu|fr|nl|pl|cz|br|jp|kr|ir|vn|(?:com|net|org|co)\\.[a-z]{2}|рф|укр|бел|срб|онлайн|сайт|中国|中國|公司|网络|网址|在线|香港|台灣|台湾|한국|コム|भारत|موقع|شبكة|ایران|xn--[a-z0-9-]+';

const LABEL = String.raw`[\p{L}\p{N}-]`;
const LINK = new RegExp(
  [
    String.raw`[a-z]:[/\\]{2}`,
    String.raw`\b(?:h[tx]{2}ps?|mailto|javascript):`,
    String.raw`\bwww\.${LABEL}`,
    String.raw`${LABEL}{3,}\.(?:${LABEL}+\.)?(?:${ENDINGS})(?![\p{L}\p{N}.-]*[\p{L}\p{N}])`,
    // After other endings only what follows tells.
    String.raw`${LABEL}\.[a-z]{2,24}/\S`,
    String.raw`\S@${LABEL}+\.\p{L}{2,}`,
  ].join('|'),
  'iu',
);

const ASCII = /^[\0-\x7f]*$/;
/** What browsers take for a dot in a domain (UTS 46), and what readers do; NFKC has made dots of the rest. */
const DOTS = /[\u3002\u00b7\u0387\u05c5\u06d4\u0701\u0702\u2022\u2027\u2219\u22c5\u30fb\ua4f8]/gu;
const SLASHES = /[\u2044\u2215\u29f8]/gu;
const SPELLED = /\s*(?:[[({]\s*(?:\.|dot)\s*[\])}]|\sdot\s(?=\s*(?:com|net|org)\b))\s*/giu;

/** A name as a browser or a reader would take it for an address: full-width letters are letters, U+2024 is a dot. */
function asAddress(name: string): string {
  const plain = ASCII.test(name)
    ? name
    : name
        .normalize('NFKC')
        .replace(/\p{Default_Ignorable_Code_Point}+/gu, '')
        .replace(DOTS, '.')
        .replace(SLASHES, '/');
  return plain.replace(SPELLED, '.');
}

/** Whether a name holds a link or something like a domain: then it is an advertisement. */
export function hasLink(name: string): boolean {
  const address = asAddress(name);
  return /[./:]/.test(address) && LINK.test(address);
}
