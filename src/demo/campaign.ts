import type { MailingInput } from '../core/mailings/writing.js';
import type { PetitionInput } from '../core/petitions/petition-rules.js';

/** The demo petition of a new installation: invented, but as complete as a real campaign. */
export const LEAD = {
  name: 'River Meadows Alliance',
  slug: 'river-meadows',
  url: 'https://rivermeadows.example',
};
export const PARTNER = {
  name: 'Anglers of the Ewe',
  slug: 'ewe-anglers',
  url: 'https://ewe-anglers.example',
};

const STATEMENT =
  'To Corvane Logistics and its chief executive Dana Whitlock: build your depot on the disused rail yard at Harrow Junction, and leave the Old Mill Meadows to the river, the birds and the towns downstream that they keep dry.';

const BACKGROUND = `Every winter the Ewe rises over its banks, and every winter the **Old Mill Meadows** take the water in. In the flood of January they held back some 4.1 million cubic metres, enough to spare the lower town of Ewehaven.[^1]

Corvane Logistics wants to raise twenty-three hectares of them by two metres and put a parcel depot on top.[^2] The company's own consultants write that the water "will find other routes".[^3] Those routes are streets.

## What we would lose

- the largest wet grassland in the county, with **61 breeding pairs** of lapwing and curlew[^4]
- a flood store that would cost the county an estimated 38 million to replace[^1]
- the footpath that two schools use every day

## There is a better place

Two kilometres away lies the rail yard at Harrow Junction: flat, sealed, empty since 2011 and with a siding that still works. The county's planners ranked it first of nine sites.[^5] Corvane has not said why it will not go there; its annual report gives a hint, for the meadow was cheap.[^6]

> We do not ask anybody to do without a depot. We ask for it to stand where it does no harm.

The council votes in the spring. What Corvane hears before then decides which plan it brings.`;

const REFERENCES: PetitionInput['references'] = [
  {
    number: 1,
    authors: 'M. Okafor, L. Brandt',
    title: 'Flood storage in the Ewe valley: a survey',
    publisher: 'Ewe Valley Water Board',
    date: '2026-03',
    url: 'https://water.example/reports/ewe-storage',
  },
  {
    number: 2,
    title: 'Planning application 26/0417: parcel depot, Old Mill Lane',
    publisher: 'County Planning Office',
    date: '2026-06-12',
    url: 'https://county.example/planning/26-0417',
  },
  {
    number: 3,
    authors: 'Hallam & Stroud Consulting',
    title: 'Hydrological statement, annex D',
    publisher: 'Corvane Logistics',
    date: '2026-05',
    url: 'https://county.example/planning/26-0417/annex-d',
  },
  {
    number: 4,
    authors: 'Ewe Bird Group',
    title: 'Breeding waders of the lower Ewe',
    publisher: 'County Ornithologist',
    date: '2025',
    url: null,
  },
  {
    number: 5,
    title: 'Sites for freight handling: a comparison',
    publisher: 'County Planning Office',
    date: '2024-11',
    url: 'https://county.example/planning/freight-sites',
  },
  {
    number: 6,
    title: 'Annual report',
    publisher: 'Corvane Logistics',
    date: '2025',
    url: 'https://corvane.example/investors/2025',
  },
];

const SHARE_TEXTS: PetitionInput['shareTexts'] = [
  {
    network: 'facebook',
    text: 'When the Ewe floods, these meadows keep our town dry. Corvane wants to build on them. Please sign:',
  },
  { network: 'x', text: 'A depot on a flood meadow? Tell @corvane to use the rail yard instead:' },
  {
    network: 'x',
    text: '4.1 million cubic metres of flood water have to go somewhere. Keep the Old Mill Meadows:',
  },
  { network: 'whatsapp', text: 'I just signed to keep the Old Mill Meadows. Takes a minute:' },
  { network: 'bluesky', text: 'Lapwings, curlews and a dry Ewehaven: sign for the Old Mill Meadows.' },
  { network: 'email', text: 'I have signed this petition and thought that you would want to, too.' },
];

/** The petition; `partnerId` is the public id of PARTNER. */
export const campaign = (partnerId: string): PetitionInput & { slug: string } => ({
  slug: 'save-the-old-mill-meadows',
  title: 'Tell Corvane Logistics: leave the Old Mill Meadows to the river',
  callToAction: 'Sign the petition',
  statement: STATEMENT,
  background: BACKGROUND,
  references: REFERENCES,
  targets: [
    { name: 'Dana Whitlock', title: 'Chief Executive', organization: 'Corvane Logistics' },
    { name: 'The County Planning Committee', title: null, organization: 'Ewe County Council' },
  ],
  campaigner: { name: 'Ines Marlow', role: 'Campaign manager, River Meadows Alliance' },
  partners: [
    { name: PARTNER.name, url: PARTNER.url, organization_id: partnerId },
    { name: 'Ewehaven Residents’ Forum', url: 'https://ewehaven-forum.example' },
    { name: 'Lapwing Trust', url: 'https://lapwing.example' },
    { name: 'Parents for Safe Paths', url: null },
  ],
  image: {
    url: 'https://rivermeadows.example/pictures/old-mill-flood.jpg',
    alt: 'The old mill on its rise, with the flooded meadows around it and lapwings in the air',
  },
  locale: 'en',
  form: {
    country: 'required',
    postal_code: 'optional',
    postal_address: 'off',
    phone: 'off',
    comment: 'optional',
  },
  goals: [10, 100, 1000, 5000, 10000, 25000],
  shareTexts: SHARE_TEXTS,
  pageUrl: 'https://rivermeadows.example/meadows',
  confirmation: 'none',
  metadata: { campaign_code: 'MEADOWS-26' },
});

const LETTER = `Dear {{ first_name | default: "friend" }},

[[headline]]

[[statement]]

[[button]]

Every winter the meadows take in what the Ewe brings. In January they kept some 4.1 million cubic metres out of the lower town.[^1] Corvane Logistics wants to raise twenty-three hectares of them and put a parcel depot on top,[^2] although its own consultants write that the water "will find other routes".[^3] Those routes are streets.

Two kilometres away lies a rail yard that stands empty. The county's planners ranked it first of nine sites.[^5] Corvane has not said why it will not go there; the meadow was cheap.[^6]

**The council votes in the spring. What Corvane hears before then decides which plan it brings.**

[[button: Add your name]]

Thank you,

[[campaigner]]

[[coalition]]

[[share]]
`;

/** The first mail of the campaign: a draft, to be looked at. */
export const mailing = (petition: string): MailingInput => ({
  name: 'Meadows, first mail',
  petition,
  source: 'mail-1',
  sender: { name: 'Ines Marlow, River Meadows Alliance' },
  texts: {
    en: {
      subject: 'Who gets the water, {{ first_name | default: "friend" }}?',
      preview: 'The council votes in the spring. Tell Corvane where its depot belongs.',
      markdown: LETTER,
    },
  },
});
