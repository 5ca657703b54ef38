/** Tells when a hook's files or the configuration change. */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

export interface WatchOptions {
  readonly listPlaces: () => { readonly configPath: string; readonly dirs: readonly string[] };
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
  let timer: NodeJS.Timeout | undefined;

  function notify(): void {
    clearTimeout(timer);
    timer = setTimeout(options.onChange, options.quietMs ?? 200);
    timer.unref();
  }

  function add(dir: string, recursive: boolean, isRelevant: (name: string) => boolean): void {
    const id = `${recursive}:${dir}`;
    if (watchers.has(id)) return;
    try {
      const watcher = watch(dir, { recursive, persistent: false }, (_event, name) => {
        if (name === null || isRelevant(name)) notify();
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

  function refresh(): void {
    const { configPath, dirs } = options.listPlaces();
    const configName = path.basename(configPath);
    add(path.dirname(configPath), false, (name) => name === configName || name === 'hooks');
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
