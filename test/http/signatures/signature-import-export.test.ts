import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import pg from 'pg';
import type { Test } from 'tap';
import { recount } from '../../../src/core/counts/recount.js';
import { CsvReader } from '../../../src/core/csv.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { openFile } from '../../../src/store/sqlite-driver.js';
import {
  makePartner,
  onEveryEngine,
  publish,
  start,
  type Engine,
  type TestApp,
} from '../../support/helper.js';
import { inTime, settled, until } from '../../support/until.js';

const CSV = 'text/csv';
const NDJSON = 'application/x-ndjson';

const open = async (t: Test, engine: Engine, options = {}) => {
  const api = await start(t, engine, { build: { transfers: { stallMs: 400 }, ...options } });
  const lead = await api.organization('Lead');
  await publish(api, lead.secret, { slug: 'meadows', confirmation: 'none', goals: [3, 5] });
  await publish(api, lead.secret, { slug: 'river', confirmation: 'none' });
  const load = (
    body: string,
    { petition = 'meadows', type = CSV, key = lead.secret, more = '', accept = '' } = {},
  ) =>
    api.call('POST', `/v1/signatures/import?petition=${petition}${more}`, {
      key,
      body,
      headers: { 'content-type': type, ...(accept ? { accept } : {}) },
    });
  const save = (query: string, key = lead.secret) =>
    api.call('GET', `/v1/signatures/export?${query}`, { key });
  return { api, lead, load, save };
};

/** An instant after all that has happened, in the past of a clock that is put forward a little. */
function aMomentLater(api: TestApp): string {
  const now = Date.now();
  api.setClock(new Date(now + 5));
  return new Date(now + 1).toISOString();
}

const rowsOf = (csv: string): Record<string, string>[] => {
  const reader = new CsvReader();
  const [header, ...records] = [...reader.read(csv), ...reader.end()];
  return records.map(({ cells = [] }) =>
    Object.fromEntries((header?.cells ?? []).map((name, i) => [name, cells[i] ?? ''])),
  );
};
const linesOf = (ndjson: string): any[] =>
  ndjson
    .split('\n')
    .filter(Boolean)
    .map((one) => JSON.parse(one) as unknown);

/** Everything that a signature can hold, each with something that CSV has to be careful with. */
const FULL = {
  email: 'ada@example.org',
  name: 'Ada "the first", Okonkwo',
  country: 'NL',
  postal_code: '1012 AB',
  postal_address: { lines: ['Millgate 4', 'Rear, left'], city: 'Ewehaven' },
  phone: '+31 20 555 0199',
  comment: '=HYPERLINK("http://evil.example","x")\nand a second line',
  display: 'initials',
  hidden: true,
  source: '@stall',
  utm: { source: 'mail', campaign: '-1' },
  external_id: "'+crm-1",
  created_at: '2026-03-04T05:06:07.890Z',
  confirmed_at: '2026-03-05T00:00:00.000Z',
};

