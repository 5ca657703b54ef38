import type { Json } from '../../core/json.ts';
import type { KeyValueOptions, SpaceKeyValue } from '../../keyvalue/index.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { booleanParam, numberOrNullParam, numberParam, textOrNullParam, textParam } from './params.ts';

type Params = Readonly<Record<string, unknown>>;

/** Key-value, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. */
export function createKeyValueCalls(keyValueOf: (spaceId: string) => SpaceKeyValue): HostCallGroup {
  return {
    'kv.set': async (spaceId, params) => ({
      rawJson: await keyValueOf(spaceId).set(textParam(params, 'key'), params.value as Json, optionsOf(params)),
    }),
    'kv.get': async (spaceId, params) => {
      const found = await keyValueOf(spaceId).get(textParam(params, 'key'), optionsOf(params));
      return found === null ? null : { rawJson: found };
    },
    'kv.incr': (spaceId, params) =>
      keyValueOf(spaceId).increment(textParam(params, 'key'), numberParam(params, 'by'), optionsOf(params)),
    'kv.list': async (spaceId, params) => {
      const page = await keyValueOf(spaceId).list(
        textParam(params, 'prefix'),
        {
          ...optionsOf(params),
          reverse: booleanParam(params, 'reverse'),
          onlykeys: booleanParam(params, 'keysOnly'),
        },
        textOrNullParam(params, 'after'),
      );
      return { rawJson: `{"next":${JSON.stringify(page.next)},"documents":${page.json}}` };
    },
    'kv.remove': async (spaceId, params) => {
      const removed = await keyValueOf(spaceId).remove(textParam(params, 'key'), optionsOf(params));
      return removed === null ? null : { rawJson: removed };
    },
    'kv.removePrefix': async (spaceId, params) => ({
      count: await keyValueOf(spaceId).removeAll(textParam(params, 'prefix'), optionsOf(params)),
    }),
  };
}

function optionsOf(params: Params): KeyValueOptions {
  const keyspace = textOrNullParam(params, 'keyspace');
  const ttl = numberOrNullParam(params, 'ttlMs');
  return { ...(keyspace === null ? {} : { keyspace }), ...(ttl === null ? {} : { ttl }) };
}
