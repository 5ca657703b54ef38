/** What a service manager needs to know to run a gateway. */
export interface ServiceDescription {
  /** Absolute path of bin/tackle. */
  readonly program: string;
  readonly home: string;
  /** Further options of `tackle up`. */
  readonly options: readonly string[];
  /** Account that a system service runs under; null for a service of the user's own. */
  readonly user: string | null;
  readonly path: string;
}

/**
 * A unit for systemd. The gateway announces nothing to it (`Type=exec`); it is stopped with SIGTERM, drains, and is killed
 * only after that. A failed start (a wrong setting, a locked home) is not repeated for ever.
 */
export function formatSystemdUnit({ program, home, options, user, path }: ServiceDescription): string {
  const command = [program, 'up', '--home', home, ...options].map(quoteForSystemd).join(' ');
  const lines = [
    '[Unit]',
    'Description=Tackle gateway',
    'After=network-online.target',
    'Wants=network-online.target',
    'StartLimitIntervalSec=60',
    'StartLimitBurst=5',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${command}`,
    `Environment=${quoteForSystemd(`PATH=${path}`)}`,
    'Restart=on-failure',
    'RestartSec=2',
    'TimeoutStopSec=30',
    'KillMode=mixed',
    'UMask=0077',
    'NoNewPrivileges=true',
    ...(user === null ? [] : [`User=${user}`, 'ProtectSystem=full', 'PrivateTmp=true']),
    '',
    '[Install]',
    `WantedBy=${user === null ? 'default.target' : 'multi-user.target'}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** systemd.syntax(7): quotes, with backslash escapes; % and $ would be replaced otherwise. */
function quoteForSystemd(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_/.:=@%$,+-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

export const launchdLabel = 'dev.tackle.gateway';

/** A property list for launchd (macOS). */
export function formatLaunchdPlist({ program, home, options, path }: ServiceDescription, logFile: string): string {
  const args = [program, 'up', '--home', home, ...options];
  const strings = args.map((arg) => `    <string>${escapeXml(arg)}</string>`).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>${launchdLabel}</string>
  <key>ProgramArguments</key>
  <array>
${strings}
  </array>
  <key>EnvironmentVariables</key>
  <dict><key>PATH</key><string>${escapeXml(path)}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ExitTimeOut</key><integer>30</integer>
  <key>Umask</key><integer>63</integer>
  <key>StandardOutPath</key><string>${escapeXml(logFile)}</string>
  <key>StandardErrorPath</key><string>${escapeXml(logFile)}</string>
</dict>
</plist>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
