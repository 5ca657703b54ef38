/**
 * Bundles an app with the original `codehooks-js`, as the official command line does it: webpack, one variable `EntryPoint`,
 * and the packages that the platform provides left as `require` calls. Bundles are kept in the temporary directory until one
 * of the app's files or the lock file changes, for each takes seconds.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What the official command line leaves out of a bundle (spec/codehooks.md 1.5). */
export const externalNames = [
  ...['@grpc/proto-loader', 'ajv', 'async', 'aws-sdk', 'axios', 'crc-32', 'cron-parser', 'debug', 'fast-sort'],
  ...['form-data', 'google-auth-library', 'googleapis', 'grpc', 'jsonwebtoken', 'lodash', 'mongodb', 'mongodb-2'],
  ...['mongodb-3', 'mongodb-4', 'mongodb-5', 'nanoid', 'node-cron', 'node-fetch', 'node-geocoder', 'openid-client'],
  ...['passport-jwt', 'query-to-mongo', 'remarkable', 'request', 'sift', 'stripe', 'xml2js', 'yup'],
];

const repository = path.resolve(import.meta.dirname, '../..');
const cacheDirectory = path.join(tmpdir(), 'tackle-original-bundles');

/** The text of the bundle; rejects with what webpack has to say. `entry` is an absolute path of a file or a directory. */
export async function buildOriginalBundle(entry: string): Promise<string> {
  const base = hash([entry, import.meta.filename, await readFile(import.meta.filename, 'utf8')].join('\n'));
  const listFile = path.join(cacheDirectory, `${base}.json`);
  const known = await readFile(listFile, 'utf8').catch(() => null);
  if (known !== null) {
    const fingerprint = await hashFiles(JSON.parse(known) as string[]);
    const kept = await readFile(path.join(cacheDirectory, `${base}-${fingerprint}.js`), 'utf8').catch(() => null);
    if (kept !== null) return kept;
  }
  const { code, files } = await runWebpack(entry);
  await mkdir(cacheDirectory, { recursive: true });
  await replaceFile(path.join(cacheDirectory, `${base}-${await hashFiles(files)}.js`), code);
  await replaceFile(listFile, JSON.stringify(files));
  return code;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20);
}

async function hashFiles(files: readonly string[]): Promise<string> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '(missing)')));
  return hash(texts.join('\0'));
}

/** Test files run at the same time and may bundle the same app. */
async function replaceFile(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  await writeFile(partial, text);
  await rename(partial, file);
}

/** `files`: what the bundle was made of, without packages, for which the lock file stands. */
async function runWebpack(entry: string): Promise<{ code: string; files: string[] }> {
  const webpack = createRequire(import.meta.url)('webpack') as typeof import('webpack');
  const outputPath = await mkdtemp(path.join(tmpdir(), 'original-bundle-'));
  const packages = path.join(repository, 'node_modules');
  try {
    const compiler = webpack({
      context: path.dirname(entry),
      entry,
      target: 'node',
      mode: 'production',
      externals: Object.fromEntries(externalNames.map((name) => [name, `commonjs ${name}`])),
      output: { path: outputPath, filename: 'bundle.js', library: 'EntryPoint', libraryTarget: 'var' },
      resolve: { extensions: ['.ts', '.js'], modules: ['node_modules', packages] },
      module: {
        rules: [
          { test: /\.(txt|html?|css|hbs)$/, type: 'asset/source' },
          {
            test: /\.tsx?$/,
            exclude: /node_modules/,
            loader: path.join(import.meta.dirname, 'strip-types-loader.cjs'),
          },
        ],
      },
      performance: { hints: false },
    })!;
    const dependencies = await new Promise<Iterable<string>>((resolve, reject) => {
      compiler.run((error, stats) => {
        const used = [...(stats?.compilation.fileDependencies ?? [])];
        if (error) reject(error);
        else if (stats?.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })));
        else compiler.close((closing) => (closing ? reject(closing) : resolve(used)));
      });
    });
    const own = [...dependencies].filter(
      (file) => path.extname(file) !== '' && !file.split(path.sep).includes('node_modules'),
    );
    const files = [...own.sort(), path.join(repository, 'package-lock.json')];
    return { code: await readFile(path.join(outputPath, 'bundle.js'), 'utf8'), files };
  } finally {
    await rm(outputPath, { recursive: true, force: true });
  }
}
