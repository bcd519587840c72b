/**
 * `npm run fuzz -- --requests 100000 --seed 7 --engine postgres`: asks the built server what nobody would, and holds every
 * answer against openapi.yaml.
 */
import { Agent } from 'node:http';
import { Command, InvalidArgumentError, Option } from 'commander';
import { operations, type Operation } from './document.js';
import { judge, send, shrink, type Answer, type Finding } from './findings.js';
import { mutate } from './mutants.js';
import { Random } from './random.js';
import { curl, reading, validRequest, type Sent } from './requests.js';
import { openStage, type EngineName, type Stage } from './stage.js';
import { MARK, Memory } from './values.js';

const AT_ONCE = 32;
/** In each phase of reading alone, and how many of those there are. */
const READ_ONLY = 8;
const PHASES = 3;

/** How often each is asked: what draws pictures or documents costs much and has little to be wrong. */
const HEAVY = /Picture|Qr|OpenApi|Metrics|Embed|Problems|Liveness|Readiness/;
const weight = ({ id, method }: Operation) =>
  HEAVY.test(id) ? 1 : id === 'signPetition' ? 16 : method === 'GET' ? 4 : 6;
const WEIGHTED = operations.flatMap((one) => Array.from({ length: weight(one) }, () => one));

const number = (text: string) => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
};
const options = new Command('fuzz')
  .description(
    'Generates requests from openapi.yaml, valid ones and broken ones, and holds every answer against it.',
  )
  .option('--requests <number>', 'how many', number, 10_000)
  .option(
    '--seed <number>',
    'the same seed makes the same requests, as far as the server answers the same',
    number,
    1,
  )
  .addOption(
    new Option('--engine <engine>', 'which database').choices(['sqlite', 'postgres', 'both']).default('both'),
  )
  .addHelpText('after', '\nEnds with 1 when anything was found: each with a curl line that shows it.')
  .parse()
  .opts<{ requests: number; seed: number; engine: EngineName | 'both' }>();

class Fuzz {
  readonly findings = new Map<string, Finding>();
  readonly statuses = new Map<string, Map<number, number>>();
  readonly #memory = new Memory();
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

  constructor(
    readonly stage: Stage,
    seed: number,
  ) {
    this.#random = new Random(seed);
  }

  async run(requests: number): Promise<void> {
    await this.#begin();
    for (let sent = 0; sent < requests; sent += AT_ONCE) {
      if (sent % 4096 < AT_ONCE) await this.#begin();
      await this.#together(() => this.#next());
      if (sent % 512 < AT_ONCE) this.#readMails();
      if (sent % Math.ceil(requests / PHASES) >= Math.ceil(requests / PHASES) - AT_ONCE) {
        await this.#readOnly();
      }
    }
  }

  #next(): Sent {
    const random = this.#random;
    const sent = validRequest(random, this.#memory, this.stage.who, random.pick(WEIGHTED));
    const asked = random.chance(0.55) ? mutate(random, sent, this.stage.who) : sent;
    return this.#spares(asked) ? asked : this.#next();
  }

