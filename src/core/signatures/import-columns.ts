import { IMPORT_FIELDS, type IgnoredColumn, type ImportField } from '../../../schema/db/tables/signatures.js';
import type { OwnField } from '../../../schema/db/tables/petitions.js';
import { invalidBody, type FieldError } from '../../errors.js';
import { answerColumn } from './answers.js';

/*
 * Which column of a file is which field of a signature: by our own names, by names that other systems and spreadsheets
 * use, or as the sender says.
 */

/**
 * Names of columns in exports of Mailchimp, Action Network, SpeakOut, Google Forms, Eventbrite, of other systems, and
 * in spreadsheets of people, without spaces and signs; the better ones first.
 */
export const KNOWN_NAMES: Partial<Record<ImportField, string>> = {
  email:
    'email emailaddress emailadress emailadresse mail mailadresse mailaddress emailaddresse youremail youremailaddress username attendeeemail buyeremail contactemail email1 primaryemail courriel adresseemail adressemail adresseelectronique mailadres emailadres correo correoelectronico 電子メール indirizzoemail adresemail eposta epost sahkoposti メールアドレス',
  name: 'name fullname yourname displayname attendeename signername completename vollername ganzername vorundnachname vornamenachname vornameundnachname namevorname nom nomcomplet nometprenom naam volledigenaam nombrecompleto nombreyapellidos nomecompleto nomeecognome namn imieinazwisko 氏名 名前',
  given_name:
    'givenname firstname fname forename first vorname prenom voornaam nombre nome imie fornamn etunimi 名',
  family_name:
    'familyname lastname lname surname last nachname familienname zuname nomdefamille achternaam apellido apellidos cognome nazwisko efternamn sukunimi 姓',
  country:
    'country countrycode countryname land staat pays pais paese kraj maa billingcountry homecountry cc addresscountry countryregion 国',
  postal_code:
    'postalcode postcode zip zipcode zippostalcode postalzipcode postzipcode zippostcode postleitzahl plz codepostal codigopostal cap kodpocztowy postnummer homezip billingzip canpostal addresspostalcode addresszip 郵便番号',
  postal_address_lines:
    'postaladdresslines address streetaddress street address1 addressline1 homeaddress1 canaddress adresse strasse straße strasseundhausnummer straßehausnummer rue adres straat direccion indirizzo ulica',
  postal_address_city:
    'postaladdresscity city town cityname homecity ort stadt wohnort ville woonplaats plaats ciudad citta miasto cancity',
  postal_address_region:
    'postaladdressregion state stateprovince province county region homestate bundesland canton kanton canstate',
  phone:
    'phone phonenumber telephone telephonenumber mobile mobilephone mobilenumber cell cellphone homephone workphone telefon telefonnummer tel handy mobil mobilnummer telefoon telefoonnummer telefono canphone 電話番号',
  comment:
    'comment comments message custommessage yourcomment whyiamsigning reason reasonforsigning kommentar nachricht anmerkung anmerkungen commentaire opmerking comentario commento notesfromsigner',
  display: 'display',
  hidden: 'hidden',
  source: 'source',
  utm_source: 'utmsource',
  utm_medium: 'utmmedium',
  utm_campaign: 'utmcampaign',
  utm_term: 'utmterm',
  utm_content: 'utmcontent',
  external_id: 'externalid',
  created_at:
    'createdat timestamp zeitstempel signedat datesigned signeddate signedon dateofsignature signaturedate optintime submittedat submissiondate submissiontime submittedon datesubmitted createddate datecreated createdon orderdate date datum datetime horodateur tijdstempel marcatemporal informazionicronologiche sygnaturaczasowa タイムスタンプ eingetragenam unterschriebenam',
  confirmed_at: 'confirmedat confirmtime confirmationtime dateconfirmed',
  status: 'status',
  confirmed: 'confirmed isconfirmed emailconfirmed',
};

/** Letters and digits alone, in lower case, without accents; what stands in brackets, such as a time zone, says nothing. */
const bare = (name: string): string =>
  name
    .replace(/[([].*?[)\]]/g, '')
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]/gu, '');

