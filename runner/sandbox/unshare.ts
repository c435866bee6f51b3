/**
 * The degraded tier: util-linux's `unshare` gives the agent its own network and processes. Its files are NOT confined: it sees
 * what the runner's user sees. Killing the `unshare` process kills the whole tree.
 */

/** The command line that starts another one in namespaces of its own. Root needs no user namespace. */
export const unsharePrefix = (): readonly string[] => [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  '--net',
  '--mount',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
]
