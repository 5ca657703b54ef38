/**
 * What a pattern is compiled to. A thread runs instructions one after the other; `split` tries its first way, and the second
 * when that failed.
 */
export type Instruction =
  | { readonly op: 'set'; readonly accepts: CharacterTest; readonly backward: boolean }
  | { readonly op: 'split'; readonly number: number; first: number; second: number }
  | { readonly op: 'jump'; target: number }
  | { readonly op: 'start' | 'end'; readonly multiline: boolean }
  | { readonly op: 'word'; readonly negate: boolean; readonly accepts: CharacterTest }
  | { readonly op: 'look'; readonly number: number; readonly program: Program; readonly negate: boolean }
  /** Stores the position in a register. */
  | { readonly op: 'mark'; readonly register: number }
  /** Fails when nothing was consumed since the mark. */
  | { readonly op: 'progress'; readonly register: number }
  /** Forgets the captures of a group that is entered again. */
  | { readonly op: 'forget'; readonly from: number; readonly to: number }
  | {
      readonly op: 'backreference';
      readonly groups: readonly number[];
      readonly ignoreCase: boolean;
      readonly backward: boolean;
    }
  | { readonly op: 'match' };

/** Whether a set holds a character: a code point in the Unicode modes, else a UTF-16 unit. */
export type CharacterTest = (character: number) => boolean;

export interface Program {
  readonly instructions: readonly Instruction[];
  readonly splits: number;
  readonly looks: number;
  /** Two per capturing group (start and end), then those of loops. 0: positions alone decide, so failures can be remembered. */
  readonly registers: number;
  readonly unicode: boolean;
}

/** Steps that several searches share. */
export interface StepBudget {
  left: number;
}
