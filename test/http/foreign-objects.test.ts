import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { documentOf } from '../../src/http/openapi/openapi.js';
import { operationsOf, type Operation, type Slot } from '../support/feeding.js';
import {
  startForeignWorld,
  type Group,
  type GroupName,
  type Mark,
  type Thing,
  type World,
} from '../support/foreign-world.js';
import { onEveryEngine } from '../support/helper.js';

/*
 * Every operation of the document × every key × everything of others that can be named in it: nothing of others happens,
 * and no answer tells a word of it. The document says what there is to ask: a new route is tested as soon as it is there.
 */

/** What may be done with what belongs to others, and why. */
const ALLOWED: Record<string, string> = {
  'sendDelivery /email': 'Whom a petition addresses is a free choice, and hears it from the organization.',
  'invitePartner /organization': 'to invite others is what it is for',
  'createPetition /partners/0/organization_id': 'it is shown, and opens nothing',
  'updatePetition /partners/0/organization_id': 'it is shown, and opens nothing',
  'createSubscription /email': 'everybody has a list of their own',
  'importSubscriptions /rows/0/email': 'everybody has a list of their own',
  'importSignatures /email': 'everybody may sign anything',
  'updateOrganization /reply_to': 'where its answers go is for it to say',
  'createMailing /sender/reply_to': 'where its answers go is for it to say',
  'updateMailing /sender/reply_to': 'where its answers go is for it to say',
  'updateOrganization /test_email': 'where the mails of its tests go is for it to say',
  'testMailing /to/0': 'only its own subscribers get one, and the answer does not tell who they are',
  'resendConfirmation /petition_id': 'the answer is the same, whatever is asked',
};

/** Where two fields exclude each other, or one would show what the other was: what else changes for one of them. */
const INSTEAD: Record<string, Record<string, unknown>> = {
  'confirmEmail /email': { token: undefined, code: '123456' },
  'resendConfirmation /organization_id': { petition_id: undefined },
  'updateOrganization /test_email': { reply_to: null },
  'updateOrganization /reply_to': { test_email: null },
};

/** A secret key of the coalition hears whether an address has signed, and the id of that signature. */
const TRUTH: Record<string, RegExp> = { signPetition: /^sig_/ };

/** What a partner may ask about the lead's petition. */
const SHARED = [
  'listSignatures',
  'exportSignatures',
  'importSignatures',
  'createPaperSignatures',
  'importPaperSignatures',
  'listPaperSignatures',
  'exportPaperSignatures',
  'listPaperBatches',
  'getPartnerStatistics',
  'createMailing',
  'updateMailing',
  'createSegment',
  'updateSegment',
  'countSegment',
  'listShareLinks',
  'getShareStatistics',
];

/** Operations that even their own things do not make succeed here, and what they answer. */
const REFUSED: Record<string, string> = {
  confirmEmail: 'link_not_found',
  refuseConfirmation: 'link_not_found',
  createSession: 'link_not_found',
  confirmEmailChange: 'link_not_found',
  undoEmailChange: 'link_not_found',
  unsubscribeByLink: 'link_not_found',
  reportMailEvents: 'invalid_webhook',
  receiveMail: 'invalid_webhook',
  chooseMailingWinner: 'variant_not_found',
  followMailingLink: 'mailing_link_not_found',
  followPersonalMailingLink: 'mailing_link_not_found',
  releaseIsolatedKey: 'isolation_not_found',
};

type Caller = {
  group: Group | undefined;
  kind: 'secret' | 'publishable' | 'none';
  key: string | undefined;
  /** The petition that it asks about where that is not the question. */
  petition: string;
};
type Reply = { status: number; text: string; body: any };

