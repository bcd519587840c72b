import type { IncomingMessage } from 'node:http';
import { hasTag, takesGzip } from '../http/conditional.js';
import { KEEP, type Keep } from '../http/front/behind-workers.js';
import type { Finished } from '../http/front/leaving.js';
import type { Look } from '../http/front/look.js';

/*
 * The answers that a worker keeps: those of which the server says that they may be, as they came. One is valid while the
 * database is as it was before the server was asked, and until its time is over: so it is never older than what the
 * server would answer.
 */

/** The forms of an answer: as it is, packed, and that the client has it. */
type Form = 'whole' | 'zipped' | 'unchanged';

export type KeptAnswer = {
  etag: string;
  keep: Keep;
  version: number;
  forms: Partial<Record<Form, Finished>>;
};

/** An answer of the server that may be kept. */
export type Keepable = { etag: string; keep: Keep };

/** The memory that kept bodies may take; beyond it all are forgotten. */
const MOST_BYTES = 32 * 1024 * 1024;
/** Headers and the rest of an entry. */
const ENTRY_BYTES = 2000;
/** Statuses and `Vary` of what may be kept. The front looks at nothing else of a request. */
const STATUSES = new Set([200, 304]);
const VARIES = new Set(['accept-encoding', 'authorization']);
/** Of one connection, or of one moment. */
const NOT_KEPT = new Set(['connection', 'date', 'keep-alive', KEEP]);

/** What may be kept of an answer; undefined: nothing. */
export function keepableOf({ statusCode = 0, headers }: IncomingMessage): Keepable | undefined {
  const { [KEEP]: said, etag, vary = '' } = headers;
  if (typeof said !== 'string' || etag === undefined || !STATUSES.has(statusCode)) return undefined;
  const varies = vary.split(',').map((name) => name.trim().toLowerCase());
  if (headers['set-cookie'] || varies.some((name) => name !== '' && !VARIES.has(name))) return undefined;
  return { etag, keep: JSON.parse(said) as Keep };
}

export class KeptAnswers {
  readonly #kept = new Map<string, KeptAnswer>();
  #bytes = 0;

  constructor(
    private readonly version: () => number,
    private readonly now: () => number = Date.now,
  ) {}

  /** The entry of a URL, out of date or not. */
  find(url: string): KeptAnswer | undefined {
    const known = this.#kept.get(url);
    const query = known ? -1 : url.indexOf('?');
    if (query < 0) return known;
    const any = this.#kept.get(url.slice(0, query));
    return any?.keep.anyQuery ? any : undefined;
  }

  isCurrent({ keep, version }: KeptAnswer): boolean {
    if (keep.until !== null && this.now() >= keep.until) return false;
    return keep.isFixed === true || version === this.version();
  }

  /** Keeps an answer for which the server was asked at `version`. Returns its entry. */
  keep(url: string, { etag, keep }: Keepable, version: number, look: Look, answer: Finished): KeptAnswer {
    const key = keep.anyQuery ? (url.split('?', 1)[0] as string) : url;
    const known = this.#kept.get(key);
    // The tag is of the whole content: what has the same is still right.
    const forms = known?.etag === etag ? known.forms : {};
    const fresh: KeptAnswer = { etag, keep, version, forms };
    const form = answer.status === 304 ? 'unchanged' : takesGzip(look.encodings) ? 'zipped' : 'whole';
    if (!forms[form]) this.#bytes += ENTRY_BYTES + key.length + answer.body.length;
    forms[form] = answer;
    if (known && known.version > version) return fresh;
    if (this.#bytes > MOST_BYTES) {
      this.#kept.clear();
      this.#bytes = 0;
    }
    this.#kept.set(key, fresh);
    return fresh;
  }
}

/** The form of an answer that a request gets, if it is kept. */
export function formFor({ etag, forms }: KeptAnswer, { tags, encodings }: Look): Finished | undefined {
  if (hasTag(tags, etag)) return forms.unchanged;
  return takesGzip(encodings) ? forms.zipped : forms.whole;
}

/** An answer of the server as it is kept. */
export function finishedOf({ statusCode = 0, rawHeaders }: IncomingMessage, body: Buffer): Finished {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (!NOT_KEPT.has(name.toLowerCase())) headers.push(name, rawHeaders[i + 1] as string);
  }
  // As text, Node writes it together with the headers.
  const isText = !headers.includes('content-encoding') && body.every((byte) => byte < 0x80);
  return { status: statusCode, headers, body: isText ? body.toString('latin1') : body };
}
