import { eq } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import { issueDeliveryLink } from '../deliveries/delivery-links.js';
import { isHandedOver } from '../deliveries/deliveries.js';
import { parseEmail } from '../email.js';
import type { OutboxRow } from '../mail/outbox.js';
import { DAY_MS } from '../../time.js';
import { dayIn, numberIn } from '../../written.js';
import type { Addressee, Draft, Drop, Plan } from './draft.js';

/** Whom the mail of a delivery goes to; undefined: it was not sent after all. */
export async function deliveryAddressee(tx: Tx, { deliveryKey }: OutboxRow): Promise<Addressee | undefined> {
  if (deliveryKey === null) return undefined;
  const { deliveries: t, petitions } = tx.tables;
  const [row] = await tx.db
    .select({ email: t.email, organizationKey: t.organizationKey, test: petitions.test })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.key, deliveryKey));
  const address = row?.email ? parseEmail(row.email) : undefined;
  return (
    row &&
    address && {
      key: null,
      identity: address.identity,
      delivery: address.delivery,
      provenAt: null,
      testOrganizationKey: row.test === 1 ? row.organizationKey : null,
    }
  );
}

/** A delivery, to those whom the petition addresses: the letter, and a link to the files. */
export async function deliveryLetter({
  ctx,
  tx,
  mail,
  random,
}: Omit<Draft, 'supporter'>): Promise<Plan | Drop> {
  const { deliveries: t, petitions } = tx.tables;
  const [row] = await tx.db
    .select({ delivery: t, petition: petitions })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.key, mail.deliveryKey ?? 0));
  if (!row || !isHandedOver(row.delivery) || row.delivery.method !== 'mail') return { drop: 'not_sent' };
  const { delivery, petition } = row;
  return {
    template: 'delivery',
    locale: delivery.locale,
    organizationKey: delivery.organizationKey,
    async fill() {
      const token = await issueDeliveryLink(tx, delivery, random.token);
      const date = (instant: Date) => dayIn(delivery.locale, instant);
      return {
        link: ctx.links.delivery(token),
        petition: {
          title: petition.title,
          statement: petition.statement,
          url: ctx.links.petition(petition),
        },
        letter: delivery.letter === '' ? null : delivery.letter,
        recipient: delivery.recipient.name,
        number: delivery.counts.total,
        signatures: numberIn(delivery.locale, delivery.counts.total),
        date: date(delivery.cutAt),
        expires: date(new Date(tx.now.getTime() + (delivery.linkDays ?? 0) * DAY_MS)),
      };
    },
  };
}
