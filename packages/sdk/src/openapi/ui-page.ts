import type { OpenAPIConfig } from './openapi-types.ts';

/** The version that the original names; pinned, because it comes from a public host into the user's browser. */
const assets = 'https://unpkg.com/swagger-ui-dist@5.11.0';

/** A page that shows the document at `specUrl` with Swagger UI. */
export function createUiPage(specUrl: string, config: OpenAPIConfig): string {
  const { favicon = `${assets}/favicon-32x32.png`, ...options } = config.swaggerUi ?? {};
  const settings = { url: specUrl, dom_id: '#swagger-ui', deepLinking: true, ...options };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(config.info?.title ?? 'API Documentation')}</title>
<link rel="icon" href="${escapeHtml(favicon)}">
<link rel="stylesheet" href="${assets}/swagger-ui.css">
<style>body { margin: 0; background: #fafafa; } .swagger-ui .topbar { display: none; }</style>
</head>
<body>
<div id="swagger-ui"></div>
<script src="${assets}/swagger-ui-bundle.js" crossorigin></script>
<script src="${assets}/swagger-ui-standalone-preset.js" crossorigin></script>
<script>
window.onload = () => {
  window.ui = SwaggerUIBundle({
    ...${JSON.stringify(settings).replaceAll('<', '\\u003c')},
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
    layout: 'StandaloneLayout',
  });
};
</script>
</body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
