import type { components } from '../../dist/embed/openapi.js';
import { createClient } from './client.js';
import { wait } from './dom.js';

type Schemas = components['schemas'];
export type Petition = Schemas['Petition'];
export type Counts = Schemas['PetitionCounts'];
export type ConsentText = Schemas['PetitionConsentText'];
export type SignatureInput = Schemas['SignatureInput'];
export type Accepted = Schemas['SignatureAccepted'];
export type Challenge = Schemas['Challenge'];
export type ShareLink = Schemas['ShareLink'];
export type Responses = Schemas['PetitionResponseList']['data'];
export type Network = Schemas['ShareLinkInput']['network'];
export type Words = Schemas['EmbedTranslation'];
type Problem = Schemas['Problem'];

/** A failed call: `code` is an error code of the API, `offline` without an answer, or `failed`. */
export class Failure extends Error {
  constructor(
    readonly code: string,
    readonly errors: NonNullable<Problem['errors']> = [],
    /** Seconds until it is worth trying again. */
    readonly retryAfter: number | null = null,
    readonly opensAt: string | null = null,
    readonly status = 0,
    /** The operator's own sentence. */
    readonly said: string | null = null,
  ) {
    super(code);
  }
}

type Result<T> = { data?: T; error?: unknown; response: Response };

/** Returns the data of an answer, or throws a Failure. */
async function answerOf<T>(call: () => Promise<Result<T>>): Promise<T> {
  let result: Result<T>;
  try {
    result = await call();
  } catch {
    throw new Failure('offline');
  }
  const { data, error, response } = result;
  if (response.ok && data !== undefined) return data;
  const { code, errors, opens_at, message } = (error ?? {}) as Partial<Problem>;
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  throw new Failure(
    code ?? 'failed',
    errors,
    Number.isFinite(seconds) ? seconds : null,
    opens_at ?? null,
    response.status,
    message ?? null,
  );
}

const PAUSES = [1000, 3000];

/** Tries again when no answer came. Only for calls that are safe to repeat. */
async function withRetries<T>(call: () => Promise<Result<T>>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await answerOf(call);
    } catch (error) {
      if ((error as Failure).code !== 'offline') throw error;
      await wait(pause);
    }
  }
  return answerOf(call);
}

const listOf = async <T>(call: () => Promise<Result<{ data: T[] }>>): Promise<T[]> =>
  (await withRetries(call)).data;

type Path = '/v1/petitions/{petition}';

export type Api = ReturnType<typeof createApi>;

/** The calls of the widget to the API. All of them throw a Failure. */
export function createApi(baseUrl: string, key: string | null) {
  const client = createClient(baseUrl);
  // The header costs a preflight request, so it is sent only where the key matters.
  const headers = key === null ? {} : { authorization: `Bearer ${key}` };
  const at = (petition: string) => ({ path: { petition } });
  const signal = () => AbortSignal.timeout(30_000);
  return {
    baseUrl,
    petition: (petition: string, locale: string | null): Promise<Petition> =>
      withRetries(() =>
        client.GET(`/v1/petitions/{petition}${locale ? '?locale={locale}' : ''}` as Path, {
          params: { path: { petition, locale } as { petition: string } },
        }),
      ),
    counts: (petition: string): Promise<Counts> =>
      answerOf(() => client.GET('/v1/petitions/{petition}/counts', { params: at(petition) })),
    consentTexts: (petition: string): Promise<ConsentText[]> =>
      listOf(() => client.GET('/v1/petitions/{petition}/consent-texts', { params: at(petition), headers })),
    responses: (petition: string): Promise<Responses> =>
      listOf(() => client.GET('/v1/petitions/{petition}/responses', { params: at(petition) })),
    challenge: (petition: string): Promise<Challenge> =>
      withRetries(() =>
        client.GET('/v1/petitions/{petition}/challenge', {
          params: at(petition),
          headers,
          cache: 'no-store',
        }),
      ),
    words: (locale: string): Promise<Words> =>
      withRetries(() => client.GET('/embed/v1/words/{locale}.json', { params: { path: { locale } } })),
    /** `once` is the Idempotency-Key, which makes retries safe. */
    sign: (petition: string, body: SignatureInput, once: string): Promise<Accepted> =>
      withRetries(async () => {
        const params = { ...at(petition), header: { 'Idempotency-Key': once } };
        const result = await client.POST('/v1/petitions/{petition}/signatures', {
          params,
          body,
          headers,
          signal: signal(),
        });
        return result as Result<Accepted>;
      }),
    /** Confirms with the code of the mail. Not repeated: each attempt uses up a try. */
    confirm: (body: { email: string; code: string; petition_id: string }): Promise<unknown> =>
      answerOf(() => client.POST('/v1/confirmations', { body, signal: signal() })),
    resend: (email: string, petition_id: string): Promise<unknown> =>
      answerOf(() =>
        client.POST('/v1/confirmations/resend', { body: { email, petition_id }, signal: signal() }),
      ),
    shareLink: (petition: string, body: Schemas['ShareLinkInput']): Promise<ShareLink> =>
      answerOf(async () =>
        client.POST('/v1/petitions/{petition}/share-links', {
          params: at(petition),
          body,
          headers,
          signal: signal(),
        }),
      ),
  };
}
