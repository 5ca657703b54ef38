/** A handler that decides not to act says so by throwing an error of this name. */
export const skippedErrorName = 'HookSkipped';