onEveryEngine('foreign objects', async (t, engine) => {
  const world = await startForeignWorld(t, engine);
  const { api, groups } = world;
  await api.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = api.app.server.address() as AddressInfo;
  const document = JSON.parse(JSON.stringify(documentOf(api.app))) as Record<string, any>;
  const operations = operationsOf(document);
  const all = Object.values(groups);
  const callers: Caller[] = [
    ...all.map((group) => callerOf(group, 'secret', group.openId)),
    ...all.map((group) => callerOf(group, 'publishable', group.openId)),
    // What they have in common with the lead is where they could hear most.
    ...[groups.partner, groups.former].map((group) => callerOf(group, 'secret', groups.lead.openId)),
    { group: undefined, kind: 'none', key: undefined, petition: groups.lead.openId },
  ];
  let [asked, unique] = [0, 0];

  const send = async (operation: Operation, caller: Caller, url: string, body: unknown): Promise<Reply> => {
    asked += 1;
    const { method, needsIfMatch, needsIdempotencyKey, streams, type } = operation;
    if (streams) return beginningOf(`http://127.0.0.1:${port}${url}`, caller.key);
    const headers = {
      ...(needsIfMatch ? { 'if-match': '*' } : {}),
      ...(needsIdempotencyKey ? { 'idempotency-key': `question-${asked}` } : {}),
      ...(body === undefined ? {} : { 'content-type': type }),
    };
    return api.call(method, url, { key: caller.key, headers, body });
  };

  /** Asks for a thing of others at one place; all else in the request is the caller's own. */
  const ask = async (operation: Operation, caller: Caller, slot: Slot | undefined, thing?: Thing) => {
    const { group = groups.lead } = caller;
    const fills = new Map<string, string>();
    for (const one of operation.slots) {
      if (slot && one.in === slot.in && one.name === slot.name) continue;
      fills.set(`${one.in} ${one.name}`, ownOf(world, group, caller.petition, one, (unique += 1)));
    }
    const fill = (one: Slot) =>
      thing && slot?.in === one.in && slot.name === one.name
        ? thing.text
        : (fills.get(`${one.in} ${one.name}`) ?? ownOf(world, group, caller.petition, one, (unique += 1)));
    const { url, body } = requestOf(operation, fill, slot);
    return { answer: await send(operation, caller, url, body), sent: `${url} ${JSON.stringify(body)}` };
  };

  const faults: string[] = [];
  /** Holds one answer against what its caller may know. */
  const review = (
    operation: Operation,
    caller: Caller,
    { answer, sent }: Awaited<ReturnType<typeof ask>>,
    slot?: Slot,
    thing?: Thing,
  ) => {
    const { group, kind } = caller;
    const where = `${operation.id} as ${kind} key of ${group?.name ?? 'nobody'}, ${slot?.name ?? 'as it is'} = ${thing?.text ?? 'own'}: ${answer.status}`;
    const told = leaks(world.marks, answer.text, sent, caller, TRUTH[operation.id]);
    if (told.length > 0) faults.push(`${where} tells ${told.join()}: ${answer.text.slice(0, 300)}`);
    if (answer.status >= 500 && answer.body?.code !== 'unsupported_format') faults.push(`${where} broke`);
    if (!slot || !thing || answer.status >= 300) return;
    if (!mayWork(operation, caller, slot, thing, answer)) faults.push(`${where} worked: ${answer.text}`);
  };

  /** Everything of others, at every place that is `meant`. */
  const askAll = async (meant: (slot: Slot) => boolean) => {
    for (const operation of operations) {
      const slots = operation.slots.filter(meant);
      for (const caller of callers) {
        await inParallel(questions(world, operation, caller, slots), async ([slot, thing]) =>
          review(operation, caller, await ask(operation, caller, slot, thing), slot, thing),
        );
      }
    }
  };

  await t.test('no key does anything to what belongs to others, or hears of it', async (t) => {
    await askAll((slot) => !writesAddress(slot));
    same(t, faults);
  });

  await t.test('lists and single answers without anything foreign in them tell nothing either', async (t) => {
    for (const operation of operations.filter(
      ({ method, slots }) => method === 'GET' && slots.length === 0,
    )) {
      // Documents are the same for everybody, and large.
      const some = operation.path.startsWith('/v1/') ? callers : callers.slice(-1);
      for (const caller of some) review(operation, caller, await ask(operation, caller, undefined));
    }
    for (const group of all) {
      for (const ref of [group.openId, groups.lead.openId]) {
        const answer = await api.call('GET', `/v1/signatures?petition=${ref}&limit=100`, {
          key: group.secret,
        });
        const caller = callerOf(group, 'secret', ref);
        const told = leaks(world.marks, answer.text, '', caller);
        if (told.length > 0) faults.push(`signatures of ${ref} as ${group.name} tell ${told.join()}`);
      }
    }
    same(t, faults);
  });

  // After all else: who is written to by many is rightly known to many.
  await t.test('nor by writing down an address that others know', async (t) => {
    world.recallWords();
    await askAll(writesAddress);
    same(t, faults);
  });

  await t.test('keys open no session, and none but secret keys what asks for one', async (t) => {
    const wrong: string[] = [];
    for (const operation of operations) {
      for (const caller of callers) {
        if (operation.access === 'open' || (operation.access === 'secret' && caller.kind === 'secret')) {
          continue;
        }
        const { answer } = await ask(operation, caller, undefined);
        const code = { session: 'session_required', admin: 'admin_key_required', secret: 'key_required' }[
          operation.access
        ];
        if (answer.status !== 401 || answer.body.code !== code) wrong.push(`${operation.id} ${answer.text}`);
      }
    }
    same(t, wrong);
  });

  await t.test('each question would be answered, were it about something of one’s own', async (t) => {
    const wrong: string[] = [];
    for (const operation of operations.filter(({ access }) => access === 'open' || access === 'secret')) {
      const caller = callerOf(groups.lead, 'secret', groups.lead.openId);
      for (const slot of [undefined, ...operation.slots]) {
        const fills = new Map<string, string>();
        for (const one of operation.slots) {
          const isUsedUp = operation.method !== 'GET' && one.in !== 'query';
          const own = isUsedUp
            ? await world.own(groups.lead, one.kind, operation.id)
            : ownOf(world, groups.lead, caller.petition, one, (unique += 1));
          fills.set(`${one.in} ${one.name}`, own);
        }
        const fill = (one: Slot) => fills.get(`${one.in} ${one.name}`) ?? '';
        const { url, body } = requestOf(operation, fill, slot);
        const { status, text, body: answer } = await send(operation, caller, url, body);
        // In the way of some stands what was done to the same thing before: so it was understood.
        const understood = status < 400 || status === 409 || answer?.code === REFUSED[operation.id];
        if (!understood) wrong.push(`${operation.id} with ${slot?.name ?? 'what it needs'}: ${text}`);
      }
    }
    same(t, wrong);
  });
  t.comment(`${asked} requests to ${operations.length} operations`);
});