onEveryEngine('signatures out and in', async (t, engine) => {
  const { api, lead, load, save } = await open(t, engine);

  await t.test(
    '200: what is exported can be imported, and is the same when it is exported again',
    async (t) => {
      const plain = { email: 'bo@example.org', name: 'Bo', created_at: '2026-03-04T05:06:08.000Z' };
      const file = [FULL, plain].map((one) => JSON.stringify(one)).join('\n');
      const { status, body } = await load(file, { type: NDJSON });
      t.equal(status, 200);
      t.match(body, { complete: true, stopped: null, lines: 2, created: 2, failed: 0, problems: [] });

      const csv = await save('petition=meadows');
      t.match(csv.headers, {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="meadows-${new Date().toISOString().slice(0, 10)}.csv"`,
        'cache-control': 'private, no-store',
      });
      const json = await save('petition=meadows&format=ndjson');
      t.equal(json.headers['content-type'], NDJSON);
      const own = (line: any) => ({ ...line, id: '', petition_id: '' });
      for (const [format, type, first] of [
        ['csv', CSV, csv],
        ['ndjson', NDJSON, json],
      ] as const) {
        const slug = `copy-${format}`;
        await publish(api, lead.secret, { slug, confirmation: 'none' });
        t.match((await load(first.text, { petition: slug, type })).body, {
          created: 2,
          failed: 0,
        });
        const again = await save(`petition=${slug}&format=${format}`);
        const read = format === 'csv' ? rowsOf : linesOf;
        t.same(read(again.text).map(own), read(first.text).map(own), format);
      }
      const [ada] = linesOf(json.text);
      t.match(ada, { ...FULL, phone_e164: '+31205550199', status: 'confirmed', collector_id: lead.id });
      const listed = await api.call('GET', '/v1/signatures?petition=meadows&sort=created_at', {
        key: lead.secret,
      });
      t.same(linesOf(json.text), listed.body.data, 'as the list shows them');
    },
  );

  await t.test(
    'a spreadsheet runs nothing of it, and the import takes the apostrophes off again',
    async (t) => {
      const { text } = await save('petition=meadows&bom=true');
      t.ok(text.startsWith('\uFEFFid,petition_id,'));
      t.equal(text.split('\r\n').at(-1), '', 'the last line has its end');
      const [ada] = rowsOf(text.slice(1));
      t.match(ada, {
        phone: `'${FULL.phone}`,
        source: "'@stall",
        utm_campaign: "'-1",
        external_id: "''+crm-1",
      });
      for (const row of rowsOf(text.slice(1))) {
        t.notOk(
          Object.values(row).some((cell) => /^[=+\-@\t\r]/.test(cell)),
          'no cell begins a formula',
        );
      }
    },
  );

  await t.test('the same once more changes nothing, and what had waited counts', async (t) => {
    const again = await load('email,name\nADA@example.org,Somebody\nbo@example.org,Bo');
    t.match(again.body, { lines: 2, created: 0, already_signed: 2 });
    const { text } = await save('petition=meadows&format=ndjson');
    t.same(
      linesOf(text).map(({ name }) => name),
      [FULL.name, 'Bo'],
    );
    await publish(api, lead.secret, { slug: 'waits', confirmation: 'email' });
    const pending = { email: 'cy@example.org', name: 'Cy' };
    await api.call('POST', '/v1/petitions/waits/signatures', { body: pending });
    const confirmed = await load('email,name\ncy@example.org,Cy', { petition: 'waits' });
    t.match(confirmed.body, { created: 0, confirmed: 1, already_signed: 0 });
    const { body } = await api.call('GET', '/v1/petitions/waits/counts', {});
    t.equal(body.confirmed, 1);
  });

  await t.test('a line that is wrong is told by its number, and stops no other', async (t) => {
    const lines = [
      'Email , NAME,country,external_id,created_at,hidden,status',
      'a1@example.org,A,NL,x1,,,',
      'nobody,B,,,,,',
      'a3@example.org,,,,,,',
      'a4@example.org,"D"x,,,,,',
      'a5@example.org,E,Holland,,,,',
      'a6@example.org,F,,x1,,,',
      'a7@example.org,G,,,2999-01-01T00:00:00Z,,',
      'a8@example.org,H,,,,maybe,',
      'a9@example.org,I,,,,,,more',
      'a10@example.org,\u0000J,,,,,',
      'a11@example.org,K,,,,,withdrawn',
      'a12@example.org,"L',
      'two lines",,,,,confirmed',
      '',
      'a12@example.org,L again,,,,,',
    ];
    const { status, body } = await load(lines.join('\n'), { petition: 'river' });
    t.equal(status, 200);
    const told = (body.problems as any[]).map(({ line, field, code }) => `${line} ${field} ${code}`).sort();
    t.same(told, [
      '10  cells',
      '11 name encoding',
      '3 email format',
      '4 name required',
      '5  quotes',
      '7 external_id external_id_taken',
    ]);
    const left = (body.warnings as any[]).map(({ line, field, code }) => `${line} ${field} ${code}`);
    t.same(left, ['8 created_at future', '9 hidden type']);
    t.match(body, { lines: 13, created: 5, left_out: 1, failed: 6, warned: 2, complete: true });
    t.notMatch(
      JSON.stringify([body.problems, body.warnings]),
      /a\d+@|Holland|maybe/,
      'nothing that was sent comes back',
    );

    const json = [
      '{"email":"n1@example.org","name":"N"}',
      'nonsense',
      '[1]',
      '{"email":"n2@example.org","name":"N","age":3}',
      '{"email":"n6@example.org","name":"N","n\\u0061me":"M"}',
      '{"email":"n7@example.org","name":"N","utm":{"source":"a","source":"b"}}',
      '{"email":"n8@example.org","name":"\u2800\u3164"}',
    ];
    const second = await load(json.join('\r\n'), { petition: 'river', type: NDJSON });
    t.same(
      second.body.problems.map(({ line, field, code }: any) => [line, field, code]),
      [
        [2, '', 'json'],
        [3, '', 'json'],
        [4, 'age', 'additional_properties'],
        [5, 'name', 'duplicate'],
        [6, 'utm/source', 'duplicate'],
        [7, 'name', 'visible'],
      ],
    );
    t.equal(second.body.created, 1);
    const blank = await load('email,name\nn9@example.org,\u00ad\nn10@example.org,\u202eN\u2066\n', {
      petition: 'river',
    });
    t.match(blank.body, { created: 1, problems: [{ line: 2, field: 'name', code: 'visible' }] });
    const kept = await api.call('GET', '/v1/signatures?petition=river&email=n10@example.org', {
      key: lead.secret,
    });
    t.equal(kept.body.data[0].name, 'N');
    const latin = Buffer.from('email,name\nn3@example.org,Ren\u00e9\nn4@example.org,N', 'latin1');
    const third = await api.app.inject({
      method: 'POST',
      url: '/v1/signatures/import?petition=river&source=stall',
      headers: { 'content-type': CSV, authorization: `Bearer ${lead.secret}` },
      payload: latin,
    });
    t.match(third.json(), { created: 2, encoding: 'windows-1252', problems: [] });
    const { text } = await save('petition=river&format=ndjson&source=stall');
    t.same(
      linesOf(text).map(({ name }) => name),
      ['Ren\u00e9', 'N'],
      'what names no source itself has the one of the import',
    );
  });

  await t.test('who was erased stays so, unless they have signed later', async (t) => {
    await load('email,name\nerased@example.org,E\nlater@example.org,L');
    for (const identity of ['erased@example.org', 'later@example.org']) {
      const person = await findSupporterByIdentity(api.store.read, identity);
      await eraseSupporter(api.app.ctx, person?.key ?? 0);
    }
    const before = await api.call('GET', '/v1/petitions/meadows/counts', {});
    const later = aMomentLater(api);
    const file = `email,name,created_at\nerased@example.org,E,\nlater@example.org,L,${later}`;
    t.match((await load(file)).body, { created: 1, left_out: 1, failed: 0 });
    const after = await api.call('GET', '/v1/petitions/meadows/counts', {});
    t.equal(after.body.confirmed, before.body.confirmed, 'the one who came back does not count twice');
    t.notOk(await findSupporterByIdentity(api.store.read, 'erased@example.org'));
    api.setClock(undefined);
  });

  await t.test('milestones, history and partners: every counter equals its rows', async (t) => {
    const { body } = await api.call('GET', '/v1/petitions/meadows/counts', {});
    t.ok(body.confirmed >= 4);
    t.same(body.milestones?.map?.(({ value }: any) => value) ?? [3], [3]);
    t.same(await recount(api.store.read), []);
    const history = await api.call(
      'GET',
      '/v1/petitions/meadows/history?interval=hour&from=2026-03-05T00:00:00Z&to=2026-03-05T01:00:00Z',
      {},
    );
    if (history.status === 200) {
      t.equal(history.body.data?.[0]?.confirmed, 1, 'in the hour in which it counted');
    }
  });

  await t.test('400, 401, 403, 404, 409, 415, 422', async (t) => {
    const code = ({ status, body }: { status: number; body: any }) => `${status} ${body?.code}`;
    const line = 'email,name\nz@example.org,Z';
    t.equal(code(await load(line, { more: '&colour=red' })), '400 invalid_query');
    t.equal(code(await save('petition=meadows&format=xml')), '400 invalid_query');
    t.equal(code(await api.call('GET', '/v1/signatures/export?petition=meadows')), '401 key_required');
    const weak = await api.newKey(lead.key, 'secret', ['signatures:write']);
    t.equal(code(await load(line, { key: weak })), '403 scope_required');
    t.equal(code(await save('petition=meadows', weak)), '403 scope_required');
    const stranger = await api.organization('Strangers');
    t.equal(code(await load(line, { key: stranger.secret })), '404 petition_not_found');
    t.equal(code(await save('petition=meadows', stranger.secret)), '404 petition_not_found');
    t.equal(code(await load('{}', { type: 'application/json' })), '415 unsupported_media_type');
    t.equal(code(await load(line, { type: 'text/plain' })), '415 unsupported_media_type');
    const header = await load('ann@example.org,020 5550199');
    t.equal(code(header), '422 invalid_body');
    t.notMatch(header.text, /ann@|555/, 'where the header is missing a person stands');
    t.same(
      header.body.errors.map(({ pointer }: any) => pointer),
      ['/columns'],
    );
    t.equal(code(await load('')), '422 invalid_body');
    t.equal(code(await load('email,name,email\n')), '422 invalid_body');
    const { body } = await api.call('POST', '/v1/petitions', {
      key: lead.secret,
      body: { title: 'T', statement: 'S' },
    });
    t.equal(code(await load(line, { petition: body.id })), '409 petition_not_published');
    const move = (to: string) =>
      api.call('POST', '/v1/petitions/river/transitions', { key: lead.secret, body: { to } });
    await move('closed');
    t.equal(code(await load(line, { petition: 'river' })), '409 petition_closed');
    t.equal((await save('petition=river')).status, 200, 'what is closed can be handed over');
    const head = await api.call('HEAD', '/v1/signatures/export?petition=meadows', { key: lead.secret });
    t.same([head.status, head.text], [200, '']);
  });
});

