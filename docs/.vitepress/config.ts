/** `npm run docs`, `npm run docs:build`: the documents of the repository as a site. */
import { cpSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type DefaultTheme, type MarkdownOptions } from 'vitepress';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Documents outside of docs/, and where they are on the site. */
const ELSEWHERE: Record<string, string> = {
  'README.md': 'getting-started.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CONTRIBUTING.md': 'contributing.md',
  'CHANGELOG.md': 'changelog.md',
  'bench/README.md': 'benchmarks.md',
};

/** Other files that documents link to: they are copied to the site. */
const FILES = [
  'openapi.yaml',
  'LICENSE',
  'deploy/Caddyfile',
  'deploy/nginx.conf',
  'deploy/undersigned.service',
  'docs/haproxy.cfg',
  'locales/en.yaml',
  'locales/de.yaml',
];

const onSite = (file: string) => ELSEWHERE[file] ?? file.replace(/^docs\//, '');

/** The target on the site for a link in a file. Links are written for the repository, so that they work there too. */
function siteLink(from: string, href: string): { href: string; file: boolean } {
  const [path = '', hash] = href.split('#');
  const target = relative(root, resolve(dirname(from), path));
  if (FILES.includes(target)) return { href: `./${target}`, file: true };
  const page = `/${onSite(target)}`.replace(/\.md$/, '').replace(/\/index$/, '/');
  return { href: hash === undefined ? page : `${page}#${hash}`, file: false };
}

const markdown: MarkdownOptions = {
  // Anchors like GitHub's, so that one link works in both places.
  anchor: {
    slugify: (heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
  },
  config(md) {
    md.core.ruler.push('for-the-site', ({ tokens, env }) => {
      const { path, realPath = path } = env as { path: string; realPath?: string };
      // Indented blocks become fenced ones: the theme does not style others, and lets them overflow.
      for (const token of tokens.filter(({ type }) => type === 'code_block')) {
        Object.assign(token, { type: 'fence', info: 'text' });
      }
      for (const token of tokens.flatMap(({ children }) => children ?? [])) {
        // Otherwise the site takes `{{ name }}` for an expression of its own.
        if (token.type === 'code_inline') token.attrSet('v-pre', '');
        const written = token.type === 'link_open' ? token.attrGet('href') : null;
        if (!written || /^(?:[a-z]+:|#|\/)/.test(written)) continue;
        const { href, file } = siteLink(realPath, written);
        token.attrSet('href', href);
        // With a target, vitepress treats it as a file, not as a page.
        if (file) token.attrSet('target', '_blank');
      }
    });
  },
};

const pages = (...all: [text: string, page: string][]): DefaultTheme.SidebarItem[] =>
  all.map(([text, page]) => ({ text, link: `/${page}` }));

const sidebar: DefaultTheme.SidebarItem[] = [
  { text: 'Start', items: pages(['Getting started', 'getting-started']) },
  {
    text: 'Petitions',
    items: pages(
      ['Petitions', 'petitions'],
      ['Signatures', 'signatures'],
      ['Confirmation', 'confirmation'],
      ['Counts', 'counts'],
      ['Paper and offsets', 'paper'],
      ['Exports and imports', 'exports-and-imports'],
      ['Deliveries', 'deliveries'],
      ['Bots and moderation', 'bots'],
    ),
  },
  {
    text: 'Spreading',
    items: pages(['Embedding', 'embedding'], ['Sharing', 'sharing'], ['Partners', 'partners']),
  },
  {
    text: 'People',
    items: pages(
      ['Subscriptions and consent', 'subscriptions'],
      ['Mailings', 'mailings'],
      ['Segments', 'segments'],
      ['Sending', 'sending'],
      ['Mailing results', 'mailing-results'],
      ['My data', 'my-data'],
      ['Erasure and retention', 'erasure'],
      ['Your pages for mailed links', 'mailed-links'],
    ),
  },
  {
    text: 'The API',
    items: pages(
      ['Conventions', 'conventions'],
      ['Organization and keys', 'organization'],
      ['Service', 'service'],
      ['SDKs', 'sdks'],
    ),
  },
  {
    text: 'Running it',
    items: pages(
      ['Production', 'running'],
      ['Configuration', 'configuration'],
      ['Command line', 'command-line'],
      ['Mail and deliverability', 'deliverability'],
      ['Languages', 'languages'],
      ['Scaling', 'scaling'],
      ['Benchmarks', 'benchmarks'],
    ),
  },
  {
    text: 'Changing it',
    items: pages(
      ['Architecture', 'architecture'],
      ['Contributing', 'contributing'],
      ['Changelog', 'changelog'],
    ),
  },
];

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#3451b2"/><path d="M7 21c4-9 7-11 8-9s-4 8-1 8 4-5 6-5-1 5 5 4M7 26h18" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round"/></svg>';

/** Narrower tables: with the theme's own style, the last column of tables with code is out of sight on a phone. */
const style = `
.VPDoc .vp-doc :is(th, td) { padding: 6px 10px; }
@media (max-width: 767px) {
  .VPDoc .vp-doc :is(th, td) { padding: 6px; font-size: 13px; }
  .VPDoc .vp-doc :is(th, td):has(code) { min-width: 6em; }
  .VPDoc .vp-doc :is(th, td) :is(code, a) { overflow-wrap: anywhere; }
  .VPDoc .vp-doc :is(th, td) code { padding: 2px 3px; }
}`;

export default defineConfig({
  title: 'Undersigned',
  description: 'A headless petition API: publish a petition, sign it, count it.',
  lang: 'en-GB',
  srcDir: root,
  srcExclude: ['!(docs|bench)/**/*'],
  outDir: join(root, 'docs/.vitepress/dist'),
  cacheDir: join(root, 'docs/.vitepress/cache'),
  rewrites: onSite,
  // The server of the tour runs on the reader's machine.
  ignoreDeadLinks: [/^http:\/\/127\.0\.0\.1/],
  head: [
    ['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }],
    ['style', {}, style],
  ],
  markdown,
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'API', link: '/conventions' },
      { text: 'Running it', link: '/running' },
      { text: 'Changelog', link: '/changelog' },
    ],
    sidebar,
    outline: [2, 3],
    externalLinkIcon: true,
  },
  buildEnd({ outDir }) {
    for (const file of FILES) cpSync(join(root, file), join(outDir, file));
  },
});
