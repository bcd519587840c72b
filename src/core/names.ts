/*
 * Names of people and their parts. A part is known only where its source gave it: cutting a name in two would be wrong
 * for many people. `name` is what is shown, in the order and form that the person wants.
 */

export type NameParts = { givenName?: string | null | undefined; familyName?: string | null | undefined };
export type PersonName<Name extends string | null = string | null> = {
  name: Name;
  givenName: string | null;
  familyName: string | null;
};

const NO_PARTS = { givenName: null, familyName: null };

/** The name that the parts make; empty if there are none. */
const nameOfParts = ({ givenName, familyName }: NameParts): string =>
  [givenName, familyName].filter(Boolean).join(' ');

/** A person with a name: the one that was sent, else that of the parts. */
export const named = <Person extends NameParts & { name?: string | undefined }>(
  person: Person,
): Omit<Person, 'name'> & { name: string } =>
  person.name === undefined
    ? { ...person, name: nameOfParts(person) }
    : (person as Person & { name: string });

/**
 * The name after a change; empty if nothing of it was sent. Parts that are not sent stay only if `name` stays: else they
 * would be those of another name. Parts alone make the name anew once both are known, or if there was no name.
 */
export function renamed<Name extends string | null>(
  before: PersonName<Name>,
  patch: NameParts & { name?: Name },
): Partial<PersonName<Name>> {
  const { name, givenName: given, familyName: family } = patch;
  if (name === undefined && given === undefined && family === undefined) return {};
  const kept = name === undefined || name === before.name ? before : NO_PARTS;
  const parts = {
    givenName: given === undefined ? kept.givenName : given,
    familyName: family === undefined ? kept.familyName : family,
  };
  const isMade = (given ?? family) && (before.name === null || (parts.givenName && parts.familyName));
  const after = name ?? (isMade ? nameOfParts(parts) : name === null ? null : before.name);
  // A name that may not be null comes from `patch`, from `before` or from the parts.
  return { name: after as Name, ...(after === null ? NO_PARTS : parts) };
}

/** Languages in which the family name comes first. */
const FAMILY_FIRST = new Set(['hu', 'ja', 'ko', 'vi', 'zh']);
const FAMILY_FIRST_SCRIPT =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}]/u;

/** Titles, families and beginnings of longer given names, in small letters without accents and dots. */
const NO_FIRST_NAMES = new Set(
  [
    'mr mrs ms miss mx sir dame lady lord dr prof professor doctor rev reverend hon the family',
    'herr frau hr fr familie fam eheleute ddr mag dipl ing mme mlle monsieur madame mademoiselle maitre me famille',
    'sr sra srta senor senora senorita don dona dna familia sig sigra signor signora signorina dott dottssa avv famiglia',
    'dhr mevr mw heer mevrouw meneer drs ir pan pani panstwo rodzina herra rouva fru froken familjen',
    'doamna domnul dl dna senhor senhora bay bayan sayin г-н г-жа господин госпожа κος κα κυρια κυριος',
    'abd abdul abdel abdoul abu umm ibn عبد ابو ام ابن السيد السيدة د דר פרופ מר גב',
  ]
    .join(' ')
    .split(' '),
);

/** Between two people who share a family name. */
const AND = new Set('and & + und u et y e en i a og och ja ve и і та και و ו'.split(' '));

const plain = (word: string): string =>
  word
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();

const WORD = /^\p{L}[\p{L}\p{M}\u200C\u200D'’ʼ׳\p{Pd}]+$/u;

/**
 * How to address a person by first name: the given name if it is known, else the first word of the name where that is
 * safe to say. Null: greet without a name. It is a text of the person, or of whoever typed it.
 */
export function firstNameOf({
  givenName,
  name,
  locale,
}: {
  givenName?: string | null | undefined;
  name: string | null;
  locale?: string | null | undefined;
}): string | null {
  if (givenName) return givenName;
  const [language = ''] = (locale ?? '').toLowerCase().split(/[-_]/);
  if (!name || FAMILY_FIRST.has(language) || FAMILY_FIRST_SCRIPT.test(name)) return null;
  // “Okonkwo, Ada”.
  if (/[,;،]/.test(name)) return null;
  const [first = '', ...others] = name.trim().split(/\s+/);
  if (others.length === 0 || !WORD.test(first) || [...plain(first)].length < 2) return null;
  if (NO_FIRST_NAMES.has(plain(first)) || AND.has(plain(others[0] ?? ''))) return null;
  return isOfFamily(first, others) ? null : first;
}

/** Whether the cases say that the first word is of the family name: “OKONKWO Ada”, “van der Berg”. */
function isOfFamily(first: string, others: readonly string[]): boolean {
  const isLoud = (word: string) => word === word.toUpperCase() && word !== word.toLowerCase();
  const words = others.filter((word) => /\p{L}{2}/u.test(word));
  if (isLoud(first)) return words.some((word) => !isLoud(word) && word !== word.toLowerCase());
  return /^\p{Ll}/u.test(first) && words.some((word) => /^\p{Lu}/u.test(word));
}
