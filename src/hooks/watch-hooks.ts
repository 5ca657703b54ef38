/** Tells when a hook's files or the configuration change. */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

export interface WatchOptions {
  readonly listPlaces: () => { readonly files: readonly string[]; readonly dirs: readonly string[] };
  /** Called once after a burst of changes. */
  readonly onChange: () => void;
  readonly quietMs?: number;
}

export interface HookWatcher {
  /** Looks at the places anew, for directories that came or went. */
  readonly refresh: () => void;
  readonly close: () => void;
}

const ignored = /(?:^|[\\/])(?:node_modules|\.[^\\/]+)(?:[\\/]|$)|\.(?:log|lock|tmp)$/;

export function watchHooks(options: WatchOptions): HookWatcher {
  const watchers = new Map<string, FSWatcher>();
  const relevance = new Map<string, ((name: string) => boolean)[]>();
  let timer: NodeJS.Timeout | undefined;

  function notify(): void {
    clearTimeout(timer);
    timer = setTimeout(options.onChange, options.quietMs ?? 200);
    timer.unref();
  }

  function add(dir: string, recursive: boolean, isRelevant: (name: string) => boolean): void {
    const id = `${recursive}:${dir}`;
    relevance.set(id, [...(relevance.get(id) ?? []), isRelevant]);
    if (watchers.has(id)) return;
    try {
      const watcher = watch(dir, { recursive, persistent: false }, (_event, name) => {
        if (name === null || relevance.get(id)?.some((matches) => matches(name))) notify();
      });
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(id);
      });
      watchers.set(id, watcher);
    } catch {
      // The directory does not exist yet; its parent is watched as well.
    }
  }

  /** Watchers stay, so that nothing is missed meanwhile; only what matters to them is worked out anew. */
  function refresh(): void {
    relevance.clear();
    const { files, dirs } = options.listPlaces();
    for (const file of files) add(path.dirname(file), false, (name) => name === path.basename(file));
    for (const dir of new Set(dirs)) {
      add(dir, true, (name) => !ignored.test(name));
      add(path.dirname(dir), false, (name) => name === path.basename(dir));
    }
  }

  refresh();
  return {
    refresh,
    close: () => {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
