import type { AST } from '@eslint-community/regexpp';
import { TackleError } from '../../errors.ts';
import { createCharacterTest } from './character-test.ts';
import type { CharacterTest, Instruction, Program } from './program.ts';

/** Instructions of one pattern; counted repetitions are written out. */
const maxInstructions = 20_000;

/** Throws `invalid_query` for patterns that are too large or use what is not supported (classes holding strings). */
export function compileProgram(pattern: AST.Pattern, flags: string): Program {
  const groups = collectGroups(pattern);
  const shared: Shared = {
    unicode: flags.includes('u') || flags.includes('v'),
    mode: flags.includes('v') ? 'v' : flags.includes('u') ? 'u' : '',
    groups,
    remembers: usesBackreferences(pattern),
    instructions: 0,
    registers: groups.size * 2,
    tests: new Map(),
  };
  const modifiers = { ignoreCase: flags.includes('i'), multiline: flags.includes('m'), dotAll: flags.includes('s') };
  return new ProgramCompiler(shared).compile(pattern.alternatives, modifiers, false);
}

interface Modifiers {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
}

/** What the programs of a pattern and of its lookarounds have in common. */
interface Shared {
  readonly unicode: boolean;
  readonly mode: '' | 'u' | 'v';
  readonly groups: ReadonlyMap<AST.CapturingGroup, number>;
  readonly remembers: boolean;
  instructions: number;
  registers: number;
  readonly tests: Map<string, CharacterTest>;
}

class ProgramCompiler {
  readonly #shared: Shared;
  readonly #instructions: Instruction[] = [];
  #splits = 0;
  #looks = 0;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  compile(alternatives: readonly AST.Alternative[], modifiers: Modifiers, backward: boolean): Program {
    this.#alternatives(alternatives, modifiers, backward);
    this.#emit({ op: 'match' });
    return {
      instructions: this.#instructions,
      splits: this.#splits,
      looks: this.#looks,
      registers: this.#shared.remembers ? this.#shared.registers : 0,
      unicode: this.#shared.unicode,
    };
  }

  #emit(instruction: Instruction): number {
    this.#shared.instructions += 1;
    if (this.#shared.instructions > maxInstructions) {
      throw new TackleError('invalid_query', 'the regular expression is too large, counted repetitions written out');
    }
    return this.#instructions.push(instruction) - 1;
  }

  #split(): { op: 'split'; number: number; first: number; second: number } {
    const split = { op: 'split' as const, number: this.#splits, first: 0, second: 0 };
    this.#splits += 1;
    this.#emit(split);
    split.first = this.#here;
    return split;
  }

  get #here(): number {
    return this.#instructions.length;
  }

  #alternatives(alternatives: readonly AST.Alternative[], modifiers: Modifiers, backward: boolean): void {
    const jumps: { op: 'jump'; target: number }[] = [];
    for (const [index, alternative] of alternatives.entries()) {
      const isLast = index === alternatives.length - 1;
      const split = isLast ? null : this.#split();
      const elements = backward ? alternative.elements.toReversed() : alternative.elements;
      for (const element of elements) this.#element(element, modifiers, backward);
      if (split === null) break;
      const jump = { op: 'jump' as const, target: 0 };
      this.#emit(jump);
      jumps.push(jump);
      split.second = this.#here;
    }
    for (const jump of jumps) jump.target = this.#here;
  }

  #element(element: AST.Element, modifiers: Modifiers, backward: boolean): void {
    switch (element.type) {
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass':
      case 'ExpressionCharacterClass':
        this.#emit({ op: 'set', accepts: this.#characterTest(element, modifiers), backward });
        return;
      case 'Group':
        this.#alternatives(element.alternatives, applyModifiers(modifiers, element.modifiers), backward);
        return;
      case 'CapturingGroup':
        this.#capture(element, modifiers, backward);
        return;
      case 'Backreference':
        this.#backreference(element, modifiers, backward);
        return;
      case 'Assertion':
        this.#assertion(element, modifiers);
        return;
      case 'Quantifier':
        this.#quantifier(element, modifiers, backward);
        return;
    }
  }

  #characterTest(element: AST.Element, modifiers: Modifiers): CharacterTest {
    if (element.type === 'Character' && !modifiers.ignoreCase) return (character) => character === element.value;
    if (holdsStrings(element)) {
      throw new TackleError('invalid_query', `the regular expression is not supported: ${element.raw} holds strings`);
    }
    const { tests, mode, unicode } = this.#shared;
    const flags = `${modifiers.ignoreCase ? 'i' : ''}${modifiers.dotAll ? 's' : ''}${mode}`;
    const key = `${flags}/${element.raw}`;
    const known = tests.get(key);
    if (known) return known;
    const created = createCharacterTest(element.raw, flags, unicode);
    tests.set(key, created);
    return created;
  }

  #capture(group: AST.CapturingGroup, modifiers: Modifiers, backward: boolean): void {
    const register = this.#shared.groups.get(group)! * 2;
    const { remembers } = this.#shared;
    if (remembers) this.#emit({ op: 'mark', register: backward ? register + 1 : register });
    this.#alternatives(group.alternatives, modifiers, backward);
    if (remembers) this.#emit({ op: 'mark', register: backward ? register : register + 1 });
  }

  #backreference(reference: AST.Backreference, modifiers: Modifiers, backward: boolean): void {
    const resolved = Array.isArray(reference.resolved) ? reference.resolved : [reference.resolved];
    const groups = resolved.map((group) => this.#shared.groups.get(group)!);
    this.#emit({ op: 'backreference', groups, ignoreCase: modifiers.ignoreCase, backward });
  }

  #assertion(assertion: AST.Assertion, modifiers: Modifiers): void {
    switch (assertion.kind) {
      case 'start':
      case 'end':
        this.#emit({ op: assertion.kind, multiline: modifiers.multiline });
        return;
      case 'word':
        this.#emit({ op: 'word', negate: assertion.negate, accepts: this.#wordTest(modifiers) });
        return;
      case 'lookahead':
      case 'lookbehind': {
        const inner = new ProgramCompiler(this.#shared);
        const program = inner.compile(assertion.alternatives, modifiers, assertion.kind === 'lookbehind');
        this.#emit({ op: 'look', number: this.#looks, program, negate: assertion.negate });
        this.#looks += 1;
      }
    }
  }

  #wordTest(modifiers: Modifiers): CharacterTest {
    return createCharacterTest('\\w', `${modifiers.ignoreCase ? 'i' : ''}${this.#shared.mode}`, this.#shared.unicode);
  }

  #quantifier({ min, max, greedy, element }: AST.Quantifier, modifiers: Modifiers, backward: boolean): void {
    const body = (isOptional: boolean): void => this.#iteration(element, modifiers, backward, isOptional);
    if (max === 0) return;
    for (let count = 0; count < min; count += 1) body(false);
    if (max === Number.POSITIVE_INFINITY) {
      const top = this.#here;
      const split = this.#split();
      body(true);
      this.#emit({ op: 'jump', target: top });
      finish(split, this.#here, greedy);
      return;
    }
    const splits = [];
    for (let count = min; count < max; count += 1) {
      splits.push(this.#split());
      body(true);
    }
    for (const split of splits) finish(split, this.#here, greedy);
  }

  /** An optional iteration that consumes nothing fails, and captures of the one before are forgotten. */
  #iteration(element: AST.QuantifiableElement, modifiers: Modifiers, backward: boolean, isOptional: boolean): void {
    if (!this.#shared.remembers) {
      this.#element(element, modifiers, backward);
      return;
    }
    const inside = [...this.#shared.groups].filter(
      ([group]) => group.start >= element.start && group.end <= element.end,
    );
    const numbers = inside.map(([, number]) => number);
    if (numbers.length > 0)
      this.#emit({ op: 'forget', from: Math.min(...numbers) * 2, to: Math.max(...numbers) * 2 + 2 });
    const register = this.#shared.registers;
    if (isOptional) {
      this.#shared.registers += 1;
      this.#emit({ op: 'mark', register });
    }
    this.#element(element, modifiers, backward);
    if (isOptional) this.#emit({ op: 'progress', register });
  }
}

