import { hash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Project, Space } from '../../projects/index.ts';
import { adminRequestOf } from './request-context.ts';
import type { ApiServices } from './services.ts';
import { urlsOfSpace } from './space-view.ts';

/** The page at `/` of the gateway's own hosts: what runs here, where its projects are, how to go on. */
export function registerLandingPage(pages: FastifyInstance, services: ApiServices): void {
  pages.get('/', async (request, reply) => {
    const adminRequest = adminRequestOf(request, services);
    // Following a link to the page is no attack: only the host counts here, and the page shows no secret.
    services.guard.checkOrigin({ ...adminRequest, headers: {} });
    return reply.type('text/html; charset=utf-8').headers(securityHeaders).send(renderPage(services));
  });
}

function renderPage(services: ApiServices): string {
  const projects = services.projects.listProjects();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tackle</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>Tackle</h1>
<p class="lead">An event backend for AI agents. Version ${escapeHtml(services.gateway.version)}, running.</p>
</header>
<section>
<h2>Projects</h2>
${projects.length === 0 ? EMPTY : projects.map((project) => renderProject(services, project)).join('\n')}
</section>
<section>
<h2>How to go on</h2>
<dl>
${HINTS.map(([command, text]) => `<dt><code>${escapeHtml(command)}</code></dt><dd>${escapeHtml(text)}</dd>`).join('\n')}
</dl>
</section>
</main>
</body>
</html>
`;
}

function renderProject(services: ApiServices, project: Project): string {
  const spaces = services.projects.listSpaces(project.id).map((space) => renderSpace(services, project, space));
  return `<article>
<h3>${escapeHtml(project.name)} <small>${escapeHtml(project.id)}</small></h3>
${project.description === '' ? '' : `<p>${escapeHtml(project.description)}</p>\n`}<ul>
${spaces.join('\n')}
</ul>
</article>`;
}

function renderSpace(services: ApiServices, project: Project, space: Space): string {
  const { project: url } = urlsOfSpace(services.projects, services.gateway, project, space);
  const live = services.apps.live(space.id)?.deployment;
  const state = live === undefined ? 'no code deployed' : `version ${live.version}`;
  return `<li><a href="${escapeHtml(url)}">${escapeHtml(url)}</a> <span>${escapeHtml(space.name)}, ${escapeHtml(state)}</span></li>`;
}

const EMPTY = '<p class="empty">There is no project yet. Create one with <code>tackle create my-app</code>.</p>';

const HINTS: readonly (readonly [command: string, text: string])[] = [
  ['tackle create my-app', 'makes a project and a first file'],
  ['tackle deploy', 'puts the code in this directory into service'],
  ['tackle log -f', 'shows what the app writes, as it happens'],
  ['tackle info --examples', 'shows URLs, tokens and requests to copy'],
  ['tackle --help', 'lists everything else'],
];

const STYLE = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#dde2e8;--card:#fff;--page:#f5f7f9;--accent:#0b6e99}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#9aa7b5;--line:#2c3642;--card:#18202a;--page:#10161d;--accent:#5cc0ec}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:44rem;margin:0 auto;padding:4rem 1.25rem}
h1{font-size:2.4rem;letter-spacing:-.02em;margin:0}
h2{font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;color:var(--soft);margin:2.5rem 0 .75rem}
h3{font-size:1.1rem;margin:0}
small{font-weight:400;color:var(--soft)}
.lead{color:var(--soft);margin:.25rem 0 0}
article,.empty,dl{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.25rem;margin:0 0 .75rem}
article p{margin:.25rem 0 0;color:var(--soft)}
ul{list-style:none;margin:.5rem 0 0;padding:0}
li{display:flex;flex-wrap:wrap;gap:.25rem .75rem;justify-content:space-between}
li span{color:var(--soft)}
a{color:var(--accent);overflow-wrap:anywhere}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
code{font:.9em ui-monospace,monospace}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1.25rem}
dd{margin:0;color:var(--soft)}
@media (max-width:32rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}
`;

const securityHeaders = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
