/**
 * The page that shows an API document. Paths are those of the app; the links are relative, because what spaces and proxies
 * put before them is unknown here. The viewer's files come from the gateway.
 */
export function createApiDocsPage(pagePath: string, specPath: string, config: Record<string, unknown>): string {
  const info = isRecord(config.info) ? config.info : {};
  const swaggerUi = isRecord(config.swaggerUi) ? config.swaggerUi : {};
  const title = typeof info.title === 'string' && info.title !== '' ? info.title : 'API Documentation';
  const favicon = typeof swaggerUi.favicon === 'string' ? swaggerUi.favicon : 'data:,';
  const toLink = createLinks(pagePath);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${escapeHtml(favicon)}">
<link rel="stylesheet" href="${escapeHtml(toLink('/.well-known/api-docs/viewer.css'))}">
</head>
<body>
<main id="api-docs" data-spec="${escapeHtml(toLink(specPath))}" aria-busy="true"><p>Loading the description of the API…</p></main>
<noscript>This page needs JavaScript. The description itself is at <a href="${escapeHtml(toLink(specPath))}">${escapeHtml(specPath)}</a>.</noscript>
<script type="module" src="${escapeHtml(toLink('/.well-known/api-docs/viewer.js'))}"></script>
</body>
</html>
`;
}

/** Up from the page to where the paths of the app begin, then down. */
function createLinks(pagePath: string): (path: string) => string {
  const ups = pagePath.split('/').length - 2;
  const root = ups <= 0 ? './' : '../'.repeat(ups);
  return (path) => (/^[a-z]+:/i.test(path) ? path : root + path.replace(/^\//, ''));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
