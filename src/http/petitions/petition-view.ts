import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Petition, PetitionSummary } from '../../../schema/api/petitions/petitions.js';
import { speaksFor, type Actor } from '../../core/actor.js';
import type { Context } from '../../core/context.js';
import { darkPageShade } from '../../core/organization/colors.js';
import { countsShownTo, type ShownCounts } from '../../core/partners/shown-counts.js';
import { disclosedNow } from '../../core/petitions/disclosures.js';
import { askedFields } from '../../core/petitions/own-fields.js';
import { isOpenAt, statusAt } from '../../core/petitions/petition-life.js';
import type { PetitionSummary as Listed } from '../../core/petitions/petition-list.js';
import type { PetitionView } from '../../core/petitions/petitions.js';
import { shownWords, type ShownWords } from '../../core/words/choosing-words.js';
import { PRIVATE_CACHE } from '../answers.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { toCounts } from '../counts/counts.js';

const toOrganization = ({ publicId, slug, name, url, ...rest }: PetitionView['organization']) => ({
  id: publicId,
  slug,
  name,
  url,
  imprint: rest.imprint,
  logo_url: rest.logoUrl,
  color: rest.color,
  color_dark: rest.color && darkPageShade(rest.color),
  privacy_url: rest.privacyUrl,
});

export function toSummary(
  { organization, ...petition }: Omit<Listed, 'key' | 'counts' | 'organizationKey'>,
  counts: ShownCounts,
  now: Date,
): PetitionSummary {
  return {
    id: petition.publicId,
    slug: petition.slug,
    status: statusAt(petition, now),
    open: isOpenAt(petition, now),
    test: petition.test === 1,
    title: petition.title,
    call_to_action: petition.callToAction,
    statement: petition.statement,
    targets: petition.targets,
    image: petition.image,
    locale: petition.locale,
    locales: petition.locales,
    page_url: petition.pageUrl,
    opens_at: iso(petition.opensAt),
    closes_at: iso(petition.closesAt),
    outcome: petition.outcome,
    organization: toOrganization(organization),
    counts: toCounts(counts, petition.goals),
    created_at: iso(petition.createdAt),
    published_at: iso(petition.publishedAt),
  };
}

/** A petition in the API. Members that only its lead organization may see are null for other callers. */
export function toPetition(
  { petition, organization, coalition, milestones, thresholds, responseCount }: PetitionView,
  words: readonly ShownWords[],
  counts: ShownCounts,
  { actor, now }: { actor: Actor; now: Date },
): Petition {
  const own = speaksFor(actor, petition.organizationKey);
  return {
    ...toSummary({ ...petition, organization }, counts, now),
    background: petition.background,
    background_html: petition.backgroundHtml,
    references: petition.references,
    campaigner: petition.campaigner,
    partners: coalition,
    form: { ...petition.form, discloses: disclosedNow(petition) },
    form_fields: askedFields(petition.formFields),
    goals: petition.goals,
    milestones: milestones.map(({ value, reachedAt }) => ({ value, reached_at: iso(reachedAt) })),
    thresholds: thresholds.map(({ reachedAt, ...rest }) => ({ ...rest, reached_at: iso(reachedAt) })),
    response_count: responseCount,
    words: words.map(({ locale, button, thanksHtml }) => ({ locale, button, thanks_html: thanksHtml })),
    share_texts: petition.shareTexts,
    share_split: petition.shareSplit,
    challenge: petition.challenge,
    origins: petition.origins,
    confirmation: petition.confirmation,
    response: petition.response,
    retention_days: petition.retentionDays,
    closed_at: iso(petition.closedAt ?? (statusAt(petition, now) === 'closed' ? petition.closesAt : null)),
    updated_at: iso(petition.updatedAt),
    external_id: own ? petition.externalId : null,
    metadata: own ? petition.metadata : null,
  };
}

/** Says in which languages an answer is, and that the request has chosen them where others could have been chosen. */
export function sayLanguages(
  reply: FastifyReply,
  petitions: readonly { locale: string; locales: readonly string[] }[],
): void {
  if (petitions.length === 0) return;
  reply.header('content-language', [...new Set(petitions.map(({ locale }) => locale))].join(', '));
  if (petitions.some(({ locales }) => locales.length > 1)) reply.header('vary', 'accept-language');
}

/** Sends the petition as the caller may see it, with the ETag for If-Match. */
export async function sendPetition(
  ctx: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  view: PetitionView,
) {
  const { actor } = request;
  const { key, version } = view.petition;
  const shown = await countsShownTo(ctx.store.read, actor, [view.petition]);
  const words = await shownWords(ctx.store.read, view.petition, view.organization);
  const body = toPetition(view, words, shown(key, view.counts), { actor, now: ctx.now() });
  return sendWithEtag(request, reply, PRIVATE_CACHE, body, version);
}
