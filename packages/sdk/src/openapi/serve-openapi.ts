import type { Codehooks } from '../codehooks.ts';
import type { Handler, httpRequest } from '../types.ts';
import { generateSpec } from './generate-spec.ts';
import type { OpenAPIConfig } from './openapi-types.ts';
import { createUiPage } from './ui-page.ts';

/** `GET <specPath>` with the description of the app, and a page that shows it; both open to everybody. */
export function serveOpenApi(app: Codehooks, config: OpenAPIConfig, uiPath: string): void {
  const specPath = config.specPath ?? '/openapi.json';
  const open: Handler = (_request, _response, next) => next();
  app.set('_openapi_config', config);
  app.get(specPath, (_request, response) => response.json(generateSpec(app, config)));
  app.get(uiPath, (request, response) => {
    response.set('Content-Type', 'text/html; charset=utf-8').send(createUiPage(toUrl(request, specPath), config));
  });
  app.auth(specPath, open);
  app.auth(uiPath, open);
}

/** Relative to the page, for neither a space nor a proxy in front of it are in the path of the route. */
function toUrl(request: httpRequest, path: string): string {
  const ups = request.apiPath.split('/').length - 2;
  return `${ups === 0 ? './' : '../'.repeat(ups)}${path.replace(/^\//, '')}`;
}