const callerOf = (group: Group, kind: 'secret' | 'publishable', petition: string): Caller => ({
  group,
  kind,
  key: kind === 'secret' ? group.secret : group.publishable,
  petition,
});

/** Tells the faults once. */
const same = (t: Test, faults: string[]) => {
  const found = faults.splice(0);
  t.same(found, [], found.slice(0, 20).join('\n'));
};

const requestOf = (operation: Operation, fill: (slot: Slot) => string, slot?: Slot) => {
  const { url, body } = operation.request(fill, slot);
  const instead = INSTEAD[`${operation.id} ${slot?.name}`];
  return { url, body: instead ? { ...(body as object), ...instead } : body };
};

const writesAddress = (slot: Slot) => slot.in === 'body' && slot.kind === 'email';

/** Things that do the same, of which a few will do. */
const [FEW, FEWER] = [2, 1];

/** What to ask: things of others at every place; of keys that are refused at the door, nothing. */
function questions(world: World, { access }: Operation, caller: Caller, slots: Slot[]): [Slot, Thing][] {
  if (access === 'session' || access === 'admin' || (access === 'secret' && caller.kind !== 'secret')) {
    return [];
  }
  const isForeign = ({ kind, seenBy }: Thing) =>
    // A receipt is for whoever holds it: with its own petition it rightly works.
    kind === 'receipt' ? !seenBy.includes(leaderOf(world, caller)) : !isOf(caller, seenBy);
  return slots.flatMap((slot) => {
    const asked = new Map<string, number>();
    return world.things
      .filter((thing) => thing.kind === slot.kind && isForeign(thing))
      .filter(({ seenBy, isPublic }) => {
        const alike = caller.kind === 'secret' ? `${isPublic} ${seenBy.join()}` : `${isPublic}`;
        const times = asked.get(alike) ?? 0;
        asked.set(alike, times + 1);
        return times < (caller.kind === 'secret' ? FEW : FEWER);
      })
      .map((thing): [Slot, Thing] => [slot, thing]);
  });
}

