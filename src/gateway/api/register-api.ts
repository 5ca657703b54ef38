import { Ajv, type ErrorObject } from 'ajv';
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import { TackleError } from '../../core/errors.ts';
import { registerAccessRoutes } from './access-routes.ts';
import { registerCollectionRoutes } from './collection-routes.ts';
import { registerDeploymentRoutes } from './deployment-routes.ts';
import { registerQueueRoutes } from './durable-routes.ts';
import { createErrorHandler } from './error-response.ts';
import { registerEventRoutes } from './event-routes.ts';
import { registerFileRoutes } from './file-routes.ts';
import { registerGatewayRoutes, registerSessionRoutes } from './gateway-routes.ts';
import { registerImportRoutes } from './import-routes.ts';
import { registerKeyValueRoutes } from './keyvalue-routes.ts';
import { registerLandingPage } from './landing-page.ts';
import { registerLogRoutes } from './log-routes.ts';
import { registerProjectRoutes } from './project-routes.ts';
import { registerQueryRoutes } from './query-routes.ts';
import { adminRequestOf } from './request-context.ts';
import type { ApiServices } from './services.ts';
import { registerSettingsRoutes } from './settings-routes.ts';
import { registerWorkflowRoutes } from './workflow-routes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route checks something else (a one-time code); host and origin are checked nevertheless. */
    needsNoCredentials?: boolean;
  }
}

/** Puts the administration API under `/api/v1`, and the landing page at `/`. docs/api.md is its contract. */
export async function registerApi(fastify: FastifyInstance, services: ApiServices): Promise<void> {
  fastify.decorateRequest('admin', null);
  await fastify.register(async (pages) => {
    pages.setErrorHandler(createErrorHandler(services));
    registerLandingPage(pages, services);
  });
  await fastify.register(
    async (api) => {
      api.setErrorHandler(createErrorHandler(services));
      api.setNotFoundHandler((request) => {
        throw new TackleError(
          'not_found',
          `The API has no ${request.method} ${request.url.split('?')[0]}; see docs/api.md`,
        );
      });
      api.setValidatorCompiler(createValidatorCompiler());
      useStrictJson(api);
      api.addHook('onRequest', async (request, reply) => {
        reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
        const adminRequest = adminRequestOf(request, services);
        if (request.routeOptions.config.needsNoCredentials === true) services.guard.checkOrigin(adminRequest);
        else request.admin = services.guard.authenticate(adminRequest);
      });
      registerGatewayRoutes(api, services);
      registerSessionRoutes(api, services);
      registerEventRoutes(api, services);
      registerProjectRoutes(api, services);
      registerSettingsRoutes(api, services);
      registerAccessRoutes(api, services);
      registerDeploymentRoutes(api, services);
      registerCollectionRoutes(api, services);
      registerQueryRoutes(api, services);
      registerKeyValueRoutes(api, services);
      registerLogRoutes(api, services);
      registerQueueRoutes(api, services);
      registerWorkflowRoutes(api, services);
      await registerImportRoutes(api, services);
      await registerFileRoutes(api, services);
    },
    { prefix: '/api/v1' },
  );
}

/** Bodies keep the types that JSON gave them; in queries everything is text and becomes what the schema says. */
function createValidatorCompiler(): FastifySchemaCompiler<object> {
  const forBodies = new Ajv({ useDefaults: true, allErrors: false, strict: true, allowUnionTypes: true });
  const forText = new Ajv({ useDefaults: true, coerceTypes: true, strict: true });
  return ({ schema, httpPart }) => {
    const validate = (httpPart === 'body' ? forBodies : forText).compile(schema);
    return (data: unknown) => {
      if (validate(data)) return { value: data };
      const [first] = validate.errors ?? [];
      const where = `${httpPart === 'body' ? 'body' : 'query'}${first?.instancePath ?? ''}`;
      return { error: new TackleError('invalid_request', `The ${where} ${describeFault(first)}`) };
    };
  };
}

function describeFault(fault: ErrorObject | undefined): string {
  const { additionalProperty, allowedValues } = (fault?.params ?? {}) as {
    readonly additionalProperty?: string;
    readonly allowedValues?: readonly unknown[];
  };
  if (additionalProperty !== undefined) return `has the unknown field "${additionalProperty}"`;
  if (allowedValues !== undefined) return `must be one of: ${allowedValues.join(', ')}`;
  return fault?.message ?? 'is not valid';
}

/** JSON only, so that a form of a foreign page is refused before it is read; an absent body is null. */
function useStrictJson(api: FastifyInstance): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, null);
    try {
      done(null, JSON.parse(body as string));
    } catch (cause) {
      done(new TackleError('invalid_json', `The body is not valid JSON: ${(cause as Error).message}`, { cause }));
    }
  });
}