onEveryEngine('files of other systems', async (t, engine) => {
  const { api, lead, load, save } = await open(t, engine);
  const stored = async (petition: string) =>
    linesOf((await save(`petition=${petition}&format=ndjson`)).text) as Record<string, unknown>[];
  const send = async (petition: string, payload: Buffer, type = CSV) => {
    const answer = await api.app.inject({
      method: 'POST',
      url: `/v1/signatures/import?petition=${petition}`,
      headers: { 'content-type': type, authorization: `Bearer ${lead.secret}` },
      payload,
    });
    return { status: answer.statusCode, body: answer.json<any>(), text: answer.body };
  };
  const petition = async (slug: string, form = {}) =>
    publish(api, lead.secret, { slug, confirmation: 'none', form });

  await t.test('200: in the encodings of spreadsheets, each named in the result', async (t) => {
    await petition('encodings');
    const wide = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
    const files: [Buffer, string, string][] = [
      [wide('email\tname\r\nle@example.org\tZo\u00eb'), CSV, 'utf-16le'],
      [wide('email,name\nbe@example.org,Zo\u00eb\n').swap16(), CSV, 'utf-16be'],
      [Buffer.from('email;name\r\nw@example.org;Zo\xeb\r\n', 'latin1'), CSV, 'windows-1252'],
      [Buffer.from('email;name\r\nu@example.org;Zo\u00eb\r\n'), CSV, 'utf-8'],
      [Buffer.from('email,name\rc@example.org,Zo\u00eb\r'), CSV, 'utf-8'],
      [
        Buffer.from('email;name\nr@example.org;\xc8\xe2\xe0\xed', 'latin1'),
        `${CSV}; charset="windows-1251"`,
        'windows-1251',
      ],
      [wide('{"email":"nd@example.org","name":"Zo\u00eb"}'), NDJSON, 'utf-16le'],
    ];
    for (const [bytes, type, encoding] of files) {
      const { body } = await send('encodings', bytes, type);
      t.match(body, { created: 1, failed: 0, encoding }, `${encoding}: ${JSON.stringify(body)}`);
    }
    const names = (await stored('encodings')).map(({ name }) => name);
    t.same(names, [...Array<string>(5).fill('Zo\u00eb'), '\u0418\u0432\u0430\u043d', 'Zo\u00eb']);
    const unclear = await send(
      'encodings',
      Buffer.from('email;name\nx@example.org;\xc8\xe2\xe0\xed', 'latin1'),
    );
    t.match(unclear, {
      status: 422,
      body: { errors: [{ code: 'encoding', detail: /Windows-1252.*charset=/ }] },
    });
    t.notMatch(unclear.text, 'x@example.org');
    const unheard = await send('encodings', Buffer.from('email,name\n'), `${CSV}; charset=utf-99`);
    t.match(unheard, { status: 422, body: { errors: [{ code: 'encoding', detail: /utf-99/ }] } });
  });

  await t.test('200: exports as they are, and what became of each column', async (t) => {
    await petition('exports', { phone: 'off' });
    const files: [file: string, person: object][] = [
      [
        '"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,REGION,CC,NOTES,TAGS\n' +
          'm1@example.org,Peter,Sample,4,"2018-02-12 17:59:31","2018-02-12 18:06:58",so,ch,,"""x"",""y"""\n',
        {
          name: 'Peter Sample',
          country: 'CH',
          created_at: '2018-02-12T17:59:31.000Z',
          confirmed_at: '2018-02-12T18:06:58.000Z',
        },
      ],
      [
        'Emailadresse,Vorname,Nachname,Land,PLZ\nm2@example.org,Max,Muster,Österreich,1010\n',
        { name: 'Max Muster', country: 'AT', postal_code: '1010' },
      ],
      [
        'first_name,last_name,email,zip_code,country,Timestamp (EST)\na1@example.org,,\nAda,Sample,a1@example.org,10001,US,2015-02-04 12:55:13 EST\n',
        { name: 'Ada Sample', created_at: '2015-02-04T17:55:13.000Z' },
      ],
      [
        'Signature ID,Petition ID,Honorific,First Name,Last Name,Email Address,Address,City,State,Postal Code,Country,,,,Email Opt-in,Date Signed,Confirmation code,Confirmed,Custom Message,Language,IP Address,Anonymise\n' +
          '"1","1","","Sam","Out","s1@example.org","Mill Lane 4","Ewe","","1234","Netherlands","","","","1","2018-02-13 10:00:00","abc","confirmed","Why not","en","192.0.2.1"\n' +
          '"2","1","","Not","Yet","s2@example.org","","","","","","","","","1","2018-02-13 10:00:00","abd","unconfirmed","","en","192.0.2.1"\n',
        {
          name: 'Sam Out',
          postal_address: { lines: ['Mill Lane 4'], city: 'Ewe' },
          country: 'NL',
          comment: 'Why not',
        },
      ],
      [
        'Zeitstempel,E-Mail-Adresse,Vor- und Nachname,Telefonnummer\n13.02.2018 17:59:31,g1@example.org,Gerda Form,030 123456\n',
        { name: 'Gerda Form', created_at: '2018-02-13T17:59:31.000Z' },
      ],
      [
        'Order #,Order Date,First Name,Last Name,Email,Quantity,Ticket Type\n7,"Feb 13, 2018 5:59 PM",Eve,Bright,e1@example.org,1,Free\n',
        { name: 'Eve Bright', created_at: '2018-02-13T17:59:00.000Z' },
      ],
      ['sep=;\nVorname;Name;E-Mail\nRosa;Luft;r1@example.org\n;;\n   \n\u001a', { name: 'Rosa Luft' }],
    ];
    for (const [file, person] of files) {
      const { body } = await load(file, { petition: 'exports' });
      t.match(body, { created: 1, warned: 0, warnings: [] }, JSON.stringify(body));
      t.match((await stored('exports')).at(-1), person);
    }
    const { body } = await load(files[4]![0], { petition: 'exports' });
    t.same(body.columns, [
      { name: 'Zeitstempel', field: 'created_at', ignored: null },
      { name: 'E-Mail-Adresse', field: 'email', ignored: null },
      { name: 'Vor- und Nachname', field: 'name', ignored: null },
      { name: 'Telefonnummer', field: null, ignored: 'not_asked' },
    ]);
  });

  await t.test('columns, date_format and time_zone say what a file does not', async (t) => {
    await petition('told');
    const file = 'Wer,Wo,Wann,Status\nUwe,u@example.org,02/03/2018 12:00,subscribed\n';
    const none = await load(file, { petition: 'told' });
    t.match(none, { status: 422, body: { errors: [{ pointer: '/columns', code: 'required' }] } });
    t.match(none.body.errors[0].detail, /“Wer”, “Wo”, “Wann”, “Status”.*columns=/);
    const columns = `&columns=${encodeURIComponent('wer:name,"Wo":email,Wann:created_at,Status:')}`;
    const ambiguous = await load(file, { petition: 'told', more: columns });
    t.match(ambiguous.body, {
      failed: 1,
      problems: [
        { line: 2, field: 'created_at', code: 'ambiguous_date', detail: /99\/99\/9999 99:99.*date_format/ },
      ],
    });
    const how = `${columns}&date_format=${encodeURIComponent('DD/MM/YYYY HH:mm')}&time_zone=Europe/Berlin`;
    t.match((await load(file, { petition: 'told', more: how })).body, { created: 1, failed: 0 });
    t.match(await stored('told'), [{ name: 'Uwe', created_at: '2018-03-02T11:00:00.000Z' }]);
    for (const wrong of ['&columns=Wo:mail', '&columns=Wo', '&date_format=DD.MM', '&time_zone=Mars/Base']) {
      const { status, body } = await load(file, { petition: 'told', more: wrong });
      t.match(
        { status, body },
        { status: 400, body: { code: 'invalid_query', errors: [{ detail: /^Write/ }] } },
        wrong,
      );
    }
    const absent = await load('email,name\n', { petition: 'told', more: '&columns=Nobody:comment' });
    t.match(absent, { status: 422, body: { errors: [{ pointer: '/columns' }] } });
  });

  await t.test('what cannot be read costs its field, never the person', async (t) => {
    await petition('kept', { comment: 'off', country: 'required' });
    const row = {
      email: 'k@example.org',
      name: 'Kim',
      country: 'Atlantis',
      phone: '3.16121E+10',
      postal_code: 'x'.repeat(40),
      created_at: 'last summer',
      comment: 'C',
    };
    const asCsv = `${Object.keys(row).join(',')}\n${Object.values(row).join(',').replace('k@', 'l@')}\n`;
    for (const [body, type, fields] of [
      [JSON.stringify(row), NDJSON, ['comment', 'country', 'country', 'created_at', 'phone', 'postal_code']],
      [asCsv, CSV, ['country', 'country', 'created_at', 'phone', 'postal_code']],
    ] as const) {
      const answer = await load(body, { petition: 'kept', type });
      t.match(answer.body, { created: 1, failed: 0, warned: 1, problems: [] });
      t.same(answer.body.warnings.map(({ field }: any) => field).sort(), fields);
      t.notMatch(JSON.stringify(answer.body.warnings), /Atlantis|summer|3\.16/);
    }
    const empty = { country: null, phone: null, postal_code: null, comment: null };
    t.match(await stored('kept'), [
      { name: 'Kim', ...empty },
      { name: 'Kim', ...empty },
    ]);
  });

  await t.test('a dry run counts and stores nothing', async (t) => {
    await petition('tried');
    await load('email,name\nold@example.org,Old', { petition: 'tried' });
    const rows = Array.from({ length: 450 }, (_, i) => `t${i}@example.org,T${i}`);
    const file = `email,name\nold@example.org,Old\n${rows.join('\n')}\n${rows[0]}\nnobody,N\n`;
    const before = (await save('petition=tried')).text;
    const tried = await load(file, { petition: 'tried', more: '&dry_run=true' });
    const counts = { lines: 453, created: 450, already_signed: 2, failed: 1, complete: true };
    t.match(tried.body, {
      ...counts,
      dry_run: true,
      import_id: null,
      columns: [{ field: 'email' }, { field: 'name' }],
    });
    t.equal((await save('petition=tried')).text, before);
    t.equal((await api.call('GET', '/v1/petitions/tried/counts')).body.confirmed, 1);
    const imports = await api.call('GET', '/v1/petitions/tried/imports', { key: lead.secret });
    t.equal(imports.body.data.length, 1, 'nor is an import recorded');
    t.same(await recount(api.store.read), []);
    t.match((await load(file, { petition: 'tried' })).body, { ...counts, dry_run: false });
  });

  await t.test('formulas=raw leaves texts as they are, for programs that run none', async (t) => {
    await petition('raw');
    await load('email,name,phone\nf@example.org,=Ann,+31 20 555 0199', { petition: 'raw' });
    t.match(rowsOf((await save('petition=raw&formulas=raw')).text), [
      { name: '=Ann', phone: '+31 20 555 0199' },
    ]);
    t.match(rowsOf((await save('petition=raw')).text), [{ name: "'=Ann", phone: "'+31 20 555 0199" }]);
    t.equal((await save('petition=raw&formulas=none')).status, 400);
  });
});

