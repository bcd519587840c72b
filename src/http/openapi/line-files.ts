import { Type, type TSchema } from '@sinclair/typebox';
import { ref } from '../../../schema/api/typebox.js';

export const CSV = 'text/csv';
export const NDJSON = 'application/x-ndjson';

const text = (description: string, example: string, more: object = {}): { schema: TSchema } => ({
  schema: Type.String({
    maxLength: 2_147_483_647,
    pattern: '^[^\\u0000]*$',
    description,
    examples: [example],
    ...more,
  }),
});

/** A CSV file in the document. */
export const csvFile = (description: string, example: string) => text(description, example);

/**
 * A file of JSON lines in the document: a text, since generators would take the schema of one line for that of the whole
 * file, and parse it as one object. What a line holds is in `contentSchema`, as JSON Schema has it for text in another
 * format.
 */
export const lineFile = (line: TSchema, description: string) =>
  text(description, `${JSON.stringify((line.examples as object[])[0])}\n`, {
    contentMediaType: NDJSON,
    contentSchema: ref(line),
  });
