import type { FrozenText, MailingText } from '../../../schema/db/tables/mailings.js';
import type { MailingSource } from '../../core/mailings/source.js';
import { escapeHtml } from '../../escape-html.js';
import type { Catalogue } from '../catalogue.js';
import { cleanLines } from '../plain-text.js';
import { headerLine } from '../header-line.js';
import type { Budget } from './budget.js';
import { directionOf } from './direction.js';
import type { FindingPlace } from '../../core/mailings/source.js';
import type { Report } from './finding.js';
import { assertBearable, TooComplex } from './inline.js';
import { toPage } from './layout.js';
import { leadLinks, type LinkBook } from './links.js';
import { fromHtml, fromMarkdown, takeNotes } from './markup.js';
import { blockHtml, type BlockValues } from './petition-blocks.js';
import { CONDITION_OPEN, MARK, Marks, protect, type BlockName, type Mark, type Scope } from './protect.js';
import { References } from './references.js';
import { surroundingsAt } from './surroundings.js';
import { toTextPart } from './text-part.js';

/* One text of a mailing, in one language, as templates whose only open places are values of the recipient. */

export type TextJob = {
  source: MailingSource;
  text: MailingText;
  locale: string;
  mail: Catalogue['mail'];
  links: LinkBook;
  /** Of the whole mailing. */
  budget: Budget;
  /** Notes something about a part of the text. */
  about: (part: FindingPlace['part']) => Report;
};

type Tools = TextJob & { marks: Marks; scope: Scope };

/** A text that is too large or too complex is named, and its body left out. */
export function compileText(job: TextJob): FrozenText {
  try {
    const compiled = compileWhole(job);
    job.budget.spend(job.text, compiled.html);
    return compiled;
  } catch (error) {
    // Elements in elements by the thousand end in a RangeError.
    if (!(error instanceof TooComplex || error instanceof RangeError)) throw error;
    job.budget.spendMost();
    const detail =
      'The body is too large or too complex: use fewer elements, fewer rules in style sheets, and fewer elements in elements.';
    job.about(typeof job.text.html === 'string' ? 'html' : 'markdown')('error', 'too_complex', detail);
    return compileWhole({ ...job, text: { ...job.text, html: null, markdown: '' } });
  }
}

function compileWhole(job: TextJob): FrozenText {
  const { text, locale, source } = job;
  const tools = { ...job, marks: new Marks(), scope: scopeOf(job) };
  const { marks } = tools;
  const line = (part: 'subject' | 'preview', said: string): string =>
    headerLine(protect(said, { ...tools, report: job.about(part), inline: true }), 1000);
  const subject = line('subject', text.subject);
  const preview = line('preview', text.preview ?? '');
  const isOwn = typeof text.html === 'string';
  const body = isOwn
    ? compileBody(text.html as string, 'html', tools)
    : compileBody(text.markdown ?? '', 'markdown', tools);
  // Where both are written, the text part comes from the Markdown.
  const plain = isOwn && text.markdown ? compileBody(text.markdown, 'markdown', tools) : body;
  const dir = directionOf(locale);
  const color = source.organization.color;
  const page = toPage({ body, subject, preview, locale, dir, color, own: isOwn });
  return {
    dir,
    subject: put(subject, marks, inText, '{\u2060'),
    html: put(page, marks, inHtml, '{&#8288;'),
    text: put(toTextPart(plain), marks, inText, '{\u2060'),
  };
}

const scopeOf = ({ source: { petition, organization }, mail }: TextJob): Scope => ({
  hasPetition: petition !== null,
  statics: {
    'petition.title': petition?.title ?? null,
    'petition.statement': petition?.statement ?? null,
    'petition.call_to_action': petition ? (petition.callToAction ?? petition.title) : null,
    'organization.name': organization.name,
    'campaigner.name': petition?.campaigner?.name ?? null,
    'campaigner.role': petition?.campaigner?.role ?? null,
  },
  fallback: { name: mail.campaign.friend, country: mail.campaign.your_country },
});

/** The body with blocks, references, footer and final links; marks stand only for values of the recipient and words. */
function compileBody(written: string, part: 'markdown' | 'html', tools: Tools): string {
  const { marks, source } = tools;
  const report = tools.about(part);
  const { text, notes } = takeNotes(written);
  const marked = protect(text, { ...tools, report });
  const made = part === 'html' ? fromHtml(marked, report) : fromMarkdown(apart(marked, marks), report);
  const html = unwrapped(settled(bare(made, { marks, report }), { marks, report }), marks);
  const references = new References(notes, source.petition?.references ?? [], { ...tools, report });
  const has = (name: BlockName) =>
    marks.alwaysHas(
      html,
      (mark, at) => isBlock(mark, name) && (name !== 'footer' || surroundingsAt(html, at).isSeen),
    );
  const cited = marks.fill(html, (mark, whole) =>
    mark.kind === 'note' ? references.cite(mark.label) : whole,
  );
  const values = valuesOf(marks);
  const block = (name: BlockName, label: string | null = null, background: string | null = null) =>
    blockHtml(name, label, {
      ...tools,
      values,
      background,
      references: (heading) => references.list(heading),
    });
  const filled = marks.fill(cited, (mark, whole, at) =>
    mark.kind === 'block' ? block(mark.name, mark.label, backgroundFor(mark, cited, at)) : whole,
  );
  const hasFooter = has('footer');
  const end = [
    references.areCited && !has('references') ? block('references') : '',
    hasFooter ? '' : block('footer'),
  ];
  if (!hasFooter) noteLost(html, { marks, report });
  if (filled.replace(/<[^>]*>/g, '').trim() === '') {
    report('error', 'body_missing', 'The body says nothing: write markdown or html.');
  }
  const whole = filled + end.join('');
  assertBearable(whole);
  return leadLinks(whole, (href, isSaid) =>
    leadOf(href, { ...tools, report, petition: values.petitionUrl, isSaid }),
  );
}