const leaderOf = ({ groups }: World, { petition }: Caller) =>
  Object.values(groups).find(({ openId }) => openId === petition)?.name ?? 'lead';

const isOf = ({ group, kind }: Caller, seenBy: readonly GroupName[]) =>
  kind === 'secret' && group !== undefined && seenBy.includes(group.name);

/** The marks in an answer that its caller may not read. What it has sent itself it knows. */
function leaks(
  marks: readonly Mark[],
  text: string,
  sent: string,
  caller: Caller,
  ignored?: RegExp,
): string[] {
  return marks
    .filter(({ text: mark, seenBy }) => text.includes(mark) && !isOf(caller, seenBy) && !sent.includes(mark))
    .filter(({ text: mark }) => !ignored?.test(mark))
    .map(({ text: mark }) => mark);
}

/** Whether something of others may be named with success: what is public, what only narrows a list, what is shared. */
function mayWork(operation: Operation, caller: Caller, slot: Slot, thing: Thing, { body }: Reply): boolean {
  const { id, access } = operation;
  if (`${id} ${slot.name}` in ALLOWED) return true;
  const isEmpty = Array.isArray(body?.data) && body.data.length === 0;
  if (access === 'open' && slot.in === 'query') return thing.isPublic || isEmpty;
  if (access === 'open') return thing.isPublic || ['email', 'recognition'].includes(slot.kind);
  const isLeads = thing.kind === 'petition' && thing.isPublic && thing.seenBy.includes('lead');
  if (isLeads && caller.group?.name === 'partner') return SHARED.includes(id);
  if (slot.name.startsWith('/filter/')) return body.matched === 0;
  if (slot.in !== 'query' || slot.kind === 'petition') return false;
  return !Array.isArray(body?.data) || isEmpty;
}

/** Something of the caller's own that a question does not use up. */
function ownOf({ things }: World, group: Group, petition: string, { kind }: Slot, unique: number): string {
  if (kind === 'email') return `own${unique}@example.org`;
  if (kind === 'organization') return group.id;
  if (kind === 'petition') return petition;
  const own = things.find((one) => one.kind === kind && one.seenBy.includes(group.name));
  if (!own) throw new Error(`teach test/support/foreign-world.ts to make a ${kind}`);
  return own.text;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += 8) await Promise.all(items.slice(i, i + 8).map(work));
}

/** What a stream says first: it would never end. */
function beginningOf(url: string, key: string | undefined): Promise<Reply> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers }, (response) => {
      const type = response.headers['content-type'] ?? '';
      let text = '';
      const done = () => {
        request.destroy();
        resolve({
          status: response.statusCode ?? 0,
          text,
          body: /json/.test(type) ? JSON.parse(text) : undefined,
        });
      };
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (type.startsWith('text/event-stream')) done();
      });
      response.on('end', done);
    });
    request.on('error', reject);
  });
}
