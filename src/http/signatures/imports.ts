import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { PetitionPath } from '../../../schema/api/common.js';
import {
  SignatureImportListQuery,
  SignatureImportPage,
  type SignatureImport,
} from '../../../schema/api/signatures/imports.js';
import type { Context } from '../../core/context.js';
import { listImports, type ImportView } from '../../core/signatures/imports.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { iso } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { operation } from '../openapi/operation.js';
import { toGroup } from '../partners/partnerships.js';

const toImport = (view: ImportView): (typeof SignatureImport)['static'] => ({
  id: view.publicId,
  petition_id: view.petitionId,
  organization: toGroup(view.organization),
  key_id: view.keyId,
  kind: view.kind,
  source: view.source,
  lines: view.lines,
  created: view.created,
  confirmed: view.confirmed,
  quarantined: view.quarantined,
  begun_at: iso(view.begunAt),
  last_at: iso(view.lastAt),
});

export const secretImportRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/petitions/:petition/imports',
      {
        config: { scope: 'signatures:moderate' },
        schema: operation({
          operationId: 'listSignatureImports',
          tag: 'Signatures',
          access: 'secret',
          summary: 'List vouched signatures by import',
          description:
            'For the lead organization: every imported file, by any organization, and the signatures that keys of partners vouched for one by one, with one entry for each key and day. To quarantine all signatures of an entry use `previewModeration` (`action: quarantine`, `filter: { import }`). Latest first.',
          params: PetitionPath,
          querystring: SignatureImportListQuery,
          answers: { 200: SignatureImportPage, 304: NOT_MODIFIED },
          errors: ['petition_not_found', 'invalid_cursor'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor } = request.query;
        const { petition } = request.params;
        const page = await listImports(ctx.store.read, keyed(request), petition, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toImport));
      },
    );
    done();
  };