onEveryEngine('what partners take out and bring in', async (t, engine) => {
  const { api, lead, load, save } = await open(t, engine);
  const partners: Record<string, any> = {};
  for (const terms of ['full', 'names', 'counts'] as const) {
    const one = await api.organization(`Partner ${terms}`);
    await makePartner(api, lead.secret, 'meadows', one, terms);
    const text = { locale: 'en', text: 'Yes, mail me.' };
    const { body } = await api.call('POST', '/v1/consent-texts', { key: one.secret, body: text });
    partners[terms] = one;
    const file = `email,name,phone\nyes-${terms}@example.org,Yes ${terms},020 5550199\nmute-${terms}@example.org,Mute ${terms},`;
    t.match((await load(file, { key: one.secret })).body, { accepted: 2, created: 0 });
    await api.call('POST', '/v1/subscriptions', {
      key: one.secret,
      body: { consent_text_id: body.id, email: `yes-${terms}@example.org`, evidence: { source: 'stall' } },
    });
  }
  await load('email,name\nown@example.org,Own');
  for (const format of ['csv', 'ndjson']) {
    const seen = await save(`petition=meadows&format=${format}`);
    t.match(seen.text, /own@example.org/);
    t.match(seen.text, /yes-full@example.org/);
    t.match(seen.text, /Yes names/);
    t.notMatch(
      seen.text,
      /(?:yes|mute)-(?:names|counts)@|(?:Yes|Mute) counts/,
      'the lead sees what was agreed',
    );
    for (const terms of ['full', 'names', 'counts']) {
      const { text } = await save(`petition=meadows&format=${format}`, partners[terms].secret);
      t.match(text, new RegExp(`yes-${terms}@example.org`));
      t.notMatch(text, /mute-|own@/, 'a partner sees whom it may mail');
    }
  }
  const of = await save(`petition=meadows&format=ndjson&collector=${partners['names'].id}`);
  t.equal(linesOf(of.text).length, 2);
  t.same(await recount(api.store.read), []);
});

