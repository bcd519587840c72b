import type { FrozenVariant, MailingContent, VariantContent } from '../../../schema/db/tables/mailings.js';
import type {
  Campaigner,
  Partner,
  Reference,
  ShareText,
  Target,
} from '../../../schema/db/tables/petitions.js';
import type { Network } from '../../../schema/db/tables/sharing.js';

/** All that a mailing is made of, without its recipients. */
export type MailingSource = {
  name: string;
  countClicks: boolean;
  testShare: number;
  organization: {
    name: string;
    url: string | null;
    imprint: string | null;
    locale: string;
    color: string | null;
    replyTo: string | null;
  };
  petition: PetitionSource | null;
  content: MailingContent;
  variants: VariantSource[];
};

export type PetitionSource = {
  title: string;
  callToAction: string | null;
  statement: string;
  targets: Target[];
  references: Reference[];
  campaigner: Campaigner | null;
  partners: Partner[];
  shareTexts: ShareText[];
  /** The links that its share lines share, for everybody the same; absent in previews and tests, which count nothing. */
  shareLinks?: SharedLink[];
  locale: string;
  /** Its texts in other languages; absent: there are none. */
  translations?: Record<string, TranslatedSource>;
  /** Its page, without a token. */
  url: string;
};

/** What a text of the mailing in this language says of the petition. */
export type TranslatedSource = Pick<PetitionSource, 'title' | 'callToAction' | 'statement' | 'shareTexts'>;

/** The networks of share lines. */
export const SHARED_ON = ['facebook', 'x', 'whatsapp', 'bluesky'] as const satisfies readonly Network[];

/** A share link that is made when the mailing begins. */
export type SharedLink = { network: Network; code: string; url: string; text: string | null };

export type VariantSource = { key: number; name: string; handle: Buffer; content: VariantContent };

/** A mailing as it is sent, and what should be known about it. */
export type CompiledMailing = { variants: CompiledVariant[]; findings: Finding[] };

export type CompiledVariant = {
  key: number;
  name: string;
  frozen: FrozenVariant;
  /** Its links, in their order. `url` null: to the petition, with the token of the recipient. */
  links: { code: string; url: string | null }[];
};

export type Compile = (source: MailingSource) => Promise<CompiledMailing>;

/** Something about a mailing that its writer should know. Errors keep it from being sent. */
export type Finding = {
  code: string;
  severity: 'error' | 'warning';
  /** What is the matter and what to do, in words. */
  detail: string;
  where: FindingPlace;
};

/** Null: all of them. */
export type FindingPlace = {
  variant: string | null;
  locale: string | null;
  part: 'subject' | 'preview' | 'markdown' | 'html' | 'sender' | 'domain' | 'mailing';
};
