import { makerFor } from './delivery-world.js';
import { desc, eq } from 'drizzle-orm';
import type { Test } from 'tap';
import type { Kind } from './feeding.js';
import { makePartner, publish, start, type CallOptions, type Engine, type TestApp } from './helper.js';
import { runningMailing } from './mailing-world.js';

/*
 * Four organizations, each with a thing of every kind, and each of these with a mark that is nowhere else. The partner
 * and the former partner have collected for the lead.
 */

/** The language of the example in the document. */
const TRANSLATED = 'de';

/** They change or need texts of a petition, so each has a petition of its own. */
const OWN_PETITION = [
  'transitionPetition',
  'deletePetitionWords',
  'getPetitionTranslation',
  'writePetitionTranslation',
  'deletePetitionTranslation',
];

export const GROUPS = ['lead', 'partner', 'former', 'stranger'] as const;
export type GroupName = (typeof GROUPS)[number];

/** Something that can be named in a request. `seenBy`: whose secret keys may be told of it. */
export type Thing = { kind: Kind; text: string; seenBy: readonly GroupName[]; isPublic: boolean };
/** A text that only some may ever read. */
export type Mark = { text: string; seenBy: readonly GroupName[] };

export type Group = Awaited<ReturnType<TestApp['organization']>> & {
  name: GroupName;
  publishable: string;
  openId: string;
  slug: string;
  textId: string;
};

export type World = {
  api: TestApp;
  groups: Record<GroupName, Group>;
  things: Thing[];
  marks: Mark[];
  /** A thing of a group that is its own to do with as it likes; made anew where it would be used up. */
  own: (group: Group, kind: Kind, operation: string) => Promise<string>;
  /** From now on groups may be told what they have said of signers themselves: they hear it when they name the address. */
  recallWords: () => void;
};

export async function startForeignWorld(t: Test, engine: Engine): Promise<World> {
  const api = await start(t, engine);
  const world = new Builder(api);
  for (const name of GROUPS) await world.found(name);
  await world.coalition();
  const { groups, things, marks } = world;
  const own: World['own'] = (...args) => world.own(...args);
  return { api, groups, things, marks, own, recallWords: () => world.recallWords() };
}

class Builder {
  readonly groups = {} as Record<GroupName, Group>;
  readonly things: Thing[] = [];
  readonly marks: Mark[] = [];
  /** What groups have said of signers that they may not be shown among signatures. */
  readonly #said: { name: GroupName; words: string }[] = [];
  #count = 0;

  constructor(private readonly api: TestApp) {}