onEveryEngine('lines that repeat one address', async (t, engine) => {
  const { api, lead, load } = await open(t, engine);
  const nameOf = async (email: string, petition = 'meadows') => {
    const of = `petition=${petition}&email=${encodeURIComponent(email)}`;
    const { body } = await api.call('GET', `/v1/signatures?${of}`, { key: lead.secret });
    return body.data.map(({ name }: any) => name as string);
  };

  await t.test('the first that can be taken is; the others hear that they have signed', async (t) => {
    const repeated = await load('email,name\na@example.org,A1\nA@example.org,A2\na@example.org,\n');
    t.match(repeated.body, { created: 1, already_signed: 1, failed: 1, problems: [{ line: 4 }] });
    t.same(await nameOf('a@example.org'), ['A1']);
    const wrong = 'email,name,created_at\nb@example.org,B1,2999-01-01T00:00:00Z\nb@example.org,B2,\n';
    t.match((await load(wrong)).body, { created: 1, already_signed: 1, failed: 0, warnings: [{ line: 2 }] });
    t.same(await nameOf('b@example.org'), ['B1']);
    const ids = [
      'x@example.org,X,id1',
      'c@example.org,C1,id1',
      'c@example.org,C2,id1',
      'c@example.org,C3,id2',
    ];
    await load(`email,name,external_id\n${ids[0]}`);
    const taken = await load(`email,name,external_id\n${ids.join('\n')}\nc@example.org,C4,id3`);
    t.match(taken.body, { created: 1, already_signed: 2, failed: 2, problems: [{ line: 3 }, { line: 4 }] });
    t.same(await nameOf('c@example.org'), ['C3']);
  });

  await t.test(
    'what had waited counts once, and who was erased comes back with the line that is later',
    async (t) => {
      await publish(api, lead.secret, { slug: 'waits', confirmation: 'email' });
      const pending = { email: 'w@example.org', name: 'W' };
      await api.call('POST', '/v1/petitions/waits/signatures', { body: pending });
      const twice = await load('email,name\nw@example.org,W1\nw@example.org,W2', { petition: 'waits' });
      t.match(twice.body, { created: 0, confirmed: 1, already_signed: 1 });
      await load('email,name,created_at\ngone@example.org,G,2026-01-01T00:00:00Z');
      const before = await api.call('GET', '/v1/petitions/meadows/counts', {});
      const person = await findSupporterByIdentity(api.store.read, 'gone@example.org');
      await eraseSupporter(api.app.ctx, person?.key ?? 0);
      const later = aMomentLater(api);
      const lines = ['2026-01-01T00:00:00Z', later, '2026-01-02T00:00:00Z'].map(
        (at, i) => `gone@example.org,G${i},${at}`,
      );
      t.match((await load(`email,name,created_at\n${lines.join('\n')}`)).body, {
        created: 1,
        left_out: 1,
        already_signed: 1,
      });
      api.setClock(undefined);
      t.same(await nameOf('gone@example.org'), ['G1']);
      const after = await api.call('GET', '/v1/petitions/meadows/counts', {});
      t.equal(after.body.confirmed, before.body.confirmed, 'and counts once');
      t.same(await recount(api.store.read), []);
    },
  );

  await t.test('they share the transactions of all others', async (t) => {
    for (const address of [() => 'same@example.org', (i: number) => `pair${i >> 1}@example.org`]) {
      const rows = Array.from({ length: 600 }, (_, i) => `${address(i)},Name`);
      let commits = 0;
      const { store } = api.app.ctx;
      const transact = store.transact.bind(store);
      const counted: typeof transact = (work) => {
        commits += 1;
        return transact(work);
      };
      Object.assign(store, { transact: counted });
      t.match((await load(`email,name\n${rows.join('\n')}`, { petition: 'river' })).body, {
        lines: 600,
        failed: 0,
      });
      Object.assign(store, { transact });
      // As many as for 600 people: the smallest chunk has twenty.
      t.ok(commits <= 60, `${commits} transactions`);
    }
    t.same(await nameOf('same@example.org', 'river'), ['Name']);
    t.same(await recount(api.store.read), []);
  });
});

