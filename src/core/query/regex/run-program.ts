import { TackleError } from '../../errors.ts';
import type { Instruction, Program, StepBudget } from './program.ts';

/** Memory for remembered failures, in bits: one for each split of the program at each position of the text. */
const maxMemoryBits = 256 * 1024 * 1024;

/** A million steps take 30 to 60 ms. */
const baseSteps = 1_000_000;
/** Where failures are remembered, so that steps cannot explode, long texts may take more. */
const mostSteps = 20_000_000;

/** Searches texts with a program, counting steps. Not reentrant; one text at a time. */
export class ProgramRunner {
  readonly #program: Program;
  readonly #source: string;
  readonly #givenSteps: number | undefined;
  readonly #stack: number[] = [];
  #maxSteps = 0;
  #steps = 0;
  #text = '';
  #registers: number[] = [];
  readonly #memories = new Map<Program, FailureMemory>();

  constructor(program: Program, source: string, maxSteps?: number) {
    this.#program = program;
    this.#source = source;
    this.#givenSteps = maxSteps;
  }

  /** Throws `invalid_query` when the steps, or those of the budget, are used up. */
  test(text: string, budget?: StepBudget): boolean {
    if (budget === undefined) return this.#search(text, Number.POSITIVE_INFINITY);
    try {
      return this.#search(text, budget.left);
    } finally {
      budget.left -= this.#steps;
    }
  }

  #search(text: string, mostAllowed: number): boolean {
    const { unicode, registers, instructions } = this.#program;
    this.#text = text;
    this.#steps = 0;
    this.#maxSteps = this.#givenSteps ?? baseSteps;
    if (this.#givenSteps === undefined && registers === 0) {
      this.#maxSteps = Math.min(mostSteps, Math.max(baseSteps, 2 * text.length * instructions.length));
    }
    this.#maxSteps = Math.min(this.#maxSteps, mostAllowed);
    this.#memories.clear();
    this.#stack.length = 0;
    for (let start = 0; start <= text.length; start += unicode ? widthAt(text, start) : 1) {
      if (registers > 0) this.#registers = new Array<number>(registers).fill(-1);
      if (this.#run(this.#program, start, false)) return true;
    }
    return false;
  }

