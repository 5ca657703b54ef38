/**
 * A module that is there but does nothing: functions and classes throw when called, constants stay. Libraries that only
 * probe for the module at import time keep working.
 */
export function refusedModule(name: string, original: Record<string, unknown>): unknown {
  return refuseMembers(name, original, 0);
}

function refuseMembers(path: string, original: Record<string, unknown>, depth: number): Record<string, unknown> {
  const refused: Record<string, unknown> = {};
  for (const key of Object.keys(original)) {
    if (key === 'default') continue;
    const value = readMember(original, key);
    if (typeof value === 'function') refused[key] = refusedFunction(`${path}.${key}`);
    else if (typeof value !== 'object' || value === null) refused[key] = value;
    else if (key === 'constants') refused[key] = value;
    else if (depth < 2) refused[key] = refuseMembers(`${path}.${key}`, value as Record<string, unknown>, depth + 1);
  }
  refused.default = refused;
  return refused;
}

function readMember(object: Record<string, unknown>, key: string): unknown {
  try {
    return object[key];
  } catch {
    return undefined;
  }
}

/** A plain function, so that it can also be the base of a class (`class X extends fs.ReadStream`) until it is called. */
export function refusedFunction(path: string): (...args: unknown[]) => never {
  return function refused(): never {
    throw accessDenied(path);
  };
}

export function accessDenied(path: string): Error {
  return Object.assign(
    new Error(
      `${path} is not available in the sandbox: apps have no file system, processes, threads or listening sockets`,
    ),
    { code: 'ERR_ACCESS_DENIED' },
  );
}