/** Longer than a chunk takes on a busy machine. */
const PATIENCE_MS = 3000;

onEveryEngine('files that come and go slowly', async (t, engine) => {
  const { api, lead, load, save } = await open(t, engine);
  const COUNT = 6000;
  // Packed, it must still be larger than what the system buffers of it.
  const comment = (i: number) =>
    createHash('shake256', { outputLength: 1350 }).update(String(i)).digest('base64url');
  const person = (i: number) => `p${i}@example.org,Person ${i},NL,${comment(i)}`;
  const many = Array.from({ length: COUNT }, (_, i) => person(i));
  const file = `email,name,country,comment\n${many.join('\n')}\n`;
  await api.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = api.app.server.address() as AddressInfo;
  const send = (path: string, headers: Record<string, string>, method = 'POST') =>
    httpRequest({
      port,
      path,
      method,
      headers: { authorization: `Bearer ${lead.secret}`, ...headers },
      agent: false,
    });
  const stored = async () =>
    (await api.call('GET', '/v1/petitions/meadows/counts', {})).body.confirmed as number;

  await t.test(
    'a connection that breaks leaves what was stored, and the file can be sent again',
    async (t) => {
      const broken = send('/v1/signatures/import?petition=meadows', { 'content-type': CSV });
      broken.on('error', () => undefined);
      broken.write(file.slice(0, file.length / 2));
      await until(async () => (await stored()) > 0, 'the first lines');
      broken.destroy();
      // What had arrived may still be on its way into the database.
      const left = await settled(stored, 'what is stored', PATIENCE_MS);
      t.ok(left > 0 && left <= COUNT / 2, `${left} are stored`);
      const { body } = await load(file);
      t.same([body.created + body.already_signed, body.already_signed, body.failed], [COUNT, left, 0]);
      t.equal(await stored(), COUNT);
      t.same(await recount(api.store.read), []);
    },
  );

  await t.test('progress while the file still comes', async (t) => {
    const headers = { 'content-type': CSV, accept: NDJSON };
    const slow = send('/v1/signatures/import?petition=river', headers);
    const answered = once(slow, 'response') as Promise<[IncomingMessage]>;
    slow.write(file.slice(0, file.length / 2));
    const [answer] = await answered;
    const [first] = (await once(answer.setEncoding('utf8'), 'data')) as [string];
    t.match(linesOf(first)[0], { complete: false, stopped: null });
    let rest = '';
    answer.on('data', (text: string) => (rest += text));
    slow.end(file.slice(file.length / 2));
    await once(answer, 'end');
    t.match(linesOf(rest).at(-1), { complete: true, stopped: null, lines: COUNT, created: COUNT });
  });

  await t.test('whoever does not read is ended, and costs no memory meanwhile', async (t) => {
    const accepted = once(api.app.server, 'connection');
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    const path = '/v1/signatures/export?petition=meadows&format=ndjson';
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${lead.secret}\r\n\r\n`);
    const [connection] = (await accepted) as [Socket];
    // Small enough to fit into the buffers of the system, it would be gone at once.
    await inTime(once(connection, 'close'), 'the end of its connection');
    t.ok(connection.destroyed, 'its connection is gone');
    socket.destroy();
  });

  await t.test('a key that is revoked on the way takes nothing more out', async (t) => {
    const scopes = ['signatures:read'];
    const body = { kind: 'secret', name: 'Export', scopes };
    const made = await api.call('POST', '/v1/api-keys', { key: lead.secret, body });
    const revoke = () => api.call('DELETE', `/v1/api-keys/${made.body.id}`, { key: lead.secret });
    const headers = { authorization: `Bearer ${made.body.token}` };
    const path = '/v1/signatures/export?petition=meadows&format=ndjson';
    const get = send(path, headers, 'GET').end();
    const [answer] = (await once(get, 'response')) as [IncomingMessage];
    t.equal(answer.statusCode, 200);
    let bytes = 0;
    const failing = once(answer, 'end').catch((error: unknown) => error);
    t.match(await revoke(), { status: 200 });
    answer.on('data', (piece: Buffer) => (bytes += piece.length));
    const failure = await failing;
    t.ok(failure instanceof Error && !answer.complete, 'the client hears that it broke');
    t.ok(bytes < file.length / 2, `${bytes} bytes had been on their way`);
    t.match(await api.call('GET', path, { key: made.body.token }), { status: 401 });
  });

  await t.test('a key that is revoked on the way brings nothing more in, and hears why', async (t) => {
    await publish(api, lead.secret, { slug: 'brook', confirmation: 'none' });
    for (const accept of ['application/json', NDJSON]) {
      const key = { kind: 'secret', name: 'Import', scopes: ['signatures:vouch'] };
      const made = await api.call('POST', '/v1/api-keys', { key: lead.secret, body: key });
      const headers = { authorization: `Bearer ${made.body.token}`, 'content-type': CSV, accept };
      const importing = send('/v1/signatures/import?petition=brook', headers);
      const answered = once(importing, 'response') as Promise<[IncomingMessage]>;
      const before = (await api.call('GET', '/v1/petitions/brook/counts', {})).body.confirmed;
      const confirmed = async () =>
        (await api.call('GET', '/v1/petitions/brook/counts', {})).body.confirmed as number;
      const lines = Array.from({ length: 1200 }, (_, i) => `${accept.length}r${i}@example.org,N`);
      importing.write(`email,name\n${lines.slice(0, 300).join('\n')}\n`);
      await until(async () => (await confirmed()) > before, 'the first lines');
      await api.call('DELETE', `/v1/api-keys/${made.body.id}`, { key: lead.secret });
      importing.end(lines.slice(300).join('\n'));
      const [answer] = await answered;
      let text = '';
      for await (const piece of answer.setEncoding('utf8')) text += String(piece);
      const last = linesOf(text).at(-1);
      if (answer.statusCode === 200) t.match(last, { complete: false, stopped: { code: 'invalid_key' } });
      else t.match([answer.statusCode, last], [401, { code: 'invalid_key', detail: /send the file again/ }]);
      t.ok((await confirmed()) <= before + 300, 'the rest is not stored');
    }
    t.same(await recount(api.store.read), []);
  });

  await t.test('what fails on the way does not look complete', async (t) => {
    for (const encoding of ['identity', 'gzip']) {
      const headers = { 'accept-encoding': encoding };
      const get = send('/v1/signatures/export?petition=meadows&format=csv', headers, 'GET').end();
      const [answer] = (await once(get, 'response')) as [IncomingMessage];
      t.equal(answer.statusCode, 200);
      t.equal(answer.headers['content-encoding'] ?? 'identity', encoding);
      // Heard from now on: it may be broken before it is read.
      const failing = once(answer, 'end').catch((error: unknown) => error);
      await administer(api, 'alter table suspicions rename to gone');
      answer.resume();
      const failure = await failing;
      await administer(api, 'alter table gone rename to suspicions');
      t.ok(failure instanceof Error && !answer.complete, `${encoding}: the client hears that it broke`);
    }
    const { text } = await save('petition=river');
    t.equal(rowsOf(text).length, COUNT, 'and the next one is whole again');
  });
});

/** What goes wrong with a database while somebody reads from it. */
async function administer({ url }: TestApp, sql: string): Promise<void> {
  if (url.startsWith('file:')) {
    const db = openFile(url.slice('file:'.length));
    db.exec(sql);
    return void db.close();
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
