import { getPlatformFiles } from './platform.ts';
import type { Untyped } from './types.ts';

type Template = (data: object) => string;
type Callback = (error: unknown, html?: string) => void;

interface Engine {
  compile(text: string): Template;
  registerPartial?(name: string, text: string): void;
}

/** File name extension of the views by the name under which `app.set('view engine', …)` brings the engine. */
const extensions: Readonly<Record<string, string>> = { hbs: 'hbs', handlebars: 'hbs', ejs: 'ejs' };

/** Compiled once per process: a new deployment is a new process. */
const templates = new Map<string, Promise<Template>>();

/** `app.render`: reads the view from what was deployed, and gives the finished page to the callback. */
export async function renderView(
  view: string,
  data: object,
  settings: Readonly<Record<string, Untyped>>,
  callback: Callback,
): Promise<void> {
  let html: string;
  try {
    const template = await getTemplate(view, settings);
    html = template(data);
  } catch (error) {
    callback(error);
    return;
  }
  callback(null, html);
}

function getTemplate(view: string, settings: Readonly<Record<string, Untyped>>): Promise<Template> {
  let template = templates.get(view);
  if (template === undefined) {
    template = compileView(view, settings);
    templates.set(view, template);
    template.catch(() => templates.delete(view));
  }
  return template;
}

async function compileView(view: string, settings: Readonly<Record<string, Untyped>>): Promise<Template> {
  const engines: Record<string, Engine> = settings['view engine'] ?? {};
  const name = Object.keys(engines)[0];
  const extension = name === undefined ? undefined : extensions[name];
  if (name === undefined || extension === undefined) {
    throw new Error(`There is no view engine ${name ?? ''}: app.set('view engine', { hbs: handlebars }) or { ejs }`);
  }
  const engine = engines[name]!;
  const files = getPlatformFiles();
  const { layout, views = '/views' } = settings;
  if (typeof layout === 'string' && engine.registerPartial) {
    engine.registerPartial('layout', await files.readFile(layout, { source: true }));
  }
  return engine.compile(await files.readFile(`${views}/${view}.${extension}`, { source: true }));
}
