import type { TestApp } from './helper.js';

export type Group = { key: number; id: string; slug: string; secret: string };

/** Lets an organization take part in a petition: invited by its lead, accepted by itself. */
export async function join(api: TestApp, petitionId: string, lead: Group, partner: Group): Promise<string> {
  const invited = await api.call('POST', `/v1/petitions/${petitionId}/partners`, {
    key: lead.secret,
    body: { organization: partner.id, lead_sees: 'full' },
  });
  if (invited.status !== 201) throw new Error(invited.text);
  const path = `/v1/partnerships/${invited.body.id}/accept`;
  const accepted = await api.call('POST', path, { key: partner.secret, body: { lead_sees: 'full' } });
  if (accepted.status !== 200) throw new Error(accepted.text);
  return invited.body.id;
}
