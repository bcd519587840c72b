import { distance } from 'fastest-levenshtein';

/*
 * The countries of ISO 3166-1, and Kosovo, whose code XK its users agree on. People know their country by its name: a name
 * is recognised in the languages of most petitions.
 */
const CODES =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW';

export const COUNTRIES: readonly string[] = CODES.split(' ');
const KNOWN = new Set(COUNTRIES);

/** Common codes that are not in ISO 3166-1: those of the United Kingdom and Greece. */
const ALSO: Readonly<Record<string, string>> = { UK: 'GB', EL: 'GR' };

/** The code in capitals; undefined: there is no such country. */
export function countryOf(typed: string): string | undefined {
  const code = typed.toUpperCase();
  return KNOWN.has(code) ? code : ALSO[code];
}

/** Common names that Intl does not have. */
const NAMES: Readonly<Record<string, string>> = {
  america: 'US',
  usa: 'US',
  england: 'GB',
  scotland: 'GB',
  wales: 'GB',
  greatbritain: 'GB',
  northernireland: 'GB',
  holland: 'NL',
  thenetherlands: 'NL',
  czechrepublic: 'CZ',
  southkorea: 'KR',
  northkorea: 'KP',
  turkey: 'TR',
  burma: 'MM',
  ivorycoast: 'CI',
  macedonia: 'MK',
  swaziland: 'SZ',
  capeverde: 'CV',
  vatican: 'VA',
  uae: 'AE',
};

/** The languages in which names of countries are recognised. */
const LANGUAGES =
  'en de fr nl es pt it pl cs sk hu ro bg el sv da nb fi et lv lt sl hr sr uk ru tr ar he fa hi ja ko zh'.split(
    ' ',
  );

const bare = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]/gu, '');

let byName: Map<string, string> | undefined;

function names(): Map<string, string> {
  if (byName) return byName;
  byName = new Map(Object.entries(NAMES));
  for (const language of LANGUAGES) {
    const display = new Intl.DisplayNames([language], { type: 'region' });
    for (const code of COUNTRIES) {
      const name = bare(display.of(code) ?? '');
      if (!byName.has(name)) byName.set(name, code);
    }
  }
  return byName;
}

/** The code of a country's name or code; undefined: there is no such country. */
export const countryByName = (typed: string): string | undefined =>
  countryOf(typed.trim()) ?? names().get(bare(typed));

/** The country whose name is closest to what was typed, for error messages; undefined: none is close. */
export function nearestCountry(typed: string): { code: string; name: string } | undefined {
  const wanted = bare(typed);
  const code = countryByName(typed) ?? (wanted.length >= 4 ? nearest(wanted) : undefined);
  return code === undefined ? undefined : { code, name: english.of(code) ?? code };
}

const english = new Intl.DisplayNames(['en'], { type: 'region' });

/** At most a quarter of the letters may differ. */
function nearest(wanted: string): string | undefined {
  let best: { code: string; letters: number } | undefined;
  for (const [name, code] of names()) {
    const most = Math.floor(Math.max(name.length, wanted.length) / 4);
    if (Math.abs(name.length - wanted.length) > most) continue;
    const letters = distance(wanted, name);
    if (letters <= most && letters < (best?.letters ?? Infinity)) best = { code, letters };
  }
  return best?.code;
}
