/**
 * The degraded tier: util-linux's `unshare` gives the agent its own network and processes. Its files are NOT confined: it sees
 * what the runner's user sees. The agent is the first process of its namespace, and all in it go when it does.
 */
import { fileURLToPath } from 'node:url'
import { throughBridges } from './bridge.ts'
import { hostPaths, startOnHost } from './host-process.ts'
import type { Sandbox, SandboxInput } from './sandbox.ts'

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

export const openUnshare = (input: SandboxInput): Sandbox => ({
  tier: 'unshare',
  paths: hostPaths(input),
  network: 'proxied',
  start: (command) =>
    startOnHost([...unsharePrefix(), ...throughBridges(command, fileURLToPath(new URL('./bridge.pl', import.meta.url)))], command.env, command.cwd),
})