  /** Without its keys the rest would be refusals. */
  #spares({ operation, method, target }: Sent): boolean {
    return !(
      /ApiKey$/.test(operation.id) &&
      method !== 'GET' &&
      [...this.stage.kept].some((id) => target.includes(id))
    );
  }

  async #together(next: () => Sent): Promise<void> {
    const all = Array.from({ length: AT_ONCE }, next);
    const answers = await Promise.all(all.map((sent) => send(this.stage.url, this.#agent, sent)));
    for (const [i, sent] of all.entries()) this.#look(sent, answers[i]);
  }

  #look(sent: Sent, answer: Answer | undefined): void {
    const counts = this.statuses.get(sent.operation.id) ?? new Map<number, number>();
    counts.set(answer?.status ?? 0, (counts.get(answer?.status ?? 0) ?? 0) + 1);
    this.statuses.set(sent.operation.id, counts);
    if (answer && answer.status < 300 && answer.text.length < 100_000) {
      this.#memory.noteAll(answer.text);
      if (sent.fits && sent.operation.id === 'createSession') this.#enter(answer.text);
    }
    const kind = judge(sent, answer, this.#secrets());
    if (kind !== undefined) this.note(kind, sent, answer);
  }

  note(kind: string, sent: Sent, answer?: Answer): void {
    const name = `${sent.operation.id} ${kind}`;
    const known = this.findings.get(name);
    if (known) known.times += 1;
    else this.findings.set(name, { kind, sent, answer, times: 1 });
  }

  #secrets = () =>
    [...this.stage.who].filter(([name]) => name.startsWith('secret')).map(([, token]) => token ?? '');

  #enter(text: string): void {
    const token = /ps_[A-Za-z0-9_-]{44}/.exec(text)?.[0];
    if (token !== undefined) this.stage.who.set(`session ${this.#random.below(4)}`, token);
  }

  #readMails(): void {
    for (const mail of this.stage.newMails()) {
      const text = mail.replaceAll(/=\r?\n/g, '').replaceAll('=3D', '=');
      for (const [token, kind = ''] of text.matchAll(/\b(p[a-z])_[A-Za-z0-9_-]{44}/g)) {
        this.#memory.note(kind, token);
      }
    }
  }

  /** A petition that is open, a link to one's data and a few people: what most else needs. */
  async #begin(): Promise<void> {
    const { url, who } = this.stage;
    const ask = async (as: string, path: string, body: unknown) => {
      const token = who.get(as);
      const headers = {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      };
      const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
      const text = await response.text();
      this.#memory.noteAll(text);
      return text === '' ? undefined : (JSON.parse(text) as { id: string });
    };
    for (const as of ['secret of the lead', 'secret of others']) {
      const words = {
        title: 'Fuzzed',
        statement: 'Leave it.',
        page_url: 'https://meadows.example/',
        confirmation: this.#random.pick(['email', 'none']),
      };
      const petition = await ask(as, '/v1/petitions', words);
      await ask(as, `/v1/petitions/${petition?.id}/transitions`, { to: 'published' });
      await ask(as, '/v1/consent-texts', { locale: 'en', text: `Yes, mail me. ${this.#random.below(1e6)}` });
      for (let n = 0; n < 6; n += 1) {
        const email = `p${this.#random.below(60)}@${MARK}.example`;
        await ask('nobody', `/v1/petitions/${petition?.id}/signatures`, { email, name: 'Ada King' });
        await ask('nobody', '/v1/manage-links', { email });
      }
    }
    await this.stage.mailsOut();
    this.#readMails();
  }

  /** GET, HEAD and OPTIONS change nothing. */
  async #readOnly(): Promise<void> {
    const { mailsOut, digest, who } = this.stage;
    await mailsOut();
    // Sessions write down that they were used; they end by themselves meanwhile.
    const before = await digest();
    const last: Sent[] = [];
    for (let i = 0; i < READ_ONLY; i += 1) {
      await this.#together(() => {
        const sent = reading(this.#random, this.#memory, who);
        last.push(sent);
        return sent;
      });
    }
    const after = await digest();
    const changed = [...after].filter(([table, hash]) => before.get(table) !== hash).map(([table]) => table);
    if (changed.length > 0) this.note(`reading has changed ${changed.join(', ')}`, last[0] as Sent);
  }

  /** What the log has told. */
  readLog(): void {
    const output = this.stage.output();
    const line = output
      .split('\n')
      .find((one) => one.includes(MARK) || /\b(?:sk_[0-9A-Za-z]{38}|p[cmesx]_[A-Za-z0-9_-]{44})\b/.test(one));
    if (line !== undefined) this.#log(`the log tells: ${line.slice(0, 300)}`);
    const failed = output.split('\n').find((one) => /"level":(?:50|60)/.test(one));
    if (failed !== undefined) this.#log(`the log says: ${failed.slice(0, 600)}`);
  }

  #log(kind: string): void {
    const [operation] = operations;
    if (operation) {
      this.note(kind, {
        operation,
        method: 'GET',
        target: '/',
        headers: {},
        body: undefined,
        as: 'nobody',
        fits: false,
        mutants: [],
      });
    }
  }

  async report(): Promise<void> {
    for (const finding of [...this.findings.values()].sort((a, b) => b.times - a.times)) {
      const again = async (sent: Sent) =>
        judge(sent, await send(this.stage.url, this.#agent, sent), this.#secrets());
      const smallest = finding.answer ? await shrink(finding, again) : finding.sent;
      const { operation, as, mutants } = finding.sent;
      console.log(`\nFOUND ${finding.times} × ${operation.id}: ${finding.kind}`);
      console.log(`  as ${as}; changed: ${mutants.join(', ') || 'nothing'}`);
      console.log(`  ${curl(this.stage.url, smallest)}`);
      if (finding.answer) console.log(`  → ${finding.answer.status} ${finding.answer.text.slice(0, 400)}`);
    }
  }

  table(): void {
    for (const { id } of operations) {
      const counts = [...(this.statuses.get(id) ?? [])].sort(([a], [b]) => a - b);
      console.log(`  ${id.padEnd(26)} ${counts.map(([status, times]) => `${status}×${times}`).join(' ')}`);
    }
  }
}

async function fuzz(engine: EngineName): Promise<number> {
  const stage = await openStage(engine);
  try {
    const run = new Fuzz(stage, options.seed);
    const from = Date.now();
    await run.run(options.requests);
    const seconds = (Date.now() - from) / 1000;
    await run.report();
    run.readLog();
    const { code } = await stage.stop();
    const recount = await stage.command('recount');
    console.log(
      `\n${engine}: ${options.requests} requests, seed ${options.seed}, ${Math.round(options.requests / seconds)} a second`,
    );
    run.table();
    if (code !== 0) console.log(`FOUND the server has ended with ${code}`);
    if (recount.code !== 0) console.log(`FOUND counters that are not their rows: ${recount.text}`);
    const found = run.findings.size + Number(code !== 0) + Number(recount.code !== 0);
    console.log(`${engine}: ${found === 0 ? 'nothing was found' : `${found} findings`}`);
    return found;
  } finally {
    await stage.remove();
  }
}

let found = 0;
for (const engine of options.engine === 'both' ? (['sqlite', 'postgres'] as const) : [options.engine]) {
  found += await fuzz(engine);
}
process.exit(found === 0 ? 0 : 1);
