/**
 * Reads the import lines of src/ and fails when an arrow turns round: cli → server → gateway → domain rooms → ports →
 * core. Real: the source files. Fake: nothing. The picture it prints is the one ARCHITECTURE.md describes.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';

const sourceRoot = resolve(import.meta.dirname, '../src');

/** Layers from the outside to the centre; a room that is not named here is a domain room. */
const layerByRoom: Readonly<Record<string, number>> = { cli: 6, mcp: 6, server: 5, gateway: 4, ports: 1, core: 0 };
const domainLayer = 3;
/** Rooms that implement ports: only the wiring may name them, and they know nothing but ports and core. */
const adapterRooms: readonly string[] = ['storage', 'sandbox', 'egress'];
const wiringRooms: readonly string[] = ['server'];

interface ImportArrow {
  readonly fromFile: string;
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function listSourceFiles(): string[] {
  return readdirSync(sourceRoot, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !/(^|[\\/])(conformance|fixtures)[\\/]/.test(path),
  );
}

function roomOf(path: string): string {
  return path.split(sep)[0] ?? path;
}

function readArrows(): ImportArrow[] {
  const pattern = /^\s*(?:import|export)\s+(type\s)?[^'"`;]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm;
  return listSourceFiles().flatMap((file) => {
    const text = readFileSync(join(sourceRoot, file), 'utf8');
    return [...text.matchAll(pattern)].flatMap((match) => {
      const target = relative(sourceRoot, resolve(sourceRoot, dirname(file), match[2] ?? match[3] ?? ''));
      if (target.startsWith('..')) return [];
      return [{ fromFile: file, from: roomOf(file), to: roomOf(target), typeOnly: match[1] !== undefined }];
    });
  });
}

/** Null when the arrow is allowed, otherwise the rule that it breaks. */
function findBrokenRule({ from, to }: ImportArrow): string | null {
  if (from === to) return null;
  if (adapterRooms.includes(to)) return wiringRooms.includes(from) ? null : `only ${wiringRooms} may name the adapter`;
  if (adapterRooms.includes(from) && to !== 'ports' && to !== 'core') return 'an adapter knows only ports and core';
  const fromLayer = layerByRoom[from] ?? domainLayer;
  const toLayer = layerByRoom[to] ?? domainLayer;
  return fromLayer >= toLayer ? null : 'imports must point towards core';
}

/** Rooms that reach themselves through imports of values (types vanish at run time and may go both ways). */
function findCycles(arrows: readonly ImportArrow[]): string[] {
  const targets = Map.groupBy(
    arrows.filter(({ typeOnly, from, to }) => !typeOnly && from !== to),
    ({ from }) => from,
  );
  const cycles = new Set<string>();
  const visit = (room: string, path: readonly string[]): void => {
    const start = path.indexOf(room);
    if (start >= 0) {
      const loop = path.slice(start);
      const first = loop.indexOf([...loop].sort()[0] ?? '');
      cycles.add([...loop.slice(first), ...loop.slice(0, first), loop[first]].join(' → '));
      return;
    }
    for (const next of new Set(targets.get(room)?.map(({ to }) => to))) visit(next, [...path, room]);
  };
  for (const room of targets.keys()) visit(room, []);
  return [...cycles];
}

function drawPicture(arrows: readonly ImportArrow[]): string {
  const rooms = [...new Set(arrows.flatMap(({ from, to }) => [from, to]))];
  const layerOf = (room: string): number => (adapterRooms.includes(room) ? 2 : (layerByRoom[room] ?? domainLayer));
  rooms.sort((a, b) => layerOf(b) - layerOf(a) || a.localeCompare(b));
  const width = Math.max(...rooms.map((room) => room.length));
  const lines = rooms.map((room) => {
    const targets = new Set(arrows.filter(({ from, to }) => from === room && to !== room).map(({ to }) => to));
    const sorted = [...targets].sort((a, b) => layerOf(b) - layerOf(a) || a.localeCompare(b));
    return `  ${room.padEnd(width)}  →  ${sorted.join(' ') || '(nothing)'}`;
  });
  return lines.join('\n');
}

test('imports point from the outside to the centre', () => {
  const arrows = readArrows();
  console.log(drawPicture(arrows));
  const broken = arrows.flatMap((arrow) => {
    const rule = findBrokenRule(arrow);
    return rule === null ? [] : [`${arrow.fromFile} imports from ${arrow.to}/: ${rule}`];
  });
  assert.deepEqual(broken, []);
});

test('no two rooms import values from each other', () => {
  assert.deepEqual(findCycles(readArrows()), []);
});

test('the rules refuse arrows that turn round', () => {
  const arrow = (from: string, to: string): ImportArrow => ({ fromFile: `${from}/x.ts`, from, to, typeOnly: false });
  assert.match(findBrokenRule(arrow('core', 'ports')) ?? '', /towards core/);
  assert.match(findBrokenRule(arrow('documents', 'storage')) ?? '', /adapter/);
  assert.match(findBrokenRule(arrow('storage', 'documents')) ?? '', /only ports and core/);
  assert.equal(findBrokenRule(arrow('cli', 'apps')), null);
  assert.deepEqual(findCycles([arrow('apps', 'hooks'), arrow('hooks', 'apps')]), ['apps → hooks → apps']);
});
