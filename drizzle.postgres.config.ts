import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './schema/db/postgres.ts',
  out: './drizzle/postgres',
  casing: 'snake_case',
});
