/** Shows an OpenAPI document (3.0 or 3.1) and lets its reader try the operations. */
import { element } from './element.js';
import { createOperation } from './operation.js';
import { describe } from './schema.js';

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'trace'];
const credentialsKey = `api-docs ${location.pathname}`;

const main = document.getElementById('api-docs');
const specUrl = new URL(main.dataset.spec, location.href);

try {
  const response = await fetch(specUrl);
  if (!response.ok) throw new Error(`${specUrl.pathname} answered ${response.status}`);
  show(await response.json());
} catch (error) {
  main.replaceChildren(element('p', { className: 'failed' }, [`The description cannot be shown: ${error.message}`]));
}
main.removeAttribute('aria-busy');

function show(api) {
  const credentials = createCredentials();
  const [server] = api.servers?.length > 0 ? api.servers : [{ url: '/' }];
  const baseUrl = new URL(server.url, specUrl).href.replace(/\/$/, '');
  const context = { document: api, baseUrl, getCredentials: credentials.getHeaders };
  const groups = groupByTag(api).map(([tag, operations]) =>
    element('section', {}, [
      element('h2', {}, [tag]),
      ...tagDescription(api, tag),
      ...operations.map((operation) => createOperation(context, operation)),
    ]),
  );
  main.replaceChildren(
    createHeader(api, baseUrl),
    credentials.form,
    createSearch(main),
    ...groups,
    ...createSchemas(api),
  );
  openLinked();
  addEventListener('hashchange', openLinked);
}

function createHeader(api, baseUrl) {
  const { title, version, description, contact, license } = api.info ?? {};
  const links = [
    [contact?.name ?? contact?.url ?? contact?.email, contact?.url ?? (contact?.email && `mailto:${contact.email}`)],
    [license?.name, license?.url],
    [api.externalDocs?.description ?? api.externalDocs?.url, api.externalDocs?.url],
  ].filter(([text]) => text);
  return element('header', {}, [
    element('h1', {}, [title ?? 'API', ' ', element('small', {}, [version ?? ''])]),
    element('p', { className: 'note' }, [
      `${baseUrl} · `,
      element('a', { href: specUrl.href }, [`OpenAPI ${api.openapi}`]),
      ...links.flatMap(([text, href]) => [' · ', isLink(href) ? element('a', { href }, [text]) : text]),
    ]),
    ...(description ? [element('p', { className: 'text' }, [description])] : []),
  ]);
}

/** Links of the document may be anything; only these lead somewhere. */
function isLink(href) {
  return typeof href === 'string' && /^(?:https?:|mailto:)/i.test(href);
}

/** Kept for the tab alone. */
function createCredentials() {
  const kept = JSON.parse(sessionStorage.getItem(credentialsKey) ?? '{}');
  const inputs = {
    apikey: element('input', { type: 'password', value: kept.apikey ?? '', autocomplete: 'off' }),
    bearer: element('input', { type: 'password', value: kept.bearer ?? '', autocomplete: 'off' }),
  };
  const read = () => ({ apikey: inputs.apikey.value.trim(), bearer: inputs.bearer.value.trim() });
  const form = element('form', { className: 'credentials' }, [
    element('label', {}, ['Token of the space (x-apikey)', inputs.apikey]),
    element('label', {}, ['Bearer token', inputs.bearer]),
  ]);
  form.addEventListener('input', () => sessionStorage.setItem(credentialsKey, JSON.stringify(read())));
  form.addEventListener('submit', (event) => event.preventDefault());
  const getHeaders = () => {
    const { apikey, bearer } = read();
    return { ...(apikey && { 'x-apikey': apikey }), ...(bearer && { authorization: `Bearer ${bearer}` }) };
  };
  return { form, getHeaders };
}

function createSearch(root) {
  const input = element('input', { type: 'search', placeholder: 'Filter by path, method or summary' });
  input.addEventListener('input', () => {
    const wanted = input.value.trim().toLowerCase();
    for (const operation of root.querySelectorAll('details.operation')) {
      operation.hidden = !operation.querySelector('summary').textContent.toLowerCase().includes(wanted);
    }
    for (const section of root.querySelectorAll('section')) {
      section.hidden = [...section.querySelectorAll('details.operation')].every(({ hidden }) => hidden);
    }
  });
  return element('label', { className: 'search' }, ['Find', input]);
}

/** Tags in the order of the document's list, then in that of the paths. */
function groupByTag(api) {
  const groups = new Map((api.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, item] of Object.entries(api.paths ?? {})) {
    for (const method of methods) {
      const operation = item[method];
      if (operation === undefined) continue;
      const tag = operation.tags?.[0] ?? 'default';
      const id = operation.operationId ?? `${method}-${path}`;
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ method, path, operation, shared: item.parameters ?? [], id });
    }
  }
  return [...groups].filter(([, operations]) => operations.length > 0);
}

function tagDescription(api, tag) {
  const description = api.tags?.find(({ name }) => name === tag)?.description;
  return description ? [element('p', { className: 'text' }, [description])] : [];
}

function createSchemas(api) {
  const schemas = Object.entries(api.components?.schemas ?? {});
  if (schemas.length === 0) return [];
  const rows = schemas.map(([name, schema]) =>
    element('details', { className: 'schema' }, [
      element('summary', {}, [element('code', {}, [name])]),
      element('pre', {}, [describe(api, schema)]),
    ]),
  );
  return [element('h2', {}, ['Schemas']), ...rows];
}

function openLinked() {
  const id = decodeURIComponent(location.hash.slice(1));
  const linked = id === '' ? null : document.getElementById(id);
  if (!(linked instanceof HTMLDetailsElement)) return;
  linked.open = true;
  linked.scrollIntoView();
}
