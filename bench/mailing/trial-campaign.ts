/*
 * The campaign of the trial: invented, but with all parts of a real campaign mail. Headline, statement, six references, who
 * writes, a coalition, share lines and the footer, in English, German and Arabic.
 */

export const PETITION = {
  slug: 'harbour-school',
  title: 'Tell Halden Ports: no cruise terminal beside Harbour School',
  call_to_action: 'Sign the petition',
  statement:
    'To Halden Ports and its chief executive Rhea Lindqvist: build the cruise terminal at the old grain quay, and leave the children of Harbour School clean air to breathe.',
  background: `A cruise ship at its berth burns as much fuel in a day as **thousands of cars**.[^1] Halden Ports wants two of them to lie 140 metres from a primary school.[^2]

The quay at the old grain silos has shore power already.[^3] The port's own study ranked it first.[^4]

Every fourth child at Harbour School has asthma.[^5] The harbour doctors have warned since 2023.[^6]`,
  references: [
    {
      number: 1,
      authors: 'K. Aoki, M. Dufour',
      title: 'Emissions of ships at berth',
      publisher: 'Journal of Port Cities',
      date: '2025-02',
      url: 'https://journal.example/ports/12',
    },
    {
      number: 2,
      title: 'Application 26/118: cruise terminal, School Quay',
      publisher: 'City of Halden',
      date: '2026-04-02',
      url: 'https://halden.example/plans/26-118',
    },
    { number: 3, title: 'Shore power in the harbour', publisher: 'Halden Grid', date: '2024', url: null },
    {
      number: 4,
      authors: 'Norden & Fils',
      title: 'Sites for a terminal: a comparison',
      publisher: 'Halden Ports',
      date: '2024-11',
      url: 'https://ports.example/sites',
    },
    {
      number: 5,
      title: 'Health of school children by district',
      publisher: 'City of Halden',
      date: '2025',
      url: 'https://halden.example/health',
    },
    {
      number: 6,
      authors: 'Harbour Doctors',
      title: 'An open letter',
      publisher: 'Halden Evening Post',
      date: '2023-09-14',
      url: 'https://post.example/letter?id=6&page=2',
    },
  ],
  targets: [{ name: 'Rhea Lindqvist', title: 'Chief Executive', organization: 'Halden Ports' }],
  campaigner: { name: 'Jonas Weber', role: 'Campaign manager, Breathe Halden' },
  partners: [
    { name: 'Parents of Harbour School', url: 'https://parents.example' },
    { name: 'Harbour Doctors', url: null },
  ],
  locale: 'en',
  form: {
    country: 'optional',
    postal_code: 'off',
    postal_address: 'off',
    phone: 'off',
    comment: 'optional',
  },
  goals: [1000, 10_000, 50_000],
  share_texts: [
    { network: 'facebook', text: 'Two cruise ships beside a primary school? Please sign:' },
    { network: 'x', text: 'Tell @haldenports: cruise ships belong at the grain quay.' },
    { network: 'whatsapp', text: 'I have just signed for Harbour School. It takes a minute:' },
    { network: 'bluesky', text: 'Clean air for Harbour School: sign here.' },
  ],
  page_url: 'https://breathe-halden.example/harbour-school',
};

const EN = `[[headline]]

Dear {{ first_name | default: "friend" }},

[[statement]]

[[button: Add your name]]

A cruise ship at its berth burns as much fuel in a day as thousands of cars.[^1] Halden Ports wants two of them to lie 140 metres from a primary school,[^2] although the old grain quay has shore power already.[^3] Its own study ranked that quay first.[^4]

Every fourth child at Harbour School has asthma.[^5] The harbour doctors have warned for three years.[^6] **The council votes on Thursday.**

{% if country == "NO" %}You can speak in the meeting, too: [register here](https://halden.example/meeting).{% else %}Your name tells Halden Ports that the world is looking.{% endif %}

We are a coalition of groups, including [[coalition]].

Thank you for fighting back,

[[campaigner]]

[[button]]

[[share]]
`;

