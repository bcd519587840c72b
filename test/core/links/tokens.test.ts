import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { SCOPES } from '../../../schema/db/tables/organization.js';
import {
  listLinkKeys,
  removeLinkKey,
  rotateLinkKeys,
  signingKey,
} from '../../../src/core/links/link-keys.js';
import { mailedTokenIn } from '../../../src/core/links/mailed-token.js';
import {
  consumeToken,
  findToken,
  issueToken,
  TOKEN_BYTES,
  type LinkToken,
} from '../../../src/core/links/random-tokens.js';
import {
  HANDLE_BYTES,
  linkedSubscription,
  MAILING_HANDLE_BYTES,
  signer,
  verify,
  type Claims,
  type SignedPurpose,
} from '../../../src/core/links/signed-tokens.js';
import { ensureSubscription } from '../../../src/core/subscriptions/subscriptions.js';
import { findOrCreateSupporter } from '../../../src/core/supporters/supporters.js';
import { redact } from '../../../src/redact.js';
import { dayOf } from '../../../src/time.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';

const PURPOSES: SignedPurpose[] = ['recognise', 'unsubscribe_header', 'unsubscribe_footer'];
const DAY = 86_400_000;

const sign = (
  api: TestApp,
  purpose: SignedPurpose,
  fields: { day?: number; epoch?: number; mailing?: Buffer | undefined } = {},
) =>
  api.store.transact(async (tx) => {
    const make = await signer(api.app.ctx, tx, purpose);
    return make({
      epoch: 3,
      day: dayOf(tx.now),
      handle: Buffer.alloc(HANDLE_BYTES, 0xa5),
      mailing: Buffer.alloc(MAILING_HANDLE_BYTES, 0x5a),
      ...fields,
    } as Claims);
  });

const read = (api: TestApp, purpose: SignedPurpose, token: string) =>
  verify(api.app.ctx, api.store.read, purpose, token, api.app.ctx.now());

const supporter = (api: TestApp, email: string) => {
  const { ctx } = api.app;
  return ctx.store.transact((tx) =>
    findOrCreateSupporter(tx, { identity: email, delivery: email }, ctx.newId('sup')),
  );
};

