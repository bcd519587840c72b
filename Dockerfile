# Builds with everything, ships what runs: see docs/running.md.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json openapi.yaml ./
COPY scripts ./scripts
COPY schema ./schema
COPY src ./src
COPY locales ./locales
RUN mkdir -p dist/embed && npm run -s embed:types && npm run -s build \
  && find dist -name '*.map' -delete \
  && npm prune --omit=dev --no-audit --no-fund \
  && find node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
  && find node_modules/better-sqlite3/prebuilds -type f ! -name 'linux-*' -delete \
  && rm -r node_modules/better-sqlite3/deps

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DEMO=false
WORKDIR /srv/undersigned
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY drizzle ./drizzle
COPY locales ./locales
COPY openapi.yaml LICENSE ./
RUN ln -s /srv/undersigned/dist/src/cli/main.js /usr/local/bin/undersigned \
  && chmod +x dist/src/cli/main.js \
  && mkdir data && chown node:node data
USER node
VOLUME /srv/undersigned/data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node.js as process 1 gets SIGTERM itself.
CMD ["node", "dist/src/cli/main.js", "serve"]
