import type { CompiledVariant, Finding, MailingSource } from '../../core/mailings/source.js';

/** What should be known about a mailing as a whole, besides its texts and what `readiness.ts` knows. */
export function judgeMailing(
  { organization, content, testShare }: MailingSource,
  variants: readonly CompiledVariant[],
): Finding[] {
  const findings: Finding[] = [];
  const say = (
    severity: Finding['severity'],
    code: string,
    detail: string,
    part: Finding['where']['part'] = 'mailing',
  ) => findings.push({ code, severity, detail, where: { variant: null, locale: null, part } });
  if (!organization.imprint) {
    const detail =
      'Your organization has no imprint: in many countries a mailing has to say who is responsible, with an address.';
    say('warning', 'imprint_missing', detail, 'sender');
  }
  const written = Object.keys(content.texts);
  if (content.defaultLocale !== null && !written.includes(content.defaultLocale)) {
    say(
      'warning',
      'default_locale_missing',
      `There is no text in ${content.defaultLocale}, which is to be the language for all others.`,
    );
  }
  if (testShare < 100 && variants.length < 2) {
    say(
      'warning',
      'test_without_variants',
      'A share is to get a test, and there is one variant: everybody gets it at once.',
    );
  }
  const said = variants.map(wordsOf);
  const alike = variants.find((_, i) => said.indexOf(said[i] as string) < i);
  if (alike) {
    say(
      'warning',
      'variants_alike',
      `Variant ${alike.name} says the same as another: nothing can be learned from it.`,
    );
  }
  return findings;
}

/** What a variant says, apart from the codes of its links. */
function wordsOf({ frozen, links }: CompiledVariant): string {
  const places = new Map(links.map(({ code }, i) => [code, `link ${i}`]));
  return JSON.stringify(frozen).replace(
    /\/l\/([\w-]{11})/g,
    (whole, code: string) => places.get(code) ?? whole,
  );
}
