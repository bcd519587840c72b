import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  FrozenText,
  FrozenVariant,
  MailingText,
  VariantContent,
} from '../../../schema/db/tables/mailings.js';
import type {
  CompiledMailing,
  CompiledVariant,
  Finding,
  MailingSource,
  VariantSource,
} from '../../core/mailings/source.js';
import type { Locales } from '../locales.js';
import { closestOf } from '../../core/closest-locale.js';
import { localeFor } from './best-locale.js';
import { Budget } from './budget.js';
import { compileText } from './compile-text.js';
import { Findings } from './finding.js';
import { judgeMailing } from './judge-mailing.js';
import { renderHtml, renderSubject, type RecipientValues } from './liquid.js';
import { LinkBook } from './links.js';
import { inLanguage } from './petition-texts.js';
import { withoutMarks } from './protect.js';

/** What compiling needs to know of this server. */
export type CompileOptions = { publicUrl: string; locales: Pick<Locales, 'pick'> };

/**
 * The variants of a mailing as they are sent, with everything that should be known about their texts. The same source
 * gives the same. Texts that have errors are compiled as far as they can be. Others get their turn between two texts.
 */
export async function compileMailing(
  given: MailingSource,
  options: CompileOptions,
): Promise<CompiledMailing> {
  const source = plainSource(given);
  const tools = { source, options, findings: new Findings(), budget: new Budget() };
  const variants: CompiledVariant[] = [];
  for (const variant of source.variants) variants.push(await compileVariant(variant, tools));
  const { findings, budget } = tools;
  if (budget.isExceeded) {
    const detail =
      'All texts together are too large or too complex: use fewer variants or languages, or fewer elements in each text.';
    const where = { variant: null, locale: null, part: 'mailing' as const };
    findings.add({ code: 'mailing_too_complex', severity: 'error', detail, where });
  } else {
    for (const one of judgeMailing(source, variants)) findings.add(one);
  }
  return { variants, findings: findings.all };
}

/** One text of the first variant, in the language for one recipient; undefined: nothing is written yet. */
export function compileFor(
  given: MailingSource,
  wanted: string | null,
  options: CompileOptions,
): Omit<FrozenVariant, 'locales' | 'defaultLocale'> & { locale: string; text: FrozenText | undefined } {
  const source = plainSource(given);
  const [variant] = source.variants;
  if (!variant) throw new Error('a mailing has no variant');
  const { texts, defaultLocale, ...head } = headOf(source, variant);
  const locale = localeFor({ locales: texts, defaultLocale }, wanted);
  const text = texts[locale];
  if (!text) return { ...head, locale, text: undefined };
  const { mail } = options.locales.pick(locale);
  const links = linkBookOf(source, variant, options);
  const job = {
    source: inLanguage(source, locale),
    text,
    locale,
    mail,
    links,
    budget: new Budget(),
    about: () => () => undefined,
  };
  return { ...head, locale, text: compileText(job) };
}

const plainSource = (given: MailingSource): MailingSource => ({
  ...given,
  organization: plainOf(given.organization),
  petition: plainOf(given.petition),
});

/** What others have written, which nothing in it can make a mark. */
const plainOf = <T>(said: T): T => JSON.parse(withoutMarks(JSON.stringify(said))) as T;

const linkBookOf = (
  { countClicks, petition }: MailingSource,
  { handle }: VariantSource,
  { publicUrl }: CompileOptions,
): LinkBook => new LinkBook({ publicUrl, countClicks, handle, petitionUrl: petition?.url ?? null });

/** What a variant is sent with besides its compiled texts. */
function headOf(source: MailingSource, variant: VariantSource) {
  const { content, organization } = source;
  const texts = textsOf(content.texts, variant.content);
  return {
    senderName: variant.content.senderName ?? content.senderName ?? organization.name,
    replyTo: content.replyTo ?? organization.replyTo,
    defaultLocale: defaultLocaleOf(source, Object.keys(texts)),
    texts,
  };
}

type Tools = { source: MailingSource; options: CompileOptions; findings: Findings; budget: Budget };

