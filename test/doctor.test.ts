import t from 'tap';
import { loadConfig } from '../src/config.js';
import { examine } from '../src/doctor/doctor.js';
import { cli, home } from './support/process.js';

const NONE = { resolveMx: async () => [], resolveTxt: async () => [] };

t.test('doctor says what is wrong and what to do, and no secrets', async (t) => {
  const folder = home(t);
  const env = { PUBLIC_URL: 'http://127.0.0.1:9', SMTP_URL: 'smtp://me:verysecret@127.0.0.1:9' };
  const sick = await cli(folder, env, 'doctor');
  t.match(sick, { code: 1, stderr: '' });
  t.match(sick.stdout, /^problem {2}database: there is no file DATABASE_URL\n +Run/m);
  t.match(sick.stdout, /^problem {2}mail server: it cannot be used/m);
  t.match(sick.stdout, /^problem {2}public URL: nothing answers/m);
  t.match(sick.stdout, /^warning {2}settings: NODE_ENV/m);
  t.notMatch(sick.stdout, 'verysecret');
  t.equal((await cli(folder, {}, 'migrate')).code, 0);
  const healed = await cli(folder, env, 'doctor');
  t.match(healed.stdout, /^ok {7}database: it is there, migrated/m);
});

t.test('doctor looks up the domain that mails come from', async (t) => {
  const config = loadConfig({ MAIL_FROM: 'petitions@ewe.example', PUBLIC_URL: 'http://127.0.0.1:9' }, false);
  const about = async (resolver: Parameters<typeof examine>[1]) =>
    (await examine(config, resolver)).filter((one) => one.about === 'mail domain').map(({ level }) => level);
  t.same(await about(NONE), ['warning', 'warning', 'warning']);
  const texts: Record<string, string[][]> = {
    'ewe.example': [['v=spf1 mx ', '-all']],
    '_dmarc.ewe.example': [['v=DMARC1; p=reject']],
  };
  const good = {
    resolveMx: async () => [{ exchange: 'mx' }],
    resolveTxt: async (name: string) => texts[name] ?? [],
  };
  t.same(await about(good), ['ok', 'ok', 'ok']);
});
