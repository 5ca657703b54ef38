import type { Json } from '../../core/json.ts';
import type { KeyValueOptions, SpaceKeyValue } from '../../keyvalue/index.ts';
import type { HostCallContext } from '../../ports/sandbox.ts';
import type { HostCallGroup } from '../host-functions.ts';
import { booleanParam, numberOrNullParam, numberParam, textOrNullParam, textParam } from './params.ts';

type Params = Readonly<Record<string, unknown>>;

/** Key-value, for the vocabulary of `sandbox/runtime/abi/host-calls.ts`. */
export function createKeyValueCalls(
  keyValueOf: (spaceId: string, context: HostCallContext) => SpaceKeyValue,
): HostCallGroup {
  return {
    'kv.set': async (spaceId, params, context) => ({
      rawJson: await keyValueOf(spaceId, context).set(
        textParam(params, 'key'),
        params.value as Json,
        optionsOf(params),
      ),
    }),
    'kv.get': async (spaceId, params, context) => {
      const found = await keyValueOf(spaceId, context).get(textParam(params, 'key'), optionsOf(params));
      return found === null ? null : { rawJson: found };
    },
    'kv.incr': (spaceId, params, context) =>
      keyValueOf(spaceId, context).increment(textParam(params, 'key'), numberParam(params, 'by'), optionsOf(params)),
    'kv.list': async (spaceId, params, context) => {
      const page = await keyValueOf(spaceId, context).list(
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
    'kv.remove': async (spaceId, params, context) => {
      const removed = await keyValueOf(spaceId, context).remove(textParam(params, 'key'), optionsOf(params));
      return removed === null ? null : { rawJson: removed };
    },
    'kv.removePrefix': async (spaceId, params, context) => ({
      count: await keyValueOf(spaceId, context).removeAll(textParam(params, 'prefix'), optionsOf(params)),
    }),
  };
}

function optionsOf(params: Params): KeyValueOptions {
  const keyspace = textOrNullParam(params, 'keyspace');
  const ttl = numberOrNullParam(params, 'ttlMs');
  return { ...(keyspace === null ? {} : { keyspace }), ...(ttl === null ? {} : { ttl }) };
}
