/** One operation of the page: what it takes and gives, and a form that sends it. */
import { element } from './element.js';
import { createExample, describe, resolve } from './schema.js';

/**
 * `context`: the document, `baseUrl` without a slash at its end, and `getCredentials()` with the headers to send.
 */
export function createOperation(context, { method, path, operation, shared, id }) {
  const parameters = [...shared, ...(operation.parameters ?? [])]
    .map((parameter) => resolve(context.document, parameter))
    .filter((parameter) => parameter !== null && parameter.in !== 'cookie');
  const body = resolve(context.document, operation.requestBody ?? null);
  const details = element('details', { className: `operation ${method}`, id }, [
    element('summary', {}, [
      element('span', { className: 'method' }, [method.toUpperCase()]),
      element('code', { className: operation.deprecated ? 'path deprecated' : 'path' }, [path]),
      element('span', { className: 'note' }, [operation.summary ?? '']),
    ]),
  ]);
  // Hundreds of forms at once would make a large page slow: each is made when it is opened.
  details.addEventListener('toggle', () => {
    if (!details.open || details.children.length > 1) return;
    details.append(...createContent(context, { method, path, operation, parameters, body }));
  });
  return details;
}

function createContent(context, { method, path, operation, parameters, body }) {
  const inputs = parameters.map((parameter) => createInput(context, parameter));
  const editor = body === null ? null : createEditor(context, body);
  const result = element('div', { className: 'result', role: 'status' });
  const form = element('form', {}, [
    ...(inputs.length === 0 ? [] : [element('h4', {}, ['Parameters']), ...inputs.map(({ row }) => row)]),
    ...(editor === null ? [] : [element('h4', {}, ['Body']), ...editor.rows]),
    element('button', { type: 'submit' }, ['Send']),
  ]);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const call = createCall(context, { method, path, inputs, editor });
    void send(call, result);
  });
  const description = operation.description ? [element('p', { className: 'text' }, [operation.description])] : [];
  return [...description, form, result, ...describeResponses(context, operation)];
}

function createInput({ document: api }, parameter) {
  const schema = resolve(api, parameter.schema ?? {}) ?? {};
  const example = parameter.example ?? schema.example ?? schema.default ?? '';
  const input =
    schema.enum === undefined
      ? element('input', { value: toText(example), required: parameter.required === true })
      : element('select', {}, [
          ...(parameter.required ? [] : [element('option', { value: '' }, [''])]),
          ...schema.enum.map((value) => element('option', { value: toText(value) }, [toText(value)])),
        ]);
  const label = element('label', {}, [
    element('code', {}, [parameter.name]),
    element('span', { className: 'note' }, [
      ` ${parameter.in}${parameter.required ? ', required' : ''}, ${describe(api, schema)}. ${parameter.description ?? ''}`,
    ]),
    input,
  ]);
  return { parameter, input, row: label };
}

function createEditor({ document: api }, body) {
  const [[type, content] = ['application/json', {}]] = Object.entries(body.content ?? {});
  const example = content.example ?? createExample(api, content.schema ?? {});
  const text = type.includes('json') ? JSON.stringify(example, null, 2) : toText(example);
  const input = element('textarea', {
    value: text,
    rows: Math.min(20, text.split('\n').length + 1),
    spellcheck: false,
  });
  const label = element('label', {}, [element('code', {}, [type]), input]);
  const schema = element('pre', {}, [describe(api, content.schema ?? {})]);
  return { type, input, rows: [label, element('details', {}, [element('summary', {}, ['Schema']), schema])] };
}

function createCall({ baseUrl, getCredentials }, { method, path, inputs, editor }) {
  const headers = { ...getCredentials() };
  const query = new URLSearchParams();
  let target = path;
  for (const { parameter, input } of inputs) {
    const { value } = input;
    if (parameter.in === 'path') target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === '') continue;
    else if (parameter.in === 'query') query.append(parameter.name, value);
    else headers[parameter.name] = value;
  }
  const search = query.size === 0 ? '' : `?${query}`;
  const body = editor === null || editor.input.value === '' ? undefined : editor.input.value;
  if (body !== undefined) headers['content-type'] = editor.type;
  return { url: `${baseUrl}${target}${search}`, options: { method: method.toUpperCase(), headers, body } };
}

async function send({ url, options }, result) {
  const curl = element('pre', {}, [toCurl(url, options)]);
  result.replaceChildren(element('p', {}, ['Waiting for the answer…']));
  const startedAt = performance.now();
  try {
    const response = await fetch(url, options);
    const text = await response.text();
    const elapsedMs = Math.round(performance.now() - startedAt);
    result.replaceChildren(
      element('p', {}, [
        element('strong', { className: response.ok ? 'ok' : 'failed' }, [`${response.status} ${response.statusText}`]),
        ` in ${elapsedMs} ms, ${response.headers.get('content-type') ?? 'no content type'}`,
      ]),
      element('pre', { className: 'answer' }, [pretty(text)]),
      element('details', {}, [element('summary', {}, ['As a command']), curl]),
    );
  } catch (error) {
    result.replaceChildren(element('p', { className: 'failed' }, [`The request failed: ${error.message}`]), curl);
  }
}

function describeResponses({ document: api }, operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, given]) => {
    const response = resolve(api, given) ?? {};
    const [[type, content] = [null, {}]] = Object.entries(response.content ?? {});
    const schema = content.schema === undefined ? [] : [element('pre', {}, [describe(api, content.schema)])];
    const note = element('span', { className: 'note' }, [type === null ? '' : ` ${type}`]);
    return element('li', {}, [element('code', {}, [status]), ` ${response.description ?? ''}`, note, ...schema]);
  });
  return rows.length === 0 ? [] : [element('h4', {}, ['Answers']), element('ul', { className: 'responses' }, rows)];
}

function toCurl(url, { method, headers, body }) {
  const quote = (text) => `'${String(text).replaceAll("'", `'\\''`)}'`;
  const parts = [`curl -X ${method} ${quote(new URL(url, location.href))}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quote(body)}`);
  return parts.join(' \\\n  ');
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function toText(value) {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
