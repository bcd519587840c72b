import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import { packageRoot } from '../../package.js';
import { html } from '../html.js';
import { packedFile } from '../packed-file.js';
import { REFERENCE_CSS } from './reference-style.js';

/** `npm run build` copies it from @scalar/fastify-api-reference. */
const SCRIPT = new URL('dist/reference/scalar.js', packageRoot);

/** Scalar creates styles at run time, hence 'unsafe-inline'. Everything else comes from this server alone. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** All features that call Scalar's servers are off: fonts, telemetry, proxy, agent, client. */
const CONFIGURATION = {
  url: 'openapi.json',
  customCss: REFERENCE_CSS,
  withDefaultFonts: false,
  telemetry: false,
  persistAuth: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,
  documentDownloadType: 'none',
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
};

const pageOf = (title: string) =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
      </head>
      <body>
        <noscript
          >This page needs JavaScript. <a href="../openapi.yaml">The document itself</a> does not.</noscript
        >
        <div id="api-reference" data-configuration="${JSON.stringify(CONFIGURATION)}"></div>
        <script src="scalar.js"></script>
      </body>
    </html> `.markup;

/** The note on secret keys at the end of the introduction. */
const KEYS = {
  taken:
    '**Trying it.** Requests from this page go to this server and do what they say. Secret keys work here, because this server is not in production or `DOCS_SECRET_KEYS` says so; from any other page they are refused.',
  refused:
    '**Trying it.** Requests from this page go to this server and do what they say. Secret keys are refused here, as on every page: use them from a server, or from a shell with the command beside each operation. `DOCS_SECRET_KEYS=true` changes that.',
};

type ReferenceOptions = {
  publicUrl: string;
  /** Who runs this server; empty: not set. */
  name: string;
  document: (app: FastifyInstance) => object;
};

type Readable = {
  info: { description: string };
  servers: { url: string }[];
  components: { schemas: { Problem: { properties: { code: { enum?: string[] } } } } };
};

/** `/docs`: the API reference, to read and to try out. It works without internet access. */
export const referenceRoutes =
  ({ publicUrl, name, document }: ReferenceOptions): FastifyPluginCallback =>
  (app, _options, done) => {
    const schema = { hide: true };
    const sendScript = packedFile(app, SCRIPT, 'The API reference', 'public, max-age=3600');
    const page = pageOf(name === '' ? 'Undersigned API' : `API of ${name}`);
    let made: string | undefined;
    const readable = () => {
      const copy = structuredClone(document(app)) as Readable;
      // A relative URL, so that requests stay on the origin under which the page was opened.
      copy.servers = [{ url: new URL(publicUrl).pathname.replace(/\/$/, '') || '/' }];
      copy.info.description += `\n\n${app.ownPages.sendSecretKeys ? KEYS.taken : KEYS.refused}`;
      // Otherwise Scalar would show all codes with every error, not just those of the operation.
      delete copy.components.schemas.Problem.properties.code.enum;
      return JSON.stringify(copy);
    };

    app.addHook('onSend', (_request, reply, payload, next) => {
      reply.header('content-security-policy', CSP);
      next(null, payload);
    });
    app.get('/docs', { schema }, (_request, reply) => reply.redirect('docs/', 308));
    app.get('/docs/', { schema }, (_request, reply) =>
      reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(page),
    );
    app.get('/docs/openapi.json', { schema }, (_request, reply) =>
      reply
        .header('cache-control', 'no-cache')
        .type('application/json; charset=utf-8')
        .send((made ??= readable())),
    );
    app.get('/docs/scalar.js', { schema, compress: false }, sendScript);
    done();
  };
