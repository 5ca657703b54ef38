import type { StepReport } from '../../ports/storage/workflows.ts';
import type { Command } from '../../ports/storage.ts';

/** Texts and names of what is kept, in UTF-16 units: about so many bytes, mostly. */
const maxKeptUnits = 16 * 1024 * 1024;
/** Larger ones are read each time. */
const maxValueUnits = 32 * 1024;
/** What an entry costs besides its texts. */
const entryUnits = 200;

/** What a command may change: keys of a group, all of a group, all groups of a space, or (null) anything. */
type Scope =
  | { readonly group: string; readonly keys: readonly string[] | null }
  | { readonly space: string; readonly group?: never }
  | null;

/** What is kept of a group. */
type Shelf = Map<string, object>;

/** A read that may be kept when it ends. */
export interface Fill {
  readonly group: string;
  readonly key: string;
  isVoid: boolean;
}

export const documentGroup = (space: string, collection: string): string => `d\0${space}\0${collection}`;
/** What the next steps of instances need, by the ids of their documents. */
export const stepGroup = (space: string, collection: string): string => `s\0${space}\0${collection}`;
export const fileGroup = (space: string): string => `f\0${space}`;

function spaceOf(group: string): string {
  return group.split('\0', 2)[1] ?? '';
}

/**
 * Results of point reads on the gateway's thread, which is where every write begins and is acknowledged. A value is gone
 * when a write that may change it is accepted, and is not kept again before that write has ended; a read that overlaps with
 * such a write is not kept either. So what is found here is what a read of the database would find, and what was
 * acknowledged is never missing from it. What changes without a command (expiry, caps) is not given to it.
 */
export class KeptReads {
  /** By group and key. What is found in the older half moves to the recent one; when that is full, the older half goes. */
  #recent = new Map<string, Shelf>();
  #older = new Map<string, Shelf>();
  #recentUnits = 0;
  /** The groups of spaces of which something may be kept. */
  #groups = new Map<string, Set<string>>();
  readonly #maxUnits: number;
  /** Writes under way: of anything, of spaces, of groups, and of single keys by group. */
  #writesOfAll = 0;
  readonly #writesOfSpace = new Map<string, number>();
  readonly #writesOfGroup = new Map<string, number>();
  readonly #writesOfKey = new Map<string, Map<string, number>>();
  /** Reads under way that would be kept, one for each key. */
  readonly #fills = new Map<string, Map<string, Fill>>();

  constructor(maxUnits = maxKeptUnits) {
    this.#maxUnits = maxUnits / 2;
  }

