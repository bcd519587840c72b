import { gunzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import t from 'tap';
import { ANONYMOUS } from '../../../src/core/actor.js';
import { HotAnswers, type HotAnswer } from '../../../src/http/front/hot-answers.js';
import type { Finished } from '../../../src/http/front/leaving.js';

/* Without a server: what is sent is written down. How simultaneous requests share a rendering is in signatures.test.ts. */

const START = Date.UTC(2026, 10, 23, 19);
const CACHING = ['cache-control', 'public, max-age=5'];

type Sent = { status: number; headers: Record<string, string>; body: string | Buffer };

function stage() {
  const state = { generation: 1 as number | undefined, now: START, text: 'one', until: null as Date | null };
  let rendered = 0;
  const hot = new HotAnswers(
    { store: { generation: () => state.generation }, now: () => new Date(state.now) },
    { constant: { data: {}, documents: {} }, front: { keep: () => undefined } },
  );
  const answer = (ref: string): HotAnswer => ({
    ref,
    caching: CACHING,
    render: async () => {
      rendered += 1;
      return {
        body: state.text,
        etag: `"${state.text.slice(0, 9)}"`,
        until: state.until,
        link: '</>; rel="x"',
      };
    },
  });
  const send = async (headers: Record<string, string> = {}, ref = 'meadows') => {
    let sent: Sent | undefined;
    const reply = {
      sendFinished({ status, headers: list, body }: Finished) {
        const pairs = list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]]] : []));
        sent = { status, headers: Object.fromEntries(pairs) as Sent['headers'], body };
      },
    };
    await hot.send(
      { method: 'GET', headers, actor: ANONYMOUS, routeOptions: {} } as FastifyRequest,
      reply as unknown as FastifyReply,
      answer(ref),
    );
    return sent as Sent;
  };
  return { state, send, renderings: () => rendered };
}

t.test('a kept answer is sent until something was committed, or its time is over', async (t) => {
  const { state, send, renderings } = stage();
  const first = await send();
  t.equal(first.status, 200);
  t.equal(String(first.body), 'one');
  t.match(first.headers, {
    etag: '"one"',
    'cache-control': 'public, max-age=5',
    vary: 'accept-encoding, authorization',
    link: '</>; rel="x"',
  });
  state.text = 'two';
  t.equal(String((await send()).body), 'one');
  t.equal(renderings(), 1);
  state.generation = 2;
  state.until = new Date(START + 1000);
  t.equal(String((await send()).body), 'two');
  state.text = 'three';
  state.now = START + 999;
  t.equal(String((await send()).body), 'two');
  state.now = START + 1000;
  t.equal(String((await send()).body), 'three');
  t.equal(renderings(), 3);
});

t.test('where commits cannot be noticed nothing is kept', async (t) => {
  const { state, send, renderings } = stage();
  state.generation = undefined;
  await send();
  state.text = 'two';
  t.equal(String((await send()).body), 'two');
  t.equal(renderings(), 2);
});

t.test('304 to those who have it, gzip to those who accept it where that is shorter', async (t) => {
  const { state, send } = stage();
  const fresh = await send({ 'if-none-match': '"one"' });
  t.match(fresh, { status: 304, body: '', headers: { etag: '"one"', link: undefined } });
  t.notOk((await send({ 'accept-encoding': 'gzip' })).headers['content-encoding'], 'so short is no shorter');
  state.text = 'long '.repeat(100);
  state.generation = 2;
  t.equal(String((await send()).body), state.text);
  const zipped = await send({ 'accept-encoding': 'gzip' });
  t.equal(zipped.headers['content-encoding'], 'gzip');
  t.equal(String(gunzipSync(zipped.body)), state.text);
  t.equal((await send({ 'accept-encoding': 'gzip' })).body, zipped.body, 'it is zipped once');
});

t.test('not more answers are kept than are hot at one time', async (t) => {
  const { send, renderings } = stage();
  for (let i = 0; i < 500; i += 1) await send({}, `petition ${i}`);
  await send({}, 'petition 0');
  t.equal(renderings(), 500);
  await send({}, 'one more');
  await send({}, 'petition 0');
  t.equal(renderings(), 502);
});
