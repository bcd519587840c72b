import type { Preview } from '../../core/mailings/previewing.js';
import type { Compile, MailingSource } from '../../core/mailings/source.js';
import { localeFor } from './best-locale.js';
import { checkCampaign, type CheckOptions } from './check.js';
import { compileMailing, type CompileOptions } from './compile.js';
import { exampleEml } from './example-eml.js';
import { renderHtml, renderSubject, renderText } from './liquid.js';

/** What routes need of the making of mailings. */
export type Campaign = {
  compile: Compile;
  preview: (preview: Preview) => Promise<RenderedPreview>;
  check: (source: MailingSource, dkimSelector: string | undefined) => ReturnType<typeof checkCampaign>;
};

export type RenderedPreview = {
  locale: string;
  sender: string;
  subject: string;
  html: string;
  text: string;
  eml: Buffer;
};

export type CampaignOptions = CompileOptions & CheckOptions;

export const createCampaign = (options: CampaignOptions): Campaign => ({
  compile: (source) => compileMailing(source, options),
  preview: (preview) => renderPreview(preview, options),
  check: (source, dkimSelector) => checkCampaign(compileMailing(source, options), options, dkimSelector),
});

async function renderPreview(
  { source, recipient, links }: Preview,
  options: CampaignOptions,
): Promise<RenderedPreview> {
  const [variant] = compileMailing(source, options).variants;
  if (!variant) throw new Error('a mailing has no variant');
  const { frozen } = variant;
  const locale = localeFor(frozen, recipient.locale);
  const text = frozen.locales[locale] ?? NOTHING;
  const values = {
    first_name: recipient.firstName,
    name: recipient.name,
    email: recipient.email,
    country: recipient.country,
    locale,
    petition_url: links.petition,
    unsubscribe_url: links.unsubscribe,
    manage_url: links.manage,
  };
  const parts = {
    sender: frozen.senderName,
    subject: renderSubject(text.subject, values),
    html: renderHtml(text.html, values),
    text: renderText(text.text, values),
  };
  const mail = { ...parts, to: recipient.email, replyTo: frozen.replyTo, lang: locale };
  const eml = await exampleEml({ ...mail, oneClickUrl: links.oneClick }, options.from);
  return { ...parts, locale, eml };
}

/** Nothing was written yet. */
const NOTHING = { subject: '', html: '', text: '' };