const isBlock = (mark: Mark, name: BlockName): boolean => mark.kind === 'block' && mark.name === name;

/** Only the footer has small, pale text. */
const backgroundFor = (mark: Mark, html: string, at: number): string | null =>
  isBlock(mark, 'footer') ? surroundingsAt(html, at).background : null;

/** A footer that was written, and does not count. */
function noteLost(html: string, { marks, report }: Judge): void {
  let isWritten = false;
  marks.fill(html, (mark, whole) => {
    isWritten ||= isBlock(mark, 'footer');
    return whole;
  });
  if (!isWritten) return;
  const detail =
    'The footer stands inside of a condition, or where not everybody can see it, so there is another at the end: write [[footer]] outside of conditions, and not into paragraphs, links, or narrow or shifted elements.';
  report('warning', 'footer_added', detail);
}

type Judge = { marks: Marks; report: Report };

/** Inside of tags, values can stand in attributes; blocks, notes and conditions cannot. */
const bare = (html: string, { marks, report }: Judge): string =>
  html.replace(/<[^>]*>/g, (tag) =>
    marks.fill(tag, (mark, whole) => {
      if (mark.kind === 'words' || (mark.kind === 'liquid' && !mark.tag)) return whole;
      const detail =
        'A condition, block or note stands inside of a tag, as in href="{% if … %}": write it around the whole element.';
      report('error', 'mark_in_tag', detail);
      return '';
    }),
  );

/** Comments and style sheets that were left out may have held one end of a condition. */
function settled(html: string, { marks, report }: Judge): string {
  const inside = marks.inConditions(html);
  if (inside === undefined) {
    report('error', 'condition_open', CONDITION_OPEN);
    return marks.withoutConditions(html);
  }
  if (/<img\b/i.test(inside)) {
    const detail = 'A picture inside of a condition tells its server for whom it holds: leave it out.';
    report('error', 'pixel', detail);
  }
  return html;
}

const BLOCKS_IN_TEXT = ['coalition'];

/** In Markdown each block is a paragraph of its own, wherever it was written. */
const apart = (text: string, marks: Marks): string =>
  marks.fill(text, (mark, whole) =>
    mark.kind === 'block' && !BLOCKS_IN_TEXT.includes(mark.name) ? `\n\n${whole}\n\n` : whole,
  );

/** Paragraphs that hold nothing but a block, or the beginning or end of a condition, are none. */
const unwrapped = (html: string, marks: Marks): string =>
  html.replace(/<(p|div)\b[^>]*>((?:\s*\ue000\d+\ue001\s*)+)<\/\1>/g, (whole, _name, inside: string) => {
    const all = [...inside.matchAll(MARK)].map(([one]) => marks.only(one));
    const stand = all.every(
      (mark) =>
        (mark?.kind === 'block' && !BLOCKS_IN_TEXT.includes(mark.name)) ||
        (mark?.kind === 'liquid' && mark.tag),
    );
    return stand ? inside.trim() : whole;
  });

function valuesOf(marks: Marks): BlockValues {
  const value = (name: string, link: boolean): string =>
    marks.add({ kind: 'liquid', source: `{{ ${name} }}`, tag: false, link });
  return {
    petitionUrl: value('petition_url', true),
    unsubscribeUrl: value('unsubscribe_url', true),
    manageUrl: value('manage_url', true),
    email: value('email', false),
  };
}

type Lead = Tools & { report: Report; petition: string; isSaid: boolean };

function leadOf(href: string, { marks, links, ...rest }: Lead): string | undefined {
  const mark = marks.only(href);
  // A value that is no link cannot be an address.
  const isLink = mark === undefined || (mark.kind === 'liquid' && mark.link);
  return links.lead(isLink ? href : `${href} `, rest);
}

/** A text with its marks put back, in which nothing else reads as Liquid. */
const put = (text: string, marks: Marks, how: (mark: Mark) => string, apart: string): string =>
  marks.fill(text.replace(/\{(?=[{%\ue000])/g, apart), how);

const inHtml = (mark: Mark): string =>
  mark.kind === 'words'
    ? harmless(cleanLines(mark.text).map(escapeHtml).join('<br>'), '{&#8288;')
    : inText(mark);

function inText(mark: Mark): string {
  if (mark.kind === 'liquid') return mark.source;
  return mark.kind === 'words' ? harmless(cleanLines(mark.text).join('\n'), '{\u2060') : '';
}

const harmless = (text: string, apart: string): string => text.replace(/\{(?=[{%]|$)/g, apart);