  #countStep(): void {
    this.#steps += 1;
    if (this.#steps > this.#maxSteps) {
      throw new TackleError(
        'invalid_query',
        `the regular expression /${this.#source.slice(0, 100)}/ takes more than ${this.#maxSteps} steps on a text of ` +
          `${this.#text.length} characters; make it simpler (fewer nested repetitions and backreferences)`,
      );
    }
  }

  /** Whether the program matches at a position. `isInner`: a lookaround, which may be asked again. */
  #run(program: Program, start: number, isInner: boolean): boolean {
    const { instructions } = program;
    const memory = program.registers === 0 ? this.#memoryOf(program) : null;
    const trail: number[] | null = isInner && memory !== null ? [] : null;
    const stack = this.#stack;
    const bottom = stack.length;
    stack.push(0, start);
    while (stack.length > bottom) {
      let position = stack.pop()!;
      let counter = stack.pop()!;
      if (counter < 0) {
        this.#registers[-counter - 1] = position;
        continue;
      }
      for (;;) {
        this.#countStep();
        const instruction = instructions[counter]!;
        if (instruction.op === 'match') {
          if (trail !== null) memory!.forget(trail);
          stack.length = bottom;
          return true;
        }
        if (instruction.op === 'split') {
          if (memory?.isKnown(instruction.number, position, trail)) break;
          stack.push(instruction.second, position);
          counter = instruction.first;
        } else if (instruction.op === 'jump') {
          counter = instruction.target;
        } else {
          const next = this.#step(program, instruction, position, stack);
          if (next < 0) break;
          position = next;
          counter += 1;
        }
      }
    }
    return false;
  }

  /** The position after an instruction, or -1 when it fails. */
  #step(program: Program, instruction: Instruction, position: number, stack: number[]): number {
    switch (instruction.op) {
      case 'set': {
        const end = moveBy(this.#text, position, instruction.backward, program.unicode);
        if (end < 0) return -1;
        return instruction.accepts(characterAt(this.#text, Math.min(position, end), program.unicode)) ? end : -1;
      }
      case 'start':
        return position === 0 || (instruction.multiline && isLineEnd(this.#text, position - 1)) ? position : -1;
      case 'end':
        return position === this.#text.length || (instruction.multiline && isLineEnd(this.#text, position))
          ? position
          : -1;
      case 'word': {
        const before = this.#isWordAt(position - 1, instruction.accepts);
        return (before !== this.#isWordAt(position, instruction.accepts)) !== instruction.negate ? position : -1;
      }
      case 'look':
        return this.#look(instruction, position, stack) ? position : -1;
      case 'mark':
        this.#store(instruction.register, position, stack);
        return position;
      case 'progress':
        return this.#registers[instruction.register] === position ? -1 : position;
      case 'forget':
        for (let register = instruction.from; register < instruction.to; register += 1)
          this.#store(register, -1, stack);
        return position;
      case 'backreference':
        return this.#matchCaptured(program, instruction, position);
      default:
        return -1;
    }
  }

  /** Sets a register so that backtracking restores it. */
  #store(register: number, value: number, stack: number[]): void {
    stack.push(-register - 1, this.#registers[register]!);
    this.#registers[register] = value;
  }

  #look(instruction: Extract<Instruction, { op: 'look' }>, position: number, stack: number[]): boolean {
    const before = [...this.#registers];
    const found = this.#run(instruction.program, position, true);
    const after = this.#registers;
    this.#registers = before;
    // What a positive lookaround captured stays captured; it is not entered again.
    if (found && !instruction.negate) {
      for (const [register, value] of after.entries())
        if (value !== before[register]) this.#store(register, value, stack);
    }
    return found !== instruction.negate;
  }

  #matchCaptured(
    program: Program,
    { groups, ignoreCase, backward }: Extract<Instruction, { op: 'backreference' }>,
    position: number,
  ): number {
    const group = groups.find((number) => this.#registers[number * 2]! >= 0 && this.#registers[number * 2 + 1]! >= 0);
    if (group === undefined) return position;
    const captured = this.#text.slice(this.#registers[group * 2], this.#registers[group * 2 + 1]);
    this.#steps += captured.length;
    const start = backward ? position - captured.length : position;
    if (start < 0 || start + captured.length > this.#text.length) return -1;
    const candidate = this.#text.slice(start, start + captured.length);
    if (candidate !== captured && !(ignoreCase && equalsIgnoringCase(candidate, captured, program.unicode))) return -1;
    return backward ? start : start + captured.length;
  }

  #isWordAt(position: number, accepts: (character: number) => boolean): boolean {
    return position >= 0 && position < this.#text.length && accepts(this.#text.charCodeAt(position));
  }

  #memoryOf(program: Program): FailureMemory {
    const known = this.#memories.get(program);
    if (known) return known;
    const bits = program.splits * (this.#text.length + 1);
    if (bits > maxMemoryBits) {
      throw new TackleError(
        'invalid_query',
        `the regular expression is too complex for a text of ${this.#text.length} characters`,
      );
    }
    const created = new FailureMemory(bits, this.#text.length + 1);
    this.#memories.set(program, created);
    return created;
  }
}

/**
 * Which (split, position) were tried. Without captures a try depends on nothing else, so a second one would fail as the
 * first did. A lookaround that succeeded takes back what it tried: those did not all fail.
 */
class FailureMemory {
  readonly #words: Uint32Array;
  readonly #positions: number;

  constructor(bits: number, positions: number) {
    this.#words = new Uint32Array((bits >>> 5) + 1);
    this.#positions = positions;
  }

  /** Remembers the pair and tells whether it was remembered already. */
  isKnown(split: number, position: number, trail: number[] | null): boolean {
    const bit = split * this.#positions + position;
    const mask = 1 << (bit & 31);
    const word = this.#words[bit >>> 5]!;
    if ((word & mask) !== 0) return true;
    this.#words[bit >>> 5] = word | mask;
    trail?.push(bit);
    return false;
  }

  forget(trail: readonly number[]): void {
    for (const bit of trail) this.#words[bit >>> 5]! &= ~(1 << (bit & 31));
  }
}

function isLineEnd(text: string, position: number): boolean {
  const unit = text.charCodeAt(position);
  return unit === 0x0a || unit === 0x0d || unit === 0x2028 || unit === 0x2029;
}

function widthAt(text: string, position: number): number {
  return text.codePointAt(position)! > 0xffff ? 2 : 1;
}

function characterAt(text: string, position: number, unicode: boolean): number {
  return unicode ? text.codePointAt(position)! : text.charCodeAt(position);
}

/** The position one character on (or back), or -1 at the end. */
function moveBy(text: string, position: number, backward: boolean, unicode: boolean): number {
  if (!backward) {
    if (position >= text.length) return -1;
    return position + (unicode ? widthAt(text, position) : 1);
  }
  if (position <= 0) return -1;
  return position - (unicode && position > 1 && widthAt(text, position - 2) === 2 ? 2 : 1);
}

function equalsIgnoringCase(a: string, b: string, unicode: boolean): boolean {
  const characters = (text: string): string[] => (unicode ? [...text] : text.split(''));
  const left = characters(a);
  const right = characters(b);
  return (
    left.length === right.length &&
    left.every((character, index) => {
      const escaped = character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
      return new RegExp(`^(?:${escaped})$`, unicode ? 'iu' : 'i').test(right[index]!);
    })
  );
}
