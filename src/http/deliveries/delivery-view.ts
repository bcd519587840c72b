import type { DeliveryUse } from '../../core/deliveries/delivery-links.js';
import { isHandedOver, type DeliveryView, type Preview } from '../../core/deliveries/deliveries.js';
import type { Locales } from '../../mail/locales.js';
import { say } from '../../mail/words.js';
import { dayIn, numberIn } from '../../written.js';
import { iso } from '../case.js';

/* Deliveries as the API shows them. */

export const receiptOf = (view: DeliveryView) =>
  view.acknowledgedBy === null || view.acknowledgedOn === null
    ? null
    : {
        count: view.acknowledgedCount,
        text: view.acknowledgedText,
        on: view.acknowledgedOn,
        by: view.acknowledgedBy,
      };

export const toSummary = (view: DeliveryView) => ({
  id: view.publicId,
  petition_id: view.petitionId,
  state: view.state,
  recipient: view.recipient,
  letter: view.letter === '' ? null : view.letter,
  locale: view.locale,
  columns: view.columns,
  group_by: view.groupBy,
  formats: view.formats,
  page_size: view.pageSize,
  lines_per_volume: view.linesPerVolume,
  after: view.afterId,
  encrypt_to: view.encryptTo,
  cut_at: iso(view.cutAt),
  counts: view.counts,
  failure: view.failure,
  ready_at: iso(view.readyAt),
  files_deleted_at: iso(view.filesDeletedAt),
  method: view.method,
  sent_at: iso(view.sentAt),
  email: view.email,
  link_days: view.linkDays,
  handed_over_on: view.handedOverOn,
  place: view.place,
  photo_url: view.photoUrl,
  note: view.note,
  opened_at: iso(view.openedAt),
  receipt: receiptOf(view),
  cancelled_at: iso(view.cancelledAt),
  created_at: iso(view.createdAt),
  updated_at: iso(view.updatedAt),
});

/** What the organization can mail to those who signed: a subject and a text in the language of the petition. */
function announcementOf(view: DeliveryView, locales: Locales) {
  if (!isHandedOver(view) || view.sentAt === null) return null;
  const { announcement: words, locale } = locales.pick(view.petition.locale);
  const { total: number } = view.counts;
  const on = view.handedOverOn === null ? view.sentAt : new Date(`${view.handedOverOn}T00:00:00Z`);
  const values = {
    petition: view.petition,
    recipient: view.recipient.name,
    number,
    signatures: numberIn(locale, number),
    date: dayIn(locale, on),
  };
  const received = view.acknowledgedAt === null ? [] : [say(words.received, values)];
  return {
    locale,
    subject: say(words.subject, values),
    text: [say(words.text, values), ...received].join('\n\n'),
  };
}

type Whole = { view: DeliveryView; preview: Preview | null; uses: readonly DeliveryUse[] };

export const toDelivery = (locales: Locales, { view, preview, uses }: Whole) => ({
  ...toSummary(view),
  sums: view.sums,
  preview: preview && {
    lines: preview.entries.map(({ publicId, line }) => ({
      signature_id: publicId,
      name: line?.name ?? null,
      country: line?.country ?? null,
      date: line?.date ?? null,
      comment: line?.comment ?? null,
      partner: line?.partner ?? null,
    })),
    weeded: preview.weeded,
  },
  files: view.files ?? [],
  proof:
    view.manifest === null ||
    view.manifestSha256 === null ||
    view.signature === null ||
    view.keyId === null ||
    view.root === null ||
    view.timestamp === null
      ? null
      : {
          manifest: view.manifest,
          manifest_sha256: view.manifestSha256,
          signature: view.signature,
          key_id: view.keyId,
          root: view.root,
          timestamp: view.timestamp,
        },
  announcement: announcementOf(view, locales),
  uses: uses.map(({ what, file, at }) => ({ what, file, at: iso(at) })),
});

/** What everyone can read: no address, no letter, and no hash of a file, from which the name in a short list could be guessed. */
export const toPublic = (view: DeliveryView) => ({
  id: view.publicId,
  recipient: view.recipient,
  counts: view.counts,
  after: view.afterId,
  cut_at: iso(view.cutAt),
  sent_at: iso(view.sentAt) as string,
  method: view.method ?? ('mail' as const),
  handed_over_on: view.handedOverOn,
  place: view.place,
  photo_url: view.photoUrl,
  note: view.note,
  manifest_sha256: view.manifestSha256 ?? '',
  root: view.root ?? '',
  receipt: receiptOf(view),
});
