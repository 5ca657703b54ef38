import type { Json } from '../json.ts';
import type { TypeName } from './filter.ts';
import type { OperandReader } from './operands.ts';

/**
 * `$type` operands. Documents are JSON, so all numbers are doubles; as drivers would store them, `int` are the whole numbers
 * of 32 bits, `long` the other safe integers, `double` the rest. Types that JSON does not have match nothing.
 */
const namesOrCodes = new Map<Json, TypeName>([
  ['number', 'number'],
  ['double', 'double'],
  [1, 'double'],
  ['string', 'string'],
  [2, 'string'],
  ['object', 'object'],
  [3, 'object'],
  ['array', 'array'],
  [4, 'array'],
  ['binData', 'never'],
  [5, 'never'],
  ['undefined', 'never'],
  [6, 'never'],
  ['objectId', 'never'],
  [7, 'never'],
  ['bool', 'bool'],
  ['boolean', 'bool'],
  [8, 'bool'],
  ['date', 'never'],
  [9, 'never'],
  ['null', 'null'],
  [10, 'null'],
  ['regex', 'never'],
  [11, 'never'],
  ['int', 'int'],
  [16, 'int'],
  ['timestamp', 'never'],
  [17, 'never'],
  ['long', 'long'],
  [18, 'long'],
  ['decimal', 'never'],
  [19, 'never'],
]);

export function parseTypeNames(reader: OperandReader, operand: unknown, where: string): TypeName[] {
  const list: unknown[] = Array.isArray(operand) ? operand : [operand];
  if (list.length === 0) reader.fail(where, 'takes at least one type');
  return list.map(
    (name) => namesOrCodes.get(name as Json) ?? reader.fail(where, `unknown type ${JSON.stringify(name)}`),
  );
}

export function hasType(value: Json, type: TypeName): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'number':
    case 'string':
      return typeof value === type;
    case 'bool':
      return typeof value === 'boolean';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'int':
      return typeof value === 'number' && (value | 0) === value;
    case 'long':
      return Number.isSafeInteger(value) && ((value as number) | 0) !== value;
    case 'double':
      return typeof value === 'number' && !Number.isSafeInteger(value);
    case 'never':
      return false;
  }
}
