/** Endings that are advertised. None that are also names, words or titles, as in "Jan.de Vries" and "Dipl.Ing." */
const ENDINGS =
  'com|net|org|info|biz|xyz|top|online|site|shop|store|club|live|app|dev|link|click|space|website|icu|vip|bet|casino|io|co|me|ru|cn|su|ua|tk|ml|gq|cc|tv|ws|ly|gg|uk|eu|fr|nl|pl|cz|br|jp|kr|ir|vn';

const LABEL = String.raw`[\p{L}\p{N}-]`;
const LINK = new RegExp(
  [
    '[a-z]://',
    String.raw`\bwww\.${LABEL}`,
    String.raw`${LABEL}{3,}\.(?:${LABEL}+\.)?(?:${ENDINGS})(?![\p{L}\p{N}.-]*[\p{L}\p{N}])`,
    // After other endings only what follows tells.
    String.raw`${LABEL}\.[a-z]{2,24}/\S`,
    String.raw`\S@${LABEL}+\.\p{L}{2,}`,
  ].join('|'),
  'iu',
);

/** Whether a name holds a link or something like a domain: then it is an advertisement. */
export const hasLink = (name: string): boolean =>
  (name.includes('.') || name.includes('/')) && LINK.test(name);