type Recognised<Field> = { field: Field; rank: number };

/** What the columns of one kind of files can be, and by which names they are known. */
export type ColumnKind<Field extends string> = {
  isField: (text: string) => text is Field;
  /** Tells by its name what a column is. */
  recognise: (name: string) => Recognised<Field> | undefined;
  /** Whether a file without addresses is of no use. */
  needsEmail: boolean;
  /** How to write choices of columns. */
  rule: string;
};

export function columnKind<Field extends string>(
  fields: readonly Field[],
  names: Partial<Record<Field, string>>,
  needsEmail: boolean,
): ColumnKind<Field> {
  const known = new Map(
    fields.flatMap((field) =>
      (names[field] ?? '').split(' ').map((name, rank) => [bare(name), { field, rank }] as const),
    ),
  );
  return {
    isField: (text): text is Field => (fields as readonly string[]).includes(text),
    recognise: (name) => known.get(bare(name)),
    needsEmail,
    rule: `Write pairs like ${needsEmail ? 'Email Address:email' : 'Your name:name'},Vorname:given_name; fields are ${fields.join(', ')}`,
  };
}

const OF_ALL_PETITIONS = columnKind(IMPORT_FIELDS, KNOWN_NAMES, true);

/** What a column of signatures can be: a field of ours, or one of the petition's own. */
export type ImportTarget = ImportField | `answers.${string}`;

/** The columns of signatures. The petition's own fields are known by their names and labels, too. */
export function signatureColumns(ownFields: readonly OwnField[]): ColumnKind<ImportTarget> {
  const exact = new Map<string, Recognised<ImportTarget>>();
  const loose = new Map<string, Recognised<ImportTarget>>();
  for (const { name, label, labels, former } of ownFields) {
    const field = answerColumn(name);
    exact.set(field, { field, rank: 0 });
    // The name or label of a former field may be that of the one that replaced it.
    if (former) continue;
    exact.set(name, { field, rank: 1 });
    for (const words of [name, label, ...Object.values(labels)]) loose.set(bare(words), { field, rank: 2 });
  }
  return {
    ...OF_ALL_PETITIONS,
    isField: (text): text is ImportTarget =>
      OF_ALL_PETITIONS.isField(text) || /^answers\.[a-z][a-z0-9_]{0,39}$/.test(text),
    recognise: (name) => exact.get(spelt(name)) ?? OF_ALL_PETITIONS.recognise(name) ?? loose.get(bare(name)),
    rule: `${OF_ALL_PETITIONS.rule}, and answers.shirt_size for a field of the petition’s own`,
  };
}

export type ImportColumn<Field extends string = ImportTarget> = {
  /** Null where it could be data of a person. */
  name: string | null;
  field: Field | null;
  ignored: IgnoredColumn | null;
};

export type ColumnChoices<Field extends string = ImportTarget> = ReadonlyMap<string, Field | null>;

/**
 * Reads what the sender says, like `Email Address:email,Notes:`: names of columns, each with a field or nothing.
 * Undefined: it is not written so, or there is no such field.
 */
export function readColumnChoices<Field extends string>(
  text: string,
  { isField }: ColumnKind<Field>,
): ColumnChoices<Field> | undefined {
  const choices = new Map<string, Field | null>();
  const items = text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*:\s*([a-z0-9_.]*)\s*(?:,|$)/gy);
  let read = 0;
  for (const [whole, quoted, plain = '', field = ''] of items) {
    read += whole.length;
    if (field !== '' && !isField(field)) return undefined;
    choices.set(spelt(quoted?.replaceAll('""', '"') ?? plain), field === '' ? null : field);
  }
  return read === text.length && choices.size > 0 ? choices : undefined;
}

const spelt = (name: string) => name.trim().replace(/\s+/g, ' ').toLowerCase();

/** What could be an address, a number or a date of a person, in a file without a header. */
const PERSONAL = /@|\p{Nd}.*\p{Nd}.*\p{Nd}/su;
const MOST_NAME = 60;
/** Characters of all names in a message. */
const MOST_SHOWN = 260;

