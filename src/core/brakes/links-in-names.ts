/**
 * Top-level domains that spam advertises. Left out are those that are also names, words or titles ("Jan.de Vries",
 * "Dipl.Ing."); that is why linkify-it is not used: it takes every country code for a link.
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
    // After any other ending only a path shows that it is a link.
    String.raw`${LABEL}\.[a-z]{2,24}/\S`,
    String.raw`\S@${LABEL}+\.\p{L}{2,}`,
  ].join('|'),
  'iu',
);

const ASCII = /^[\0-\x7f]*$/;
/** Characters that browsers (UTS 46) or readers take for a dot; NFKC has already turned the others into dots. */
const DOTS = /[\u3002\u00b7\u0387\u05c5\u06d4\u0701\u0702\u2022\u2027\u2219\u22c5\u30fb\ua4f8]/gu;
const SLASHES = /[\u2044\u2215\u29f8]/gu;
const SPELLED = /\s*(?:[[({]\s*(?:\.|dot)\s*[\])}]|\sdot\s(?=\s*(?:com|net|org)\b))\s*/giu;

/** A name with everything that looks like a letter, dot or slash of an address turned into the real one. */
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

/** Whether a name contains a link or something like a domain, which makes it an advertisement. */
export function hasLink(name: string): boolean {
  const address = asAddress(name);
  return /[./:]/.test(address) && LINK.test(address);
}
