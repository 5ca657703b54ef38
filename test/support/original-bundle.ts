/**
 * Bundles an app with the original `codehooks-js`, as the official command line does it: webpack, one variable `EntryPoint`,
 * and the packages that the platform provides left as `require` calls.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
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

/** The text of the bundle; rejects with what webpack has to say. `entry` is an absolute path. */
export async function buildOriginalBundle(entry: string): Promise<string> {
  const webpack = createRequire(import.meta.url)('webpack') as typeof import('webpack');
  const outputPath = await mkdtemp(path.join(tmpdir(), 'original-bundle-'));
  try {
    const compiler = webpack({
      context: path.dirname(entry),
      entry,
      target: 'node',
      mode: 'production',
      externals: Object.fromEntries(externalNames.map((name) => [name, `commonjs ${name}`])),
      output: { path: outputPath, filename: 'bundle.js', library: 'EntryPoint', libraryTarget: 'var' },
      resolve: { extensions: ['.ts', '.js'], modules: ['node_modules', path.join(repository, 'node_modules')] },
      module: { rules: [{ test: /\.(txt|html?|css|hbs)$/, type: 'asset/source' }] },
      performance: { hints: false },
    })!;
    await new Promise<void>((resolve, reject) => {
      compiler.run((error, stats) => {
        if (error) reject(error);
        else if (stats?.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })));
        else compiler.close((closing) => (closing ? reject(closing) : resolve()));
      });
    });
    return await readFile(path.join(outputPath, 'bundle.js'), 'utf8');
  } finally {
    await rm(outputPath, { recursive: true, force: true });
  }
}
