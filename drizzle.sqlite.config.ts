import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: './schema/db/sqlite.ts',
  out: './drizzle/sqlite',
  casing: 'snake_case',
});
