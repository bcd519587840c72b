import { newId } from "../src/new-id.js";
import { knownPeople } from '../src/core/signatures/known-people.js';
import { onEveryEngine, publish, start } from './support/helper.js';
import { sql } from 'drizzle-orm';
onEveryEngine('measure', async (t: any, engine: any) => {
  const api = await start(t, engine);
  const org = await api.organization('Meadows');
  const p = await publish(api, org.secret, { slug: 'x' });
  const { petitions, supporters, signatures } = api.store.tables as any;
  await api.store.transact(async (tx: any) => {
    const [row] = await tx.db.select().from(petitions);
    for (let i = 0; i < 199; i++) await tx.db.insert(petitions).values({ ...row, key: undefined, publicId: newId("pet"), slug: `s${i}` });
    const pets = (await tx.db.select({ key: petitions.key }).from(petitions)).map((r: any) => r.key);
    let sups: number[] = [];
    for (let i = 0; i < 20; i++) {
      const rows = await tx.db.insert(supporters).values(Array.from({ length: 500 }, (_, j) => ({ publicId: newId("sup"), identity: `a${i}.${j}@x.example`, delivery: `a${i}.${j}@x.example`, createdAt: tx.now }))).returning({ key: supporters.key });
      sups.push(...rows.map((r: any) => r.key));
    }
    let n = 0;
    for (const pk of pets.slice(0, 8)) for (let i = 0; i < sups.length; i += 500) {
      await tx.db.insert(signatures).values(sups.slice(i, i + 500).map((s) => ({ publicId: newId("sig"), petitionKey: pk, supporterKey: s, status: 'confirmed', display: 'public', name: 'N', createdAt: tx.now, confirmedAt: tx.now })));
    }
  });
  { const { confirmationRequests: r } = api.store.tables as any; const sg = await api.store.read.db.select().from(signatures); await api.store.transact(async (tx: any) => { for (let i=0;i<sg.length;i+=500) await tx.db.insert(r).values(sg.slice(i,i+500).map((x: any)=>({ publicId: newId('req'), kind:'signature', supporterKey:x.supporterKey, origin:'signature', locale:'en', signatureKey:x.key, petitionKey:x.petitionKey, optIns:[], createdAt: tx.now, lastTouch: tx.now }))); }); }
  const keys = (await api.store.read.db.select({ key: supporters.key }).from(supporters).limit(200).offset(3000)).map((r: any) => r.key);
  for (let i = 0; i < 4; i++) {
    const at = performance.now();
    const known = await knownPeople(api.store.read, org.key, keys);
    t.comment(`${engine.name} ${(performance.now() - at).toFixed(1)} ms ${known(keys[5]).name}`);
  }
});
