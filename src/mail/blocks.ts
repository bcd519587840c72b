import type { Letter, WordedLetter } from '../core/letters/letter.js';
import {
  fillIn,
  fillInHtml,
  plainPieces,
  wordsHtml,
  type PlainPiece,
  type PlaceholderValues,
} from '../core/words/words-markdown.js';
import type { Catalogue, MailWords } from './catalogue.js';
import { disclosedSentence } from './disclosed.js';
import { say } from './words.js';

/** A piece of a mail, as plain text. src/mail/html.ts and src/mail/plain-text.ts render it. */
export type Block =
  | { kind: 'heading' | 'paragraph' | 'small' | 'quote' | 'code'; text: string }
  | { kind: 'agreement'; organization: string; text: string }
  /** An organization's own words, in their language: twice the same. */
  | { kind: 'words'; locale: string; html: string; pieces: PlainPiece[] }
  /** `hint`: what to do if the button does not work. */
  | { kind: 'button'; label: string; link: string; hint: string }
  | { kind: 'link'; label: string; link: string };

export type Blocks = { body: Block[]; footer: Block[] };

/** Who speaks in a mail, with what stands at its end. */
export type Sender = { name: string; url: string | null; imprint: string | null };

/** The blocks of a mail in the language of the catalogue; `sender`: null where nobody is named. */
export function composeBlocks(letter: WordedLetter, catalogue: Catalogue, sender: Sender | null): Blocks {
  const { mail } = catalogue;
  const words: MailWords = mail[letter.template];
  const values = valuesOf(letter);
  const paragraphs = (texts: readonly string[]): Block[] =>
    texts.map((text) => ({ kind: 'paragraph', text: say(text, values) }));
  return {
    body: [
      { kind: 'heading', text: say(words.heading, values) },
      ...(ownWords(letter) ?? paragraphs(words.paragraphs)),
      ...letterToRecipient(letter),
      ...quote(letter, mail),
      ...disclosure(letter, catalogue),
      ...agreements(letter, say(words.opt_ins ?? mail.common.opt_ins, values)),
      ...links(letter, words, mail, values),
      ...paragraphs(words.closing),
    ],
    footer: footer(letter, sender, mail),
  };
}

/** The values that texts of a mail can use. */
export const valuesOf = ({ organization, values }: Letter) => ({
  ...values,
  organization: organization?.name ?? null,
});

/** What placeholders of own words stand for. */
export const placeholdersOf = ({ organization, values }: Letter): PlaceholderValues => ({
  petition: values.petition?.title ?? '',
  organization: organization?.name ?? '',
});

/** The organization's own introduction; undefined where it has none. */
function ownWords(letter: Letter): Block[] | undefined {
  const { confirmation, locales } = letter.values.words ?? {};
  if (!confirmation || !locales?.confirmation) return undefined;
  const values = placeholdersOf(letter);
  const pieces = plainPieces(confirmation).map((one) => ({ ...one, text: fillIn(one.text, values) }));
  const html = fillInHtml(wordsHtml(confirmation), values);
  return [{ kind: 'words', locale: locales.confirmation, html, pieces }];
}

/** What an organization writes to those to whom it hands signatures. */
function letterToRecipient({ locale, values: { letter } }: Letter): Block[] {
  return letter ? [{ kind: 'words', locale, html: wordsHtml(letter), pieces: plainPieces(letter) }] : [];
}

/** The statement of the petition in a confirmation mail, so that signers see what they confirm. */
function quote({ template, values: { petition } }: Letter, { common }: Catalogue['mail']): Block[] {
  if (template !== 'confirm_signature' || !petition) return [];
  return [
    { kind: 'paragraph', text: say(common.statement) },
    { kind: 'quote', text: petition.statement },
  ];
}

/** Own words do not replace it: what is disclosed has to be said. */
function disclosure({ values: { petition, disclosed = [] } }: Letter, catalogue: Catalogue): Block[] {
  const text = disclosedSentence(catalogue, disclosed, petition?.targets ?? []);
  return text === null ? [] : [{ kind: 'paragraph', text }];
}

function agreements({ values: { opt_ins: optIns = [] } }: Letter, lead: string): Block[] {
  if (optIns.length === 0) return [];
  return [
    { kind: 'paragraph', text: lead },
    ...optIns.map((optIn): Block => ({ kind: 'agreement', ...optIn })),
  ];
}

function links(
  { values: { link, code, subscriptions = [] } }: Letter,
  words: MailWords,
  { common }: Catalogue['mail'],
  values: object,
): Block[] {
  const blocks = subscriptions.map(({ organization, link }): Block => ({
    kind: 'link',
    label: organization,
    link,
  }));
  if (link !== undefined && words.button !== undefined) {
    const label = say(words.button, values);
    blocks.push({ kind: 'button', label, link, hint: say(common.link_hint, values) });
  }
  if (code !== undefined) {
    blocks.push({ kind: 'paragraph', text: say(common.code, values) }, { kind: 'code', text: code });
  }
  return blocks;
}

function footer({ template }: Letter, sender: Sender | null, { common }: Catalogue['mail']): Block[] {
  const blocks: Block[] = [];
  if (sender) {
    const { name, url, imprint } = sender;
    blocks.push({ kind: 'small', text: say(common.imprint, { organization: name }) });
    if (imprint) blocks.push({ kind: 'small', text: imprint });
    if (url) blocks.push({ kind: 'link', label: name, link: url });
  }
  // It says that anybody may have typed the address: a delivery is sent by an organization that has chosen it.
  if (template !== 'delivery') blocks.push({ kind: 'small', text: say(common.automatic) });
  return blocks;
}