  /** A new mark, which only these may read. */
  #mark(...seenBy: GroupName[]): string {
    const text = `mark${(this.#count += 1)}q`;
    this.marks.push({ text, seenBy });
    return text;
  }

  #thing(kind: Kind, text: string, seenBy: readonly GroupName[], isPublic = false): string {
    this.things.push({ kind, text, seenBy, isPublic });
    // Addresses and codes are in what is shown of the things that they belong to.
    if (!isPublic) this.marks.push({ text, seenBy });
    return text;
  }

  async #post(path: string, key: string | undefined, body: unknown, options: CallOptions = {}): Promise<any> {
    const answer = await this.api.call('POST', path, { ...options, key, body });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.text}`);
    return answer.body;
  }

  /** Own words for a petition, with a mark in what is for mails, and a translation. */
  async #wordsFor(petition: string, { name, secret }: Pick<Group, 'name' | 'secret'>): Promise<string> {
    const body = { confirmation: this.#mark(name) };
    const answer = await this.api.call('PUT', `/v1/petitions/${petition}/words/en`, { key: secret, body });
    if (answer.status !== 201) throw new Error(answer.text);
    const texts = { title: 'Die Wiesen', statement: 'Lasst sie dem Fluss.' };
    const path = `/v1/petitions/${petition}/translations/${TRANSLATED}`;
    const translated = await this.api.call('PUT', path, { key: secret, body: texts });
    if (translated.status !== 201) throw new Error(translated.text);
    return petition;
  }

  /** A petition of its own, with what the operation needs of texts. */
  async #petitionFor(group: Group, title: string): Promise<string> {
    const { id } = await this.#post('/v1/petitions', group.secret, { title, statement: title });
    return this.#wordsFor(id as string, group);
  }

  async found(name: GroupName): Promise<void> {
    const organization = await this.api.organization(`Group ${name}`);
    const { secret } = organization;
    const open = await publish(this.api, secret, {
      slug: `open-${name}`,
      confirmation: 'none',
      page_url: `https://${name}.example/open`,
    });
    const text = await this.#post('/v1/consent-texts', secret, { locale: 'en', text: 'Yes, mail me.' });
    const group: Group = {
      ...organization,
      name,
      publishable: await this.api.newKey(organization.key, 'publishable'),
      openId: open.id,
      slug: `open-${name}`,
      textId: text.id,
    };
    this.groups[name] = group;
    this.#thing('organization', group.id, GROUPS, true);
    this.#thing('petition', group.openId, [name], true);
    this.#thing('consent_text', group.textId, [name], true);
    this.#thing('url', `https://${name}.example/open`, GROUPS, true);
    await this.#wordsFor(open.id as string, group);
    await this.#draftOf(group);
    await this.#peopleOf(group);
    await this.#toolsOf(group);
  }

  async #draftOf({ name, secret }: Group): Promise<void> {
    const mark = () => this.#mark(name);
    const slug = mark();
    const pageUrl = `https://${name}.example/${mark()}`;
    const draft = await this.#post('/v1/petitions', secret, {
      background: mark(),
      call_to_action: mark(),
      slug,
      title: this.#thing('words', mark(), [name]),
      statement: mark(),
      external_id: this.#thing('external_id', mark(), [name]),
      metadata: { plan: mark() },
      page_url: pageUrl,
    });
    this.#thing('petition', draft.id as string, [name]);
    await this.#wordsFor(draft.id as string, { name, secret });
    this.#thing('petition', slug, [name]);
    this.#thing('url', pageUrl, [name]);
    this.#thing('url', `http://undersigned.test/v1/petitions/${draft.id}`, [name]);
  }

  /** What somebody says when they sign, every word with a mark. `names`: who may know the name alone. */
  #words(seenBy: GroupName[], names: GroupName[] = seenBy): { email: string } & Record<string, unknown> {
    const mark = () => this.#mark(...seenBy);
    return {
      email: this.#thing('email', `${mark()}@example.org`, seenBy),
      name: `Name ${this.#mark(...names)}`,
      postal_address: { lines: [mark()], city: mark() },
      comment: this.#mark(...names),
    };
  }

  async #signs(petition: Group, key: string, words: { email: string }, seenBy: GroupName[], more = {}) {
    const external_id = this.#thing('external_id', this.#mark(...seenBy), seenBy);
    const body = { ...words, external_id, vouched: true, ...more };
    return this.#post(`/v1/petitions/${petition.openId}/signatures`, key, body);
  }

  async #peopleOf(group: Group): Promise<void> {
    const { name, secret, textId, openId } = group;
    const optIn = { opt_ins: [{ consent_text_id: textId, opt_in: true }] };
    const signed = await this.#signs(group, secret, this.#words([name]), [name], optIn);
    this.#thing('signature', signed.id as string, [name]);
    this.#thing('receipt', signed.receipt as string, [name]);
    const spam = { ...this.#words([name]), website: 'https://spam.example' };
    await this.#post(`/v1/petitions/${openId}/signatures`, undefined, spam);
    const of = `petition=${openId}&status=quarantined`;
    const held = await this.api.call('GET', `/v1/signatures?${of}`, { key: secret });
    this.#thing('signature', held.body.data[0].id as string, [name]);
    const file = `email,name\n${this.#thing('email', `${this.#mark(name)}@example.org`, [name])},${this.#mark(name)}`;
    const headers = { 'content-type': 'text/csv' };
    const path = `/v1/signatures/import?petition=${openId}&source=${this.#mark(name)}`;
    this.#thing('import', (await this.#post(path, secret, file, { headers })).import_id as string, [name]);
    await this.#paperOf(group, openId, [name], [name]);
    const email = this.#thing('email', `${this.#mark(name)}@example.org`, [name]);
    await this.#post('/v1/subscriptions/import', secret, {
      consent_text_id: textId,
      evidence: { source: this.#mark(name) },
      rows: [{ email, external_id: this.#thing('external_id', this.#mark(name), [name]) }],
    });
    const { body } = await this.api.call('GET', '/v1/subscriptions', { key: secret });
    for (const { id } of body.data) this.#thing('subscription', id as string, [name]);
  }

  /** `seenBy`: who may read all of a paper signature; `names`: its name; `decides`: who may take it out. */
  async #paperOf(
    { secret }: Group,
    petition: string,
    seenBy: GroupName[],
    names: GroupName[],
    decides = names,
  ) {
    const mark = () => this.#mark(...seenBy);
    const signature = {
      name: this.#mark(...names),
      postal_address: { lines: [mark()] },
      comment: this.#mark(...names),
      sheet: this.#mark(...names),
      external_id: mark(),
    };
    const made = await this.#post(`/v1/petitions/${petition}/paper-signatures`, secret, {
      signatures: [signature],
    });
    this.#thing('paper_signature', made.created[0] as string, decides);
    this.#thing('batch', made.batch_id as string, decides);
  }

  async #toolsOf(group: Group): Promise<void> {
    const { name, secret, openId, slug } = group;
    const body = { name: this.#mark(name), petition: openId, source: this.#mark(name) };
    const mailing = await this.#post('/v1/mailings', secret, body);
    this.#thing('mailing', mailing.id as string, [name]);
    const links = await this.api.call('GET', `/v1/mailings/${mailing.id}/links`, { key: secret });
    this.#thing('recognition', links.body.data[0].recognise_token as string, [name]);
    await this.#writtenOf(group);
    const kind = { kind: 'secret', scopes: ['signatures:read'] };
    const key = await this.#post('/v1/api-keys', secret, { ...kind, name: this.#mark(name) });
    this.#thing('key', key.id as string, [name]);
    const share = { network: 'copy', source: this.#mark(name) };
    const link = await this.#post(`/v1/petitions/${slug}/share-links`, secret, share);
    this.#thing('code', link.code as string, GROUPS, true);
    this.#thing('preview', await this.#preview(group), [name]);
    const number = { count: 5, source: 'Town hall' };
    const offset = await this.#post(`/v1/petitions/${slug}/offsets`, secret, number);
    this.#thing('offset', offset.id as string, [name], true);
    const answer = { who: 'The council', date: '2026-12-04' };
    const response = await this.#post(`/v1/petitions/${slug}/responses`, secret, answer);
    this.#thing('response', response.id as string, [name], true);
    this.#thing('delivery', await this.#delivery(group, 'getDeliveryFile'), [name]);
    const guest = await this.api.organization(`Guest of ${name}`);
    const invitation = { organization: guest.id };
    const offer = await this.#post(`/v1/petitions/${slug}/partners`, secret, invitation);
    this.#thing('partnership', offer.id as string, [name]);
  }

  /** A delivery, as far as an operation needs it. */
  async #delivery({ name, secret, openId }: Group, operation = ''): Promise<string> {
    const body = { petition: openId, recipient: { name: 'The council' }, letter: this.#mark(name) };
    const { id } = await this.#post('/v1/deliveries', secret, body);
    const isMade = ['getDeliveryFile', 'sendDelivery', 'recordReceipt', 'createDelivery'].includes(operation);
    if (!isMade) return id as string;
    await this.#post(`/v1/deliveries/${id}/prepare`, secret, undefined);
    await makerFor(this.api).makeNext();
    if (['recordReceipt', 'createDelivery'].includes(operation)) {
      await this.#post(`/v1/deliveries/${id}/send`, secret, { method: 'in_person' });
    }
    return id as string;
  }

  /** A mailing with texts for a segment, and one that is being sent, to nobody. */
  async #writtenOf({ name, key, secret, openId }: Group): Promise<void> {
    const mark = () => this.#mark(name);
    const clause = { signed: { petition: openId } };
    const segment = await this.#post('/v1/segments', secret, { name: mark(), clause });
    this.#thing('segment', segment.id as string, [name]);
    const written = await this.#post('/v1/mailings', secret, {
      name: mark(),
      petition: openId,
      segment_id: segment.id,
      texts: { en: { subject: mark(), preview: mark(), markdown: mark() } },
    });
    this.#thing('mailing', written.id as string, [name]);
    const running = await runningMailing(this.api.store, key, []);
    this.#thing('mailing', running.mailingId, [name]);
    this.#thing('mailing_variant', running.variantId, [name]);
  }

  async #preview({ secret, openId }: Group): Promise<string> {
    const body = { petition: openId, action: 'invalidate', filter: {} };
    return (await this.#post('/v1/signature-moderations/preview', secret, body)).preview_token as string;
  }

  /** The partner has collected under `names`, who is gone under `counts`. */
  async coalition(): Promise<void> {
    const { lead, partner, former } = this.groups;
    for (const [group, terms] of [
      [partner, 'names'],
      [former, 'counts'],
    ] as const) {
      const ptn = await makePartner(this.api, lead.secret, lead.openId, group, terms);
      this.#thing('partnership', ptn.id as string, ['lead', group.name]);
      const names: GroupName[] = terms === 'names' ? ['lead'] : [];
      const optIns = { opt_ins: [{ consent_text_id: group.textId, opt_in: true }] };
      const mine: GroupName[] = group === partner ? ['partner'] : [];
      const [yes, mute] = [this.#words(mine, [...mine, ...names]), this.#words([], names)];
      await this.#signs(lead, group.secret, yes, mine, optIns);
      await this.#signs(lead, group.secret, mute, []);
      await this.#paperOf(group, lead.openId, mine, [...mine, ...names], ['lead', ...mine]);
      this.#said.push({ name: group.name, words: JSON.stringify([yes, mute]) });
      this.#thing('signature', await this.#signatureOf(yes.email), ['lead', ...mine]);
      this.#thing('signature', await this.#signatureOf(mute.email), ['lead']);
      // Whoever agreed to be mailed by the former partner goes on being its subscriber.
      if (group === former) this.#subscriberOf('former', yes.email);
      if (group === former) await this.#post(`/v1/partnerships/${ptn.id}/end`, group.secret, {});
    }
  }

  /** Where the answer does not tell it. */
  async #signatureOf(email: string): Promise<string> {
    const { signatures: t, supporters } = this.api.store.tables;
    const [row] = await this.api.store.read.db
      .select({ id: t.publicId })
      .from(t)
      .innerJoin(supporters, eq(supporters.key, t.supporterKey))
      .where(eq(supporters.identity, email))
      .orderBy(desc(t.key));
    return row?.id ?? '';
  }

  recallWords(): void {
    for (const { name, words } of this.#said) {
      for (const mark of this.marks) if (words.includes(mark.text)) mark.seenBy = [...mark.seenBy, name];
    }
  }

  /** The address is known to its list, but nothing else of the signature. */
  #subscriberOf(name: GroupName, email: string): void {
    const isOfIt = ({ text }: { text: string }) => email.startsWith(text) || text === email;
    for (const one of [...this.marks, ...this.things]) if (isOfIt(one)) one.seenBy = [...one.seenBy, name];
  }

  async own(group: Group, kind: Kind, operation: string): Promise<string> {
    const { secret, openId, textId, slug } = group;
    const fresh = `fresh${(this.#count += 1)}`;
    const email = `${fresh}@example.org`;
    const sign = () => ({ email, name: 'Fresh', vouched: true });
    switch (kind) {
      case 'organization':
        return operation === 'invitePartner' ? (await this.api.organization(fresh)).id : group.id;
      case 'petition':
        if (!OWN_PETITION.includes(operation)) return openId;
        return this.#petitionFor(group, fresh);
      case 'signature':
        await this.#post(`/v1/petitions/${openId}/signatures`, secret, sign());
        return this.#signatureOf(email);
      case 'receipt':
        return (await this.#post(`/v1/petitions/${openId}/signatures`, secret, sign())).receipt;
      case 'subscription': {
        const evidence = { source: 'stall', collected_at: '2026-01-01T00:00:00Z' };
        const body = { consent_text_id: textId, email, evidence };
        return (await this.#post('/v1/subscriptions', secret, body)).id;
      }
      case 'key':
        return (await this.#post('/v1/api-keys', secret, { kind: 'publishable', name: fresh })).id;
      case 'segment': {
        const body = { name: fresh, clause: { frequency: ['all'] } };
        return (await this.#post('/v1/segments', secret, body)).id;
      }
      case 'mailing':
        return (await this.#post('/v1/mailings', secret, { name: fresh })).id;
      case 'partnership': {
        const inviting = this.groups[group.name === 'stranger' ? 'former' : 'stranger'];
        const body = { title: fresh, statement: fresh };
        const petition = await this.#post('/v1/petitions', inviting.secret, body);
        const offer = { organization: group.id, lead_sees: 'names' };
        return (await this.#post(`/v1/petitions/${petition.id}/partners`, inviting.secret, offer)).id;
      }
      case 'paper_signature':
      case 'batch': {
        const path = `/v1/petitions/${openId}/paper-signatures`;
        const made = await this.#post(path, secret, { signatures: [{ name: fresh }] });
        if (operation === 'restorePaperSignature') {
          const out = `/v1/paper-signatures/${made.created[0]}/invalidate`;
          await this.#post(out, secret, { reason: fresh });
        }
        return kind === 'batch' ? made.batch_id : made.created[0];
      }
      case 'offset': {
        const number = { count: 1, source: fresh };
        return (await this.#post(`/v1/petitions/${openId}/offsets`, secret, number)).id;
      }
      case 'response': {
        const answer = { who: fresh, date: '2026-12-04' };
        return (await this.#post(`/v1/petitions/${openId}/responses`, secret, answer)).id;
      }
      case 'delivery':
        return this.#delivery(group, operation);
      case 'preview':
        return this.#preview(group);
      case 'code':
        return (await this.#post(`/v1/petitions/${slug}/share-links`, secret, { network: 'copy' })).code;
      case 'consent_text':
        return textId;
      case 'email':
        return email;
      case 'external_id':
      case 'words':
        return fresh;
      case 'recognition':
        return this.things.find((one) => one.kind === kind && one.seenBy.includes(group.name))?.text ?? '';
      case 'import':
      case 'mailing_variant':
        return this.things.find((one) => one.kind === kind && one.seenBy.includes(group.name))?.text ?? '';
      case 'url':
        return `https://${group.name}.example/open`;
      default:
        throw new Error(`teach test/support/foreign-world.ts to make a ${kind}`);
    }
  }
}