onEveryEngine('signed tokens', async (t, engine) => {
  const api = await start(t, engine);

  await t.test('say what was signed, in a text of one of two lengths', async (t) => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((all) => Buffer.from(all));
    const always = {
      epoch: fc.nat(0xffffffff),
      day: fc.constant(dayOf(new Date())),
      handle: bytes(HANDLE_BYTES),
    };
    const mailing = bytes(MAILING_HANDLE_BYTES);
    for (const purpose of PURPOSES) {
      const named = fc.record({ ...always, mailing });
      const claimed = purpose === 'recognise' ? named : fc.oneof(named, fc.record(always));
      const make = await api.store.transact((tx) => signer(api.app.ctx, tx, purpose));
      const all = new Set<string>();
      await fc.assert(
        fc.asyncProperty(claimed, async (claims) => {
          const token = make(claims);
          t.match(token, 'mailing' in claims ? /^p[rub]_[A-Za-z0-9_-]{64}$/ : /^p[rub]_[A-Za-z0-9_-]{52}$/);
          t.equal(mailedTokenIn(`${token}.`), token);
          t.same(await read(api, purpose, token), claims);
          all.add(token);
        }),
        { numRuns: 60 },
      );
      t.ok(all.size > 50);
    }
  });

  await t.test('the form without a mailing, as it always was, goes on to work', async (t) => {
    const unnamed = await sign(api, 'recognise', { mailing: undefined });
    t.notOk(await read(api, 'recognise', unnamed), 'recognition is of a mailing');
    for (const purpose of ['unsubscribe_header', 'unsubscribe_footer'] as const) {
      const short = await sign(api, purpose, { mailing: undefined });
      t.equal(short.length, 55);
      const claims = await read(api, purpose, short);
      t.equal(claims?.mailing, undefined);
      t.match(claims, { epoch: 3, handle: Buffer.alloc(HANDLE_BYTES, 0xa5) });
      // Neither form can be made of the other, whatever is put in or left out.
      const long = Buffer.from((await sign(api, purpose)).slice(3), 'base64url');
      const bytes = Buffer.from(short.slice(3), 'base64url');
      const middle = 9 + HANDLE_BYTES;
      const pieces = [
        Buffer.concat([long.subarray(0, middle), long.subarray(-16)]),
        Buffer.concat([bytes.subarray(0, middle), Buffer.alloc(9), bytes.subarray(middle)]),
        Buffer.concat([bytes.subarray(0, middle), long.subarray(middle, -16), bytes.subarray(-16)]),
        long.subarray(0, 39),
        Buffer.concat([bytes, Buffer.alloc(9)]),
        ...[40, 42, 45, 47].map((length) => long.subarray(0, length)),
      ];
      for (const [i, piece] of pieces.entries()) {
        t.notOk(await read(api, purpose, short.slice(0, 3) + piece.toString('base64url')), `${purpose} ${i}`);
      }
    }
  });

  await t.test('another version is refused, even with the right key', async (t) => {
    for (const purpose of PURPOSES) {
      const token = await sign(api, purpose);
      const bytes = Buffer.from(token.slice(3), 'base64url');
      const { key } = await api.store.transact((tx) => signingKey(api.app.ctx, tx, purpose));
      for (const version of [0, 1, 2, 255]) {
        bytes.writeUInt8(version, 0);
        createHmac('sha256', key)
          .update(bytes.subarray(0, -16))
          .digest()
          .copy(bytes, bytes.length - 16, 0, 16);
        const found = await read(api, purpose, token.slice(0, 3) + bytes.toString('base64url'));
        t.equal(found !== undefined, version === 1, `${purpose}: version ${version}`);
      }
    }
  });

  await t.test('a token that mail programs broke over two lines is found, in both forms', async (t) => {
    for (const mailing of [Buffer.alloc(MAILING_HANDLE_BYTES, 0x5a), undefined]) {
      const token = await sign(api, 'unsubscribe_footer', { mailing });
      for (let i = 4; i < token.length; i += 1) {
        for (const gap of ['\n', '=\r\n', '%20']) {
          // Its 53rd character may be one that could also stand behind a token.
          const dashed = `pb_${'A'.repeat(52)}-${'B'.repeat(11)}`;
          if (mailing) {
            t.equal(
              mailedTokenIn(`${dashed.slice(0, i)}${gap}${dashed.slice(i)}`),
              dashed,
              `dashed, at ${i}`,
            );
          }
          const broken = `https://x.example/?token=${token.slice(0, i)}${gap}${token.slice(i)}`;
          t.equal(mailedTokenIn(broken), token, `at ${i}`);
        }
      }
      for (const end of ['.', ')', '&x=1', '\nSincerely yours', ' Unsubscribe here', '']) {
        t.equal(mailedTokenIn(token + end), token, JSON.stringify(end));
      }
    }
  });

  await t.test('not one bit may be changed', async (t) => {
    for (const purpose of PURPOSES) {
      const token = await sign(api, purpose);
      const bytes = Buffer.from(token.slice(3), 'base64url');
      let passed = 0;
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const other = Buffer.from(bytes);
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        if (await read(api, purpose, token.slice(0, 3) + other.toString('base64url'))) passed += 1;
      }
      t.equal(passed, 0, purpose);
    }
  });

  await t.test('one purpose does not do for another, whatever stands before it', async (t) => {
    const prefixes = ['pr_', 'pu_', 'pb_', 'pc_', 'PU_', 'pu-', ''];
    for (const purpose of PURPOSES) {
      const token = await sign(api, purpose);
      for (const other of PURPOSES) {
        for (const prefix of prefixes) {
          const swapped = prefix + token.slice(3);
          const same = other === purpose && swapped === token;
          t.equal((await read(api, other, swapped)) !== undefined, same, `${purpose} as ${other} ${prefix}`);
        }
      }
    }
  });

  await t.test(
    'there is one way to write a token: nothing may be added, cut or encoded otherwise',
    async (t) => {
      const token = await sign(api, 'unsubscribe_footer');
      const junk = ['=', '==', ' ', '\n', '.', '/', '+', '%20', 'A', 'AAAA', '\u0000', 'é', '-', '_'];
      for (const extra of junk) {
        t.notOk(await read(api, 'unsubscribe_footer', token + extra), JSON.stringify(extra));
        t.notOk(await read(api, 'unsubscribe_footer', extra + token));
        t.notOk(await read(api, 'unsubscribe_footer', token.slice(0, 9) + extra + token.slice(9)));
      }
      for (let length = 0; length < token.length; length += 1) {
        t.notOk(await read(api, 'unsubscribe_footer', token.slice(0, length)));
      }
      const standard = token.slice(0, 3) + Buffer.from(token.slice(3), 'base64url').toString('base64');
      if (standard !== token) t.notOk(await read(api, 'unsubscribe_footer', standard));
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 120 }), async (text) => {
          const found = await read(api, 'unsubscribe_footer', text);
          return found === undefined || text === token;
        }),
        { numRuns: 200 },
      );
    },
  );

  await t.test(
    'recognition ends after 400 days, unsubscribing does not; a day in the future is refused',
    async (t) => {
      const today = dayOf(new Date());
      const ages: [SignedPurpose, number, boolean][] = [
        ['recognise', 400, true],
        ['recognise', 401, false],
        ['recognise', -1, true],
        ['recognise', -2, false],
        ['unsubscribe_header', 401, true],
        ['unsubscribe_header', 5000, true],
        ['unsubscribe_header', -2, false],
        ['unsubscribe_footer', -30, false],
      ];
      for (const [purpose, age, works] of ages) {
        const token = await sign(api, purpose, { day: today - age });
        t.equal((await read(api, purpose, token)) !== undefined, works, `${purpose}, ${age} days`);
      }
    },
  );

  await t.test('keys rotate: the new one signs, the old one verifies until it is removed', async (t) => {
    const old = await sign(api, 'unsubscribe_header');
    const [before] = await listLinkKeys(api.store.read);
    const { id } = await rotateLinkKeys(api.app.ctx);
    const fresh = await sign(api, 'unsubscribe_header');
    const keyIdOf = (token: string) => Buffer.from(token.slice(3), 'base64url')[2];
    t.equal(keyIdOf(fresh), id);
    t.equal(keyIdOf(old), before?.id);
    t.ok(await read(api, 'unsubscribe_header', old));
    t.equal(await removeLinkKey(api.app.ctx, before?.id ?? 0), true);
    t.equal(await removeLinkKey(api.app.ctx, before?.id ?? 0), false);
    t.notOk(await read(api, 'unsubscribe_header', old), 'the links of a removed key are void');
    t.ok(await read(api, 'unsubscribe_header', fresh));
    for (let i = 0; i < 3; i += 1) await rotateLinkKeys(api.app.ctx);
    const ids = (await listLinkKeys(api.store.read)).map((key) => key.id);
    t.equal(new Set(ids).size, ids.length);
    t.ok(await read(api, 'unsubscribe_header', fresh), 'after several rotations, too');
  });

  await t.test('a captured database has no key to sign with', async (t) => {
    const { linkKeys } = api.store.tables;
    for (const { sealed } of await api.store.read.db.select().from(linkKeys)) {
      const guess = await import('../../../src/core/links/link-keyring.js').then(
        ({ LinkKeyring }) => new LinkKeyring(Buffer.alloc(32, 8)),
      );
      t.equal(guess.derive(sealed, 'unsubscribe_header'), undefined, 'not without the root key');
    }
  });

  await t.test('links end with their epoch, except those that only unsubscribe', async (t) => {
    const { ctx } = api.app;
    const org = await api.organization('Meadows');
    const { key } = await supporter(api, 'epoch@example.org');
    const { handle, key: subscriptionKey } = await api.store.transact((tx) =>
      ensureSubscription(ctx, tx, { organizationKey: org.key, supporterKey: key }),
    );
    const claims = { epoch: 0, day: dayOf(new Date()), handle };
    const find = (purpose: SignedPurpose, fields: Partial<Claims> = {}) =>
      linkedSubscription(api.store.read, purpose, { ...claims, ...fields });
    for (const purpose of ['recognise', 'unsubscribe_header', 'unsubscribe_footer'] as const) {
      t.match(await find(purpose), { key: subscriptionKey, status: 'pending' });
      t.equal(await find(purpose, { handle: Buffer.alloc(HANDLE_BYTES) }), undefined);
    }
    t.equal(await find('recognise', { epoch: 1 }), undefined);
    t.match(await find('unsubscribe_header', { epoch: 1 }), { key: subscriptionKey });
    t.match(await find('unsubscribe_footer', { epoch: 1 }), { key: subscriptionKey });
  });
});

