/**
 * ISO 3166-1 codes and Kosovo: browsers have names for countries, but no list of them. For each first letter from A on the
 * second ones, which compresses to half of the codes.
 */
const CODES =
  'DEFGILMOQRSTUWXZ ABDEFGHIJLMNOQRSTVWYZ ACDFGHIKLMNORUVWXYZ EJKMOZ CEGHRST IJKMOR ABDEFGHILMNPQRSTUWY KMNRTU DELMNOQRST EMOP EGHIMNPRWYZ ABCIKRSTUVY ACDEFGHKLMNOPQRSTUVWXYZ ACEFGILOPRUZ M AEFGHKLMNRSTWY A EOSUW ABCDEGHIJKLMNORSTVXYZ CDFGHJKLMNORTVWZ AGMSYZ ACEGINU FS K ET AMW';

/** Code and name of every country, sorted by name as the language sorts. */
export function countriesIn(locale: string): [code: string, name: string][] {
  const names = new Intl.DisplayNames([locale], { type: 'region' });
  const { compare } = new Intl.Collator(locale);
  return CODES.split(' ')
    .flatMap((seconds, i) => [...seconds].map((second) => String.fromCharCode(65 + i) + second))
    .map((code): [string, string] => [code, names.of(code) ?? code])
    .sort(([, a], [, b]) => compare(a, b));
}
