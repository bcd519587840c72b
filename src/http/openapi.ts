import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';

export async function openapi(app: FastifyInstance, publicUrl: string): Promise<void> {
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Undersigned', version: '1' }, servers: [{ url: publicUrl }], components: { securitySchemes: { secretKey: { type: 'http', scheme: 'bearer' }, publishableKey: { type: 'http', scheme: 'bearer' } } } }, refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) } });
}
export const documentOf = (app: FastifyInstance): object => app.swagger();