onEveryEngine('random tokens', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { key: supporterKey } = await supporter(api, 'ada@example.org');
  const issue = (purpose: LinkToken['purpose'], lifetimeMs?: number) => {
    const bytes = ctx.random(TOKEN_BYTES);
    const rest = lifetimeMs === undefined ? {} : { lifetimeMs };
    return api.store.transact((tx) => issueToken(tx, { purpose, bytes, supporterKey, epoch: 0, ...rest }));
  };
  const consume = (purpose: LinkToken['purpose'], token: string) =>
    api.store.transact((tx) => consumeToken(tx, purpose, token));

  await t.test('work once', async (t) => {
    const { token } = await issue('confirm');
    t.match(token, /^pc_[A-Za-z0-9_-]{44}$/);
    const tries = await Promise.all(Array.from({ length: 20 }, () => consume('confirm', token)));
    t.equal(tries.filter(Boolean).length, 1, 'of twenty at once one gets it');
    t.ok((await findToken(api.store.read, 'confirm', token))?.usedAt);
  });

  await t.test('not one bit may be changed, nothing added or cut, no other purpose', async (t) => {
    const { token } = await issue('manage');
    const bytes = Buffer.from(token.slice(3), 'base64url');
    let passed = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const other = Buffer.from(bytes);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (await consume('manage', token.slice(0, 3) + other.toString('base64url'))) passed += 1;
    }
    t.equal(passed, 0);
    for (const junk of ['=', ' ', '\n', 'A', '\u0000', '_']) {
      t.notOk(await consume('manage', token + junk));
      t.notOk(await consume('manage', junk + token));
    }
    for (const [purpose, prefix] of [
      ['confirm', 'pc'],
      ['session', 'ps'],
      ['email_apply', 'pe'],
      ['email_undo', 'px'],
    ] as const) {
      t.notOk(await consume(purpose, `${prefix}${token.slice(2)}`), `as ${purpose}`);
      t.notOk(await consume(purpose, token));
    }
    t.ok(await consume('manage', token), 'and still works itself');
  });

  await t.test('end with their time', async (t) => {
    const { token, expiresAt } = await issue('manage');
    api.setClock(new Date(expiresAt.getTime() - 1));
    t.ok(await findToken(api.store.read, 'manage', token));
    api.setClock(expiresAt);
    t.notOk(await consume('manage', token));
    api.setClock(undefined);
    const lifetimes: [LinkToken['purpose'], number][] = [
      ['confirm', 7 * DAY],
      ['manage', 30 * 60_000],
      ['session', 15 * 60_000],
      ['email_apply', 60 * 60_000],
      ['email_undo', 7 * DAY],
    ];
    for (const [purpose, lifetime] of lifetimes) {
      const before = Date.now();
      const left = (await issue(purpose)).expiresAt.getTime() - before;
      t.ok(left >= lifetime && left < lifetime + 5000, purpose);
    }
  });

  await t.test('are not in the database', async (t) => {
    const { token } = await issue('confirm');
    const { linkTokens } = api.store.tables;
    const rows = await api.store.read.db.select().from(linkTokens);
    const bytes = Buffer.from(token.slice(3), 'base64url');
    t.ok(rows.length > 0);
    t.notOk(rows.some(({ hash }) => hash.includes(bytes.subarray(0, 16)) || hash.toString().includes(token)));
  });
});

t.test('what reaches the log holds no token, key or address', async (t) => {
  const secrets = [
    ...['pr', 'pu', 'pb', 'pc', 'pm', 'pe', 'px', 'ps', 'rc'].map(
      (prefix) => `${prefix}_${'aB3-_'.repeat(9)}`,
    ),
    `sk_${'a1B2'.repeat(9)}ab`,
    'ada.king+petitions@mail.example.org',
    "o'hara@example.co.uk",
  ];
  for (const secret of secrets) {
    const line = redact(`{"msg":"could not open /v1/unsubscribe/${secret}?x=1","err":"key (${secret})"}`);
    t.notOk(line.includes(secret), secret);
    t.match(line, /redacted|\[address\]/);
  }
  t.equal(
    redact('{"msg":"listens","scopes":"' + SCOPES.join() + '"}'),
    `{"msg":"listens","scopes":"${SCOPES.join()}"}`,
  );
});
