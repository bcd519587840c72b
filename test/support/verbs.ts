import type { KeyedActor } from '../../src/core/actor.js';
import { authenticate } from '../../src/core/organization/api-keys.js';
import { invitePartner, type Invitation } from '../../src/core/partners/inviting.js';
import { acceptPartnership } from '../../src/core/partners/partnership-moves.js';
import { Moved } from '../../src/core/petitions/petition-lookup.js';
import type { PetitionInput, PetitionRow } from '../../src/core/petitions/petition-rules.js';
import { createPetition, transitionPetition } from '../../src/core/petitions/petitions.js';
import { ApiError } from '../../src/errors.js';
import { PETITION, type TestApp } from './helper.js';

/* For tests that call the verbs of core themselves, without HTTP. */

/** An organization that can speak for itself, with a secret key of all scopes and a publishable one. */
export type Member = {
  key: number;
  id: string;
  slug: string;
  actor: KeyedActor;
  publishable: KeyedActor;
};

export async function join(api: TestApp, name: string): Promise<Member> {
  const { key, id, slug, secret } = await api.organization(name);
  const publishable = await api.newKey(key, 'publishable');
  return {
    key,
    id,
    slug,
    actor: await authenticate(api.app.ctx, secret),
    publishable: await authenticate(api.app.ctx, publishable),
  };
}

/** A petition of this organization that can be signed. */
export async function launch(
  { app: { ctx } }: TestApp,
  { actor }: Member,
  input: Partial<PetitionInput> & { slug?: string } = {},
): Promise<PetitionRow> {
  const { petition } = await createPetition(ctx, actor, { ...PETITION, ...input });
  return (await transitionPetition(ctx, actor, petition.publicId, { to: 'published' })).petition;
}

/** Makes an organization a partner of a petition. */
export async function ally(
  { app: { ctx } }: TestApp,
  lead: Member,
  partner: Member,
  petition: string,
  terms: Omit<Invitation, 'organization'> = {},
) {
  const invited = await invitePartner(ctx, lead.actor, petition, { organization: partner.id, ...terms });
  return acceptPartnership(ctx, partner.actor, invited.publicId, { leadSees: invited.leadSees });
}

/** What a verb comes to, in a word: "done", the code of what it throws, or where the petition has gone. */
export const outcome = (verb: Promise<unknown>): Promise<string> =>
  verb.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof ApiError) return error.code;
      if (error instanceof Moved) return `moved to ${error.slug}`;
      throw error;
    },
  );

/** The codes of the fields that a verb finds wrong, by where they stand. */
export const faults = (verb: Promise<unknown>): Promise<string[]> =>
  verb.then(
    () => [],
    (error: unknown) => {
      if (error instanceof ApiError && error.details.errors) {
        return error.details.errors.map(({ pointer, code }) => `${pointer} ${code}`);
      }
      throw error;
    },
  );

/** A clock that stands until it is told to go on. */
export class Clock {
  constructor(
    private readonly api: TestApp,
    private at: Date,
  ) {
    api.setClock(at);
  }

  get now(): Date {
    return this.at;
  }

  set(at: Date): void {
    this.at = at;
    this.api.setClock(at);
  }

  pass(ms: number): void {
    this.set(new Date(this.at.getTime() + ms));
  }
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