/** Texts beyond the bounds of the whole mailing are left out. */
async function compileVariant(
  variant: VariantSource,
  { source, options, findings, budget }: Tools,
): Promise<CompiledVariant> {
  const links = linkBookOf(source, variant, options);
  const { texts, ...head } = headOf(source, variant);
  const frozen: FrozenVariant = { ...head, locales: {} };
  const named = source.variants.length > 1 ? variant.name : null;
  for (const [locale, text] of Object.entries(texts)) {
    await nextTurn();
    if (budget.isExceeded) break;
    const { mail } = options.locales.pick(locale);
    const say: Say = (part) => (severity, code, detail) =>
      findings.add({ code, severity, detail, where: { variant: named, locale, part } });
    const spoken = inLanguage(source, locale);
    const compiled = compileText({ source: spoken, text, locale, mail, links, budget, about: say });
    frozen.locales[locale] = compiled;
    judge(text, compiled, locale, say);
  }
  if (Object.keys(texts).length === 0) {
    const detail = 'Nothing is written yet: send texts with a subject and a body.';
    const where = { variant: named, locale: null, part: 'mailing' as const };
    findings.add({ code: 'text_missing', severity: 'error', detail, where });
  }
  return { key: variant.key, name: variant.name, frozen, links: links.all };
}

/**
 * The texts of a variant: the mailing's, with what the variant says differently. Its body is one of its own as a whole:
 * Markdown of the variant beside HTML of the mailing would not say the same.
 */
export function textsOf(
  own: Readonly<Record<string, MailingText>>,
  { texts: changes = {} }: VariantContent,
): Record<string, MailingText> {
  const all = [...new Set([...Object.keys(own), ...Object.keys(changes)])];
  return Object.fromEntries(
    all.map((locale) => {
      const [base, change] = [own[locale], changes[locale] ?? {}];
      const isBody = change.markdown != null || change.html != null;
      const body = isBody ? { markdown: null, html: null } : {};
      return [locale, { subject: '', ...base, ...body, ...said(change) }];
    }),
  );
}

const said = (change: Partial<MailingText>): Partial<MailingText> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));

function defaultLocaleOf({ content, petition, organization }: MailingSource, written: string[]): string {
  const wanted = content.defaultLocale ?? petition?.locale ?? organization.locale;
  return closestOf(written, wanted) ?? written[0] ?? organization.locale;
}

/** Gmail cuts longer mails off, and with them the link to unsubscribe. */
const LARGEST = 102_000;
const LONG_SUBJECT = 70;

type Say = (part: Finding['where']['part']) => (...said: [Finding['severity'], string, string]) => unknown;

function judge(
  text: MailingText,
  compiled: { subject: string; html: string },
  locale: string,
  say: Say,
): void {
  const subject = renderSubject(compiled.subject, exampleValues(locale));
  if (subject === '') say('subject')('error', 'subject_missing', 'Write a subject.');
  else if ([...subject].length > LONG_SUBJECT) {
    const detail = `The subject has ${[...subject].length} characters: telephones show about 40, others about ${LONG_SUBJECT}.`;
    say('subject')('warning', 'subject_long', detail);
  }
  if (!text.preview) {
    const detail = 'Without a preview text, mail programs show the beginning of the body beside the subject.';
    say('preview')('warning', 'preview_missing', detail);
  }
  const bytes = Buffer.byteLength(renderHtml(compiled.html, exampleValues(locale)));
  if (bytes > LARGEST) {
    const detail = `The HTML has ${Math.ceil(bytes / 1000)} kB: Gmail cuts off what is beyond 102, and with it the unsubscribe link.`;
    say(text.html ? 'html' : 'markdown')('error', 'too_large', detail);
  }
}

/** Links as long as real ones. */
const exampleValues = (locale: string): RecipientValues => ({
  first_name: 'Katy',
  name: 'Katy Example',
  email: 'katy.example@example.org',
  country: 'NL',
  locale,
  petition_url: `https://petitions.example/l/${'x'.repeat(11)}/${'x'.repeat(67)}`,
  unsubscribe_url: `https://petitions.example/unsubscribe?token=${'x'.repeat(67)}`,
  manage_url: `https://petitions.example/manage?token=${'x'.repeat(67)}`,
});