function finish(split: { first: number; second: number }, exit: number, greedy: boolean): void {
  split.second = exit;
  if (!greedy) [split.first, split.second] = [split.second, split.first];
}

function applyModifiers(modifiers: Modifiers, changes: AST.Modifiers | null): Modifiers {
  if (changes === null) return modifiers;
  const { add, remove } = changes;
  const pick = (name: keyof Modifiers): boolean => (add[name] ? true : remove?.[name] ? false : modifiers[name]);
  return { ignoreCase: pick('ignoreCase'), multiline: pick('multiline'), dotAll: pick('dotAll') };
}

function holdsStrings(element: AST.Element): boolean {
  return /\\q\{|\\p\{(?:Basic_Emoji|Emoji_Keycap_Sequence|RGI_)/.test(element.raw);
}

/** Numbers of the capturing groups, in the order of their opening. */
function collectGroups(pattern: AST.Pattern): Map<AST.CapturingGroup, number> {
  const groups = new Map<AST.CapturingGroup, number>();
  visitElements(pattern.alternatives, (element) => {
    if (element.type === 'CapturingGroup') groups.set(element, groups.size);
  });
  return groups;
}

function usesBackreferences(pattern: AST.Pattern): boolean {
  let found = false;
  visitElements(pattern.alternatives, (element) => {
    if (element.type === 'Backreference') found = true;
  });
  return found;
}

function visitElements(alternatives: readonly AST.Alternative[], visit: (element: AST.Element) => void): void {
  for (const { elements } of alternatives) {
    for (const element of elements) {
      visit(element);
      if (element.type === 'Quantifier') visitQuantified(element, visit);
      else if ('alternatives' in element) visitElements(element.alternatives, visit);
    }
  }
}

function visitQuantified({ element }: AST.Quantifier, visit: (element: AST.Element) => void): void {
  visit(element);
  if ('alternatives' in element) visitElements(element.alternatives, visit);
}
