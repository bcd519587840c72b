import type { Context } from '../../core/context.js';
import { verpAddress } from '../../core/links/verp.js';
import { firstNameOf } from '../../core/names.js';
import { petitionUrl } from '../../core/mailings/mailing-links.js';
import { linkSigner, type PersonalLinks } from '../../core/mailings/personal-links.js';
import type { SentMailing, SentVariant } from '../../core/sending/open-mailings.js';
import type { Person } from '../../core/sending/wire-check.js';
import { localeFor } from './best-locale.js';
import { createHeaders } from './headers.js';
import { cleanValues } from './liquid.js';
import { createBody, type SpliceValues } from './splice.js';
import type { Envelope } from './wire.js';

/* From a recipient to the mail as it goes over the wire. */

export type ComposeOptions = {
  ctx: Context;
  /** MAIL_FROM */
  from: string;
  /** MAIL_BOUNCE_ADDRESS; empty: bounces go to MAIL_FROM. */
  bounceAddress: string;
};

export type Composed = { envelope: Envelope; message: Buffer; messageId: string };

/** Makes the mails of one mailing. Throws if a text of it cannot be used. */
export async function createComposer(
  { ctx, from, bounceAddress }: ComposeOptions,
  mailing: SentMailing,
): Promise<(person: Person) => Composed> {
  const links = await linkSigner(ctx);
  const makers = new Map(
    [...mailing.variants].map(([key, variant]) => [key, variantMaker(ctx, from, mailing, variant)]),
  );
  return (person) => {
    const make = makers.get(person.variantKey ?? 0);
    const variant = mailing.variants.get(person.variantKey ?? 0);
    if (!make || !variant) throw new Error('a recipient without a variant');
    const personal = links(person, variant.handle);
    const messageId = ctx.secrets.mailingMessageId(person.key);
    const sender = bounceAddress === '' ? from : verpAddress(ctx, bounceAddress, person.key);
    return {
      envelope: { from: sender, to: person.to },
      message: make(person, personal, messageId),
      messageId,
    };
  };
}

type Make = (person: Person, personal: PersonalLinks, messageId: string) => Buffer;

function variantMaker(ctx: Context, from: string, mailing: SentMailing, variant: SentVariant): Make {
  const { frozen } = variant;
  if (!frozen) throw new Error('a variant without its text');
  const letterhead = {
    from,
    variantId: variant.publicId,
    mailingId: mailing.publicId,
    organization: mailing.organization,
    host: new URL(ctx.links.origin).hostname,
  };
  const texts = new Map(
    Object.entries(frozen.locales).map(([locale, text]) => [
      locale,
      {
        headers: createHeaders(letterhead, frozen, { locale, subject: text.subject }),
        body: createBody(text),
      },
    ]),
  );
  const toPetition = petitionLink(ctx, mailing, variant);
  return (person, personal, messageId) => {
    const locale = localeFor(frozen, person.locale);
    const text = texts.get(locale);
    if (!text) throw new Error('a variant without its default language');
    const values = valuesOf(person, locale, personal, toPetition(personal.recogniseToken));
    const addressed = { to: person.to, messageId, oneClickUrl: personal.oneClickUrl, at: ctx.now(), values };
    const head = `${text.headers(addressed)}${text.body.headers}\r\n`;
    const parts = [Buffer.from(head)];
    text.body.write(values, parts);
    return Buffer.concat(parts);
  };
}

/** Makes the recipient's own link to the petition; empty: the mailing is about none. */
function petitionLink(
  ctx: Context,
  { petition, source }: SentMailing,
  { petitionCode }: SentVariant,
): (token: string) => string {
  if (petitionCode !== null) return (token) => ctx.links.click(petitionCode, token);
  if (petition === null) return () => '';
  const page = ctx.links.petition(petition);
  return (token) => petitionUrl(page, token, source);
}

function valuesOf(person: Person, locale: string, personal: PersonalLinks, petition: string): SpliceValues {
  const { name, givenName, email, country } = person;
  return cleanValues({
    first_name: firstNameOf({ givenName, name, locale: person.locale }),
    name,
    email,
    country,
    locale,
    petition_url: petition,
    unsubscribe_url: personal.unsubscribeUrl,
    manage_url: personal.manageUrl,
  });
}