const DE = `[[headline]]

Hallo {{ first_name | default: "liebe Freundin, lieber Freund" }},

[[statement]]

[[button: Jetzt unterschreiben]]

Ein Kreuzfahrtschiff verbrennt am Liegeplatz an einem Tag so viel Treibstoff wie Tausende von Autos.[^1] Halden Ports will zwei davon 140 Meter neben eine Grundschule legen,[^2] obwohl es am alten Getreidekai schon Landstrom gibt.[^3] Die eigene Studie setzte diesen Kai auf Platz eins.[^4]

Jedes vierte Kind der Hafenschule hat Asthma.[^5] Die Ärztinnen und Ärzte am Hafen warnen seit drei Jahren.[^6] **Am Donnerstag stimmt der Stadtrat ab.**

Wir sind ein Bündnis, unter anderem mit [[coalition]].

Danke, dass du dich wehrst,

[[campaigner]]

[[share]]
`;

const AR = `[[headline]]

{{ first_name | default: "صديقنا العزيز" }}، تحية طيبة،

[[statement]]

[[button: أضف اسمك]]

تحرق السفينة السياحية الراسية في يوم واحد وقودًا يعادل ما تحرقه آلاف السيارات.[^1] وتريد الشركة أن ترسو سفينتان على بعد 140 مترًا من مدرسة ابتدائية،[^2] مع أن الكهرباء متوفرة على رصيف الحبوب القديم.[^3] وقد وضعته دراستها في المرتبة الأولى.[^4]

طفل من كل أربعة في مدرسة الميناء مصاب بالربو.[^5] ويحذر أطباء الميناء منذ ثلاث سنوات.[^6] **يصوت المجلس يوم الخميس.**

نحن تحالف يضم [[coalition]].

شكرًا لكم،

[[campaigner]]

[[share]]
`;

/** The mailing, with two wordings: the second has subjects of its own, and in English a shorter body. */
export const mailing = (petition: string) => ({
  name: 'They vote on Thursday',
  petition,
  source: 'mail-1',
  sender: { name: 'Jonas Weber, Breathe Halden', reply_to: 'jonas@breathe-halden.example' },
  default_locale: 'en',
  test_share: 40,
  winner: 'by_hand',
  texts: {
    en: {
      subject: '{{ first_name | default: "Friend" }}, they vote on Thursday',
      preview: 'Two cruise ships beside a primary school: your name can stop it.',
      markdown: EN,
    },
    de: {
      subject: '{{ first_name | default: "Hallo" }}, am Donnerstag fällt die Entscheidung',
      preview: 'Zwei Kreuzfahrtschiffe neben einer Grundschule – dein Name zählt.',
      markdown: DE,
    },
    ar: {
      subject: 'يصوت المجلس يوم الخميس',
      preview: 'سفينتان سياحيتان بجوار مدرسة ابتدائية',
      markdown: AR,
    },
  },
  variants: [
    { name: 'Thursday' },
    {
      name: 'Asthma',
      sender_name: 'Breathe Halden',
      texts: {
        en: {
          subject: 'Every fourth child at Harbour School has asthma',
          markdown: EN.replace('[[headline]]\n\n', ''),
        },
        de: { subject: 'Jedes vierte Kind hat Asthma' },
        ar: { subject: 'طفل من كل أربعة مصاب بالربو' },
      },
    },
  ],
});

export type Invited = { email: string; name: string | null; locale: string | null; country: string };

/** Names, and how a mail greets them; null: as somebody of whom no first name is known. */
const NAMES: [name: string, first: string | null][] = [
  ['Zoë Brandt', 'Zoë'],
  ['أمينة حداد', 'أمينة'],
  ["Siobhán O'Neill <b>", 'Siobhán'],
  ['Bo', 'Bo'],
  ['Xóchitl {{ email }}', 'Xóchitl'],
  ['Nils & Söhne', null],
];
const UNKNOWN: Record<string, string> = { en: 'friend', de: 'liebe Freundin', ar: 'صديقنا العزيز' };
export const greetingOf = ({ name }: Invited, locale: string): string =>
  NAMES.find(([known]) => known === name)?.[1] ?? UNKNOWN[locale] ?? '';

const LOCALES = ['en', 'de', 'ar', 'en-GB', 'de-AT', 'fr', null];

/** Invented people: most in domains of a few, some at two large providers; every third has no name that is known. */
export function people(mails: number): Invited[] {
  const domains = Math.max(20, Math.floor(mails / 8));
  return Array.from({ length: mails }, (_, i) => ({
    email: `p${i}@${i % 4 === 0 ? `large${(i / 4) % 2}` : `d${i % domains}`}.example`,
    name: i % 3 === 0 ? null : (NAMES[i % NAMES.length]?.[0] ?? null),
    locale: LOCALES[i % LOCALES.length] ?? null,
    country: i % 5 === 0 ? 'NO' : 'DE',
  }));
}
