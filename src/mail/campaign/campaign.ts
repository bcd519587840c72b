import { Resolver } from 'node:dns/promises';
import type { Preview } from '../../core/mailings/previewing.js';
import type { Compile, Finding, MailingSource } from '../../core/mailings/source.js';
import { checkCampaign, type CheckOptions } from './check.js';
import type { CompileOptions } from './compile.js';
import { signingOf, type DkimSettings } from './dkim.js';

/** What routes need of the making of mailings. */
export type Campaign = {
  compile: Compile;
  preview: (preview: Preview) => Promise<RenderedPreview>;
  /** `known`: what was found already. `dkimSelector`: of the key of the mail server. */
  check: (
    source: MailingSource,
    known: readonly Finding[],
    dkimSelector: string | undefined,
  ) => ReturnType<typeof checkCampaign>;
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

export function createCampaign(options: CampaignOptions): Campaign {
  const compile = compileWith(options);
  return {
    compile,
    preview: (preview) => renderPreview(preview, options),
    check: async (source, known, dkimSelector) => {
      const { findings } = await compile(source);
      return checkCampaign([...known, ...findings], options, dkimSelector);
    },
  };
}

/** What compiles is large, and loaded with the first mailing: most processes never write one. */
export const compileWith =
  (options: CompileOptions): Compile =>
  async (source) => {
    const { compileMailing } = await import('./compile.js');
    return compileMailing(source, options);
  };

async function renderPreview(preview: Preview, options: CampaignOptions): Promise<RenderedPreview> {
  const [{ personalize }, { exampleEml }] = await Promise.all([
    import('./personalized.js'),
    import('./example-eml.js'),
  ]);
  const { replyTo, ...shown } = personalize(preview, options);
  const { recipient, links } = preview;
  const mail = { ...shown, replyTo, to: recipient.email, lang: shown.locale, oneClickUrl: links.oneClick };
  return { ...shown, eml: await exampleEml(mail, options.from) };
}

const DNS_MS = 3000;

type Settings = {
  config: { publicUrl: string; MAIL_FROM?: string } & Partial<DkimSettings>;
  resolver?: CampaignOptions['resolver'];
};

export const campaignOf = ({ config, resolver }: Settings, locales: CampaignOptions['locales']): Campaign =>
  createCampaign({
    publicUrl: config.publicUrl,
    locales,
    from: config.MAIL_FROM ?? 'petitions@localhost',
    resolver: resolver ?? new Resolver({ timeout: DNS_MS, tries: 2 }),
    signing: signingOf(config),
  });
