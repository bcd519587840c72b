import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  PaperEntryInput,
  PaperEntryResult,
  PaperExportQuery,
  PaperSignature,
  PaperSignaturePage,
  PaperSignaturePath,
  PaperSignatureQuery,
} from '../../../schema/api/paper/paper-signatures.js';
import { ModerationReason } from '../../../schema/api/signatures/signatures.js';
import type { Context } from '../../core/context.js';
import { exportPaper, listPaper, type PaperFilter } from '../../core/paper/paper-access.js';
import { enterPaper, type EntryResult } from '../../core/paper/paper-entering.js';
import { erasePaper, moderatePaper } from '../../core/paper/paper-moderation.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import { exportName } from '../line-files.js';
import { CSV, csvFile, lineFile, NDJSON } from '../openapi/line-files.js';
import { operation } from '../openapi/operation.js';
import { sendFile } from '../send-file.js';
import { toPaperInput } from './paper-file.js';
import { PAPER_LINES, toPaper } from './paper-view.js';

const FILE = {
  description: 'The file. It is complete if the answer ends properly in HTTP.',
  content: {
    [CSV]: csvFile('RFC 4180, UTF-8, with a header.', PAPER_LINES.header),
    [NDJSON]: lineFile(PaperSignature, 'One `PaperSignature` per line, as JSON.'),
  },
};

const toResult = ({ batchId, created, entered }: EntryResult) => ({
  batch_id: batchId,
  created,
  known: entered.filter(({ outcome }) => outcome === 'known').length,
  warnings: entered.flatMap(({ warnings }, index) =>
    warnings.map(({ pointer, code, detail }) => ({ index, field: pointer.slice(1), code, detail })),
  ),
});

type FilterQuery = { status?: PaperFilter['status']; batch?: string; organization?: string };

const toFilter = ({ status, batch, organization }: FilterQuery): PaperFilter => ({
  status,
  batchId: batch,
  organizationId: organization,
});

/** `stallMs`: how long a client may read nothing before its connection is closed. */
export const secretPaperRoutes =
  (ctx: Context, { stallMs = 30_000 }: { stallMs?: number } = {}): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    entering(ctx, app);
    reading(ctx, app, stallMs);
    deciding(ctx, app);
    done();
  };

type App = Parameters<FastifyPluginCallbackTypebox>[0];

function entering(ctx: Context, app: App): void {
  app.post(
    '/v1/petitions/:petition/paper-signatures',
    {
      config: { scope: 'paper:write', takesSignatures: true },
      schema: operation({
        operationId: 'createPaperSignatures',
        tag: 'Paper',
        access: 'secret',
        summary: 'Enter signatures from paper',
        description:
          'All of them or none. They count at once, also after the petition has closed. Without mailboxes, two people of one name cannot be told apart: only an `external_id` is never entered twice, and whoever looks like somebody else is entered and told of in `warnings`. A partner may enter some if it may vouch (`may_vouch`), within its daily limit.',
        params: PetitionPath,
        body: PaperEntryInput,
        answers: { 201: PaperEntryResult },
        errors: [
          'petition_not_found',
          'vouching_not_agreed',
          'petition_taken_down',
          'petition_not_published',
          'petition_closed',
          'vouch_limit_reached',
          'idempotency_key_reused',
          'invalid_header',
        ],
      }),
    },
    async (request, reply) => {
      const { source = null, signatures } = request.body;
      const { petition } = request.params;
      const input = { petition, source, signatures: signatures.map(toPaperInput) };
      const result = await enterPaper(ctx, keyed(request), { ...input, retry: retryFrom(ctx, request) });
      return reply.code(201).header('cache-control', PRIVATE_CACHE).send(toResult(result));
    },
  );
}