const shownName = (name: string): string | null => {
  const plain = name.replace(/[\p{Cc}\p{Bidi_Control}\s]+/gu, ' ').trim();
  return PERSONAL.test(plain) ? null : plain.slice(0, MOST_NAME);
};

/**
 * The columns of a file by its header. `isAsked`: whether the petition has a place for a field. Throws `invalid_body`,
 * with the names of the columns that were found, if there is none for the address or the name.
 */
export function columnsOf<Field extends string>(
  header: readonly string[],
  choices: ColumnChoices<Field> | undefined,
  isAsked: (field: Field) => boolean,
  kind: ColumnKind<Field>,
): ImportColumn<Field>[] {
  const chosen = header.map((name) => choices?.get(spelt(name)));
  const errors: FieldError[] = [];
  const best = new Map<string, { at: number; rank: number }>();
  header.forEach((name, at) => {
    const choice = chosen[at];
    if (choice === null) return;
    const known = choice === undefined ? kind.recognise(name) : { field: choice, rank: -1 };
    if (!known) return;
    const other = best.get(known.field);
    if (other?.rank === known.rank && spelt(header[other.at] ?? '') === spelt(name)) {
      errors.push({
        pointer: `/columns/${at}`,
        code: 'duplicate',
        detail: 'A column before it has the same name.',
      });
    }
    if (!other || known.rank < other.rank) best.set(known.field, { at, rank: known.rank });
  });
  // Another system's word for a part of an address needs the street.
  if (!best.has('postal_address_lines')) {
    best.delete('postal_address_city');
    best.delete('postal_address_region');
  }
  const absent = absentFrom(header, choices, best, kind);
  if (absent) errors.unshift(absent);
  if (errors.length > 0) throw invalidBody(...errors);
  return header.map((name, at) => {
    const field = chosen[at] === null ? undefined : (chosen[at] ?? kind.recognise(name)?.field);
    const isBest = field !== undefined && best.get(field)?.at === at;
    const shown = shownName(name);
    if (field === undefined || !best.has(field)) return { name: shown, field: null, ignored: 'unknown' };
    if (!isBest) return { name: shown, field: null, ignored: 'other_column' };
    return isAsked(field)
      ? { name: shown, field, ignored: null }
      : { name: shown, field: null, ignored: 'not_asked' };
  });
}

const NAMES: readonly string[] = ['name', 'given_name', 'family_name'];

/** One error for all that the header lacks. It names the columns, but not those that could be data of a person. */
function absentFrom(
  header: readonly string[],
  choices: ColumnChoices<string> | undefined,
  best: ReadonlyMap<string, unknown>,
  { needsEmail }: Pick<ColumnKind<string>, 'needsEmail'>,
): FieldError | undefined {
  const spellings = header.map(spelt);
  const unmatched = [...(choices?.keys() ?? [])].filter((name) => !spellings.includes(name));
  const lacking = [
    ...(needsEmail && !best.has('email') ? ['the e-mail address'] : []),
    ...(NAMES.some((name) => best.has(name)) ? [] : ['the name']),
  ];
  if (lacking.length === 0 && unmatched.length === 0) return undefined;
  const what =
    lacking.length > 0
      ? `The first line must name the columns, and names none for ${lacking.join(' and ')}.`
      : `The first line lacks ${unmatched.length === 1 ? 'a column' : 'columns'} of \`columns\`.`;
  return {
    pointer: '/columns',
    code: 'required',
    detail: `${what} ${listOf(header)} Say which is which, like columns=${needsEmail ? 'Your address:email,' : ''}Who:name.`,
  };
}

function listOf(header: readonly string[]): string {
  if (header.length === 0) return 'The file is empty.';
  const shown: string[] = [];
  let length = 0;
  for (const name of header.map(shownName)) {
    length += name?.length ?? 0;
    if (name && length <= MOST_SHOWN) shown.push(`“${name}”`);
  }
  const rest = header.length - shown.length;
  const more = rest === 0 ? [] : [`${rest} not shown here, which have no name or may be data of people`];
  return `Found: ${[...shown, ...more].join(', ')}.`;
}