  find(group: string, key: string): object | undefined {
    const value = this.#recent.get(group)?.get(key);
    if (value !== undefined || this.#older.size === 0) return value;
    const older = this.#older.get(group)?.get(key);
    if (older !== undefined) this.#keep(group, key, older);
    return older;
  }

  /** Before the read is sent. Null: its result must not be kept. */
  beginRead(group: string, key: string): Fill | null {
    if (this.#isBeingWritten(group, key)) return null;
    const fills = this.#fills.get(group);
    if (fills?.has(key) === true) return null;
    const fill: Fill = { group, key, isVoid: false };
    if (fills === undefined) this.#fills.set(group, new Map([[key, fill]]));
    else fills.set(key, fill);
    return fill;
  }

  /** Undefined: the read failed, or what it found is not to be kept. */
  endRead(fill: Fill, value: object | undefined): void {
    const { group, key } = fill;
    const fills = this.#fills.get(group);
    if (fills?.get(key) === fill) {
      fills.delete(key);
      if (fills.size === 0) this.#fills.delete(group);
    }
    if (fill.isVoid || value === undefined) return;
    if (unitsOf(key, value) <= maxValueUnits) this.#keep(group, key, Object.freeze(value));
  }

  /** Before the commit is accepted. Answers what to call when it has ended, one way or the other; null: nothing to do. */
  beginWrite(commands: readonly Command[]): (() => void) | null {
    let scopes: Scope[] | null = null;
    for (const command of commands) {
      for (const scope of scopesOf(command)) {
        this.#forget(scope);
        this.#countWrite(scope, 1);
        scopes ??= [];
        scopes.push(scope);
      }
    }
    if (scopes === null) return null;
    const begun = scopes;
    return () => {
      for (const scope of begun) this.#countWrite(scope, -1);
    };
  }

  /** What a write that has just ended left there; it is kept unless another one is under way, which may come behind it. */
  keepWritten(group: string, key: string, value: object): void {
    if (this.#isBeingWritten(group, key)) return;
    if (unitsOf(key, value) <= maxValueUnits) this.#keep(group, key, Object.freeze(value));
  }

  #isBeingWritten(group: string, key: string): boolean {
    if (this.#writesOfAll > 0 || this.#writesOfGroup.has(group)) return true;
    if (this.#writesOfSpace.size > 0 && this.#writesOfSpace.has(spaceOf(group))) return true;
    return this.#writesOfKey.get(group)?.has(key) === true;
  }

  #keep(group: string, key: string, value: object): void {
    const units = unitsOf(key, value);
    if (this.#recentUnits + units > this.#maxUnits) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentUnits = 0;
      this.#groups = new Map();
      for (const known of this.#older.keys()) this.#noteGroup(known);
    }
    let shelf = this.#recent.get(group);
    if (shelf === undefined) {
      shelf = new Map();
      this.#recent.set(group, shelf);
      this.#noteGroup(group);
    }
    const replaced = shelf.get(key);
    if (replaced !== undefined) this.#recentUnits -= unitsOf(key, replaced);
    shelf.set(key, value);
    this.#recentUnits += units;
  }

  #noteGroup(group: string): void {
    const space = spaceOf(group);
    const known = this.#groups.get(space);
    if (known === undefined) this.#groups.set(space, new Set([group]));
    else known.add(group);
  }

  #forget(scope: Scope): void {
    if (scope === null) {
      this.#recent.clear();
      this.#older.clear();
      this.#groups.clear();
      this.#recentUnits = 0;
      for (const fills of this.#fills.values()) voidAll(fills);
    } else if (scope.group === undefined) {
      for (const group of this.#groups.get(scope.space) ?? []) this.#forgetGroup(group);
      this.#groups.delete(scope.space);
      for (const [group, fills] of this.#fills) if (spaceOf(group) === scope.space) voidAll(fills);
    } else if (scope.keys === null) {
      this.#forgetGroup(scope.group);
      const fills = this.#fills.get(scope.group);
      if (fills !== undefined) voidAll(fills);
    } else this.#forgetKeys(scope.group, scope.keys);
  }

  #forgetGroup(group: string): void {
    for (const [key, value] of this.#recent.get(group) ?? []) this.#recentUnits -= unitsOf(key, value);
    this.#recent.delete(group);
    this.#older.delete(group);
  }

  #forgetKeys(group: string, keys: readonly string[]): void {
    const fills = this.#fills.get(group);
    const recent = this.#recent.get(group);
    const older = this.#older.get(group);
    for (const key of keys) {
      const value = recent?.get(key);
      if (value !== undefined) this.#recentUnits -= unitsOf(key, value);
      recent?.delete(key);
      older?.delete(key);
      const fill = fills?.get(key);
      if (fill !== undefined) fill.isVoid = true;
    }
  }

  #countWrite(scope: Scope, change: 1 | -1): void {
    if (scope === null) this.#writesOfAll += change;
    else if (scope.group === undefined) addTo(this.#writesOfSpace, scope.space, change);
    else if (scope.keys === null) addTo(this.#writesOfGroup, scope.group, change);
    else {
      let counts = this.#writesOfKey.get(scope.group);
      if (counts === undefined) {
        counts = new Map();
        this.#writesOfKey.set(scope.group, counts);
      }
      for (const key of scope.keys) addTo(counts, key, change);
      if (counts.size === 0) this.#writesOfKey.delete(scope.group);
    }
  }
}

const nothing: readonly Scope[] = [];
const everything: readonly Scope[] = [null];

function scopesOf(command: Command): readonly Scope[] {
  switch (command.kind) {
    case 'document.insert':
      return inCollection(
        command,
        command.documents.map(({ id }) => id),
      );
    case 'document.write': {
      const ids = command.targets.map(({ id }) => id);
      if (command.upsert !== undefined) ids.push(command.upsert.id);
      return inCollection(command, ids);
    }
    case 'document.remove':
      return inCollection(
        command,
        command.targets.map(({ id }) => id),
      );
    case 'document.publish':
    case 'collection.put':
    case 'collection.drop':
      return inCollection(command, null);
    case 'file.put':
      return [{ group: fileGroup(command.space), keys: [command.file.path] }];
    case 'file.remove':
      return [{ group: fileGroup(command.space), keys: [command.path] }];
    case 'file.removeSpace':
      return [{ group: fileGroup(command.space), keys: null }];
    case 'document.expect':
    case 'index.create':
    case 'index.build':
    case 'index.remove':
      return nothing;
    case 'workflow.start':
    case 'workflow.adopt':
      return inCollection({ ...command.instance }, [command.instance.id]);
    case 'workflow.steps':
      return ofReports(command.reports);
    // Other instances of the space may go on by them, and their documents lie in any collection.
    case 'workflow.apply':
    case 'workflow.send':
    case 'workflow.unpark':
      return [{ space: command.space }];
    case 'workflow.fork':
      return [{ space: command.from.space }];
    // What a visit remembers is not kept: only steps that begin a visit are.
    case 'workflow.remember':
    case 'workflow.sweep':
    case 'workflow.removeSpace':
      return nothing;
    default:
      return /^(?:keyvalue|record|task|topic|schedule)\./.test(command.kind) ? nothing : everything;
  }
}

/** The rows of instances change together with their documents, or by commands that may change anything of a space. */
function inCollection(ref: { space: string; collection: string }, keys: readonly string[] | null): readonly Scope[] {
  const { space, collection } = ref;
  return [
    { group: documentGroup(space, collection), keys },
    { group: stepGroup(space, collection), keys },
  ];
}

function ofReports(reports: readonly StepReport[]): readonly Scope[] {
  const found = new Map<string, { space: string; collection: string; ids: string[] }>();
  const spaces = new Set<string>();
  for (const { space, id, onlyIn } of reports) {
    if (onlyIn === null) {
      spaces.add(space);
      continue;
    }
    const group = documentGroup(space, onlyIn);
    const known = found.get(group);
    if (known === undefined) found.set(group, { space, collection: onlyIn, ids: [id] });
    else known.ids.push(id);
  }
  return [
    ...[...spaces].map((space) => ({ space })),
    ...[...found.values()].flatMap((ref) => inCollection(ref, ref.ids)),
  ];
}

function voidAll(fills: ReadonlyMap<string, Fill>): void {
  for (const fill of fills.values()) fill.isVoid = true;
}

function addTo(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function unitsOf(key: string, value: object): number {
  let units = entryUnits + key.length;
  for (const text of Object.values(value)) if (typeof text === 'string') units += text.length;
  return units;
}