function reading(ctx: Context, app: App, stallMs: number): void {
  const config = { scope: 'signatures:read' } as const;

  app.get(
    '/v1/paper-signatures',
    {
      config,
      schema: operation({
        operationId: 'listPaperSignatures',
        tag: 'Paper',
        access: 'secret',
        summary: 'List the paper signatures of a petition',
        description:
          'Latest first. The lead organization sees all of them; of those that a partner has entered it sees only what was agreed (`shown`). A partner sees those that it has entered. They are never in the public list of signatures.',
        querystring: PaperSignatureQuery,
        answers: { 200: PaperSignaturePage, 304: NOT_MODIFIED },
        errors: ['petition_not_found', 'invalid_cursor'],
      }),
    },
    async (request, reply) => {
      const { petition, limit = 20, cursor, ...filter } = request.query;
      const on = ctx.store.read;
      const page = await listPaper(on, keyed(request), petition, toFilter(filter), { limit, cursor });
      return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toPaper));
    },
  );

  app.get(
    '/v1/paper-signatures/export',
    {
      config,
      schema: operation({
        operationId: 'exportPaperSignatures',
        tag: 'Paper',
        access: 'secret',
        summary: 'Export the paper signatures of a petition as a file',
        description:
          'CSV, or one `PaperSignature` per line as JSON, oldest first: what `listPaperSignatures` lists for you. It is streamed, and complete if the answer ends properly, as with `exportSignatures`. `importPaperSignatures` reads it.',
        querystring: PaperExportQuery,
        answers: { 200: FILE },
        sends: ['Content-Disposition'],
        errors: ['petition_not_found'],
      }),
    },
    async (request, reply) => {
      const { petition, format = 'csv', bom, formulas, ...filter } = request.query;
      const { slug, slices } = await exportPaper(ctx, keyed(request), petition, toFilter(filter));
      const name = exportName(`${slug}-paper`, format, ctx.now());
      const text = PAPER_LINES.write(slices, { format, bom, formulas });
      return sendFile(request, reply, { name, format, text, stallMs });
    },
  );
}

const WHO = 'For the organization that entered it, and for the lead of the petition.';

const DECISIONS = {
  invalidate: {
    operationId: 'invalidatePaperSignature',
    to: 'invalidated',
    summary: 'Take a paper signature out of the count',
    refusal: 'already_invalidated',
  },
  restore: {
    operationId: 'restorePaperSignature',
    to: 'confirmed',
    summary: 'Put a paper signature back into the count',
    refusal: 'not_invalidated',
  },
} as const;

function deciding(ctx: Context, app: App): void {
  const config = { scope: 'paper:write' } as const;
  for (const [action, { to, refusal, ...words }] of Object.entries(DECISIONS)) {
    app.post(
      `/v1/paper-signatures/:paper_signature/${action}`,
      {
        config,
        schema: operation({
          ...words,
          tag: 'Paper',
          access: 'secret',
          description: `${WHO} The reason is kept with it.`,
          params: PaperSignaturePath,
          body: ModerationReason,
          answers: { 200: PaperSignature },
          errors: ['paper_signature_not_found', refusal, 'idempotency_key_reused', 'invalid_header'],
        }),
      },
      async (request, reply) => {
        const { params, body } = request;
        const change = { to, reason: body.reason };
        const retry = retryFrom(ctx, request);
        const view = await moderatePaper(ctx, keyed(request), params.paper_signature, change, retry);
        return reply.header('cache-control', PRIVATE_CACHE).send(toPaper(view));
      },
    );
  }

  app.delete(
    '/v1/paper-signatures/:paper_signature',
    {
      config,
      schema: operation({
        operationId: 'erasePaperSignature',
        changes: true,
        tag: 'Paper',
        access: 'secret',
        summary: 'Erase a paper signature',
        description: `${WHO} For a person who asks for it, or a row that is no signature: nothing is left of it, and it counts no longer.`,
        params: PaperSignaturePath,
        answers: { 204: { description: 'Erased.' } },
        errors: ['paper_signature_not_found', 'storage_full'],
      }),
    },
    async (request, reply) => {
      await erasePaper(ctx, keyed(request), request.params.paper_signature);
      return reply.code(204).header('cache-control', PRIVATE_CACHE).send();
    },
  );
}
